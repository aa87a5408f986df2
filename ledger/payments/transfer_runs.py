"""Runs of transfers: however many there are, two people approve them once, and they go out part by part.

    planned ── two people ──> ordering ── 500 orders a unit of work ──> ordered ──> files for the bank, all released
       └─> discarded: the next run of its kind takes its place

Planning freezes a line for each transfer; what is approved are their number, their sum and the SHA-256 over all of
them. The same lines give the same order ids, the same files and the same bytes, wherever the run is killed and however
often it is started again: a part and the word of how far the run has come are one commit. From the moment a run begins,
the cash rule keeps all of its money free. A line that can't be paid any more when its turn comes is parked, with its
reason: whoever it is for stays owed.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import InvariantError, Refusal
from ledger.payments import run_tables as r
from ledger.payments.lifecycle import TRANSFER_RUN
from ledger.payments.model import RunState, TransferDraft, TransferKind
from ledger.payments.moves import move, record_birth
from ledger.payments.transfers import pass_gate, refuse_uncovered, write_orders
from ledger.storage import bulk
from ledger.storage.base import JSON

ACTION = "pay-out"
"""The action that an approval of a run must name; its body is `approval_body(run)`."""
UNIT = 500
"""Orders in one unit of work."""
_ROWS_AT_ONCE = 5_000
_ID_CHARACTERS = 20


class Parked(StrEnum):
    """Why somebody who is owed money is not paid by a run."""

    NO_ACCOUNT = "no-account"
    ACCOUNT_IN_DOUBT = "account-in-doubt"
    ACCOUNT_CHANGED = "account-changed"
    FROZEN = "frozen"
    TOO_SMALL = "too-small"
    AMOUNT_CHANGED = "amount-changed"
    PAID_TODAY = "paid-today"


class RunLine(NamedTuple):
    """One transfer of a run, as it was frozen; `account_seq` is the number of the payee's account that holds."""

    number: int
    order_id: str
    reference: str
    payee: str
    amount_cents: int
    debit: str
    iban_last4: str
    account_seq: int


class ParkedLine(NamedTuple):
    """Somebody who is owed money and is not paid by the run."""

    payee: str
    amount_cents: int
    reason: str


class ParkedSum(NamedTuple):
    """How many a run does not pay for one reason, and what they are owed in all."""

    reason: str
    holders: int
    amount_cents: int


class Wanted(NamedTuple):
    """One transfer that a run is to make."""

    reference: str
    payee: str
    amount_cents: int
    debit: AccountRef
    iban_last4: str
    account_seq: int


class Page(NamedTuple):
    """A part of those who are owed money, in a fixed order: who is to be paid, and who is not."""

    wanted: Sequence[Wanted]
    parked: Sequence[ParkedLine]


@dataclass(frozen=True, slots=True)
class TransferRun:
    """A run as it was planned, and how far it has come; amounts in cents."""

    run_id: str
    kind: TransferKind
    planned_on: date
    planned_at: datetime
    actor: str
    smallest_cents: int
    lines: int
    total_cents: int
    lines_sha256: str
    parked: int
    parked_cents: int
    state: RunState
    approval_id: str | None
    begun_on: date | None
    begun_at: datetime | None
    next_line: int
    left_cents: int
    ordered: int
    ordered_cents: int
    files: int
    filed_line: int


WhyParked = Callable[[UnitOfWork, Sequence[RunLine]], Mapping[str, Parked]]
"""Which payees of these lines can't be paid as they were approved, and why."""
_STATE = (
    "state", "approval_id", "begun_on", "begun_at", "next_line", "left_cents", "ordered", "ordered_cents", "files",
    "filed_line",
)  # fmt: skip


