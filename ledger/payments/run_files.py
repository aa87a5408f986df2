"""The order files of a run that was ordered: made one by one, then released together under the run's own approval.

A file holds at most `LARGEST_FILE` orders, in the order of the run's lines. An order whose account waits for the
bank's word, or is parked since, waits: once the others have gone, asking again makes files of what may go by then.
Message ids, instants and bytes follow from the run alone, so that a file that was to be made when the process died is
made again with the same bytes.
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa

from ledger import approvals, crash
from ledger.approvals import Approval
from ledger.book import Book, UnitOfWork
from ledger.calendars import next_target_day
from ledger.clock import instant_on
from ledger.errors import InvariantError, Refusal
from ledger.payments import run_tables as r
from ledger.payments import tables as t
from ledger.payments.batches import batch, check_totals, file_of, mark_released
from ledger.payments.iso20022.model import Account, FileTotals
from ledger.payments.model import Batch, BatchState, RunState, TransferOrder, TransferState
from ledger.payments.payees import AccountsOf
from ledger.payments.queries import orders_by_id
from ledger.payments.transfer_files import LARGEST_FILE, ready_orders, write_file
from ledger.payments.transfer_runs import RunLine, TransferRun, lock_run, run_lines, update_state
from ledger.payments.transfers import pass_gate, refuse_uncovered
from ledger.storage.bulk import among

_ID_CHARACTERS = 24
_PAGE = 2_000
Recheck = Callable[[UnitOfWork, TransferRun], None]
"""Refuses what must keep a run's files back although it was approved."""


def make_files(book: Book, run_id: str, accounts_of: AccountsOf, *, actor: str) -> int:
    """Make files, each in a unit of work, until no more orders of the run may go; gives how many.

    Refuses what `make_file` refuses.
    """
    made = 0
    while True:
        with book.unit_of_work(actor=actor) as uow:
            is_over, file = make_file(uow, run_id, accounts_of)
        made += file is not None
        if is_over:
            return made


def make_file(uow: UnitOfWork, run_id: str, accounts_of: AccountsOf) -> tuple[bool, Batch | None]:
    """Make the run's next file of orders that may go; whether all lines were gone by, and the file if there is one.

    Refuses `transfer-run-not-known`, `transfer-run-not-ordered`, `approver-makes-no-files` to whoever approved the run,
    and `bank-account-not-configured`.
    """
    pass_gate(uow)
    run = lock_run(uow, run_id)
    if run.state is not RunState.ORDERED or run.begun_on is None or run.begun_at is None:
        raise Refusal("transfer-run-not-ordered", run_id=run_id)
    if _approval(uow, run).approver == uow.actor:
        raise Refusal("approver-makes-no-files", run_id=run_id, actor=uow.actor)
    ready: list[tuple[TransferOrder, Account]] = []
    last = run.filed_line
    while len(ready) < LARGEST_FILE:
        lines = run_lines(
            uow.connection, uow.book_id, run_id, first=last + 1, limit=min(_PAGE, LARGEST_FILE - len(ready))
        )
        if not lines:
            break
        last = lines[-1].number
        ready += ready_orders(uow, _open_orders(uow, lines), accounts_of)
    is_over = len(ready) < LARGEST_FILE
    made = None
    if ready:
        number = run.files + 1
        batch_id = _batch_id(uow.book_id, run_id, number)
        created_at = instant_on(run.begun_on, run.begun_at)
        execute_on = next_target_day(max(run.begun_on, uow.today()))
        made = write_file(uow, batch_id, ready, created_at=created_at, execute_on=execute_on)
        row = {"book_id": uow.book_id, "run_id": run_id, "number": number, "batch_id": batch_id}
        uow.connection.execute(r.transfer_run_file.insert().values(**row))
    files = run.files + (made is not None)
    update_state(uow, run_id, files=files, filed_line=0 if is_over else last)
    crash.reach("file.before-commit")
    return is_over, made


