"""One loan, from its offer to its last cent, by chance: paid on time, late, twice taken back, bankrupt, lost.

After every step the product's figures are those of the naive model, every invariant of money movement holds, and the
audit of the rows finds nothing.
"""

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa

from api.reconcile.invariants import broken
from contracts.dispatch import BANK_HOOKS
from contracts.loans import dues
from contracts.loans import service as loans
from contracts.loans.acceleration import accelerate, request_acceleration
from contracts.loans.books import loan_book
from contracts.loans.early import ask_early_repayment
from contracts.loans.model import Ground, LoanState
from contracts.loans.quotes import quote
from contracts.loans.recovery import expect_recovery, request_recovery
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind
from ledger.audit.rows import audit_rows
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.payments.bank import configure_bank
from ledger.payments.inbox import receive
from ledger.payments.iso20022.model import Account
from ledger.payments.queries import payment, payments_for, still_to_pay
from ledger.payments.statements import import_statement_file
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.conftest import NOON, make_book
from tests.functional.conftest import quiet_rail
from tests.lives.naive import NaiveDue, NaiveLoan, days_30e
from tests.oracle import check_everything
from tests.products_kit import EVIDENCE, Town, make_town, snapshot

KINDS = (RepaymentKind.ANNUITY, RepaymentKind.LINEAR, RepaymentKind.BULLET)
EVERIES = (Every.YEAR, Every.YEAR, Every.YEAR, Every.HALF_YEAR, Every.QUARTER)
RATES = [Decimal(n).scaleb(-4) for n in range(225, 451, 25)]
MOST_STEPS = 400


