"""Runs of payouts as people and programs see them: what was approved by whom, how far it has come, its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from ledger import approvals
from ledger.payments import run_files, transfer_runs
from ledger.payments.model import Batch, RunState
from ledger.payments.transfer_runs import ParkedSum, TransferRun


@dataclass(frozen=True, slots=True)
class PayoutRun:
    """A run; amounts in cents. `waiting` of its orders are in no file yet; `lines_sha256` is over all of its lines.

    Of `lines` that were approved, `ordered` were ordered so far and `left_cents` is still to be ordered.
    """

    run_id: str
    state: RunState
    planned_on: date
    asked_by: str
    approval_id: str | None
    approved_by: str | None
    approved_at: datetime | None
    lines: int
    total_cents: int
    lines_sha256: str
    smallest_cents: int
    ordered: int
    ordered_cents: int
    left_cents: int
    waiting: int
    waiting_cents: int
    parked: Sequence[ParkedSum]
    files: Sequence[Batch]


def payout_run(connection: sa.Connection, book_id: str, run_id: str) -> PayoutRun:
    """One run; refuses `transfer-run-not-known`."""
    return _seen(connection, book_id, transfer_runs.transfer_run(connection, book_id, run_id))


def payout_runs(connection: sa.Connection, book_id: str, *, limit: int) -> list[PayoutRun]:
    """The newest runs, newest first."""
    return [_seen(connection, book_id, run) for run in transfer_runs.transfer_runs(connection, book_id, limit=limit)]


def _seen(connection: sa.Connection, book_id: str, run: TransferRun) -> PayoutRun:
    approval = None if run.approval_id is None else approvals.find(connection, book_id, run.approval_id)
    waiting, waiting_cents = run_files.waiting_of_run(connection, book_id, run)
    return PayoutRun(
        run_id=run.run_id,
        state=run.state,
        planned_on=run.planned_on,
        asked_by=run.actor,
        approval_id=run.approval_id,
        approved_by=approval.approver if approval else None,
        approved_at=approval.given_at if approval else None,
        lines=run.lines,
        total_cents=run.total_cents,
        lines_sha256=run.lines_sha256,
        smallest_cents=run.smallest_cents,
        ordered=run.ordered,
        ordered_cents=run.ordered_cents,
        left_cents=run.left_cents,
        waiting=waiting,
        waiting_cents=waiting_cents,
        parked=transfer_runs.parked_sums(connection, book_id, run.run_id),
        files=run_files.run_files(connection, book_id, run.run_id),
    )