def plan_run(
    uow: UnitOfWork, pages: Iterable[Page], *, kind: TransferKind, on: date, smallest_cents: int, reason: str
) -> str:
    """Freeze a run and ask a second person to approve it; gives the approval's id.

    One that was planned before and not begun is discarded. Refuses `transfer-run-not-finished` while another of the
    kind is being ordered, and `nothing-to-pay-out`.
    """
    _make_way(uow, kind)
    run_id = uow.new_id("r")
    sums, digest = {"lines": 0, "total_cents": 0, "parked": 0, "parked_cents": 0}, hashlib.sha256()
    for page in pages:
        lines = [
            RunLine(number, _order_id(uow.book_id, run_id, number), w.reference, w.payee, w.amount_cents,
                    str(w.debit), w.iban_last4, w.account_seq)
            for number, w in enumerate(page.wanted, sums["lines"] + 1)
        ]  # fmt: skip
        _write_lines(uow, run_id, lines)
        _write_parked(uow, run_id, page.parked)
        digest.update(_digested(lines))
        sums["lines"] += len(lines)
        sums["total_cents"] += sum(line.amount_cents for line in lines)
        sums["parked"] += len(page.parked)
        sums["parked_cents"] += sum(line.amount_cents for line in page.parked)
    if not sums["lines"]:
        raise Refusal("nothing-to-pay-out")
    planned = {"kind": kind.value, "planned_on": on, "planned_at": uow.now(), "actor": uow.actor}
    row = {"book_id": uow.book_id, "run_id": run_id, **planned, "smallest_cents": smallest_cents, **sums}
    uow.connection.execute(r.transfer_run.insert().values(**row, lines_sha256=digest.hexdigest()))
    begins = dict.fromkeys(("left_cents", "ordered", "ordered_cents", "files", "filed_line"), 0) | {"next_line": 1}
    stands = {"book_id": uow.book_id, "run_id": run_id, "state": RunState.PLANNED.value}
    uow.connection.execute(r.transfer_run_state.insert().values(**stands, **begins))
    record_birth(uow, TRANSFER_RUN, run_id)
    body = approval_body(transfer_run(uow.connection, uow.book_id, run_id))
    return approvals.request(uow, action=ACTION, body=body, reason=reason)


def approval_body(run: TransferRun) -> Mapping[str, JSON]:
    """What two people approve: these transfers, how many they are, and what they add up to."""
    return {
        "run_id": run.run_id,
        "count": run.lines,
        "total_cents": run.total_cents,
        "lines_sha256": run.lines_sha256,
        "parked": run.parked,
    }


def begin_run(uow: UnitOfWork, run_id: str, *, approval_id: str, on: date) -> TransferRun:
    """Release a run: from now on all of its money is kept free until it is ordered.

    Refuses what `ledger.approvals` refuses, `transfer-run-not-known`, `move-not-allowed` but for a run that waits,
    and `cash-rule-not-met` with what is missing.
    """
    pass_gate(uow)
    run = _lock(uow, run_id)
    TRANSFER_RUN.after(run.state, "begun")
    approvals.require(uow, approval_id, ACTION, approval_body(run))
    _check_lines(uow, run)
    refuse_uncovered(uow, run.total_cents)
    update_state(uow, run_id, approval_id=approval_id, begun_on=on, begun_at=uow.now(), left_cents=run.total_cents)
    move(uow, TRANSFER_RUN, run_id, state=run.state, event="begun")
    return transfer_run(uow.connection, uow.book_id, run_id)


