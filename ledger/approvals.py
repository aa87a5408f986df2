"""Four eyes: one actor requests an action with a frozen body, another approves it, and only then it may be done.

The body is a JSON object that says exactly what will happen; its hash binds the approval to it. An approval is asked
for by `request`, given by `approve` (another actor, before it expires), and demanded by `require` in the unit of work
that acts; the entries posted there name it in their header.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON, json_text
from ledger.storage.tables import approval_given, approval_request
from ledger.storage.work import Work

VALID_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for four eyes, and who answered it when, if anybody did."""

    approval_id: str
    action: str
    body: Mapping[str, JSON]
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    approver: str | None
    given_at: datetime | None


def request(work: Work, *, action: str, body: Mapping[str, JSON], reason: str) -> str:
    """Ask for a second pair of eyes; returns the approval's identifier."""
    approval_id, now = work.new_id("a"), work.now()
    work.connection.execute(
        sa.insert(approval_request).values(
            book_id=work.book_id,
            approval_id=approval_id,
            action=action,
            body=body,
            body_hash=_hash(action, body),
            reason=reason,
            requested_by=work.actor,
            requested_at=now,
            expires_at=now + VALID_FOR,
        )
    )
    return approval_id


def approve(work: Work, approval_id: str) -> Approval:
    """Give it, as the unit of work's actor.

    Refuses `approval-unknown`, `approval-already-given`, `approver-is-requester`, `approval-expired`, and
    `approval-body-changed` where the stored body is not the one that was requested.
    """
    approval = _find(work, approval_id)
    if approval.approver is not None:
        raise Refusal("approval-already-given", approval=approval_id, approver=approval.approver)
    if approval.requested_by == work.actor:
        raise Refusal("approver-is-requester", approval=approval_id, actor=work.actor)
    _refuse_expired(work, approval)
    row = {"book_id": work.book_id, "approval_id": approval_id, "approver": work.actor, "given_at": work.now()}
    work.connection.execute(sa.insert(approval_given).values(row))
    return approval


def require(work: Work, approval_id: str, action: str, body: Mapping[str, JSON]) -> None:
    """Go on only with an approval of exactly this `action` and `body`.

    Refuses `approval-unknown`, `approval-not-given`, `approval-expired` and `approval-body-changed`.
    """
    approval = _find(work, approval_id)
    if _hash(approval.action, approval.body) != _hash(action, body):
        raise Refusal("approval-body-changed", approval=approval_id, action=action)
    if approval.approver is None:
        raise Refusal("approval-not-given", approval=approval_id, action=action)
    _refuse_expired(work, approval)


def require_for(work: Work, approval_id: str, action: str, **about: str) -> Mapping[str, JSON]:
    """The body of an approval of this `action` whose members are `about`, for a deed that is done as it was approved.

    Refuses what `require` refuses; `approval-body-changed` for an approval of something else.
    """
    approval = find(work.connection, work.book_id, approval_id)
    if approval is None:
        raise Refusal("approval-unknown", approval=approval_id[:40])
    if any(approval.body.get(name) != value for name, value in about.items()):
        raise Refusal("approval-body-changed", approval=approval_id, action=action)
    require(work, approval_id, action, approval.body)
    return approval.body


def why_not_given(connection: sa.Connection, book_id: str, approval_id: str, *, now: datetime) -> Refusal | None:
    """Why nothing can rest on this approval, whatever it is for: `approval-unknown`, `-not-given`, `-expired`."""
    approval = find(connection, book_id, approval_id)
    if approval is None:
        return Refusal("approval-unknown", approval=approval_id)
    if approval.approver is None:
        return Refusal("approval-not-given", approval=approval_id, action=approval.action)
    if now >= approval.expires_at:
        expired_on = approval.expires_at.date().isoformat()
        return Refusal("approval-expired", approval=approval_id, expired_on=expired_on)
    return None


def pending(connection: sa.Connection, book_id: str, *, now: datetime | None = None) -> list[Approval]:
    """Requests that nobody answered yet, oldest first; with `now`, without those that have expired."""
    where = [approval_request.c.book_id == book_id, approval_given.c.approver.is_(None)]
    if now is not None:
        where.append(approval_request.c.expires_at > now)
    query = _query().where(*where).order_by(approval_request.c.requested_at, approval_request.c.approval_id)
    return [_approval(row) for row in connection.execute(query)]


def find(connection: sa.Connection, book_id: str, approval_id: str) -> Approval | None:
    """The request with this identifier, with its answer if there is one."""
    where = (approval_request.c.book_id == book_id, approval_request.c.approval_id == approval_id)
    row = connection.execute(_query().where(*where)).one_or_none()
    return None if row is None else _approval(row)


def _find(work: Work, approval_id: str) -> Approval:
    """The request, locked, so that two approvers can't both be the second pair of eyes."""
    where = (approval_request.c.book_id == work.book_id, approval_request.c.approval_id == approval_id)
    locked = work.connection.execute(sa.select(approval_request.c.body_hash).where(*where).with_for_update()).scalar()
    approval = find(work.connection, work.book_id, approval_id)
    if approval is None:
        raise Refusal("approval-unknown", approval=approval_id)
    if locked != _hash(approval.action, approval.body):
        raise Refusal("approval-body-changed", approval=approval_id, action=approval.action)
    return approval


def _refuse_expired(work: Work, approval: Approval) -> None:
    if work.now() >= approval.expires_at:
        raise Refusal(
            "approval-expired", approval=approval.approval_id, expired_on=approval.expires_at.date().isoformat()
        )


def _query() -> sa.Select[Any]:
    asked, given = approval_request.c, approval_given.c
    same = sa.and_(given.book_id == asked.book_id, given.approval_id == asked.approval_id)
    columns = (asked.approval_id, asked.action, asked.body, asked.reason, asked.requested_by, asked.requested_at)
    return sa.select(*columns, asked.expires_at, given.approver, given.given_at).join_from(
        approval_request, approval_given, same, isouter=True
    )


def _approval(row: sa.Row[Any]) -> Approval:
    if not isinstance(row.body, Mapping):
        raise InvariantError("an approval's body is an object")
    return Approval(*tuple(row))


def _hash(action: str, body: Mapping[str, JSON]) -> bytes:
    return hashlib.sha256(json_text([action, body]).encode()).digest()
