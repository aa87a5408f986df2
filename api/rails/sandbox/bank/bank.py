"""The twin as a whole: its days, what customers do at it, and what it answers."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from api.rails.sandbox.bank import CLIENT_IBAN
from api.rails.sandbox.bank.books import CHARGES, NAMES, TRANSFER_IN, TRANSFER_OUT, Books, Note, Object
from api.rails.sandbox.bank.numbers import is_iban, ogm_of
from api.rails.sandbox.bank.orders import Orders
from api.rails.sandbox.bank.papers import answer_file, statement_file
from api.rails.sandbox.bank.payees import compare_names
from api.rails.sandbox.store import Store
from ledger.calendars import is_target_day, next_target_day

PROVIDER_IBAN, PROVIDER_NAME = "NL69ABNA0587654321", "Stichting Mollie Payments"
_TODAY = "settings", "bank-today"
_BEGUN = "settings", "bank-begun"


class Bank:
    """The bank. Its clock is `today`; `payouts` are the settlements that the provider sends it on a day; what happens
    goes to `note`.
    """

    def __init__(
        self, store: Store, today: Callable[[], date], payouts: Callable[[date], Sequence[Object]], note: Note
    ) -> None:
        self._store = store
        self._clock = today
        self._payouts = payouts
        self._books = Books(store, note)
        self._orders = Orders(store, self._books, note)

    def today(self) -> date:
        """The day that has not ended, after every day before it was ended."""
        with self._store.lock:
            told = self._clock()
            kept = self._store.get(*_TODAY)
            if kept is None or (told.isoformat() < kept and not self._store.get(*_BEGUN)):
                kept = told.isoformat()
                self._store.put((*_TODAY, kept))
            day = date.fromisoformat(kept)
            while day < told:
                if is_target_day(day):
                    self._end_day(day)
                day += timedelta(days=1)
                self._store.put((*_TODAY, day.isoformat()))
            return day

    def submit(self, content: bytes, message_id: str) -> None:
        """Take an order file; the same again changes nothing, another under the same message id is refused."""
        with self._store.lock:
            today = self.today()
            self._store.put((*_BEGUN, True))
            self._orders.take(content, message_id, today)

    def answers(self, *, since: date) -> list[str]:
        """The ids of the answers given on `since` or later, oldest first."""
        with self._store.lock:
            self.today()
            return [a["id"] for a in self._orders.answers(since=since)]

    def answer(self, answer_id: str) -> bytes | None:
        """One answer as a file."""
        found = self._orders.answer(answer_id)
        return None if found is None else answer_file(found)

    def answer_now(self) -> None:
        """Answer the files that came today, and book what is due, before the day ends."""
        with self._store.lock:
            self._orders.end_day(next_target_day(self.today()))

    def statements(self, *, since: date, iban: str | None = None) -> list[str]:
        """The ids of the statements closed on `since` or later, of one account or all, oldest first."""
        with self._store.lock:
            self.today()
            return [s["id"] for s in self._books.statements(since=since) if iban in {None, s["iban"]}]

    def statement(self, statement_id: str) -> bytes | None:
        """One statement as a file."""
        with self._store.lock:
            found = self._books.statement(statement_id)
            return None if found is None else statement_file(found)

    def transfer(
        self,
        cents: int,
        *,
        name: str,
        iban: str,
        text: str = "",
        to: str = CLIENT_IBAN,
        end_to_end_id: str | None = None,
        is_pending: bool = False,
    ) -> str:
        """A customer of any bank sends us money; a text that is a structured communication becomes one.

        From one account of ours to another it is booked on both. Gives the bank's reference of the line on `to`.
        """
        if not is_iban(iban) or to not in NAMES or cents <= 0 or iban == to:
            raise ValueError("a transfer needs an amount, an IBAN to come from, and an account of ours to go to")
        with self._store.lock:
            on = self._booking_day()
            self._store.put((*_BEGUN, True))
            ogm = ogm_of(text)
            said: Object = {"reference": ogm} if ogm else {"text": text[:140]}
            said |= {"end_to_end_id": end_to_end_id}
            if iban in NAMES:
                payee = {"name": NAMES[to], "iban": to}
                self._books.book(iban, on, [said | payee | {"cents": -cents}], code=TRANSFER_OUT)
            elif not self._store.get("bank-accounts", iban):
                self.keep_account(iban, name=name)
            payer = {"name": NAMES.get(iban, name[:70]), "iban": iban}
            return self._books.book(to, on, [said | payer | {"cents": cents}], code=TRANSFER_IN, is_pending=is_pending)

    def charge(self, iban: str, cents: int, text: str) -> None:
        """The bank takes its charges from an account of ours."""
        if iban not in NAMES or cents <= 0:
            raise ValueError("charges need an amount and an account of ours")
        with self._store.lock:
            on = self._booking_day()
            self._store.put((*_BEGUN, True))
            self._books.book(iban, on, [{"cents": -cents, "text": text}], code=CHARGES)

    def send_back(self, end_to_end_id: str, reason: str) -> None:
        """Return a booked transfer, or return or refund a booked debit."""
        with self._store.lock:
            self._orders.send_back(end_to_end_id, reason, self._booking_day())

    def keep_account(self, iban: str, *, name: str, fate: Object | None = None) -> None:
        """An account at any bank: its holder, and what becomes of our orders that concern it."""
        if not is_iban(iban):
            raise ValueError(f"no IBAN: {iban}")
        if fate and (fate.get("outcome") not in {"reject", "return"} or not fate.get("reason")):
            raise ValueError("a fate is reject or return, with a reason")
        self._store.put(("bank-accounts", iban, {"iban": iban, "name": name, "fate": fate or {}}))

    def check_payee(self, iban: str, name: str) -> Object:
        """The verification of a payee; the holder's name is told with a close match only."""
        held = NAMES.get(iban) or (self._store.get("bank-accounts", iban) or {}).get("name")
        if not held:
            return {"match": "not-possible"}
        match = compare_names(held, name)
        return {"match": match} | ({"name_held": held} if match == "close-match" else {})

    def spoil_next(self, iban: str, fault: str) -> None:
        """Let the next statement of an account be missing or altered, or skip a number."""
        self._books.spoil_next(iban, fault)

    def heal(self) -> None:
        """Let statements that were missing or altered come as they are."""
        with self._store.lock:
            self._books.heal()

    def outside_lines(self, iban: str) -> list[Object]:
        """What the holder of an outside account sees of his dealings with us, newest first."""
        return self._books.outside_lines(iban)

    def overview(self) -> Object:
        """Balances with the lines of the open day, and every order, for whoever controls the sandbox."""
        with self._store.lock:
            today = self.today()
            on = self._booking_day()
            cents = {iban: self._books.available_cents(iban, on) for iban in NAMES}
            return {"today": today.isoformat(), "cents": cents, "orders": self._orders.orders()}

    def _booking_day(self) -> date:
        return next_target_day(self.today())

    def _end_day(self, on: date) -> None:
        for payout in self._payouts(on):
            details = {"cents": payout["amount_cents"], "name": PROVIDER_NAME, "iban": PROVIDER_IBAN}
            details |= {"text": f"{PROVIDER_NAME} {payout['reference']}", "end_to_end_id": payout["reference"]}
            self._books.book(CLIENT_IBAN, on, [details], code=TRANSFER_IN)
        self._orders.end_day(on)
        self._books.close_day(on)
        self._store.put((*_BEGUN, True))
