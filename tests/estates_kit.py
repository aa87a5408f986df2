"""What tests of claims that pass share: a death, its heirs, and a gift, each agreed to by two people."""

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction

from contracts.loans import estates as service
from contracts.loans.books import LoanBook, loan_book
from contracts.loans.estates import Heir
from contracts.parties import estates as deaths
from ledger import approvals
from tests.products_kit import EVIDENCE, Town


def heirs_of(shares: Mapping[str, str]) -> list[Heir]:
    return [Heir(party_id, Fraction(share)) for party_id, share in shares.items()]


def ask_death(town: Town, party_id: str, on: date, evidence: str = EVIDENCE) -> str:
    with town.book.unit_of_work(actor=town.maker) as uow:
        return deaths.request_death(uow, party_id, on=on, evidence=evidence, reason="extract of the deed")


def die(town: Town, party_id: str, on: date) -> None:
    approval_id = ask_death(town, party_id, on)
    _do(town, approval_id, service.record_death)


def ask_estate(
    town: Town, party_id: str, shares: Mapping[str, str], *, deed_on: date | None = None, evidence: str = EVIDENCE
) -> str:
    with town.book.unit_of_work(actor=town.maker) as uow:
        return service.request_estate(
            uow, party_id, heirs_of(shares), deed_on=deed_on or town.today, evidence=evidence, reason="certificate"
        )


def inherit(town: Town, party_id: str, shares: Mapping[str, str]) -> None:
    _do(town, ask_estate(town, party_id, shares), service.pass_estate)


def ask_gift(
    town: Town, loan_id: str, number: int, shares: Mapping[str, str], *, deed_on: date | None = None,
    evidence: str = EVIDENCE,
) -> str:  # fmt: skip
    with town.book.unit_of_work(actor=town.maker) as uow:
        return service.request_gift(
            uow, loan_id, number, heirs_of(shares), deed_on=deed_on or town.today, evidence=evidence, reason="deed"
        )


def give(town: Town, loan_id: str, number: int, shares: Mapping[str, str]) -> None:
    _do(town, ask_gift(town, loan_id, number, shares), service.give_claim)


def book_of(town: Town, loan_id: str) -> LoanBook:
    with town.book.read() as connection:
        return loan_book(connection, town.book.book_id, loan_id)


def check_claims(town: Town, loan_id: str) -> None:
    """Claims, reckoned, are what the ledger has, holder by holder; and together what the borrower owes."""
    book = book_of(town, loan_id)
    asset, on = book.loan.asset.code, town.today
    for owner in {claim.lender for claim in book.claims}:
        own = [book.position_of(claim) for claim in book.claims if claim.lender == owner]
        assert town.balance(f"020000:{owner}", asset) == sum(each.outstanding_cents(on) for each in own)
        assert town.balance(f"022000:{owner}", asset) == sum(each.lost_cents(on) for each in own)
    whole, parts = book.position, [book.position_of(claim) for claim in book.claims]
    assert whole.outstanding_cents(on) == sum(each.outstanding_cents(on) for each in parts)
    assert whole.lost_cents(on) == sum(each.lost_cents(on) for each in parts)
    assert whole.overdue_cents(on) == sum(each.overdue_cents(on) for each in parts)
    assert sum(claim.principal_cents for claim in book.held_claims) == book.loan.principal_cents


def _do(town: Town, approval_id: str, act: Callable[..., object]) -> None:
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.checker) as uow:
        asked = approvals.find(uow.connection, uow.book_id, approval_id)
        assert asked is not None
        act(uow, asked.body, approval_id=approval_id)
    town.settle()
