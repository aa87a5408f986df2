"""Use cases of a series: draft it, clear a Region's issue, open it, allot and issue its units, pay out the proceeds.

Whoever changes a series holds its row. A run over many pledges goes on in chunks: each is one unit of work, and what is
left is a row of the outbox. Dated jobs may run again without changing anything.
"""

import hashlib
from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds import tables as t
from contracts.bonds.lifecycle import ALLOTTED, FAILED, ISSUED, OPENED, REGION_CLEARED, SERIES
from contracts.bonds.model import (
    PUBLIC_BODIES,
    IssuerKind,
    Placement,
    Series,
    SeriesState,
    SeriesTerms,
    check_terms,
)
from contracts.bonds.queries import SeriesRecord, series_record
from contracts.bonds.sharing import shares
from contracts.bonds.terms import body_of
from contracts.events import BOND_ISSUE, OFFER_NOT_CLOSED, emit_mail
from contracts.offers import service as offers
from contracts.offers.model import NOT_DUE, OfferDraft, OfferState, UnitsOffered
from contracts.offers.queries import offer_record, open_offer_ids
from contracts.pledges import service as pledges
from contracts.pledges.amendments import cancel_uncorrected
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import pledge, state_of
from contracts.terms.schedule import Every, RepaymentKind
from ledger.book import Book, UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.storage import bulk
from ledger.storage.base import JSON, json_text

JOB = "system:bonds"
SCHEME = "bond"
"""What an offer of a series says instead of a loan scheme."""
_EVERY = {each.months: each for each in Every if each.months}


def draft_series(uow: UnitOfWork, terms: SeriesTerms, *, on: date) -> str:
    """Keep a series and the draft of its offer; gives its id.

    Refuses what the terms themselves can't hold (`series-…`) and what a draft of an offer is refused for.
    """
    check_terms(terms)
    series_id, body = uow.new_id("n"), body_of(terms)
    offer_id = offers.draft_offer(uow, offer_draft(series_id, terms), on=on)
    uow.connection.execute(
        t.series.insert().values(
            book_id=uow.book_id,
            series_id=series_id,
            issuer=terms.issuer,
            offer_id=offer_id,
            body=body,
            body_hash=hashlib.sha256(json_text(body).encode()).hexdigest(),
            drafted_on=on,
        )
    )
    return series_id