def release_files(uow: UnitOfWork, run_id: str, *, recheck: Recheck) -> list[Batch]:
    """Let the files of a run go to the bank that were made and not released yet, all of them or none.

    Each is opened once more, and must hold what its orders are as they stand; all of them together can't be more than
    what was approved. Refuses `batch-altered`, `batch-totals-differ`, `cash-rule-not-met` and what `recheck` refuses.
    """
    pass_gate(uow)
    run = lock_run(uow, run_id)
    made = run_files(uow.connection, uow.book_id, run_id)
    waiting = [each for each in made if each.state is BatchState.MADE]
    if not waiting:
        return []
    approval = _approval(uow, run)
    recheck(uow, run)
    for each in waiting:
        if approval.approver == each.made_by:
            raise InvariantError("whoever approved a run makes none of its files")
        file_of(uow.connection, uow, each.batch_id)
        check_totals(uow, each, FileTotals(each.batch_id, each.count, each.total_cents, each.sha256))
    kept = [each for each in made if each.state is not BatchState.DISCARDED]
    if sum(each.count for each in kept) > run.ordered or sum(each.total_cents for each in kept) > run.ordered_cents:
        raise InvariantError("the files of a run hold more than was approved")
    refuse_uncovered(uow, 0)
    for each in waiting:
        mark_released(uow, each, approval_id=approval.approval_id)
    crash.reach("files.before-commit")
    return [batch(uow.connection, uow.book_id, each.batch_id) for each in waiting]


def run_files(connection: sa.Connection, book_id: str, run_id: str) -> list[Batch]:
    """The order files of a run, in the order in which they were made."""
    c = r.transfer_run_file.c
    query = sa.select(c.batch_id).where(c.book_id == book_id, c.run_id == run_id).order_by(c.number)
    return [batch(connection, book_id, batch_id) for batch_id in connection.execute(query).scalars()]


def runs_of_files(connection: sa.Connection, book_id: str, batch_ids: Collection[str]) -> dict[str, str]:
    """The run of each of these files that belongs to one."""
    c = r.transfer_run_file.c
    mine = (c.book_id == book_id, among(connection, c.batch_id, batch_ids))
    return {row.batch_id: row.run_id for row in connection.execute(sa.select(c.batch_id, c.run_id).where(*mine))}


def waiting_of_run(connection: sa.Connection, book_id: str, run: TransferRun) -> tuple[int, int]:
    """How many open orders of a run are in no file, and their sum in cents."""
    c = t.transfer_order.c
    is_open = c.state == TransferState.ORDERED.value
    mine = (c.book_id == book_id, is_open, c.approval_id == run.approval_id, c.batch_id.is_(None))
    found = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(c.amount_cents), 0)).where(*mine)
    count, cents = connection.execute(found).one()
    return int(count), int(cents)


def _approval(uow: UnitOfWork, run: TransferRun) -> Approval:
    approval = None if run.approval_id is None else approvals.find(uow.connection, uow.book_id, run.approval_id)
    if approval is None or approval.approver is None:
        raise InvariantError("a run with orders was approved")
    return approval


def _open_orders(uow: UnitOfWork, lines: Sequence[RunLine]) -> list[TransferOrder]:
    """The orders of these lines that are in no file and may still go, in the order of the lines.

    They are asked for by their key alone: whatever else the statement named, a planner that has not seen the table
    grow might begin with.
    """
    found = orders_by_id(uow.connection, uow.book_id, [line.order_id for line in lines])
    orders = [found[line.order_id] for line in lines if line.order_id in found]
    return [order for order in orders if order.state is TransferState.ORDERED and order.batch_id is None]


def _batch_id(book_id: str, run_id: str, number: int) -> str:
    digest = hashlib.sha256(f"transfer run file, version 1\n{book_id}\n{run_id}\n{number}".encode()).digest()
    return "b" + base64.b32encode(digest).decode().lower()[:_ID_CHARACTERS]
