"""Erasing a person under four eyes: her key is destroyed, and the log says which lines stay closed for ever.

    request   one person asks, on a legal basis; how many lines it concerns is frozen
    attest    a state/1 entry, entered as every night, comes to lie behind the last of her lines
    erase     another person approves: erasure/1 entries name the lines, and the key's row is emptied, in one commit

What the key hid stays committed to: her accounts were at zero, so every total can be proven from what is still open.
The entries hold no identity, but they tie one person's lines together: they are opened to auditors, never published.
Whether a person may be erased (what was agreed, what the law keeps) is decided by whoever calls this.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.balances import entry_by_key
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.facts import MAX_FINDING_LINES, Finding
from ledger.findings import newest_finding
from ledger.log.leaf import ERASURE, STATE
from ledger.posting import lock_head
from ledger.storage import tables
from ledger.storage.base import JSON

ERASE = "erase"
"""The action that a second person approves."""
_RANGES = MAX_FINDING_LINES - 1


class Basis(StrEnum):
    """On what ground a person is erased: the letters of article 17(1) of the GDPR."""

    NO_LONGER_NEEDED = "gdpr-17-1-a"
    CONSENT_WITHDRAWN = "gdpr-17-1-b"
    OBJECTION = "gdpr-17-1-c"
    UNLAWFUL = "gdpr-17-1-d"
    LEGAL_DUTY = "gdpr-17-1-e"


class Lines(NamedTuple):
    """Lines `first` to `last` of entry `n`, all under one key."""

    n: int
    first: int
    last: int

    @property
    def number(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


def request_erasure(unit: UnitOfWork, owner: str, *, basis: Basis, reason: str) -> str:
    """Ask a second person to approve that `owner` is erased; gives the approval's id.

    Refuses `subject-key-destroyed` and `erasure-account-not-empty`.
    """
    unit.keys.key_for(unit.connection, owner)
    _refuse_not_empty(unit, owner)
    lines = sum(each.number for each in hidden_lines(unit.connection, unit.book_id, owner))
    body: dict[str, JSON] = {"basis": basis.value, "lines": lines, "owner": owner}
    return approvals.request(unit, action=ERASE, body=body, reason=reason)


def erase(unit: UnitOfWork, owner: str, *, approval_id: str) -> list[str]:
    """Name the lines of `owner` and destroy the key; gives the fact keys of the entries. Twice does it once.

    Refuses `subject-key-destroyed`, `erasure-account-not-empty`, `erasure-changed-since-approval`, and
    `erasure-not-attested` until a state/1 entry lies behind the last line; and what `ledger.approvals` refuses.
    """
    if standing := _standing(unit, owner, approval_id):
        return standing
    approved = _approved_body(unit, owner, approval_id)
    # Nobody may post between looking at the lines and closing them, so the head is locked before posting locks it.
    lock_head(unit.connection, unit.book_id)
    unit.keys.key_for(unit.connection, owner)
    _refuse_not_empty(unit, owner)
    lines = hidden_lines(unit.connection, unit.book_id, owner)
    count = sum(each.number for each in lines)
    if approved["lines"] != count:
        was = int(str(approved["lines"]))
        raise Refusal("erasure-changed-since-approval", approval=approval_id, approved_lines=was, lines=count)
    _refuse_not_attested(unit, lines)
    findings = list(_findings(lines, str(approved["basis"]), approval_id, unit.actor))
    for finding in findings:
        unit.post(finding)
    unit.keys.destroy(unit.connection, owner)
    return [finding.key for finding in findings]


def hidden_lines(connection: sa.Connection, book_id: str, owner: str) -> list[Lines]:
    """Every line of the log that the owner's key hides, in order: of postings, accounts, holds and limits."""
    found: list[Lines] = []
    for n, line in connection.execute(_lines_of(book_id, owner)):
        if found and found[-1].n == n and found[-1].last == line - 1:
            found[-1] = found[-1]._replace(last=line)
        else:
            found.append(Lines(n, line, line))
    return found


def last_effective_on(connection: sa.Connection, book_id: str, owner: str) -> date | None:
    """The last date on which anything took effect for the owner, if anything did."""
    p = tables.posting.c
    newest = sa.select(sa.func.max(p.effective_on, type_=p.effective_on.type))
    found: date | None = connection.scalar(_owned(newest, tables.posting, book_id, owner))
    return found


