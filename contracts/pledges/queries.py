"""Read models of pledges, for pages, the JSON API and the loans."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from contracts import moves
from contracts.offers.model import OfferDraft, OfferState
from contracts.offers.queries import OfferRecord, newest_drafts, offer_record
from contracts.pledges import tables as t
from contracts.pledges.lifecycle import ISSUED, MACHINE, PAID
from contracts.pledges.model import LIVE, Pledge, PledgeState, can_withdraw
from ledger.errors import Refusal
from ledger.payments.model import PaymentView, RefundView
from ledger.payments.queries import payments_for, refunds_for, still_to_pay
from ledger.storage import bulk


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgeLine:
    """A pledge as its lender sees it; `payment` is the one to pay or the one that was paid, `refund` the newest one.

    `transfer` is the payment to make by bank transfer instead. A pledge of a bond series is of `units`; None: a loan.
    `is_amended`: its offer's sheet is being or was amended, so that it may be withdrawn, until `withdraw_until` where
    that day is known.
    """

    pledge_id: str
    offer_id: str
    offer_title: str
    amount_cents: int
    units: int | None
    state: PledgeState
    pledged_on: date
    reflection_ends_on: date
    payable_until: date
    paid_on: date | None
    can_withdraw: bool
    is_amended: bool
    withdraw_until: date | None
    can_pay: bool
    payment: PaymentView | None
    transfer: PaymentView | None
    refund: RefundView | None


def pledges_of(connection: sa.Connection, book_id: str, lender: str, on: date) -> list[PledgeLine]:
    """Every pledge of a lender, newest first."""
    c = t.pledge.c
    query = sa.select(t.pledge).where(c.book_id == book_id, c.lender == lender)
    rows = connection.execute(query.order_by(c.pledged_on.desc(), c.pledge_id)).all()
    return _lines(connection, book_id, [_pledge(row) for row in rows], on)


def pledge_line(connection: sa.Connection, book_id: str, pledge_id: str, on: date) -> PledgeLine:
    """One pledge as its lender sees it; refuses `pledge-not-known`."""
    return _lines(connection, book_id, [pledge(connection, book_id, pledge_id)], on)[0]


def pledge(connection: sa.Connection, book_id: str, pledge_id: str) -> Pledge:
    """One pledge as it was made; refuses `pledge-not-known`."""
    c = t.pledge.c
    row = connection.execute(sa.select(t.pledge).where(c.book_id == book_id, c.pledge_id == pledge_id)).one_or_none()
    if row is None:
        raise Refusal("pledge-not-known", pledge_id=pledge_id)
    return _pledge(row)


def pledges_by_id(connection: sa.Connection, book_id: str, pledge_ids: Sequence[str]) -> dict[str, Pledge]:
    """Many pledges as they were made, by their ids."""
    c = t.pledge.c
    query = sa.select(t.pledge).where(c.book_id == book_id, bulk.among(connection, c.pledge_id, pledge_ids))
    return {row.pledge_id: _pledge(row) for row in connection.execute(query)}


def state_of(connection: sa.Connection, book_id: str, pledge_id: str) -> PledgeState:
    """Where the pledge stands."""
    return moves.state(connection, book_id, MACHINE, pledge_id)


def pledges_of_offer(
    connection: sa.Connection, book_id: str, offer_id: str, *wanted: PledgeState
) -> list[tuple[Pledge, PledgeState]]:
    """The offer's pledges in the order in which they were made; those in one of the `wanted` states if any is named."""
    c = t.pledge.c
    query = sa.select(t.pledge).where(c.book_id == book_id, c.offer_id == offer_id)
    if wanted:
        query = query.where(moves.in_state(book_id, MACHINE, c.pledge_id, *wanted))
    found = [_pledge(row) for row in connection.execute(query.order_by(c.pledged_on, c.pledge_id))]
    standing = moves.states(connection, book_id, MACHINE, [each.pledge_id for each in found])
    return [(each, standing[each.pledge_id]) for each in found]


def pledges_in(
    connection: sa.Connection, book_id: str, state: PledgeState, *, reflection_over_on: date | None = None
) -> list[Pledge]:
    """Every pledge in that state; with a date, only those whose reflection had ended before it."""
    c = t.pledge.c
    query = sa.select(t.pledge).where(c.book_id == book_id, moves.in_state(book_id, MACHINE, c.pledge_id, state))
    if reflection_over_on is not None:
        query = query.where(c.reflection_ends_on < reflection_over_on)
    return [_pledge(row) for row in connection.execute(query.order_by(c.pledged_on, c.pledge_id))]


def live_cents(connection: sa.Connection, book_id: str, lender: str) -> int:
    """What the lender has pledged to loans and what is not a claim yet, over all offers."""
    c = t.pledge.c
    query = sa.select(c.offer_id, sa.func.sum(c.amount_cents).label("cents")).where(
        c.book_id == book_id, c.lender == lender, moves.in_state(book_id, MACHINE, c.pledge_id, *LIVE)
    )
    return _of_loans(connection, book_id, query.group_by(c.offer_id))