def offer_draft(series_id: str, terms: SeriesTerms) -> OfferDraft:
    """The offer through which a series is subscribed; refuses `series-frequency-unknown`."""
    if terms.months not in _EVERY:
        raise Refusal("series-frequency-unknown", months=terms.months)
    price, days = terms.price_cents, (terms.matures_on - terms.issued_on).days
    return OfferDraft(
        borrower=terms.issuer,
        title=terms.title,
        commune=terms.commune,
        sector=terms.sector,
        pitch=terms.pitch,
        use_of_funds=terms.use_of_funds,
        risks=terms.risks,
        rate_annual=terms.coupons[0].rate_annual,
        term_years=max(1, -(-days // 366)),
        every=_EVERY[terms.months],
        kind=RepaymentKind.BULLET,
        day_count=terms.day_count,
        minimum_cents=terms.minimum_units * price,
        maximum_cents=terms.ceiling_units * price,
        pledge_minimum_cents=terms.smallest_units * price,
        opens_on=terms.opens_on,
        closes_on=terms.closes_on,
        payment_days=terms.payment_days,
        scheme=SCHEME,
        priority_until=terms.priority_until_on,
        pledge_maximum_cents=None if terms.cap_units is None else terms.cap_units * price,
        units=UnitsOffered(series_id=series_id, unit_cents=price, of_public_body=terms.issuer_kind in PUBLIC_BODIES),
    )


def clear_regional_issue(uow: UnitOfWork, series_id: str, *, reference: str, on: date, evidence: str) -> None:
    """What article 49 of the special finance act asks of a Region before it borrows, on record with its date.

    For a public issue that is the federal approval of its terms and calendar, for a private one the prior information.
    `evidence` is the SHA-256 of the paper. Refuses `series-not-regional`, `approval-reference-missing`, and a date
    after today.
    """
    record = lock_series(uow, series_id)
    if record.series.terms.issuer_kind is not IssuerKind.REGION:
        raise Refusal("series-not-regional", series_id=series_id)
    if not reference.strip():
        raise Refusal("approval-reference-missing", series_id=series_id)
    check_happened(on, today=uow.today())
    facts: dict[str, JSON] = {"reference": reference, "placement": record.series.terms.placement.value}
    moves.record_move(uow, SERIES, series_id, REGION_CLEARED, on=on, evidence=evidence, facts=facts)


def open_series(uow: UnitOfWork, series_id: str, *, on: date, approval_id: str) -> None:
    """Open the subscription: the offer is published as two people approved it.

    Refuses `regional-approval-missing` or `regional-information-missing` until the Region's issue is cleared, and what
    the publication of an offer is refused for.
    """
    record = lock_series(uow, series_id)
    refuse_unless_cleared(record)
    offers.publish_offer(uow, record.series.offer_id, on=on, approval_id=approval_id, series_id=series_id)
    moves.record_move(uow, SERIES, series_id, OPENED, on=on)


def request_opening(uow: UnitOfWork, series_id: str, *, reason: str) -> str:
    """Ask a second person to approve that the subscription opens; gives the approval's id.

    Refuses `regional-approval-missing` or `regional-information-missing` until the Region's issue is cleared, and what
    `offers.request_publication` refuses.
    """
    record = lock_series(uow, series_id)
    refuse_unless_cleared(record)
    return offers.request_publication(uow, record.series.offer_id, reason=reason)


def refuse_unless_cleared(record: SeriesRecord) -> None:
    """Refuse `regional-approval-missing` or `regional-information-missing` for a Region's issue that is not cleared."""
    terms = record.series.terms
    if terms.issuer_kind is IssuerKind.REGION and not record.moved(REGION_CLEARED):
        is_public = terms.placement is Placement.PUBLIC
        raise Refusal("regional-approval-missing" if is_public else "regional-information-missing", title=terms.title)


def close_series(uow: UnitOfWork, series_id: str, *, on: date, seed: str = "") -> SeriesState:
    """End the subscription by the money that is firm: allot the units, or give every pledge back; gives the new state.

    Refuses what an offer's end is refused for, `lottery-seed-missing` where lots must be drawn, and
    `lottery-seed-differs` from the one whose hash is in the terms.
    """
    record = lock_series(uow, series_id)
    offer = offers.end_offer(uow, record.series.offer_id, on=on)
    if offer.state is OfferState.FAILED:
        moves.record_move(uow, SERIES, series_id, FAILED, on=on)
        pledges.return_pledges(uow, offer.offer_id, on=on)
        return SeriesState.FAILED
    _write_allotments(uow, record.series, seed)
    uow.open_asset(record.series.asset)
    moves.record_move(uow, SERIES, series_id, ALLOTTED, on=on, facts={"seed": seed})
    return SeriesState.ALLOTTED


def close_due_series(book: Book, on: date) -> int:
    """Dated job: every series whose subscription has ended is allotted or failed; gives how many were.

    One whose lots must be drawn waits for the issuer's seed, and is told of like an offer that could not be closed.
    """
    with book.read() as connection:
        offered = set(open_offer_ids(connection, book.book_id, of_series=True))
        found = [
            series_record(connection, book.book_id, series_id).series
            for series_id in q.series_ids(connection, book.book_id, SeriesState.OPEN)
        ]
    return sum(_close_if_due(book, series, on) for series in found if series.offer_id in offered)


def fail_cancelled_series(book: Book, on: date) -> int:
    """Dated job: every series whose offer was cancelled, or stayed suspended too long, fails; gives how many did."""
    with book.read() as connection:
        found = q.series_ids(connection, book.book_id, SeriesState.OPEN)
        offer_of = {x: series_record(connection, book.book_id, x).series.offer_id for x in found}
        state_of_offer = {x: offer_record(connection, book.book_id, x).state for x in offer_of.values()}
    done = 0
    for series_id, offer_id in offer_of.items():
        if state_of_offer[offer_id] in {OfferState.SUSPENDED, OfferState.CANCELLED}:
            with book.unit_of_work(actor=JOB) as uow:
                done += _fail_if_cancelled(uow, series_id, offer_id, on)
    return done


def issue_due_series(book: Book, on: date) -> int:
    """Dated job: the units of every allotted series whose day of issue has come are entered in its register."""
    with book.read() as connection:
        found = q.series_ids(connection, book.book_id, SeriesState.ALLOTTED)
        due = [x for x in found if series_record(connection, book.book_id, x).series.terms.issued_on <= on]
    for series_id in due:
        with book.unit_of_work(actor=JOB) as uow:
            issue_series(uow, series_id, on=on)
    return len(due)


def issue_series(uow: UnitOfWork, series_id: str, *, on: date) -> None:
    """Enter the units in the register, one entry a pledge, and let the rest of the money go back.

    Refuses `move-not-allowed` unless the units are allotted, and `series-not-due` before the day of issue.
    """
    record = lock_series(uow, series_id)
    if on < record.series.terms.issued_on:
        raise Refusal("series-not-due", issued_on=record.series.terms.issued_on.isoformat())
    moves.record_move(uow, SERIES, series_id, ISSUED, on=record.series.terms.issued_on)
    _issue(uow, record.series, first=1)


def continue_issue(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of a series' issue."""
    record = lock_series(uow, str(body["series_id"]))
    _issue(uow, record.series, first=int(str(body["first"])))


def lock_series(uow: UnitOfWork, series_id: str) -> SeriesRecord:
    """Hold the series until the unit of work ends, and give it as it stands; refuses `series-not-known`."""
    c = t.series.c
    held = sa.select(c.series_id).where(c.book_id == uow.book_id, c.series_id == series_id)
    uow.connection.execute(held.with_for_update())
    return series_record(uow.connection, uow.book_id, series_id)


def running_series(uow: UnitOfWork, series_id: str) -> SeriesRecord:
    """`lock_series` of one whose units are issued and not all redeemed; refuses `series-not-running`."""
    record = lock_series(uow, series_id)
    if record.state is not SeriesState.RUNNING:
        raise Refusal("series-not-running", series_id=series_id, state=record.state.value)
    return record


def _close_if_due(book: Book, series: Series, on: date) -> int:
    try:
        with book.unit_of_work(actor=JOB) as uow:
            close_series(uow, series.series_id, on=on)
    except Refusal as refusal:
        if refusal.code not in NOT_DUE:
            with book.unit_of_work(actor=JOB) as uow:
                body: dict[str, JSON] = {
                    "offer_id": series.offer_id,
                    "code": refusal.code,
                    "facts": dict(refusal.facts),
                }
                uow.emit(OFFER_NOT_CLOSED, f"{series.offer_id}:{refusal.code}", body)
        return 0
    return 1


def _fail_if_cancelled(uow: UnitOfWork, series_id: str, offer_id: str, on: date) -> bool:
    """What was pledged goes back with the cancellation of the offer; the series only follows."""
    record = lock_series(uow, series_id)
    cancel_uncorrected(uow, offer_id, on=on)
    is_cancelled = offer_record(uow.connection, uow.book_id, offer_id).state is OfferState.CANCELLED
    if record.state is not SeriesState.OPEN or not is_cancelled:
        return False
    moves.record_move(uow, SERIES, series_id, FAILED, on=on)
    return True


def _write_allotments(uow: UnitOfWork, series: Series, seed: str) -> None:
    found = shares(uow.connection, uow.book_id, series, seed)
    rows = [(series.series_id, x.number, x.pledge_id, x.holder, x.wanted_units, x.units) for x in found]
    columns = ("series_id", "number", "pledge_id", "holder", "wanted_units", "units")
    bulk.insert_rows(uow.connection, t.series_allotment, uow.book_id, columns, rows)


def _issue(uow: UnitOfWork, series: Series, *, first: int) -> None:
    """Post the issue of up to a chunk of allotments from number `first`."""
    offers.lock_offer(uow, series.offer_id)
    found = q.allotments(uow.connection, uow.book_id, series.series_id, first=first, limit=pledges.CHUNK)
    for each in found:
        if state_of(uow.connection, uow.book_id, each.pledge_id) is not PledgeState.FIRM:
            continue
        _issue_one(uow, series, each)
    if len(found) == pledges.CHUNK:
        rest = first + pledges.CHUNK
        uow.emit(BOND_ISSUE, f"{series.series_id}:{rest}", {"series_id": series.series_id, "first": rest})


def _issue_one(uow: UnitOfWork, series: Series, allotted: q.Allotment) -> None:
    made, on = pledge(uow.connection, uow.book_id, allotted.pledge_id), series.terms.issued_on
    entry = postings.units_issued(
        series,
        pledge_id=made.pledge_id,
        holder=made.lender,
        paid_cents=made.amount_cents,
        units=allotted.units,
        actor=uow.actor,
    )
    uow.post(entry)
    rest = made.amount_cents - allotted.units * series.terms.price_cents
    pledges.allot_pledge(uow, made, rest_cents=rest, on=on, fact_key=entry.key)
    emit_mail(
        uow,
        "units-allotted",
        key=made.pledge_id,
        to=made.lender,
        facts={
            "title": series.terms.title,
            "wanted": allotted.wanted_units,
            "units": allotted.units,
            "rest_cents": rest,
        },
        path=f"/pledges/{made.pledge_id}",
    )
