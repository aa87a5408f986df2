"""What tests of second chances share: a town with one loan in difficulty, and what must always tie."""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from contracts.loans import service as loans
from contracts.loans.books import LoanBook, loan_book
from contracts.secondchance import service
from contracts.secondchance.model import Ground, Route, State
from contracts.secondchance.planning import PlanTerms
from contracts.secondchance.proposal import Assumption
from contracts.secondchance.queries import ChanceFile, chance_file
from contracts.secondchance.tools import Use
from contracts.votes import service as votes
from contracts.votes.published import Spec
from contracts.votes.queries import own_claims, spec_of
from contracts.votes.service import BallotCast
from contracts.votes.tally import Choice
from ledger import balances
from tests.products_kit import EVIDENCE, Town

PAPER = hashlib.sha256(b"a paper of the file").hexdigest()
NOTICE = timedelta(days=15)
REFUSED, BANKRUPT = Assumption(Decimal("0.30"), 18), Assumption(Decimal("0.05"), 36)

NEW_START = {"in_good_faith": True, "is_sanctioned": False, "is_discharged": True}


class Chance:
    """One loan's file in a town."""

    def __init__(self, town: Town, loan_id: str) -> None:
        self.town, self.loan_id = town, loan_id

    def open(self) -> None:
        self.do(service.open_file, update_on=self.town.today + timedelta(days=14))

    def do(self, act: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """A use case, by the officer, today, on a paper."""
        facts = {"on": self.town.today} | more
        if act not in {service.observe, service.count_vote}:
            facts = {"evidence": PAPER} | facts
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            done = act(uow, self.loan_id, *arguments, **facts)
        if done != []:  # a file that followed nothing has left nothing behind
            self.town.settle()
        return done

    def observe(self) -> list[str]:
        return self.do(service.observe)

    def plan(self, *uses: Use, route: Route = Route.VOLUNTARY, reasons: str = "") -> PlanTerms:
        return PlanTerms(route=route, uses=uses, refused=REFUSED, bankrupt=BANKRUPT, reasons=reasons)

    def call_vote(self, **changes: Any) -> str:
        """Notice today; the vote is open on the fifteenth day, and counted on the next."""
        today = self.town.today
        days = {"opens_on": today + NOTICE, "closes_on": today + NOTICE + timedelta(days=1)}
        return self.do(service.open_vote, **(days | changes))

    def cast(self, voter: str, choice: Choice = Choice.YES, *, by: str | None = None) -> int:
        """A lender's ballot with all of her claim."""
        vote_id = self.file().vote_id
        with self.town.book.unit_of_work(actor=by or voter) as uow:
            [claim] = own_claims(uow.connection, uow.book_id, vote_id, voter)
            return votes.cast(uow, vote_id, BallotCast(voter=voter, parts=[(choice, claim.weight_cents)]))

    def cast_all(self, choice: Choice) -> None:
        for lender in self.book().lenders:
            self.cast(lender, choice)

    def vote(self, *, accepted: bool = True) -> State:
        """Notice today, every lender's ballot on the fifteenth day, and what the count leads to on the next."""
        self.call_vote()
        self.town.jump_to(self.town.today + NOTICE)
        self.cast_all(Choice.YES if accepted else Choice.NO)
        self.town.jump_to(self.town.today + timedelta(days=1))
        return self.file().state

    def accept(self, plan: PlanTerms) -> State:
        """The plan is published, voted, and where it must be homologated; the state it leads to."""
        self.do(service.publish_plan, plan)
        self.vote()
        if plan.route is not Route.JUDICIAL:
            return self.file().state
        self.town.go_to(self.town.today + timedelta(days=5))
        return self.do(service.homologate)

    def file(self) -> ChanceFile:
        with self.town.book.read() as connection:
            return chance_file(connection, self.town.book.book_id, self.loan_id)

    def book(self) -> LoanBook:
        with self.town.book.read() as connection:
            return loan_book(connection, self.town.book.book_id, self.loan_id)

    def check(self) -> None:
        """Schedule, journal and claims agree, and what was lent is repaid, owed, or lost, by every lender."""
        book, on = self.book(), self.town.today
        claims, held, cut_now = self._balances(f"LOAN-{self.loan_id.upper()}"), 0, 0
        for claim in book.claims:
            position = book.position_of(claim)
            changes = [each.changes[claim.number - 1] for each in book.rebases]
            cut = sum(each.cut_cents for each in changes)
            converted = sum(each.converted_cents for each in changes)
            capitalised = sum(each.capitalised_cents for each in changes)
            outstanding, lost = position.outstanding_cents(on), position.lost_cents(on)
            assert claims[f"020000:{claim.lender}"] == outstanding
            assert claims[f"022000:{claim.lender}"] == lost
            assert claims[f"023000:{claim.lender}"] in {cut, 0}
            repaid = position.received_principal_cents(on)
            assert claim.principal_cents + capitalised == repaid + outstanding + lost + cut + converted
            assert min(outstanding, lost, repaid, cut, converted) >= 0
            held += outstanding
            cut_now += claims[f"023000:{claim.lender}"] + lost
        assert -claims[f"021000:{book.loan.borrower}"] == held + cut_now
        asked = [due for due in book.position.dues if due.is_asked(on) and not due.is_settled(on)]
        if not book.position.lost_cents(on):
            assert sum(due.principal_cents for due in asked) == book.position.outstanding_cents(on) == held
        called = [due for due in asked if book.instalment_state(due.n).value == "called"]
        for code, of in (("030100", "principal_cents"), ("030200", "interest_cents")):
            assert self.town.balance(f"{code}:{self.loan_id}") == sum(getattr(due, of) for due in called)

    def _balances(self, asset: str) -> Counter[str]:
        """Every signed balance in the loan's claims, by account, read at once; 0 where there is none."""
        with self.town.book.read() as connection:
            found = balances.balances(connection, self.town.book.book_id, asset=asset)
        return Counter({str(each.account): each.signed for each in found})


def late_loan(town: Town, amounts: tuple[int, ...] = (100_000, 50_000), *, paid: int = 1, **terms: Any) -> Chance:
    """A loan whose first instalments were paid and whose next is a month overdue, with an open file."""
    lenders = {town.citizen(f"Lender{n}"): cents for n, cents in enumerate(amounts)}
    loan_id = town.fund(lenders, town.enterprise(), **terms)
    chance = Chance(town, loan_id)
    for n in range(1, paid + 1):
        town.jump_to(chance.book().instalments[n - 1].due_on)
        town.pay_due(loan_id, n)
    town.jump_to(chance.book().instalments[paid].due_on)
    town.jump_to(town.today + timedelta(days=31))
    chance.open()
    chance.check()
    return chance


def spec_of_vote(chance: Chance) -> Spec:
    """What was announced of the newest vote."""
    with chance.town.book.read() as connection:
        return spec_of(connection, chance.town.book.book_id, chance.file().vote_id)


def lost_loan(town: Town, borrower: str) -> Chance:
    """A loan of 1,000 EUR of Ada to the borrower that is lost as a whole, in the year in which it was made."""
    chance = Chance(town, town.fund({town.citizen("Ada"): 100_000}, borrower))
    chance.open()
    town.jump_to(town.today + timedelta(days=10))
    chance.do(service.report_insolvency)
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.record_bankruptcy(uow, chance.loan_id, on=town.today, evidence=EVIDENCE)
    chance.do(service.follow_call, Ground.BANKRUPTCY)
    chance.do(service.follow, "recovery-opened")
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.write_off(uow, chance.loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    chance.do(service.follow, "loss-proven")
    return chance