def cents_in_offer(connection: sa.Connection, book_id: str, offer_id: str, lender: str) -> int:
    """What the lender has pledged to one offer and not taken back."""
    c = t.pledge.c
    mine = (c.book_id == book_id, c.offer_id == offer_id, c.lender == lender)
    query = sa.select(sa.func.coalesce(sa.func.sum(c.amount_cents), 0)).where(
        *mine, moves.in_state(book_id, MACHINE, c.pledge_id, *LIVE)
    )
    return int(connection.execute(query).scalar_one())


def concluded_cents(connection: sa.Connection, book_id: str, lender: str, year: int) -> int:
    """What the lender has lent by agreements concluded in that calendar year."""
    m, c = moves.move.c, t.pledge.c
    query = (
        sa.select(c.offer_id, sa.func.sum(c.amount_cents).label("cents"))
        .join_from(t.pledge, moves.move, (m.book_id == c.book_id) & (m.object_id == c.pledge_id))
        .where(
            c.book_id == book_id,
            c.lender == lender,
            m.event == ISSUED,
            m.effective_on.between(date(year, 1, 1), date(year, 12, 31)),
        )
    )
    return _of_loans(connection, book_id, query.group_by(c.offer_id))


def _of_loans(connection: sa.Connection, book_id: str, by_offer: sa.Select[tuple[str, int]]) -> int:
    """The sum without the offers of bond series, which count towards no cap of a loan scheme."""
    found = {row.offer_id: int(row.cents) for row in connection.execute(by_offer)}
    drafts = newest_drafts(connection, book_id, found)
    return sum(cents for offer_id, cents in found.items() if drafts[offer_id].units is None)


def paid_move(connection: sa.Connection, book_id: str, pledge_id: str) -> moves.Move | None:
    """The move by which the pledge was paid, if it was; its facts name the payment."""
    history = moves.moves_of(connection, book_id, [pledge_id])[pledge_id]
    return next((move for move in history if move.event == PAID), None)


def payment_to_show(payments: Sequence[PaymentView]) -> PaymentView | None:
    """The one at the provider that waits for its payer, else the newest there."""
    there = [view for view in payments if view.structured_reference is None]
    return still_to_pay(there, by_transfer=False) or next(reversed(there), None)


def _lines(connection: sa.Connection, book_id: str, found: list[Pledge], on: date) -> list[PledgeLine]:
    histories = moves.moves_of(connection, book_id, [each.pledge_id for each in found])
    drafts = newest_drafts(connection, book_id, {each.offer_id for each in found})
    states = {each.pledge_id: _state(histories[each.pledge_id]) for each in found}
    # only a pledge that still stands can be withdrawn, so only its offer is read in full
    standing = {each.offer_id for each in found if states[each.pledge_id] in LIVE}
    amended = {
        offer_id: record
        for offer_id in sorted(standing)
        if (record := offer_record(connection, book_id, offer_id)).sheet_lets_withdraw(on)
    }
    return [
        _line(
            connection,
            book_id,
            each,
            drafts[each.offer_id],
            histories[each.pledge_id],
            amended.get(each.offer_id) if states[each.pledge_id] in LIVE else None,
            on,
        )
        for each in found
    ]


def _line(
    connection: sa.Connection,
    book_id: str,
    each: Pledge,
    draft: OfferDraft,
    steps: Sequence[moves.Move],
    amended: OfferRecord | None,
    on: date,
) -> PledgeLine:
    state = _state(steps)
    paid = next((move for move in steps if move.event == PAID), None)
    payments = payments_for(connection, book_id, f"pledge:{each.pledge_id}")
    refunds = refunds_for(connection, book_id, f"pledge:{each.pledge_id}")
    wanted = None if paid is None else paid.facts["payment_id"]
    shown = next((view for view in payments if view.payment_id == wanted), payment_to_show(payments))
    return PledgeLine(
        pledge_id=each.pledge_id,
        offer_id=each.offer_id,
        offer_title=draft.title,
        amount_cents=each.amount_cents,
        units=None if draft.units is None else each.amount_cents // draft.units.unit_cents,
        state=state,
        pledged_on=each.pledged_on,
        reflection_ends_on=each.reflection_ends_on,
        payable_until=each.payable_until,
        paid_on=None if paid is None else paid.effective_on,
        can_withdraw=can_withdraw(each, state, on=on, is_amended=amended is not None),
        is_amended=amended is not None,
        withdraw_until=None if amended is None or amended.state is OfferState.SUSPENDED else amended.withdraw_until,
        can_pay=state is PledgeState.PLEDGED and on <= each.payable_until,
        payment=shown,
        transfer=still_to_pay(payments, by_transfer=True),
        refund=refunds[-1] if refunds else None,
    )


def _state(steps: Sequence[moves.Move]) -> PledgeState:
    return PledgeState(steps[-1].to_state) if steps else MACHINE.initial


def _pledge(row: sa.Row[Any]) -> Pledge:
    return Pledge(
        pledge_id=row.pledge_id,
        offer_id=row.offer_id,
        lender=row.lender,
        amount_cents=row.amount_cents,
        pledged_on=row.pledged_on,
        reflection_ends_on=row.reflection_ends_on,
        payable_until=row.payable_until,
        language=row.language,
        risk_acknowledged_on=row.risk_acknowledged_on,
    )
