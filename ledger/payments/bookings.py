"""What a matched line causes: evidence, one entry, and what follows from it; all lines of a statement together."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.book import UnitOfWork
from ledger.errors import InvariantError, Refusal
from ledger.payments import statement_postings as postings
from ledger.payments import tables, transfers
from ledger.payments.iso20022.model import StatementLine
from ledger.payments.matching import Decision, Handling, OwnOrder
from ledger.payments.model import ResolveCredits, own_credits
from ledger.payments.receiving import Arrival, credits_of, payments_for_update, settle_payments
from ledger.payments.rows import open_case
from ledger.payments.settlements import book_fee_cover, covers_due
from ledger.payments.suspense import item_id_of, new_items
from ledger.storage import bulk
from ledger.storage.base import JSON, json_text
from ledger.storage.keys import BOOK_OWNER

IbansOf = Callable[[sa.Connection, UnitOfWork, Sequence[str]], Mapping[str, str]]
"""The account that each of the parties has told us, where one has."""


DebitsOf = Callable[[sa.Connection, str, Sequence[str]], Mapping[str, OwnOrder]]
"""Direct debits of a book that we ordered, by their end-to-end ids."""
DebitMoved = Callable[[UnitOfWork, str, StatementLine, str], None]
"""A direct debit was paid, or given back, by this line; the last is the SHA-256 of the evidence."""
_OF_ORDERS = frozenset({Handling.ORDER, Handling.RETURNED_ORDER})
REVERSED = "RVSL"
"""The reason of money that the bank gave back by its own correction."""


def _no_debit_is_known(_uow: UnitOfWork, order_id: str, _line: StatementLine, _evidence: str) -> None:
    raise InvariantError(f"nobody orders direct debits, and {order_id} was found to be one")


@dataclass(frozen=True, slots=True)
class BankHooks:
    """What the rails ask of the products: where money belongs, what an order was for, and parties' accounts;
    and of the installation: the operator's own account.
    """

    resolve_credits: ResolveCredits = own_credits
    confirm_order: Callable[..., None] = transfers.confirm_booked
    ibans_of: IbansOf = lambda _connection, _keeper, _parties: {}
    debits_of: DebitsOf = lambda _connection, _book_id, _named: {}
    debit_moved: DebitMoved = _no_debit_is_known
    own_iban: str | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """A line, and what was decided about it."""

    line: StatementLine
    decision: Decision


def book_lines(uow: UnitOfWork, bookings: Sequence[Booking], hooks: BankHooks) -> None:
    """Post every line, in order, and do what follows."""
    expected = [each for each in bookings if each.decision.handling is Handling.EXPECTED]
    payments = payments_for_update(uow, [each.decision.target for each in expected])
    evidence = _keep_evidence(uow, bookings, payments)
    _book_expected(uow, expected, payments, evidence, hooks)
    suspended = [each for each in bookings if each.decision.handling is Handling.SUSPENSE]
    new_items(uow, [(each.line, each.decision) for each in suspended])
    for each in bookings:
        _book_other(uow, each, evidence[each.line.key], hooks)


def _keep_evidence(uow: UnitOfWork, bookings: Sequence[Booking], payments: Mapping[str, sa.Row[Any]]) -> dict[str, str]:
    """What each line says, encrypted for whom it is about; gives the hashes by line."""
    hashes, plain = {}, []
    for each, owner in zip(bookings, _owners(uow, bookings, payments), strict=True):
        body = json_text(said_by(each.line)).encode()
        hashes[each.line.key] = hashlib.sha256(body).hexdigest()
        plain.append((owner, body))
    sealed = uow.keys.seal_many(uow, plain)
    now = uow.now()
    rows = [
        (postings.line_key(each.line.key), body, hashes[each.line.key], now)
        for each, body in zip(bookings, sealed, strict=True)
    ]
    bulk.insert_rows(
        uow.connection, tables.payment_evidence, uow.book_id, ("fact_key", "body", "sha256", "kept_at"), rows
    )
    return hashes


def said_by(line: StatementLine) -> dict[str, JSON]:
    """Everything that a line says, as it is kept."""
    said = {name: getattr(line, name) for name in StatementLine.__slots__}
    return said | {"booked_on": line.booked_on.isoformat(), "value_on": line.value_on.isoformat()}


def _owners(uow: UnitOfWork, bookings: Sequence[Booking], payments: Mapping[str, sa.Row[Any]]) -> list[str]:
    """Whose key each line is encrypted under: its payer's or payee's; where nobody knows them, that of the item."""
    c = tables.transfer_order.c
    targets = [each.decision.target for each in bookings if each.decision.handling in _OF_ORDERS]
    rows = uow.connection.execute(
        sa.select(c.order_id, c.payee).where(
            c.book_id == uow.book_id, bulk.among(uow.connection, c.order_id, sorted(set(targets)))
        )
    )
    payees = {row.order_id: str(row.payee) for row in rows}
    erased = uow.keys.destroyed(uow.connection, set(payees.values()))
    owners = []
    for each in bookings:
        owner = payees.get(each.decision.target, BOOK_OWNER)
        if each.decision.handling is Handling.EXPECTED:
            owner = str(payments[each.decision.target].payer)
        elif each.decision.handling is Handling.SUSPENSE:
            owner = item_id_of(each.line.key)
        owners.append(BOOK_OWNER if owner in erased else owner)
    return owners


def _book_expected(
    uow: UnitOfWork,
    expected: Sequence[Booking],
    payments: Mapping[str, sa.Row[Any]],
    evidence: Mapping[str, str],
    hooks: BankHooks,
) -> None:
    """Rows 7 and 24: what was asked for is there."""
    arrivals = [
        Arrival(each.decision.target, each.line.booked_on, postings.line_key(each.line.key)) for each in expected
    ]
    accounts = credits_of(uow, arrivals, payments, hooks.resolve_credits)
    for each, account in zip(expected, accounts, strict=True):
        uow.post(
            postings.transfer_received(
                each.line.key,
                amount_cents=each.line.amount_cents,
                credit=account,
                expected=str(account) == payments[each.decision.target].credit,
                on=each.line.booked_on,
                evidence=evidence[each.line.key],
            )
        )
    settle_payments(uow, arrivals, payments, accounts)


def _book_other(uow: UnitOfWork, booking: Booking, evidence: str, hooks: BankHooks) -> None:
    line, decision = booking.line, booking.decision
    on, cents = line.booked_on, abs(line.amount_cents)
    match decision.handling:
        case Handling.EXPECTED:
            return
        case Handling.SUSPENSE:
            uow.post(
                postings.transfer_unidentified(
                    line.key, item_id=item_id_of(line.key), amount_cents=cents, on=on, evidence=evidence
                )
            )
        case Handling.SETTLEMENT:
            transfers.record_settlement(uow, reference=decision.target, amount_cents=cents, evidence=evidence, on=on)
        case Handling.ORDER:
            hooks.confirm_order(uow, decision.target, statement_reference=line.key, evidence=evidence, on=on)
        case Handling.TOP_UP:
            _top_up(uow, line, cents, on, evidence)
        case Handling.CHARGE:
            uow.post(postings.bank_charge(line.key, amount_cents=cents, on=on, evidence=evidence))
            _show(uow, line, Refusal("client-account-charged", amount_cents=cents, booked_on=on.isoformat()))
        case Handling.UNKNOWN_DEBIT:
            uow.post(postings.debit_unknown(line.key, amount_cents=cents, on=on, evidence=evidence))
            _show(uow, line, Refusal("bank-debit-unknown", amount_cents=cents, booked_on=on.isoformat()))
        case Handling.RETURNED_ORDER:
            reason = line.return_reason or REVERSED
            transfers.record_returned(
                uow, decision.target, reason=reason, statement_reference=line.key, evidence=evidence, on=on
            )
        case Handling.COLLECTED | Handling.RETURNED_DEBIT:
            hooks.debit_moved(uow, decision.target, line, evidence)


def _top_up(uow: UnitOfWork, line: StatementLine, cents: int, on: date, evidence: str) -> None:
    """The platform's own money: the cover of fees where it is just that, one settlement's or all that are due."""
    due = covers_due(uow.connection, uow.book_id)
    covered = due if sum(due.values()) == cents else dict([each for each in due.items() if each[1] == cents][:1])
    if not covered:
        uow.post(postings.topped_up(line.key, amount_cents=cents, on=on, evidence=evidence))
        return
    for reference, fee_cents in covered.items():
        book_fee_cover(uow, reference=reference, amount_cents=fee_cents, evidence=evidence, on=on)


def _show(uow: UnitOfWork, line: StatementLine, case: Refusal) -> None:
    open_case(uow, f"camt:{line.key}", case, payment_id=None)
