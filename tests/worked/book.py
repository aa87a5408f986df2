"""Worked books: a story as a table that an accountant can read, run against the real services.

A book is a text file: a head (`title`, `lenders`, `borrower`, `offer`), prose, and one table. A row with a date and an
action does it; the rows from there on to the next action are what it must post, entry by entry and line by line, and,
where the entry column says `balance`, what the account must hold afterwards. Nothing else may be posted.

    | on         | action    | entry            | account    | debit    | credit   |
    | 2026-03-02 | Ada pays  | payment-received | 580100     | 1,000.00 |          |
    |            |           |                  | 489100:Ada |          | 1,000.00 |
    |            |           | balance          | 489100:Ada |          | 1,000.00 |

Owners are written by name; accounts 020000 to 023000 are in the loan's own asset, all others in EUR. An entry has the
date of its action unless its own is written after it (`pledge-firm 2026-03-07`).
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from contracts import payouts
from contracts.dispatch import BANK_HOOKS, CHARGEBACKS, resolve_credit
from contracts.loans import recovery
from contracts.loans import service as loans
from contracts.pledges import service as pledges
from contracts.terms.schedule import Every, RepaymentKind
from ledger import balances
from ledger.accounts import AccountRef, chart_row
from ledger.payments.bank import configure_bank
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox
from ledger.payments.iso20022.model import Account
from ledger.payments.queries import payment, transfer_orders
from ledger.payments.statements import import_statement_file
from ledger.payments.sweep import sweep
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.products_kit import EVIDENCE, Town
from tests.worked.chances import CHANCE_ACTIONS
from tests.worked.estates import ESTATE_ACTIONS

FOLDER = Path(__file__).parent / "books"
_COLUMNS = ("on", "action", "entry", "account", "debit", "credit")
_CLAIM_CODES = ("020000", "021000", "022000", "023000")

DAY_BEGINS = "The day begins"
Line = tuple[str, int, int]
"""Account as written, debit, credit."""
Entry = tuple[str, date, tuple[Line, ...]]
"""Purpose, date of effect, lines."""


@dataclass
class Step:
    """One action with everything it must post, and what accounts must hold afterwards."""

    on: date
    action: str
    entries: list[tuple[str, date, list[Line]]] = field(default_factory=list)
    balances: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class WorkedBook:
    """A parsed book."""

    name: str
    head: Mapping[str, str]
    prose: str
    rows: tuple[tuple[str, ...], ...]
    steps: tuple[Step, ...]


def all_books() -> list[WorkedBook]:
    """Every book, by name."""
    named = {str(path.relative_to(FOLDER).with_suffix("")): path for path in sorted(FOLDER.rglob("*.txt"))}
    return [parse(name, path.read_text("utf-8")) for name, path in named.items()]


def parse(name: str, text: str) -> WorkedBook:
    """The book of a text; what can't be read is a `ValueError` that names its row."""
    head, _, rest = text.partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    prose, _, table = rest.partition("\n|")
    rows = [tuple(cell.strip() for cell in line.strip("| \n").split("|")) for line in ("|" + table).splitlines()]
    if rows[0] != _COLUMNS:
        raise ValueError(f"{name}: the columns are {', '.join(_COLUMNS)}")
    body = [_padded(line) for line in ("|" + table).splitlines()[2:] if line.strip()]
    return WorkedBook(name, fields, prose.strip(), tuple(body), tuple(_steps(name, body)))


def _padded(line: str) -> tuple[str, ...]:
    cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
    return tuple(cells + [""] * (len(_COLUMNS) - len(cells)))


def _steps(name: str, rows: Iterable[tuple[str, ...]]) -> list[Step]:
    steps: list[Step] = []
    for number, (on, action, entry, account, debit, credit) in enumerate(rows, 1):
        if action:
            steps.append(Step(date.fromisoformat(on), action))
        if not account:
            continue
        line = (account, _cents(debit), _cents(credit))
        if entry == "balance":
            steps[-1].balances.append(line)
        elif entry:
            purpose, _, own_date = entry.partition(" ")
            effective_on = date.fromisoformat(own_date) if own_date else steps[-1].on
            steps[-1].entries.append((purpose, effective_on, [line]))
        elif steps[-1].balances:
            steps[-1].balances.append(line)
        elif steps[-1].entries:
            steps[-1].entries[-1][2].append(line)
        else:
            raise ValueError(f"{name}, row {number}: a line of no entry")
    return steps


def _cents(text: str) -> int:
    return int(Decimal(text.replace(",", "")).scaleb(2)) if text else 0