def _lines_of(book_id: str, owner: str) -> sa.Select[Any]:
    p, a, h, r = tables.posting.c, tables.account.c, tables.hold_line.c, tables.account_rule.c
    opened = sa.select(a.opened_n.label("n"), a.line.label("line"))
    first = sa.literal(1, sa.BigInteger).label("line")
    parts = (
        _owned(sa.select(p.n.label("n"), p.line.label("line")), tables.posting, book_id, owner),
        opened.where(a.book_id == book_id, a.owner == owner, a.personal.is_(True)),
        _owned(sa.select(h.hold_n.label("n"), h.line.label("line")), tables.hold_line, book_id, owner),
        _owned(sa.select(r.from_n.label("n"), first), tables.account_rule, book_id, owner).where(r.version > 1),
    )
    lines = sa.union_all(*parts).subquery()
    return sa.select(lines.c.n, lines.c.line).order_by(lines.c.n, lines.c.line)


def _owned(query: sa.Select[Any], table: sa.Table, book_id: str, owner: str) -> sa.Select[Any]:
    """Of rows of a table that names accounts, those of the owner's personal ones."""
    a, t = tables.account.c, table.c
    joined = query.join_from(table, tables.account, sa.and_(a.book_id == t.book_id, a.account_id == t.account_id))
    return joined.where(t.book_id == book_id, a.owner == owner, a.personal.is_(True))


def _findings(lines: Sequence[Lines], basis: str, approval_id: str, actor: str) -> Iterator[Finding]:
    """The entries that name the lines, in order, each of as many ranges as an entry takes."""
    parts = [lines[at : at + _RANGES] for at in range(0, len(lines), _RANGES)] or [[]]
    for number, ranges in enumerate(parts, start=1):
        count = sum(each.number for each in ranges)
        head: Mapping[str, Any] = {"basis": basis, "count": count, "part": number, "parts": len(parts)}
        named = [{"entry": each.n, "from": each.first, "to": each.last} for each in ranges]
        yield Finding(_key(approval_id, number), ERASURE, [head, *named], actor, approvals=(approval_id,))


def _key(approval_id: str, part: int) -> str:
    return f"erasure:{approval_id}:{part}"


def _standing(unit: UnitOfWork, owner: str, approval_id: str) -> list[str]:
    """The keys of the entries that were entered with this approval, if it was done already."""
    asked = approvals.find(unit.connection, unit.book_id, approval_id)
    if asked is None or asked.body.get("owner") != owner:
        return []
    keys: list[str] = []
    while entry_by_key(unit.connection, unit.book_id, key := _key(approval_id, len(keys) + 1)) is not None:
        keys.append(key)
    return keys


def _approved_body(unit: UnitOfWork, owner: str, approval_id: str) -> Mapping[str, JSON]:
    """What a second person approved for this owner; the approval's row is locked here, before the head."""
    approval = approvals.find(unit.connection, unit.book_id, approval_id)
    asked: Mapping[str, JSON] = {"owner": owner}
    if approval is not None and approval.body.get("owner") == owner:
        asked = approval.body
    approvals.require(unit, approval_id, ERASE, asked)
    return asked


def _refuse_not_empty(unit: UnitOfWork, owner: str) -> None:
    a, b = tables.account.c, tables.balance.c
    account = sa.select(a.code, a.owner, a.asset)
    left = sa.or_(b.posted != 0, b.held_debit != 0, b.held_credit != 0)
    found = unit.connection.execute(_owned(account, tables.balance, unit.book_id, owner).where(left).limit(1)).first()
    if found is not None:
        raise Refusal("erasure-account-not-empty", account=str(AccountRef.known(*found)), asset=found.asset)


def _refuse_not_attested(unit: UnitOfWork, lines: Sequence[Lines]) -> None:
    """What nobody can open any more was attested while everybody who had to could."""
    last_n = lines[-1].n if lines else 0
    newest = newest_finding(unit.connection, unit.book_id, STATE)
    if last_n and (newest is None or newest.n < last_n):
        raise Refusal("erasure-not-attested", n=last_n)
