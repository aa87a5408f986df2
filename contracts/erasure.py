"""Whether a person or an enterprise may be erased: nothing is agreed any more, and the law keeps nothing any more.

The rule on retention is dated data (`BE/retention_years`). It runs from the last thing that happened between the
operator and the party: what took effect on its accounts, what became of its pledges, offers and loans, or else its
registration. What erasing does to the key and the log is in `ledger.erasure`; the digests by which an address or an
enterprise number was found again go with it.
"""

from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.loans.lifecycle import LOAN
from contracts.loans.model import LoanState
from contracts.loans.tables import loan, loan_claim
from contracts.offers.lifecycle import MACHINE as OFFER
from contracts.offers.model import STANDING, OfferState
from contracts.offers.tables import offer
from contracts.parties.model import PartyKind
from contracts.parties.service import lock_party
from contracts.parties.tables import party, party_lookup
from contracts.pledges.lifecycle import MACHINE as PLEDGE
from contracts.pledges.model import LIVE, PledgeState
from contracts.pledges.tables import pledge
from contracts.schemes.rules import rule
from contracts.terms.dates import add_months
from ledger import erasure
from ledger.book import UnitOfWork
from ledger.clock import brussels_date
from ledger.errors import Refusal

_OPEN_PLEDGES = LIVE | {PledgeState.REFUND_FAILED}
_OPEN_LOANS = frozenset(LoanState) - {LoanState.REPAID, LoanState.WRITTEN_OFF}
_OPEN_OFFERS = (OfferState.DRAFT, *STANDING)


def request_erasure(uow: UnitOfWork, party_id: str, *, basis: erasure.Basis, reason: str) -> str:
    """Ask a second person to approve that the party is erased; gives the approval's id.

    Refuses `party-unknown`, `erasure-relation-open`, `erasure-before-retention-ends`, and as `ledger.erasure` does.
    """
    _refuse_too_early(uow, party_id)
    return erasure.request_erasure(uow, party_id, basis=basis, reason=reason)


def erase_party(uow: UnitOfWork, party_id: str, *, approval_id: str) -> list[str]:
    """Erase the party; gives the fact keys of the entries that say so. Refuses as the request does."""
    _refuse_too_early(uow, party_id)
    rows = party_lookup.c
    uow.connection.execute(sa.delete(party_lookup).where(rows.book_id == uow.book_id, rows.party_id == party_id))
    return erasure.erase(uow, party_id, approval_id=approval_id)


def _refuse_too_early(uow: UnitOfWork, party_id: str) -> None:
    lock_party(uow, party_id)
    row = uow.connection.execute(
        sa.select(party.c.kind, party.c.registered_at).where(
            party.c.book_id == uow.book_id, party.c.party_id == party_id
        )
    ).one()
    bound_by = _bound_by(uow, party_id, PartyKind(row.kind))
    if bound_by is not None:
        raise Refusal("erasure-relation-open", party=party_id, relation=bound_by)
    ended_on = _ended_on(uow, party_id, brussels_date(row.registered_at))
    ends_on = add_months(ended_on, 12 * rule("BE", "retention_years", ended_on).integer())
    if uow.today() <= ends_on:
        raise Refusal("erasure-before-retention-ends", party=party_id, ends_on=ends_on.isoformat())


def _bound_by(uow: UnitOfWork, party_id: str, kind: PartyKind) -> str | None:
    """What still binds the party, if anything does: a pledge, a loan or an offer; or that it works for the operator."""
    if kind is PartyKind.STAFF:
        return "staff"
    b, p, o, c = uow.book_id, pledge.c, offer.c, loan_claim.c
    lends = sa.exists().where(c.book_id == b, c.loan_id == loan.c.loan_id, c.lender == party_id)
    relations = {
        "pledge": sa.select(p.pledge_id).where(
            p.book_id == b, p.lender == party_id, moves.in_state(b, PLEDGE, p.pledge_id, *_OPEN_PLEDGES)
        ),
        "offer": sa.select(o.offer_id).where(
            o.book_id == b, o.borrower == party_id, moves.in_state(b, OFFER, o.offer_id, *_OPEN_OFFERS)
        ),
        "loan": sa.select(loan.c.loan_id).where(
            loan.c.book_id == b,
            sa.or_(loan.c.borrower == party_id, lends),
            moves.in_state(b, LOAN, loan.c.loan_id, *_OPEN_LOANS),
        ),
    }
    return next((name for name, query in relations.items() if uow.connection.scalar(query.limit(1))), None)


def _ended_on(uow: UnitOfWork, party_id: str, registered_on: date) -> date:
    """The last date on which anything happened between the operator and the party."""
    b, m = uow.book_id, moves.move.c
    objects = sa.union_all(
        sa.select(pledge.c.pledge_id).where(pledge.c.book_id == b, pledge.c.lender == party_id),
        sa.select(loan_claim.c.loan_id).where(loan_claim.c.book_id == b, loan_claim.c.lender == party_id),
        sa.select(loan.c.loan_id).where(loan.c.book_id == b, loan.c.borrower == party_id),
        sa.select(offer.c.offer_id).where(offer.c.book_id == b, offer.c.borrower == party_id),
    ).subquery()
    newest = sa.select(sa.func.max(m.effective_on, type_=m.effective_on.type)).where(
        m.book_id == b, m.object_id.in_(sa.select(objects.c[0]))
    )
    dates = (uow.connection.scalar(newest), erasure.last_effective_on(uow.connection, b, party_id), registered_on)
    return max(each for each in dates if each is not None)
