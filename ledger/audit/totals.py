"""What persons are owed and owe at the close of a period, in one sum tree per class of accounts, under a logged entry.

    close_period ──> enter_totals ──> totals/1 entry, one line per asset and group ──> log/state/<period>.json
                                       root and sum of a tree over all balances         its opening, public

The trees cover every account of a person or an enterprise with postings before the closing entry, as posted until then.
Making them takes seconds for a million accounts, so they are made after the close, outside its unit of work: what was
posted before an entry never changes, so it makes no difference when. Only the last closed period is given totals, so
that an auditor who reads the log has to remember one close. A group is a code and a side: a balance on the unusual side
stands in a group of its own. Each holder gets the paths of her accounts (`proofs_of_owner`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.lines import Openings, stated_entries
from ledger.balances import PostedEntry, entries_by_key, entry_by_key
from ledger.book import Book
from ledger.errors import Refusal
from ledger.facts import Finding
from ledger.log.encoding import b64
from ledger.log.files import write_once
from ledger.log.leaf import JSON, TOTALS, canonical_json, nonce, parse_canonical
from ledger.log.sumtree import (
    Holding,
    Proof,
    SumTree,
    group_of,
    grouped,
    seed_of,
    totals_key,
    totals_lines,
)
from ledger.log.tiles import state_path
from ledger.periods import ClosedPeriod, closed_period, closed_periods
from ledger.posting import lock_head
from ledger.storage import tables
from ledger.storage.keys import BOOK_OWNER

ACTOR = "worker:totals"


def enter_totals(book: Book) -> int:
    """Enter the totals of the last closed period, where it has none yet; gives 1 if they were entered.

    A period before whose close no person's account has moved has none. Two callers at once enter the same entry once.
    """
    with book.read() as connection:
        period = _last_closed(connection, book.book_id)
        if period is None or _entry_of(connection, book.book_id, period) is not None:
            return 0
        lines = derived_totals(connection, book, period)
    if not lines:
        return 0
    with book.unit_of_work(actor=ACTOR) as unit:
        lock_head(unit.connection, unit.book_id)
        if _last_closed(unit.connection, unit.book_id) != period:
            return 0  # another was closed meanwhile, and its totals are next
        unit.post(Finding(totals_key(period.until_on.isoformat()), TOTALS, lines, ACTOR))
    return int(not unit.results[0].duplicate)


def publish_totals(book: Book, log_dir: Path, *, size: int) -> None:
    """Write `state/<period>.json` for each totals/1 entry among the first `size` entries of the log."""
    with book.read() as connection:
        days = [period.until_on.isoformat() for period in closed_periods(connection, book.book_id)]
        paths = {totals_key(day): log_dir / state_path(day) for day in days}
        missing = [key for key, path in paths.items() if not path.exists()]
        for key, entry in entries_by_key(connection, book.book_id, missing).items():
            if entry.n < size:
                write_once(paths[key], _opened_entry(connection, book, entry.n))


def proofs_of_owner(book: Book, owner: str, until_on: date) -> list[Proof]:
    """The proofs of all of an owner's accounts in the totals of the period that ends on that day.

    Refuses `period-not-closed`, and `totals-not-entered` where they are not entered yet. What is proven is what the
    entry states: where the rows lead to another root, the proof leads nowhere, and whoever checks it sees that.
    """
    with book.read() as connection:
        period = closed_period(connection, book.book_id, until_on)
        if _entry_of(connection, book.book_id, period) is None:
            raise Refusal("totals-not-entered", until_on=until_on.isoformat())
        seed = _seed(connection, book, period)
        found: list[Proof] = []
        for (asset, group), own in grouped(holdings(connection, book.book_id, period, owner=owner)).items():
            code = group.partition("-")[0]
            whole = holdings(connection, book.book_id, period, code=code, asset=asset)
            tree = SumTree(seed, (holding for holding in whole if holding.group == group))
            found += [tree.prove(holding) for holding in own]
    return found


def proof_of_account(book: Book, account: AccountRef, until_on: date) -> Proof:
    """The proof of one account; refuses as `proofs_of_owner`, and `account-not-in-totals`."""
    for proof in proofs_of_owner(book, account.owner, until_on) if account.owner else []:
        if (proof.holding.account, proof.holding.asset) == (str(account), account.asset):
            return proof
    raise Refusal("account-not-in-totals", account=str(account), until_on=until_on.isoformat())


def last_with_totals(book: Book) -> date | None:
    """The last day of the newest period whose totals are entered."""
    with book.read() as connection:
        days = {totals_key(p.until_on.isoformat()): p.until_on for p in closed_periods(connection, book.book_id)}
        return max((days[key] for key in entries_by_key(connection, book.book_id, list(days))), default=None)


def encode_proofs(proofs: Sequence[Proof]) -> bytes:
    """The file that a holder keeps: one proof a line."""
    return b"".join(proof.encode() + b"\n" for proof in proofs)


def derived_totals(connection: sa.Connection, book: Book, period: ClosedPeriod) -> list[Mapping[str, JSON]]:
    """The lines of the totals/1 entry of a closed period, as the rows lead to them."""
    return totals_lines(_seed(connection, book, period), holdings(connection, book.book_id, period), period.n)


def holdings(
    connection: sa.Connection, book_id: str, period: ClosedPeriod, *, owner: str = "", code: str = "", asset: str = ""
) -> Iterator[Holding]:
    """The balance, and the last posting, of each person's account as known just before the closing entry."""
    a, p = tables.account.c, tables.posting.c
    wanted = [p.book_id == book_id, p.n < period.n, a.personal]
    wanted += [column == value for column, value in ((a.owner, owner), (a.code, code), (a.asset, asset)) if value]
    joined = sa.and_(a.book_id == p.book_id, a.account_id == p.account_id)
    last = (
        sa.select(p.account_id, sa.func.max(p.seq).label("seq"))
        .join_from(tables.posting, tables.account, joined)
        .where(*wanted)
        .group_by(p.account_id)
        .subquery()
    )
    rows = connection.execute(
        sa.select(a.code, a.owner, a.asset, p.seq, p.balance_after, p.commitment)
        .join_from(last, tables.posting, sa.and_(p.account_id == last.c.account_id, p.seq == last.c.seq))
        .join(tables.account, joined)
        .where(p.book_id == book_id)
    )
    until = period.until_on.isoformat()
    for account_code, account_owner, account_asset, seq, signed, commitment in rows:
        name = str(AccountRef.known(account_code, account_owner, account_asset))
        yield Holding(name, account_asset, group_of(name, signed), until, abs(signed), seq, commitment)


def _last_closed(connection: sa.Connection, book_id: str) -> ClosedPeriod | None:
    return next(iter(reversed(closed_periods(connection, book_id))), None)


def _entry_of(connection: sa.Connection, book_id: str, period: ClosedPeriod) -> PostedEntry | None:
    return entry_by_key(connection, book_id, totals_key(period.until_on.isoformat()))


def _seed(connection: sa.Connection, book: Book, period: ClosedPeriod) -> bytes:
    """From the nonce of the closing entry's header, which is under the book's key: an erasure changes no root."""
    return seed_of(nonce(book.keys.key_for(connection, BOOK_OWNER), book.book_id, period.n, 0))


def _opened_entry(connection: sa.Connection, book: Book, n: int) -> bytes:
    """The entry with all its lines opened: they are under the book's key, whose nonces open nothing else."""
    entry = next(stated_entries(connection, book.book_id, first_n=n, end_n=n + 1))
    openings = Openings(connection, book.book_id, book.keys)
    lines: list[JSON] = [{"line": dict(x.line), "nonce": b64(openings.nonce(n, x))} for x in entry.lines]
    return canonical_json({"entry": parse_canonical(entry.row.bytes), "lines": lines})
