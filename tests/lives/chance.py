"""One file on a loan, by chance: from the first missed due, over stays, plans, votes and falls, to an end.

After every step schedule, journal and claims agree, what was lent is repaid, owed, or lost, and the audit of the rows
finds nothing. After its free steps, few or many, a life is led to its end by the ways that are open in its state.
"""

import random
from datetime import timedelta

import sqlalchemy as sa

from contracts.loans import service as loans
from contracts.loans.model import LoanState
from contracts.secondchance import lifecycle as life
from contracts.secondchance import service
from contracts.secondchance.model import CashPosition, Ground, Route, Signal, State, Stay
from contracts.secondchance.planning import PlanTerms
from contracts.secondchance.tools import HolidayInterest, Tool, Use
from contracts.terms.dates import add_months
from contracts.votes.tally import Choice
from ledger.audit.rows import audit_rows
from ledger.clock import FixedClock, brussels_date
from ledger.errors import Refusal
from tests.chance_kit import late_loan, spec_of_vote
from tests.conftest import NOON, make_book
from tests.functional.conftest import quiet_rail
from tests.lives.life import EVERIES, KINDS, RATES
from tests.oracle import check_everything
from tests.products_kit import EVIDENCE, make_town

FREE_STEPS, MOST_STEPS = (5, 40), 400
NEW_START = {"in_good_faith": True, "is_sanctioned": False, "is_discharged": True}