class Life:
    """A town with one loan in it, and its model."""

    def __init__(self, engine: sa.Engine, seed: int) -> None:
        clock = FixedClock(NOON)
        self.chance = random.Random(seed)
        self.town: Town = make_town(make_book(engine, clock), clock, quiet_rail())
        self.borrower = self.town.enterprise()
        self.bank = Bank()
        self.steps = 0
        self.doing = "fund"
        self.refused = 0
        self.is_accelerated = False
        self.loan_id, self.model = self._funded()
        self.paid_with: dict[int, str] = {}
        self.taken_back: dict[int, str] = {}
        self.paid_out_on: date | None = None

    @property
    def book(self) -> Book:
        return self.town.book

    def live(self) -> None:
        """Go on until the loan is over, then pay everybody out; the plain oracle has the last word."""
        self.check_terms()
        while not self.model.is_over:
            if self.steps >= MOST_STEPS:
                raise AssertionError("a life that does not end")
            self.step()
        while sum(self.model.lost.values()) and not self.model.owed and self.chance.random() < 0.7:
            self.recover()
            self.check()
        self.pay_out()
        self.check()
        check_everything(self.book)

    def step(self) -> None:
        """Something that can happen now."""
        actions = [self.wait] * 2 + [self.pay] * 5 * bool(self.model.open_dues()) + [self.pay_out, self.misuse]
        actions += [self.take_back] * bool(self.paid_with) + [self.win_back] * 2 * bool(self.taken_back)
        actions += [self.go_bankrupt] if self.chance.random() < 0.2 else []
        actions += [self.write_off] * self.model.is_bankrupt
        if self.may_end_early and self.chance.random() < 0.1:
            actions = [self.repay_early, self.accelerate]
        action = self.chance.choice(actions)
        self.doing = action.__name__
        action()
        self.steps += 1
        self.check()

    def wait(self) -> None:
        """Time passes: to the next due, or some days."""
        coming = [due.due_on for due in self.model.dues if due.due_on > self.town.today]
        day = self.town.today + timedelta(self.chance.randrange(1, 60))
        if coming and self.chance.random() < 0.7:
            day = min(coming)
        self.town.jump_to(day)
        self.model.call(day)
        self.model.end_day()

    def pay(self) -> None:
        """A called due is paid, the oldest or any."""
        due = self.chance.choice([self.model.open_dues()[0], *self.model.open_dues()])
        self.town.pay(self._asked(due))
        self.model.pay(due, self.town.today)
        self.paid_with[due.n] = self._provider_id(due)

    def take_back(self) -> None:
        """The borrower's bank takes back what its lenders have: she owes it."""
        n = self.chance.choice(sorted(self.paid_with))
        where = self.paid_with.pop(n)
        self.taken_back[n] = self.town.rail.charge_back(where)
        self._hear(where)
        self.model.owed += self._total(n)

    def win_back(self) -> None:
        """A chargeback is reversed."""
        n = self.chance.choice(sorted(self.taken_back))
        chargeback_id = self.taken_back.pop(n)
        self.town.rail.win_back(chargeback_id)
        self._hear(self.town.rail.chargebacks_by_id[chargeback_id].payment_provider_id)
        self.model.owed -= self._total(n)

    def pay_out(self) -> None:
        """Everybody is paid what she has, where there is anything and the money is at the bank."""
        ready = sum(self.model.received.values()) - sum(self.model.paid_out.values())
        try:
            self.town.pay_out()
        except Refusal as refusal:
            allowed = {
                "nothing-to-pay-out": ready == 0 or self.paid_out_on == self.town.today,
                "cash-rule-not-met": self.model.owed > 0,
            }
            if not allowed.get(refusal.code):
                raise
            self.refused += 1
            return
        assert ready, "nothing was paid out"
        self.model.pay_out()
        self.paid_out_on = self.town.today

    def go_bankrupt(self) -> None:
        """The borrower is declared bankrupt."""
        if self.model.is_bankrupt:
            return
        with self.book.unit_of_work(actor=self.town.maker) as uow:
            loans.record_bankruptcy(uow, self.loan_id, on=self.town.today, evidence=EVIDENCE)
        self.model.is_bankrupt = True

    @property
    def may_end_early(self) -> bool:
        """Whether everything may be repaid or claimed at once: the loan runs, and some of it is not called yet."""
        return not self.model.is_bankrupt and not self.is_accelerated and not all(d.is_called for d in self.model.dues)

    def repay_early(self) -> None:
        """Everything is repaid by a quote to a day; where a due is open it is refused."""
        next_due = next(due.due_on for due in self.model.dues if not due.is_called)
        on = min(self.town.today + timedelta(self.chance.randrange(15)), next_due - timedelta(days=1))
        try:
            with self.book.unit_of_work(actor=self.borrower) as uow:
                quoted = quote(loan_book(uow.connection, self.book.book_id, self.loan_id), on, today=self.town.today)
                payment_id = ask_early_repayment(uow, self.loan_id, on=on, amount_cents=quoted.total_cents)
        except Refusal as refusal:
            if refusal.code != "early-repayment-dues-open" or not self.model.open_dues():
                raise
            self.refused += 1
            return
        self.town.settle()
        self.town.pay(payment_id)
        last = self.model.claim_all(on, self.rate, self.agreed_on, called=True)
        assert quoted.total_cents == last.interest + last.principal
        last.due_on = self.town.today
        self.model.pay(last, self.town.today)

    def accelerate(self) -> None:
        """Everything is claimed by a notice of today."""
        today = self.town.today
        with self.book.unit_of_work(actor=self.town.maker) as uow:
            approval_id = request_acceleration(
                uow, self.loan_id, ground=Ground.DISSOLUTION, on=today, evidence=EVIDENCE, reason="notice sent"
            )
        self.town.approve(approval_id)
        with self.book.unit_of_work(actor=self.town.maker) as uow:
            accelerate(uow, self.loan_id, approval_id=approval_id)
        self.town.settle()
        self.model.claim_all(today, self.rate, self.agreed_on, called=True)
        self.is_accelerated = True

    def write_off(self) -> None:
        """The liquidation is closed: what is outstanding is lost."""
        with self.book.unit_of_work(actor=self.town.maker) as uow:
            loans.write_off(uow, self.loan_id, on=self.town.today, evidence=EVIDENCE)
        self.town.settle()
        self.model.write_off()

    def recover(self) -> None:
        """The liquidator pays some of what is lost, or all of it, to the bank."""
        lost, town = sum(self.model.lost.values()), self.town
        cents, self.doing = min(lost, self.chance.randrange(1, 2 * lost)), "recover"
        with self.book.unit_of_work(actor=town.maker) as uow:
            configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
            approval_id = request_recovery(uow, self.loan_id, amount_cents=cents, evidence=EVIDENCE, reason="dividend")
        town.approve(approval_id)
        with self.book.unit_of_work(actor=town.maker) as uow:
            line = expect_recovery(uow, self.loan_id, approval_id=approval_id)
        ogm = "".join(each for each in line.communication if each.isdigit())
        import_statement_file(self.book, self.bank.statement(Move(cents, ogm=ogm), day=town.today), hooks=BANK_HOOKS)
        town.settle()
        self.model.recover(cents)

    def misuse(self) -> None:
        """Something that is not allowed now is refused, and every row stays as it was."""
        before, day = snapshot(self.book), self.town.today

        def attempt() -> None:
            with self.book.unit_of_work(actor=self.town.maker) as uow:
                match self.chance.randrange(3):
                    case 0 if not self.model.is_bankrupt and not self.is_accelerated:
                        loans.write_off(uow, self.loan_id, on=day, evidence=EVIDENCE)
                    case 1:
                        loans.request_disbursement(uow, self.loan_id, on=day, reason="again")
                    case _:
                        dues.request_due_payment(uow, self.loan_id, len(self.model.dues) + 1)

        try:
            attempt()
        except Refusal:
            self.refused += 1
        else:
            raise AssertionError("what is not allowed was done")
        assert snapshot(self.book) == before

    def check(self) -> None:
        """Accounts, days past due, state: as the model has them; the invariants; the audit."""
        held = self.model.accounts(self.loan_id, self.borrower)
        found = {key: self.town.balance(*key) for key in held}
        differing = {key: (found[key], held[key]) for key in held if found[key] != held[key]}
        assert not differing, f"{self.doing}, ledger and model: {differing}"
        page = self.town.loan(self.loan_id)
        assert page.outstanding_cents == sum(self.model.unpaid().values())
        assert page.lost_cents == sum(self.model.lost.values())
        assert page.days_past_due == self.model.days_past_due(self.town.today)
        assert page.state is self._state(), f"{self.doing}: {page.state}, and the model has {self._state()}"
        assert broken(self.book) == []
        report = audit_rows(self.book)
        assert report.failure is None, report.to_text()

    def check_terms(self) -> None:
        """The schedule foots, no day is accrued twice, and each interest is that of its days."""
        with self.book.read() as connection:
            drawn = loan_book(connection, self.book.book_id, self.loan_id)
        loan, since = drawn.loan, drawn.loan.agreed_on
        outstanding = loan.principal_cents
        for row in drawn.instalments:
            assert row.days == days_30e(since, row.due_on)
            exact = outstanding * Fraction(loan.rate_annual) * row.days / 360
            assert row.interest_cents == int(exact + Fraction(1, 2))
            outstanding, since = outstanding - row.principal_cents, row.due_on
            assert row.outstanding_cents == outstanding >= 0
        assert outstanding == 0

    def _state(self) -> LoanState:
        if any(due.is_cancelled for due in self.model.dues):
            return LoanState.WRITTEN_OFF
        if all(due.paid_on is not None for due in self.model.dues) and not self.model.parked:
            return LoanState.REPAID
        if self.model.is_bankrupt:
            return LoanState.BANKRUPT
        return LoanState.ACCELERATED if self.is_accelerated else LoanState.RUNNING

    def _funded(self) -> tuple[str, NaiveLoan]:
        chance, town = self.chance, self.town
        lenders = {town.citizen(f"Lender{n}"): chance.randrange(10_000, 400_000) for n in range(chance.randrange(1, 5))}
        total = max(100_000, sum(lenders.values()))
        lenders[min(lenders)] += total - sum(lenders.values())
        terms = {
            "kind": chance.choice(KINDS),
            "every": chance.choice(EVERIES),
            "rate_annual": chance.choice(RATES),
            "term_years": chance.choice((5, 5, 8)),
            "day_count": DayCount.THIRTY_E_360,
            "early_repayment": True,
        }
        loan_id = town.fund(lenders, self.borrower, **terms)
        with town.book.read() as connection:
            drawn = loan_book(connection, town.book.book_id, loan_id)
        self.rate, self.agreed_on = Fraction(drawn.loan.rate_annual), drawn.loan.agreed_on
        claims = {claim.pledge_id: (claim.lender, claim.principal_cents) for claim in drawn.claims}
        dues = [NaiveDue(row.n, row.due_on, row.interest_cents, row.principal_cents) for row in drawn.instalments]
        return loan_id, NaiveLoan(claims, dues)

    def _total(self, n: int) -> int:
        return self.model.dues[n - 1].interest + self.model.dues[n - 1].principal

    def _asked(self, due: NaiveDue) -> str:
        """The payment at the provider by which a called due is paid."""
        with self.book.read() as connection:
            reference = loan_book(connection, self.book.book_id, self.loan_id).due_reference(due.n)
            asked = still_to_pay(payments_for(connection, self.book.book_id, reference), by_transfer=False)
        assert asked is not None
        return asked.payment_id

    def _provider_id(self, due: NaiveDue) -> str:
        with self.book.read() as connection:
            reference = loan_book(connection, self.book.book_id, self.loan_id).due_reference(due.n)
            payments = payments_for(connection, self.book.book_id, reference)
            found = [payment(connection, self.book.book_id, each.payment_id) for each in payments]
        [where] = [each.provider_id for each in found if each is not None and each.provider_id is not None]
        return where

    def _hear(self, where: str) -> None:
        with self.book.unit_of_work(actor="webhook") as uow:
            receive(uow, where)
        self.town.settle()
