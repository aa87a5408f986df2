"""The twin over HTTP: what our adapter calls, the control calls, and the page of a bank's customer.

POST /bank-api/files/{message id}      hand in an order file; 409 for another one under that id
GET  /bank-api/statements?since=&iban= ids of closed statements, oldest first; GET …/{id} is the file
GET  /bank-api/answers?since=          ids of answers, oldest first; GET …/{id} is the file
POST /bank-api/payee-checks            verification of payee
GET, POST /bank                        the page
"""

from collections.abc import Callable
from datetime import date

from api.rails.sandbox.bank.bank import Bank
from api.rails.sandbox.bank.books import Object
from api.rails.sandbox.bank.numbers import compact, is_iban
from api.rails.sandbox.bank.orders import RefusedError
from api.rails.sandbox.bank.page import HEADERS, bank_page, cents_of_text
from api.rails.sandbox.checkout import language_of
from api.rails.sandbox.checks import ApiError, unprocessable
from api.rails.sandbox.http import HTML, JSON_TYPE, NOTHING_HERE, Answer, Asked, json_answer

API, PAGE = "/bank-api/", "/bank"
_XML = "application/xml"
_EVER = "2000-01-01"
_FIELDS = ("name", "iban", "amount", "text")


class BankDesk:
    """The requests of one bank; whoever calls holds the lock of the store."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def answer(self, asked: Asked) -> Answer:
        """Answer a call of the interface, for whoever shows a test token."""
        if not asked.headers.get("authorization", "").startswith("Bearer test_"):
            raise ApiError(401, "Unauthorized", "The bank twin accepts test tokens only.")
        what, _, name = asked.path.removeprefix(API).partition("/")
        calls: dict[tuple[str, str, bool], Callable[[], Answer]] = {
            ("POST", "files", True): lambda: self._take(asked, name),
            ("GET", "statements", False): lambda: self._list_statements(asked),
            ("GET", "statements", True): lambda: _file(self._bank.statement(name)),
            ("GET", "answers", False): lambda: json_answer(
                200, {"ids": self._bank.answers(since=_since(asked))}, JSON_TYPE
            ),
            ("GET", "answers", True): lambda: _file(self._bank.answer(name)),
            ("POST", "payee-checks", False): lambda: self._check_payee(asked),
        }
        call = calls.get((asked.method, what, bool(name)))
        if call is None:
            raise NOTHING_HERE
        return call()

    def page(self, asked: Asked) -> Answer:
        """The customer's page: a transfer to us, and what went between his account and ours."""
        language = language_of(asked.query.get("lang"), "")
        if asked.method == "POST":
            return self._transfer_from_page(asked, language)
        known = {name: asked.query.get(name, "") for name in _FIELDS}
        return self._page(language, known)

    def tick(self) -> None:
        """End the days that have passed."""
        self._bank.today()

    def overview(self) -> Object:
        """What a control call can ask."""
        return self._bank.overview()

    def controls(self) -> dict[str, Callable[[Object], object]]:
        """What a control call can make the bank do."""
        bank = self._bank
        return {
            "bank/transfer": lambda told: {"reference": bank.transfer(**told)},
            "bank/charge": lambda told: bank.charge(told["iban"], int(told["cents"]), str(told["text"])),
            "bank/account": lambda told: bank.keep_account(told["iban"], name=told["name"], fate=told.get("fate")),
            "bank/return": lambda told: bank.send_back(told["end_to_end_id"], str(told["reason"])),
            "bank/answer": lambda _: bank.answer_now(),
            "bank/spoil": lambda told: bank.spoil_next(told["iban"], str(told["fault"])),
            "bank/heal": lambda _: bank.heal(),
        }

    def _take(self, asked: Asked, message_id: str) -> Answer:
        try:
            self._bank.submit(asked.body, message_id)
        except RefusedError as error:
            raise ApiError(409, "Conflict", str(error)) from error
        except ValueError as error:
            raise unprocessable(str(error)) from error
        return json_answer(201, {}, JSON_TYPE)

    def _list_statements(self, asked: Asked) -> Answer:
        ids = self._bank.statements(since=_since(asked), iban=asked.query.get("iban"))
        return json_answer(200, {"ids": ids}, JSON_TYPE)

    def _check_payee(self, asked: Asked) -> Answer:
        told = asked.document()
        return json_answer(
            200, self._bank.check_payee(compact(str(told.get("iban"))), str(told.get("name"))), JSON_TYPE
        )

    def _transfer_from_page(self, asked: Asked, language: str) -> Answer:
        form = {name: asked.form.get(name, "").strip() for name in _FIELDS}
        cents, iban = cents_of_text(form["amount"]), compact(form["iban"])
        wrong = [
            name
            for name, is_right in (("name", bool(form["name"])), ("iban", is_iban(iban)), ("amount", bool(cents)))
            if not is_right
        ]
        if wrong or cents is None:
            return self._page(language, form, wrong=wrong, status=422)
        self._bank.transfer(cents, name=form["name"], iban=iban, text=form["text"])
        return Answer(303, headers={"Location": f"{PAGE}?lang={language}&iban={iban}#seen"}, kind=HTML)

    def _page(
        self, language: str, form: dict[str, str], *, wrong: list[str] | None = None, status: int = 200
    ) -> Answer:
        iban = compact(form["iban"])
        lines = self._bank.outside_lines(iban) if is_iban(iban) else []
        text = bank_page(language, form, lines=lines, wrong=wrong or [], today=self._bank.today())
        return Answer(status, text.encode(), HTML, HEADERS)


def _since(asked: Asked) -> date:
    try:
        return date.fromisoformat(asked.query.get("since", _EVER))
    except ValueError as error:
        raise unprocessable("The date is no date.", "since") from error


def _file(content: bytes | None) -> Answer:
    if content is None:
        raise NOTHING_HERE
    return Answer(200, content, _XML)