class Runner:
    """Does a book's actions in a town and compares what the books say afterwards, row by row.

    What the story is of, a loan here, decides who is there, what can be done, and how accounts are named.
    """

    people = "lenders"
    """The word of the head that names the citizens."""

    def __init__(self, town: Town, book: WorkedBook) -> None:
        self.town = town
        self.book = book
        self.names: dict[str, str] = {}
        self.pledges: dict[str, str] = {}
        self.payments: dict[str, list[str]] = {}
        self.offer_id = self._open()
        self.seen = town.entries()

    def run(self) -> None:
        """All steps; an `AssertionError` names the action that did something else."""
        for step in self.book.steps:
            self.act(step)
            found = sorted(self.new_entries())
            expected = sorted((purpose, on, tuple(sorted(lines))) for purpose, on, lines in step.entries)
            assert found == expected, f"{self.book.name}, {step.on} {step.action}: {found} instead of {expected}"
            for account, debit, credit in step.balances:
                held = self.held(account)
                assert held == debit - credit, f"{self.book.name}, {step.on} {step.action}: {account} holds {held}"

    def act(self, step: Step) -> None:
        """Do one action on its date."""
        for pattern, do in self.actions().items():
            match = re.fullmatch(pattern, step.action)
            if match:
                if step.on > self.town.today and pattern != DAY_BEGINS:
                    raise ValueError(f"{step.on} {step.action}: let the day begin first")
                do(self, step.on, *match.groups())
                return
        raise ValueError(f"no such action: {step.action}")

    def actions(self) -> Mapping[str, Callable[..., None]]:
        """What can be done, by the sentence that says so."""
        return _ACTIONS | CHANCE_ACTIONS | ESTATE_ACTIONS

    def new_entries(self) -> list[Entry]:
        """What was posted since the last call, in order, with owners by name and the lines of an entry sorted."""
        with self.town.book.read() as connection:
            posted = balances.entries(connection, self.town.book.book_id, first_n=self.seen, limit=10_000)
        self.seen = self.town.entries()
        return [
            (
                entry.purpose,
                entry.effective_on,
                tuple(sorted(self._line(line) for line in entry.lines)),
            )
            for entry in posted
            if entry.purpose is not None and entry.effective_on is not None
        ]

    def loan_id(self) -> str:
        return self.town.loan_of(self.offer_id)

    def book_orders(self) -> None:
        with self.town.book.read() as connection:
            orders = transfer_orders(connection, self.town.book.book_id)
        for order in orders:
            if order.booked_on is None:
                self.town.confirm(order.order_id)

    def held(self, written: str) -> int:
        """What an account holds, signed, as it would be written."""
        return self.town.balance(*self._account(written))

    def _line(self, line: balances.PostedLine) -> Line:
        return self._written(line.account), line.debit, line.credit

    def _open(self) -> str:
        head = self.book.head
        for name in head[self.people].split(", "):
            self.names[name] = self.town.citizen(name)
        self.names[head["borrower"]] = borrower = self.town.enterprise(head["borrower"])
        return self.town.open_offer(borrower, **_terms(head["offer"]))

    def _account(self, written: str) -> tuple[str, str]:
        code, _, owner = written.partition(":")
        asset = f"LOAN-{self.loan_id().upper()}" if code in _CLAIM_CODES else "EUR"
        token = self.loan_id() if owner == "loan" else self.names.get(owner, owner)
        return (f"{code}:{token}" if owner else code), asset

    def _written(self, account: AccountRef) -> str:
        owners = {token: name for name, token in self.names.items()}
        owner = owners.get(account.owner, "loan" if account.owner.startswith("l") else account.owner)
        return f"{account.code}:{owner}" if owner else account.code


def _terms(text: str) -> dict[str, Any]:
    """`minimum 1,000.00; maximum 1,333.33; rate 3.50 %; 5 years; every year; linear`."""
    parts = dict(part.strip().split(" ", 1) for part in text.split(";"))
    return {
        "minimum_cents": _cents(parts["minimum"]),
        "maximum_cents": _cents(parts["maximum"]),
        "rate_annual": Decimal(parts["rate"].removesuffix(" %")) / 100,
        "term_years": int(parts["years"]),
        "every": Every(parts["every"]),
        "kind": RepaymentKind(parts["repayment"]),
    }


def _begin_day(runner: Runner, on: date) -> None:
    runner.town.jump_to(on)


def _pledges(runner: Runner, _on: date, name: str, amount: str) -> None:
    made = runner.town.pledge(runner.offer_id, runner.names[name], _cents(amount))
    runner.pledges[name], runner.payments[name] = made.pledge_id, [made.payment_id]
    runner.town.settle()


def _pays(runner: Runner, _on: date, name: str) -> None:
    runner.town.pay(runner.payments[name][0])


def _payment_expires(runner: Runner, _on: date, name: str) -> None:
    """The provider lets the payment expire, and the lender asks for a new one."""
    town, pledge_id = runner.town, runner.pledges[name]
    town.rail.decide(_provider_id(runner, runner.payments[name][0]), "expired")
    town.settle()
    with town.book.unit_of_work(actor=runner.names[name]) as uow:
        runner.payments[name].append(pledges.request_new_payment(uow, pledge_id, on=town.today))
    town.settle()


def _pays_the_new(runner: Runner, _on: date, name: str) -> None:
    runner.town.pay(runner.payments[name][-1])


def _withdraws(runner: Runner, _on: date, name: str) -> None:
    runner.town.withdraw(runner.pledges[name])


