"""Paying the proceeds of an issue out to its issuer, under four eyes and the cash rule, by one transfer."""

from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.lifecycle import PROCEEDS_ORDERED, SERIES
from contracts.bonds.service import running_series
from contracts.parties.queries import payout_iban
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import state_of
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import transfers
from ledger.payments.model import TransferDraft, TransferKind
from ledger.payments.whereabouts import not_banked
from ledger.storage.base import JSON

REFERENCE = "bond:"
"""How the reference of the transfer that pays a series' proceeds out begins."""
_PLEDGE = "pledge:"


def proceeds_draft(uow: UnitOfWork, series_id: str, *, on: date) -> TransferDraft:
    """The transfer to the issuer; refuses `series-not-known`, `iban-missing` and `iban-not-verified`."""
    series = q.series_record(uow.connection, uow.book_id, series_id).series
    units = sum(each.units for each in q.allotments(uow.connection, uow.book_id, series_id))
    return TransferDraft(
        reference=f"{REFERENCE}{series_id}",
        payee=series.terms.issuer,
        amount_cents=units * series.terms.price_cents,
        debit=postings.proceeds(series.terms.issuer),
        kind=TransferKind.DISBURSEMENT,
        iban_last4=payout_iban(uow.connection, uow, series.terms.issuer, on)[-4:],
    )


def request_proceeds(uow: UnitOfWork, series_id: str, *, on: date, reason: str) -> str:
    """Ask a second person to approve that the proceeds are paid out; gives the approval's id."""
    body = transfers.approval_body([proceeds_draft(uow, series_id, on=on)])
    return approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason=reason)


def order_proceeds(uow: UnitOfWork, series_id: str, *, approval_id: str, on: date) -> str:
    """Release the transfer; gives the order's id.

    Refuses `series-not-running`, `series-not-fully-issued`, what `ledger.payments.transfers` refuses, and
    `campaign-cash-short` while a pledge of the issue is still with the provider.
    """
    running_series(uow, series_id)
    last = q.allotments(uow.connection, uow.book_id, series_id)[-1]
    if state_of(uow.connection, uow.book_id, last.pledge_id) is PledgeState.FIRM:
        raise Refusal("series-not-fully-issued", series_id=series_id)
    draft = proceeds_draft(uow, series_id, on=on)
    [order_id] = transfers.order_transfers(uow, [draft], approval_id=approval_id, on=on)
    refuse_not_banked(uow, series_id)
    facts: dict[str, JSON] = {"order_id": order_id}
    moves.record_move(uow, SERIES, series_id, PROCEEDS_ORDERED, on=on, fact_key=f"sct:{order_id}:sent", facts=facts)
    return order_id


def refuse_not_banked(uow: UnitOfWork, series_id: str) -> None:
    """Refuse `campaign-cash-short` unless the bank has booked every pledge that became units."""
    missing_cents = _not_banked_cents(uow.connection, uow.book_id, series_id)
    if missing_cents:
        amount = proceeds_draft(uow, series_id, on=uow.today()).amount_cents
        raise Refusal("campaign-cash-short", series_id=series_id, amount_cents=amount, missing_cents=missing_cents)


def _not_banked_cents(connection: sa.Connection, book_id: str, series_id: str) -> int:
    waiting = {each.reference: each.cents for each in not_banked(connection, book_id)}
    own = [f"{_PLEDGE}{each.pledge_id}" for each in q.allotments(connection, book_id, series_id) if each.units]
    return sum(waiting.get(reference, 0) for reference in own)