class ChanceLife:
    """A town with one loan that is late, and its file."""

    def __init__(self, engine: sa.Engine, seed: int) -> None:
        clock = FixedClock(NOON)
        self.random = random.Random(seed)
        self.town = make_town(make_book(engine, clock), clock, quiet_rail())
        self.steps = self.refused = 0
        self.free_steps = self.random.randint(*FREE_STEPS)
        amounts = [self.random.randrange(10_000, 200_000) for _ in range(self.random.randrange(1, 5))]
        amounts[0] += max(0, 100_000 - sum(amounts))
        terms = {"kind": self.random.choice(KINDS), "every": self.random.choice(EVERIES)}
        terms |= {"rate_annual": self.random.choice(RATES), "term_years": self.random.choice((5, 5, 8))}
        self.chance = late_loan(self.town, tuple(amounts), paid=self.random.randrange(3), **terms)

    def live(self) -> None:
        """Go on until the file or the loan has ended; the plain oracle has the last word."""
        while not self.is_over:
            if self.steps >= MOST_STEPS:
                raise AssertionError(f"a life that does not end: {self.chance.file().state}")
            self.step()
        check_everything(self.town.book)

    @property
    def is_over(self) -> bool:
        state = self.chance.file().state
        return state is State.SECOND_CHANCE or (
            state is State.PERFORMING and self.chance.book().state is LoanState.REPAID
        )

    def step(self) -> None:
        """Something that can be tried now; what is refused changes nothing, and every state knows a way on."""
        tries, ways = [self._wait, self._note, self._pay, self._pay], self._ways(self.chance.file().state)
        act = self.random.choice([*tries, *ways] if self.steps < self.free_steps else [self._wait, *ways])
        try:
            act()
        except Refusal:
            self.refused += 1
        self.steps += 1
        self._observe()
        self._check()

    def _observe(self) -> None:
        self.chance.observe()

    def _check(self) -> None:
        self.chance.check()
        report = audit_rows(self.town.book)
        assert report.failure is None, report.to_text()

    def _wait(self) -> None:
        today = self.town.today
        coming = [due.due_on for due in self.chance.book().position.dues if due.is_asked(today) and due.due_on > today]
        day = today + timedelta(self.random.randrange(1, 50))
        self.town.jump_to(min(coming) if coming and self.random.random() < 0.5 else day)

    def _pay(self) -> None:
        book = self.chance.book()
        called = [each.n for each in book.instalments if book.instalment_state(each.n).value == "called"]
        if called and book.state is LoanState.RUNNING:
            self.town.pay_due(self.chance.loan_id, called[0])

    def _note(self) -> None:
        update_on = self.town.today + timedelta(self.random.randrange(3, 20))
        match self.random.randrange(3):
            case 0:
                cash = CashPosition(on_hand_cents=1, receipts_cents=900, expenses_cents=self.random.randrange(1_000))
                self.chance.do(service.ask_for_help, cash, update_on=update_on)
            case 1:
                signal = self.random.choice(list(Signal))
                self.chance.do(service.note_signal, signal, is_material=False, update_on=update_on)
            case _:
                self.chance.do(service.give_update, update_on=update_on)

    def _ways(self, state: State) -> list:
        """What leads on from a state."""
        fail = self._do(service.fail_plan, is_revoked=self.random.random() < 0.1)
        ways = {
            State.PERFORMING: [self._pay, self._insolvent],
            State.LATE: [self._pay, self._insolvent],
            State.EARLY_WARNING: [
                self._resolve,
                self._stay,
                self._standstill,
                self._publish,
                self._publish,
                self._insolvent,
            ],
            State.DEFAULTED: [self._cure, self._stay, self._publish, self._insolvent, self._call, self._paid],
            State.STANDSTILL: [self._stay, self._publish, self._do(service.end_standstill)],
            State.PROPOSAL: [
                self._publish,
                self._do(service.withdraw_plan),
                self._open_vote,
                self._open_vote,
                self._stay,
            ],
            State.VOTE: [self._vote],
            State.HOMOLOGATION_PENDING: [self._do(service.homologate)] * 3
            + [self._do(service.refuse_homologation), self._insolvent],
            State.PERFORMING_UNDER_PLAN: [self._pay] * 3
            + [self._do(service.perform_plan), self._cure, fail, self._insolvent],
            State.CURED: [self._do(service.begin_again, **NEW_START), self._do(service.rehabilitate)],
            State.ACCELERATED: [self._do(service.follow, life.RECOVERY_OPENED), self._paid],
            State.RECOVERY: [self._do(service.follow, life.DIVIDEND), self._lose, self._paid],
            State.WRITE_OFF: [self._do(service.certify_loss), self._do(service.begin_again, **NEW_START)],
            State.TAX_LOSS_CERTIFICATE: [self._do(service.begin_again, **NEW_START)],
        }
        return ways[state]

    def _do(self, act, *arguments, **more):
        return lambda: self.chance.do(act, *arguments, **more)

    def _resolve(self) -> None:
        self.chance.do(service.resolve_warning)

    def _cure(self) -> None:
        self.chance.do(service.cure)

    def _paid(self) -> None:
        self.chance.do(service.follow, life.PAID_IN_FULL)

    def _stay(self) -> None:
        ends_on = add_months(self.town.today, self.random.randrange(1, 6))
        self.chance.do(service.grant_moratorium, Stay(self.town.today, ends_on))

    def _standstill(self) -> None:
        self.chance.do(service.agree_standstill, Stay(self.town.today, self.town.today + timedelta(60)))

    def _publish(self) -> None:
        self.chance.do(service.publish_plan, self._plan())

    def _plan(self) -> PlanTerms:
        owed, pick = max(1, self.chance.book().position.outstanding_cents(self.town.today)), self.random
        tools = [
            Use(tool=Tool.WAIVER),
            Use(tool=Tool.CAPITALISATION),
            Use(tool=Tool.CARRY_FORWARD),
            Use(tool=Tool.HOLIDAY, periods=pick.randrange(1, 4), interest=HolidayInterest.DEFERRED),
            Use(tool=Tool.EXTENSION, periods=pick.randrange(1, 4)),
            Use(tool=Tool.RATE_CUT, rate_annual=pick.choice(RATES) / 2),
            Use(tool=Tool.HAIRCUT, amount_cents=pick.randrange(1, owed + 1)),
            Use(tool=Tool.PARTICIPATION, amount_cents=pick.randrange(1, owed + 1)),
        ]
        route = pick.choice([Route.JUDICIAL, Route.JUDICIAL, Route.VOLUNTARY])
        uses = pick.sample(tools, pick.randrange(1, 5))
        return self.chance.plan(*uses, route=route, reasons=pick.choice(["", "the roof fell in"]))

    def _open_vote(self) -> None:
        opens_on = self.town.today + timedelta(self.random.choice((14, 15, 30)))
        closes_on = opens_on + timedelta(self.random.randrange(1, 10))
        self.chance.call_vote(opens_on=opens_on, closes_on=closes_on)

    def _vote(self) -> None:
        """Most say yes, on a day on which the vote is open; the count follows by itself."""
        spec = spec_of_vote(self.chance)
        self.town.jump_to(max(self.town.today, brussels_date(spec.opens_at)))
        for claim in self.chance.book().claims:
            if self.random.random() < 0.9:
                self.chance.cast(claim.lender, self.random.choices((Choice.YES, Choice.NO), (9, 1))[0])
        self.town.jump_to(brussels_date(spec.closes_at))

    def _insolvent(self) -> None:
        if self.random.random() < 0.3 or self.steps >= self.free_steps:
            self.chance.do(service.report_insolvency)
            self._go_bankrupt()

    def _go_bankrupt(self) -> None:
        if self.chance.book().state is LoanState.RUNNING:
            with self.town.book.unit_of_work(actor=self.town.maker) as uow:
                loans.record_bankruptcy(uow, self.chance.loan_id, on=self.town.today, evidence=EVIDENCE)

    def _call(self) -> None:
        is_bankrupt = self.chance.book().state is LoanState.BANKRUPT
        self.chance.do(service.follow_call, Ground.BANKRUPTCY if is_bankrupt else Ground.ARREARS)

    def _lose(self) -> None:
        self._go_bankrupt()
        if self.chance.book().state is LoanState.BANKRUPT:
            with self.town.book.unit_of_work(actor=self.town.maker) as uow:
                loans.write_off(uow, self.chance.loan_id, on=self.town.today, evidence=EVIDENCE)
            self.town.settle()
        self.chance.do(service.follow, life.LOSS_PROVEN)