def _withdraws_meanwhile(runner: Runner, _on: date, name: str) -> None:
    """The payment is booked, and before it is handled the lender withdraws."""
    town = runner.town
    town.rail.decide(_provider_id(runner, runner.payments[name][0]), "paid")
    sweep(town.book, town.rail)
    process_inbox(town.book, town.rail, resolve_credit=resolve_credit, chargebacks=CHARGEBACKS)
    town.withdraw(runner.pledges[name])


def _provider_settles(runner: Runner, _on: date) -> None:
    runner.town.bank_provider_money()


def _order_loan(runner: Runner, on: date) -> None:
    town, loan_id = runner.town, runner.loan_id()
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = loans.request_disbursement(uow, loan_id, on=on, reason="agreed")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.order_disbursement(uow, loan_id, approval_id=approval_id, on=on)


def _order_payouts(runner: Runner, on: date) -> None:
    town = runner.town
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = payouts.request_payouts(uow, on=on, reason="monthly")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        payouts.order_payouts(uow, approval_id=approval_id, on=on)


def _bank_books(runner: Runner, _on: date) -> None:
    runner.book_orders()


def _pays_instalment(runner: Runner, _on: date, name: str, n: str) -> None:
    assert name == runner.book.head["borrower"], "an instalment is paid by the borrower"
    runner.town.pay_due(runner.loan_id(), int(n))


def _bankrupt(runner: Runner, on: date, _name: str) -> None:
    with runner.town.book.unit_of_work(actor=runner.town.maker) as uow:
        loans.record_bankruptcy(uow, runner.loan_id(), on=on, evidence=EVIDENCE)


def _loss(runner: Runner, on: date) -> None:
    proof = hashlib.sha256(b"closure of the liquidation").hexdigest()
    with runner.town.book.unit_of_work(actor=runner.town.maker) as uow:
        loans.write_off(uow, runner.loan_id(), on=on, evidence=proof)


def _liquidator_pays(runner: Runner, on: date, amount: str) -> None:
    town, cents = runner.town, _cents(amount)
    with town.book.unit_of_work(actor=town.maker) as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
        paper = hashlib.sha256(b"letter of the liquidator").hexdigest()
        approval_id = recovery.request_recovery(
            uow, runner.loan_id(), amount_cents=cents, evidence=paper, reason="dividend"
        )
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        line = recovery.expect_recovery(uow, runner.loan_id(), approval_id=approval_id)
    ogm = "".join(each for each in line.communication if each.isdigit())
    import_statement_file(town.book, Bank().statement(Move(cents, ogm=ogm), day=on), hooks=BANK_HOOKS)
    town.settle()


_ACTIONS: Mapping[str, Callable[..., None]] = {
    DAY_BEGINS: _begin_day,
    r"(\w+) pledges ([0-9,.]+)": _pledges,
    r"(\w+) pays": _pays,
    r"The payment of (\w+) expires and she asks for a new one": _payment_expires,
    r"(\w+) pays the new payment": _pays_the_new,
    r"(\w+) withdraws": _withdraws,
    r"(\w+) withdraws while her payment is being handled": _withdraws_meanwhile,
    r"The provider pays out to the bank": _provider_settles,
    r"The loan's transfer is released": _order_loan,
    r"The (?:lenders|holders)' transfers are released": _order_payouts,
    r"The bank books the transfers?": _bank_books,
    r"(\w+) pays instalment (\d+)": _pays_instalment,
    r"(\w+) is bankrupt": _bankrupt,
    r"The loss is proven": _loss,
    r"The liquidator pays ([0-9,.]+)": _liquidator_pays,
}


def shared_actions() -> dict[str, Callable[..., None]]:
    """What can be done in a story of any product."""
    wanted = {_provider_settles, _order_payouts, _bank_books}
    return {pattern: do for pattern, do in _ACTIONS.items() if do in wanted}


def _provider_id(runner: Runner, payment_id: str) -> str:
    send_due_calls(runner.town.book, runner.town.rail, limit=100)
    with runner.town.book.read() as connection:
        view = payment(connection, runner.town.book.book_id, payment_id)
    assert view is not None
    assert view.provider_id is not None
    return view.provider_id


def render(book: WorkedBook) -> str:
    """The book as a page of the documentation."""
    head = book.head
    codes = sorted({row[3][:6] for row in book.rows if row[3]})
    lines = [
        f"# {head['title']}",
        "",
        "<!-- rendered from tests/worked by `python -m tests.worked`; edit the book there -->",
        "",
        book.prose,
        "",
        " ".join(f"{name.capitalize()}: {value}." for name, value in head.items() if name != "title"),
        "",
        "| On | Action | Entry | Account | Debit | Credit |",
        "|---|---|---|---|--:|--:|",
        *(_row(row) for row in book.rows),
        "",
        "## Accounts",
        "",
        "| Code | Name |",
        "|---|---|",
        *(f"| {code} | {chart_row(code).names['en']} |" for code in codes),
        "",
    ]
    return "\n".join(lines)


def _row(row: tuple[str, ...]) -> str:
    on, action, *rest = row
    return "| " + " | ".join([on, f"**{action}**" if action else "", *rest]) + " |"
