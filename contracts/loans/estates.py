"""A lender's claims pass: to her heirs, by the certificate of inheritance, or by gift. Two people agree to each.

    death recorded ──> nothing paid out ──> heirs and shares asked for ──approved──> each heir has her part
    gift asked for, by its deed ──approved──> each of those it goes to has her part

What is owed, what is lost and what a plan has cut of each claim is split by the shares, to the cent, by largest
remainder; so is the money that came since the death. It passes on the day on which it is done: what was paid before
went to the estate, and is passed as money. The yearly tax credit is the lender's alone and passes to nobody
(`contracts.schemes.credit`); heirs take over the one-off credit on what is lost (`contracts.schemes.loss`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from contracts import moves
from contracts.events import emit_mail, emit_mails
from contracts.loans import postings
from contracts.loans import tables as t
from contracts.loans.books import LoanBook, loan_book, loan_books, loan_ids_of_lender
from contracts.loans.cash import PAYABLE, shares_not_banked
from contracts.loans.lifecycle import CLAIM_PASSED, LOAN, SETTLED
from contracts.loans.model import LenderClaim, LoanState
from contracts.loans.passing import Cause, parts_of
from contracts.loans.steps import lock_loan, lock_loans, mail
from contracts.parties import estates
from contracts.parties.estates import ESTATE, ESTATE_PASSED, Estate, estate_id, estate_of, refuse_dead
from contracts.parties.model import PartyKind
from contracts.parties.queries import holder_kind, party
from contracts.parties.service import lock_party
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import live_cents, pledges_of
from contracts.schemes.rules import rule
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.storage.base import JSON

PASS_ESTATE, GIVE_CLAIM = "pass-estate", "give-claim"
"""The actions that two people agree to."""
MOST_HEIRS = 20
_OWED, _LOST, _CUT = "020000", "022000", "023000"


@dataclass(frozen=True, slots=True)
class Heir:
    """Somebody to whom a share passes: of an estate, or of a claim that is given."""

    party_id: str
    share: Fraction


@dataclass(frozen=True, slots=True)
class EstateClaim:
    """One claim of an estate on a day, in cents of principal: lent, still owed, lost."""

    loan_id: str
    title: str
    number: int
    lent_cents: int
    owed_cents: int
    lost_cents: int


def estate_claims(connection: sa.Connection, book_id: str, party_id: str, on: date) -> list[EstateClaim]:
    """What a lender holds in loans; claims that stand at nothing are left out."""
    return [
        EstateClaim(
            loan_id=book.loan.loan_id,
            title=book.loan.title,
            number=claim.number,
            lent_cents=claim.principal_cents,
            owed_cents=position.outstanding_cents(on),
            lost_cents=position.lost_cents(on),
        )
        for book in loan_books(connection, book_id, loan_ids_of_lender(connection, book_id, party_id)).values()
        for claim in book.held_claims
        if claim.lender == party_id
        for position in [book.position_of(claim)]
        if position.outstanding_cents(on) or position.lost_cents(on)
    ]


def money_held_cents(connection: sa.Connection, book_id: str, party_id: str) -> int:
    """What stands to a lender and is not paid out."""
    return -balances.balance(connection, book_id, AccountRef(PAYABLE, party_id))


def record_death(uow: UnitOfWork, body: Mapping[str, JSON], *, approval_id: str) -> Estate:
    """`contracts.parties.estates.record_death`, and a mail to where the lender was written to, for her next of kin."""
    estate = estates.record_death(uow, body, approval_id=approval_id)
    facts: dict[str, JSON] = {"died_on": estate.died_on.isoformat()}
    emit_mail(uow, "death-recorded", key=approval_id, to=estate.party_id, facts=facts)
    return estate


def request_estate(
    uow: UnitOfWork, party_id: str, heirs: Sequence[Heir], *, deed_on: date, evidence: str, reason: str
) -> str:
    """Ask a second person to approve that an estate passes to the heirs by shares of a deed; gives the approval's id.

    `evidence` is the SHA-256 of the certificate of inheritance. Refuses `evidence-malformed`, `death-not-recorded`,
    `date-not-reached`, `date-too-early` for a deed before the death, `nothing-to-pass`, `estate-has-open-pledges`,
    `claim-is-settling` while money of it is on its way, `move-not-allowed` for a loan that is not paid out, and of the
    heirs `heirs-too-many`, `heirs-shares-not-whole`, `heir-named-twice`, `heir-unfit`, `party-unknown`,
    `party-has-died`, `heir-not-identified`.
    """
    moves.check_evidence(evidence, key=f"{party_id}:{ESTATE_PASSED}")
    _check_estate(uow, party_id, heirs, deed_on)
    body = _body(heirs, deed_on, evidence) | {"party_id": party_id}
    return approvals.request(uow, action=PASS_ESTATE, body=body, reason=reason)


def pass_estate(uow: UnitOfWork, body: Mapping[str, JSON], *, approval_id: str) -> None:
    """Give each heir her part, as it was approved: of every claim, and of the money; the heirs are told.

    Refuses what the request and `ledger.approvals` refuse.
    """
    approvals.require(uow, approval_id, PASS_ESTATE, body)
    party_id, heirs, deed_on, evidence = _told(body)
    found = _check_estate(uow, party_id, heirs, deed_on)
    on, facts = uow.today(), {"deed_on": deed_on.isoformat(), "approval_id": approval_id}
    got = dict.fromkeys((heir.party_id for heir in heirs), 0)
    for loan_id, claim in found:
        for came, cents in _pass_claim(uow, loan_id, claim, heirs, Cause.DEATH, facts=facts, evidence=evidence):
            got[came.lender] += cents
    money = money_held_cents(uow.connection, uow.book_id, party_id)
    parts = parts_of(money, [heir.share for heir in heirs])
    for heir, cents in zip(heirs, parts, strict=True):
        if cents:
            uow.post(
                postings.estate_money_passed(
                    approval_id=approval_id, lender=party_id, to=heir.party_id, amount_cents=cents, on=on,
                    evidence=evidence, actor=uow.actor,
                )
            )  # fmt: skip
        told: dict[str, JSON] = {"amount_cents": got[heir.party_id], "money_cents": cents}
        emit_mail(uow, "estate-passed", key=f"{approval_id}:{heir.party_id}", to=heir.party_id, facts=told)
    moves.record_move(uow, ESTATE, estate_id(party_id), ESTATE_PASSED, on=on, evidence=evidence, facts=facts)


def request_gift(
    uow: UnitOfWork, loan_id: str, number: int, to: Sequence[Heir], *, deed_on: date, evidence: str, reason: str
) -> str:
    """Ask a second person to approve that a lender gives her claim away; gives the approval's id.

    `evidence` is the SHA-256 of the deed of gift. Refuses `gift-not-allowed` where the loan's scheme knows none,
    `no-rule-for-date` where no rule of it is known, `claim-not-held`, `loan-under-plan`, `party-has-died`, and as
    `request_estate`.
    """
    moves.check_evidence(evidence, key=f"{loan_id}:{number}:{CLAIM_PASSED}")
    claim = _check_gift(uow, loan_id, number, to, deed_on)
    body = _body(to, deed_on, evidence) | {"loan_id": loan_id, "number": number, "party_id": claim.lender}
    return approvals.request(uow, action=GIVE_CLAIM, body=body, reason=reason)


def give_claim(uow: UnitOfWork, body: Mapping[str, JSON], *, approval_id: str) -> None:
    """Let the claim pass, as it was approved; the lender and who has it now are told what the gift costs them.

    Refuses what the request and `ledger.approvals` refuse.
    """
    approvals.require(uow, approval_id, GIVE_CLAIM, body)
    _, to, deed_on, evidence = _told(body)
    loan_id, number = str(body["loan_id"]), int(str(body["number"]))
    claim = _check_gift(uow, loan_id, number, to, deed_on)
    facts = {"deed_on": deed_on.isoformat(), "approval_id": approval_id}
    passed = _pass_claim(uow, loan_id, claim, to, Cause.GIFT, facts=facts, evidence=evidence)
    loan = loan_book(uow.connection, uow.book_id, loan_id).loan
    given = sum(cents for _, cents in passed)
    emit_mails(uow, "claim-given", [mail(loan, approval_id, claim.lender, amount_cents=given)])
    mails = [mail(loan, came.pledge_id, came.lender, amount_cents=cents) for came, cents in passed]
    emit_mails(uow, "claim-received", mails)


def _check_estate(
    uow: UnitOfWork, party_id: str, heirs: Sequence[Heir], deed_on: date
) -> list[tuple[str, LenderClaim]]:
    """The claims that pass, in order, their loans and the party held."""
    loans = lock_loans(uow, loan_ids_of_lender(uow.connection, uow.book_id, party_id))
    lock_party(uow, party_id)
    estate = estate_of(uow.connection, uow.book_id, party_id)
    if estate is None:
        raise Refusal("death-not-recorded", party=party_id)
    check_happened(deed_on, today=uow.today(), since=[estate.died_on])
    _check_heirs(uow, party_id, heirs)
    failed = [line for line in pledges_of(uow.connection, uow.book_id, party_id, uow.today())
              if line.state is PledgeState.REFUND_FAILED]  # fmt: skip
    open_cents = live_cents(uow.connection, uow.book_id, party_id) + sum(line.amount_cents for line in failed)
    if open_cents:
        raise Refusal("estate-has-open-pledges", party=party_id, amount_cents=open_cents)
    on = uow.today()
    found = []
    for loan_id, book in sorted(loans.items()):
        own = [claim for claim in book.held_claims if claim.lender == party_id]
        if book.state is LoanState.REPAID or not own:
            continue
        LOAN.after(book.state, CLAIM_PASSED)
        _refuse_settling(uow, book, party_id)
        found += [(loan_id, claim) for claim in own if _stands(book, claim, on)]
    for loan_id, claim in found:
        _refuse_crumbs(loan_id, claim, heirs)
    waiting = shares_not_banked(uow.connection, uow.book_id).get(party_id, 0)
    if waiting > 0:
        raise Refusal("claim-is-settling", party=party_id, amount_cents=waiting)
    if not found and not money_held_cents(uow.connection, uow.book_id, party_id):
        raise Refusal("nothing-to-pass", party=party_id)
    return found


def _check_gift(uow: UnitOfWork, loan_id: str, number: int, to: Sequence[Heir], deed_on: date) -> LenderClaim:
    """The claim that is given, its loan and its lender held."""
    book = lock_loan(uow, loan_id)
    claim = next((each for each in book.held_claims if each.number == number), None)
    on = uow.today()
    if claim is None or not _stands(book, claim, on):
        raise Refusal("claim-not-held", loan_id=loan_id, number=number)
    lock_party(uow, claim.lender)
    refuse_dead(uow, claim.lender)
    LOAN.after(book.state, CLAIM_PASSED)
    book.refuse_under_plan()
    allowed = rule(book.loan.scheme, "claim_passes_by", deed_on)
    if Cause.GIFT not in allowed.members():
        raise Refusal(
            "gift-not-allowed", loan_id=loan_id, scheme=book.loan.scheme, ends_on=book.term_ends_on.isoformat()
        )
    check_happened(deed_on, today=on, since=[book.loan.agreed_on])
    _check_heirs(uow, claim.lender, to)
    _refuse_crumbs(loan_id, claim, to)
    _refuse_settling(uow, book, claim.lender)
    return claim


def _check_heirs(uow: UnitOfWork, party_id: str, heirs: Sequence[Heir]) -> None:
    if len(heirs) > MOST_HEIRS:
        raise Refusal("heirs-too-many", heirs=len(heirs), limit=MOST_HEIRS)
    total = sum((heir.share for heir in heirs), Fraction(0))
    if total != 1 or any(heir.share <= 0 for heir in heirs):
        raise Refusal("heirs-shares-not-whole", total=str(total))
    named = [heir.party_id for heir in heirs]
    if len({*named, party_id}) != len(named) + 1:
        raise Refusal("heir-named-twice")
    for heir in named:
        if party(uow.connection, uow, heir).kind is not PartyKind.NATURAL:
            raise Refusal("heir-unfit", party=heir)
        refuse_dead(uow, heir)
        try:
            holder_kind(uow.connection, uow, heir, uow.today())
        except Refusal as refusal:
            if refusal.code != "holder-kind-unknown":
                raise
            raise Refusal("heir-not-identified", party=heir) from refusal


def _refuse_crumbs(loan_id: str, claim: LenderClaim, heirs: Sequence[Heir]) -> None:
    """Each has at least a cent of what was lent, else `heir-share-too-small`."""
    if 0 in parts_of(claim.principal_cents, [heir.share for heir in heirs]):
        raise Refusal("heir-share-too-small", loan_id=loan_id, amount_cents=claim.principal_cents)


def _refuse_settling(uow: UnitOfWork, book: LoanBook, lender: str) -> None:
    """What passes is what the ledger has: `claim-is-settling` while a share or a loss of it is not posted yet."""
    on, own = uow.today(), [book.position_of(claim) for claim in book.claims if claim.lender == lender]
    stated = {
        _OWED: sum(position.outstanding_cents(on) for position in own),
        _LOST: sum(position.lost_cents(on) for position in own),
    }
    for code, cents in stated.items():
        booked = balances.balance(uow.connection, uow.book_id, AccountRef(code, lender, book.loan.asset.code))
        if booked != cents:
            raise Refusal("claim-is-settling", party=lender, amount_cents=abs(booked - cents))


def _pass_claim(
    uow: UnitOfWork,
    loan_id: str,
    claim: LenderClaim,
    heirs: Sequence[Heir],
    cause: Cause,
    *,
    facts: Mapping[str, JSON],
    evidence: str,
) -> list[tuple[LenderClaim, int]]:
    """Record and post it; the new claims with what each is, in cents."""
    book, on = loan_book(uow.connection, uow.book_id, loan_id), uow.today()
    position, shares = book.position_of(claim), [heir.share for heir in heirs]
    owed, lost, cut = position.outstanding_cents(on), position.lost_cents(on), _cut_cents(uow, book, claim)
    parts = list(zip(*(parts_of(cents, shares) for cents in (claim.principal_cents, owed + lost, cut)), strict=True))
    first = len(book.claims) + 1
    came = [
        LenderClaim(number=first + k, pledge_id=uow.new_id("h"), lender=heir.party_id, principal_cents=lent)
        for k, (heir, (lent, _, _)) in enumerate(zip(heirs, parts, strict=True))
    ]
    _write_claims(uow, loan_id, came)
    template = postings.CLAIM_INHERITED if cause is Cause.DEATH else postings.CLAIM_GIVEN
    for each, (_, cents, cut_cents) in zip(came, parts, strict=True):
        if cents or cut_cents:
            amounts = {"principal": 0 if lost else cents, "lost": cents if lost else 0, "cut": cut_cents}
            uow.post(
                postings.claim_passed(
                    template, book.loan, each, lender=claim.lender, amounts=amounts, on=on, evidence=evidence,
                    actor=uow.actor,
                )
            )  # fmt: skip
    stated: dict[str, JSON] = {
        **facts,
        "cause": cause.value,
        "number": claim.number,
        "to": [[each.number, cents, cut_cents] for each, (_, cents, cut_cents) in zip(came, parts, strict=True)],
        "settled": [i.n for i in book.instalments if book.instalment_on(i.n, SETTLED) is not None],
        "is_lost": bool(lost),
    }
    moves.record_move(uow, LOAN, loan_id, CLAIM_PASSED, on=on, evidence=evidence, facts=stated)
    return [(each, cents) for each, (_, cents, _) in zip(came, parts, strict=True)]


def _cut_cents(uow: UnitOfWork, book: LoanBook, claim: LenderClaim) -> int:
    """What plans cut of the claim and may still revive."""
    booked = balances.balance(uow.connection, uow.book_id, AccountRef(_CUT, claim.lender, book.loan.asset.code))
    return sum(borne[claim.number - 1].cut_cents for _, borne in book.borne()) if booked else 0


def _write_claims(uow: UnitOfWork, loan_id: str, came: Sequence[LenderClaim]) -> None:
    rows = [
        {
            "book_id": uow.book_id,
            "loan_id": loan_id,
            "number": each.number,
            "pledge_id": each.pledge_id,
            "lender": each.lender,
            "principal_cents": each.principal_cents,
        }
        for each in came
    ]
    uow.connection.execute(t.loan_claim.insert(), rows)


def _stands(book: LoanBook, claim: LenderClaim, on: date) -> bool:
    position = book.position_of(claim)
    return bool(position.outstanding_cents(on) or position.lost_cents(on))


def _body(heirs: Sequence[Heir], deed_on: date, evidence: str) -> dict[str, JSON]:
    shares: list[JSON] = [[heir.party_id, str(heir.share)] for heir in heirs]
    return {"heirs": shares, "deed_on": deed_on.isoformat(), "evidence": evidence}


def _told(body: Mapping[str, Any]) -> tuple[str, list[Heir], date, str]:
    heirs = [Heir(party_id, Fraction(share)) for party_id, share in body["heirs"]]
    return body["party_id"], heirs, date.fromisoformat(body["deed_on"]), body["evidence"]
