"""Direct debits become one pain.008 a scheme and a day, made once; what becomes of it is `ledger.payments.batches`."""

from datetime import date
from io import BytesIO

from ledger.book import UnitOfWork
from ledger.calendars import add_target_days
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.bank import client_account
from ledger.payments.batches import batch_id_of, batches, store_batch
from ledger.payments.debits import MANDATE_ENDED, Debit, debits, record_rejected
from ledger.payments.iso20022.model import DirectDebit
from ledger.payments.iso20022.orders import write_direct_debits
from ledger.payments.mandates import DebitScheme, debtor_account, mandate
from ledger.payments.model import Batch, BatchKind, BatchState, DebitState, MandateState
from ledger.payments.transfers import pass_gate

KINDS = {DebitScheme.CORE: BatchKind.CORE_DEBITS, DebitScheme.B2B: BatchKind.B2B_DEBITS}
_LEAD_DAYS = 5


def make_debit_file(uow: UnitOfWork, scheme: DebitScheme) -> Batch:
    """The file of the debits of a scheme that are collected next; where none is new, the newest that waits for release.

    One day is one file. A debit waits until five TARGET days before its day; one whose mandate has ended since is given
    up. Refuses `nothing-to-batch` and `bank-account-not-configured`.
    """
    pass_gate(uow)
    creditor = client_account(uow.connection, uow.book_id)
    today = max(uow.today(), brussels_date(uow.now()))
    ready = _ready(uow, scheme, until=add_target_days(today, _LEAD_DAYS))
    if not ready:
        waiting = batches(uow.connection, uow.book_id, kind=KINDS[scheme], state=BatchState.MADE)
        if not waiting:
            raise Refusal("nothing-to-batch")
        return waiting[0]
    batch_id = batch_id_of(uow, [each.debit_id for each in ready])
    collect_on = max(ready[0].collect_on, add_target_days(today, 1))
    out = BytesIO()
    write_direct_debits(
        out,
        message_id=batch_id,
        created_at=uow.now(),
        collect_on=collect_on,
        creditor=creditor,
        debits=[_line(uow, each) for each in ready],
    )
    made = store_batch(uow, batch_id, KINDS[scheme], out.getvalue(), execute_on=collect_on)
    c = t.debit_order.c
    for each in ready:
        chosen = (c.book_id == uow.book_id, c.debit_id == each.debit_id)
        uow.connection.execute(t.debit_order.update().where(*chosen).values(batch_id=batch_id))
    return made


def _ready(uow: UnitOfWork, scheme: DebitScheme, *, until: date) -> list[Debit]:
    """The debits of the first day on which any is to be collected, in a fixed order."""
    found: list[Debit] = []
    for each in debits(uow.connection, uow.book_id, state=DebitState.ORDERED):
        known = mandate(uow.connection, uow.book_id, each.mandate_id)
        if each.batch_id is not None or known.scheme is not scheme or each.collect_on > until:
            continue
        if known.state is not MandateState.ACTIVE:
            record_rejected(uow, each.debit_id, reason=MANDATE_ENDED, on=uow.today())
        elif not found or each.collect_on == found[0].collect_on:
            found.append(each)
    return found


def _line(uow: UnitOfWork, each: Debit) -> DirectDebit:
    """Since November 2016 a first debit may be RCUR like all that follow."""
    known = mandate(uow.connection, uow.book_id, each.mandate_id)
    return DirectDebit(
        end_to_end_id=each.debit_id,
        amount_cents=each.amount_cents,
        debtor=debtor_account(uow.connection, uow, each.mandate_id),
        mandate_reference=known.mandate_id,
        mandate_signed_on=known.signed_on,
        scheme=known.scheme.value,
        sequence_type="RCUR",
        text=each.reference,
    )