def order_part(uow: UnitOfWork, run_id: str, why_parked: WhyParked) -> list[str]:
    """Order the next part of a run that was begun; gives the orders' ids. A run that is ordered stays as it is.

    Refuses `transfer-run-not-known`, and `move-not-allowed` for a run that was not begun.
    """
    pass_gate(uow)
    run = _lock(uow, run_id)
    if run.state is RunState.ORDERED:
        return []
    TRANSFER_RUN.after(run.state, "ordered")
    if run.begun_on is None or run.approval_id is None:
        raise InvariantError("a run that was begun has its day and its approval")
    lines = run_lines(uow.connection, uow.book_id, run_id, first=run.next_line, limit=UNIT)
    reasons = why_parked(uow, lines)
    _write_parked(
        uow, run_id, [ParkedLine(x.payee, x.amount_cents, reasons[x.payee]) for x in lines if x.payee in reasons]
    )
    drafts = [(line.order_id, _draft(line, run.kind)) for line in lines if line.payee not in reasons]
    write_orders(uow, drafts, approval_id=run.approval_id, on=run.begun_on)
    following, left_cents = run.next_line + len(lines), run.left_cents - sum(line.amount_cents for line in lines)
    update_state(
        uow,
        run_id,
        next_line=following,
        left_cents=left_cents,
        ordered=run.ordered + len(drafts),
        ordered_cents=run.ordered_cents + sum(draft.amount_cents for _, draft in drafts),
    )
    if following > run.lines:
        if left_cents:
            raise InvariantError("the lines of a run do not add up to its total")
        move(uow, TRANSFER_RUN, run_id, state=run.state, event="ordered")
    return [order_id for order_id, _ in drafts]


def transfer_run(connection: sa.Connection, book_id: str, run_id: str) -> TransferRun:
    """One run; refuses `transfer-run-not-known`."""
    found = _runs(connection, book_id, r.transfer_run.c.run_id == run_id)
    if not found:
        raise Refusal("transfer-run-not-known", run_id=run_id[:40])
    return found[0]


def transfer_runs(
    connection: sa.Connection, book_id: str, *, state: RunState | None = None, limit: int | None = None
) -> list[TransferRun]:
    """Runs, newest first, at most `limit`; of one `state` if given."""
    wanted = sa.true() if state is None else r.transfer_run_state.c.state == state.value
    return _runs(connection, book_id, wanted, limit=limit)


def run_lines(
    connection: sa.Connection, book_id: str, run_id: str, *, first: int = 1, limit: int | None = None
) -> list[RunLine]:
    """The frozen lines of a run from number `first` on."""
    c = r.transfer_run_line.c
    query = sa.select(*(c[name] for name in RunLine._fields))
    query = query.where(c.book_id == book_id, c.run_id == run_id, c.number >= first).order_by(c.number)
    return [RunLine(*row) for row in connection.execute(query.limit(limit))]


def parked_lines(
    connection: sa.Connection, book_id: str, run_id: str, *, after: str = "", limit: int | None = None
) -> list[ParkedLine]:
    """Who was owed money and is not paid by the run, in order of their tokens from `after` on."""
    c = r.transfer_run_parked.c
    mine = (c.book_id == book_id, c.run_id == run_id, c.payee > after)
    query = sa.select(c.payee, c.amount_cents, c.reason).where(*mine).order_by(c.payee).limit(limit)
    return [ParkedLine(*row) for row in connection.execute(query)]


def parked_sums(connection: sa.Connection, book_id: str, run_id: str) -> list[ParkedSum]:
    """How many are parked by the run for each reason, and what they are owed."""
    c = r.transfer_run_parked.c
    query = sa.select(c.reason, sa.func.count(), sa.func.sum(c.amount_cents))
    rows = connection.execute(query.where(c.book_id == book_id, c.run_id == run_id).group_by(c.reason))
    return sorted(ParkedSum(reason, int(holders), int(cents)) for reason, holders, cents in rows)


def lock_run(uow: UnitOfWork, run_id: str) -> TransferRun:
    """A run that nobody else moves meanwhile; refuses `transfer-run-not-known`."""
    return _lock(uow, run_id)


def update_state(uow: UnitOfWork, run_id: str, **columns: object) -> None:
    """Say how far a run has come."""
    c = r.transfer_run_state.c
    mine = (c.book_id == uow.book_id, c.run_id == run_id)
    uow.connection.execute(r.transfer_run_state.update().where(*mine).values(**columns))


