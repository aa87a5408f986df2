"""Reading what looking at the whole record has found: attested states and the verdicts of foreign programs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ledger.log.leaf import JSON, POLICY
from ledger.storage import bulk
from ledger.storage.tables import entry, finding


@dataclass(frozen=True, slots=True)
class Found:
    """One state/1 or verdict/1 entry with its lines."""

    n: int
    key: str
    booked_at: datetime
    lines: Sequence[Mapping[str, JSON]]


def newest_finding(connection: sa.Connection, book_id: str, entry_type: str, key_prefix: str = "") -> Found | None:
    """The newest entry of this type, if there is one; found through the lines, of which there are few.

    Verdicts have more than one author: `key_prefix` says whose is asked for.
    """
    newest = (
        sa.select(finding.c.n)
        .join_from(finding, entry, sa.and_(entry.c.book_id == finding.c.book_id, entry.c.n == finding.c.n))
        .where(finding.c.book_id == book_id, entry.c.type == entry_type)
        .where(entry.c.fact_key.startswith(key_prefix, autoescape=True))
        .order_by(finding.c.n.desc())
        .limit(1)
    )
    n = connection.scalar(newest)
    if n is None:
        return None
    named = sa.select(entry.c.fact_key, entry.c.booked_at).where(entry.c.book_id == book_id, entry.c.n == n)
    key, booked_at = connection.execute(named).one()
    return Found(n, key, booked_at, finding_lines(connection, book_id, n))


def finding_lines(connection: sa.Connection, book_id: str, n: int) -> list[Mapping[str, JSON]]:
    """The lines of entry `n`, in order; none where it found nothing."""
    lines = sa.select(finding.c.body).where(finding.c.book_id == book_id, finding.c.n == n).order_by(finding.c.line)
    return list(connection.scalars(lines))


def entry_numbers(connection: sa.Connection, book_id: str, keys: Iterable[str]) -> dict[str, int]:
    """The numbers of the entries with these fact keys, by fact key, read in one statement."""
    named = bulk.among(connection, entry.c.fact_key, keys)
    rows = connection.execute(sa.select(entry.c.fact_key, entry.c.n).where(entry.c.book_id == book_id, named))
    return {row.fact_key: row.n for row in rows}


def announced_policies(connection: sa.Connection, book_id: str) -> dict[int, bytes]:
    """The policies of the log that were announced, oldest first: by the number of its entry, each as a file."""
    lines = (
        sa.select(finding.c.n, finding.c.body)
        .join_from(finding, entry, sa.and_(entry.c.book_id == finding.c.book_id, entry.c.n == finding.c.n))
        .where(finding.c.book_id == book_id, entry.c.type == POLICY)
        .order_by(finding.c.n)
    )
    return {n: str(body["policy"]).encode() for n, body in connection.execute(lines)}