def _make_way(uow: UnitOfWork, kind: TransferKind) -> None:
    """Of one kind, one run at a time: a second one would plan to pay the same money."""
    pass_gate(uow)
    for state in (RunState.PLANNED, RunState.ORDERING):
        for run in transfer_runs(uow.connection, uow.book_id, state=state):
            if run.kind is not kind:
                continue
            if state is RunState.ORDERING:
                raise Refusal("transfer-run-not-finished", run_id=run.run_id)
            move(uow, TRANSFER_RUN, run.run_id, state=state, event="discarded")


def _order_id(book_id: str, run_id: str, number: int) -> str:
    """The id of the order that a line becomes: the same one whenever it is made."""
    digest = hashlib.sha256(f"transfer run, version 1\n{book_id}\n{run_id}\n{number}".encode()).digest()
    return "t" + base64.b32encode(digest).decode().lower()[:_ID_CHARACTERS]


def _digested(lines: Sequence[RunLine]) -> bytes:
    return "".join(["\t".join(map(str, line)) + "\n" for line in lines]).encode()


def _write_lines(uow: UnitOfWork, run_id: str, lines: Sequence[RunLine]) -> None:
    rows = [(run_id, *line) for line in lines]
    bulk.insert_rows(uow.connection, r.transfer_run_line, uow.book_id, ("run_id", *RunLine._fields), rows)


def _write_parked(uow: UnitOfWork, run_id: str, parked: Sequence[ParkedLine]) -> None:
    now = uow.now()
    rows = [(run_id, *line, now) for line in parked]
    columns = ("run_id", *ParkedLine._fields, "parked_at")
    bulk.insert_rows(uow.connection, r.transfer_run_parked, uow.book_id, columns, rows)


def _check_lines(uow: UnitOfWork, run: TransferRun) -> None:
    """Refuse `transfer-run-altered` unless the lines are those whose number, sum and hash were approved."""
    count = total_cents = 0
    digest = hashlib.sha256()
    for lines in _line_pages(uow, run):
        count += len(lines)
        total_cents += sum(line.amount_cents for line in lines)
        digest.update(_digested(lines))
    if (count, total_cents, digest.hexdigest()) != (run.lines, run.total_cents, run.lines_sha256):
        raise Refusal("transfer-run-altered", run_id=run.run_id, total_cents=run.total_cents, lines_cents=total_cents)


def _line_pages(uow: UnitOfWork, run: TransferRun) -> Iterator[list[RunLine]]:
    for first in range(1, run.lines + 2, _ROWS_AT_ONCE):
        yield run_lines(uow.connection, uow.book_id, run.run_id, first=first, limit=_ROWS_AT_ONCE)


def _draft(line: RunLine, kind: TransferKind) -> TransferDraft:
    debit = AccountRef.parse(line.debit)
    return TransferDraft(line.reference, line.payee, line.amount_cents, debit, kind, line.iban_last4)


def _lock(uow: UnitOfWork, run_id: str) -> TransferRun:
    c = r.transfer_run_state.c
    chosen = sa.select(c.run_id).where(c.book_id == uow.book_id, c.run_id == run_id)
    uow.connection.execute(chosen.with_for_update())
    return transfer_run(uow.connection, uow.book_id, run_id)


def _runs(
    connection: sa.Connection, book_id: str, wanted: sa.ColumnElement[bool], *, limit: int | None = None
) -> list[TransferRun]:
    c, s = r.transfer_run.c, r.transfer_run_state.c
    same = sa.and_(c.book_id == s.book_id, c.run_id == s.run_id)
    planned = [c[name] for name in TransferRun.__slots__ if name not in _STATE]
    query = sa.select(*planned, *(s[name] for name in _STATE)).join_from(r.transfer_run, r.transfer_run_state, same)
    query = query.where(c.book_id == book_id, wanted).order_by(c.planned_at.desc(), c.run_id.desc()).limit(limit)
    return [_run(row) for row in connection.execute(query)]


def _run(row: sa.Row[Any]) -> TransferRun:
    values = row._asdict()
    return TransferRun(**{**values, "kind": TransferKind(row.kind), "state": RunState(row.state)})
