"""The audit of the rows: every stored column of the record is derived again and compared, then held against the log.

    commitments ─ entry bytes ─ leaves ─ blocks ─ head          hashes, bottom up
    sums per entry, limits in entry order, seq, balance_after   the books
    holds, limits, periods, lateness, kept balances             what else entries decide
    balance and head                                            what changes, derived again
    attested rows under the roots of state/1 entries            what no entry tells of itself
    sum trees of closed periods                                 what totals/1 entries say of all balances
    root over the leaves at every signed checkpoint             what outsiders have seen

It trusts no trigger and no constraint of the database. Failures are collected, up to a limit, so that one report shows
how far a damage reaches. Rows are read as the driver gives them, each table once, in the order of the entries: memory
grows with accounts and open holds, not with the book.

Two levels: with `commitments`, every line is opened with its owner's key and every body hashed again; without, what
only a commitment binds (the texts of headers) and what is attested stay unchecked, and the report says so.
"""

from pathlib import Path

import sqlalchemy as sa

from ledger.audit.rows.attested import Attested
from ledger.audit.rows.ends import check_approvals, check_balances, check_head, check_keys
from ledger.audit.rows.failures import MAX_FAILURES as MAX_FAILURES
from ledger.audit.rows.failures import Failures
from ledger.audit.rows.signed import NO_LOG as NO_LOG
from ledger.audit.rows.signed import UNSIGNED as UNSIGNED
from ledger.audit.rows.signed import Signed
from ledger.audit.rows.totals import check_totals
from ledger.audit.rows.walk import Walk
from ledger.book import Book
from ledger.errors import InvariantError, Refusal
from ledger.storage.scan import driver_error, fetch
from ledger.verify.erased import AS_GIVEN
from ledger.verify.receipt import NO_TRUTH
from ledger.verify.report import Report, Stop

SUMS_ONLY = (
    "commitments: no line was opened, so the texts of headers, limits and findings stand as they are",
    "entry bytes: their leaves were hashed, but they were not made again from their lines",
    "journal entries: no body hash was computed again, no fact key and no approval looked at",
    "totals of periods: neither sums nor roots were made again from the balances",
    "attested rows: approvals, outbox, parties and products were not compared with their digests",
)
"""What the fast level leaves out."""
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    InvariantError,
    LookupError,
    TypeError,
    ValueError,
    sa.exc.SQLAlchemyError,
)
"""What a value of a kind that posting never writes leads to: that it can't be read is then the finding."""


def audit_rows(
    book: Book, log_dir: Path | None = None, *, commitments: bool = True, max_failures: int = MAX_FAILURES
) -> Report:
    """Audit the rows of `book`, and compare them with the checkpoints kept in rows and published in `log_dir`.

    Refuses `book-unknown`. Without `commitments`, sums, balances, leaves, blocks and the chain are checked alone.
    """
    report = Report(f"rows of book {book.book_id}")
    failures = Failures(report, max_failures)
    with book.read() as connection:
        _refuse_unknown(connection, book.book_id)
        try:
            _audit(connection, book, failures, log_dir, commitments=commitments)
        except Stop:
            report.not_checked.append("what comes after the failures above")
        except Refusal as refusal:
            report.failed("rows", "database", refusal)
        except (*_UNREADABLE, driver_error(connection)) as error:
            report.failed("rows", "database", Refusal("row-unreadable", error=f"{type(error).__name__}: {error}"[:200]))
    report.not_checked += [] if commitments else SUMS_ONLY
    report.not_checked.append(NO_TRUTH)
    return report


def _refuse_unknown(connection: sa.Connection, book_id: str) -> None:
    """A book of which there is no row at all is a wrong name, not a damaged book."""
    for table in ("book", "head", "entry"):
        if fetch(connection, f"SELECT 1 FROM {table} WHERE book_id = ? LIMIT 1", (book_id,)):  # noqa: S608 -- named above
            return
    raise Refusal("book-unknown", book=book_id)


def _audit(
    connection: sa.Connection, book: Book, failures: Failures, log_dir: Path | None, *, commitments: bool
) -> None:
    signed = Signed(connection, book.book_id, log_dir, failures)
    walk = Walk(connection, book, failures, stated=commitments, sizes=signed.roots.keys())
    walk.run()
    check_head(connection, book.book_id, walk, failures)
    check_balances(connection, book.book_id, walk, failures)
    attested, totals = Attested(connection, book.book_id, failures), 0
    if walk.stated is not None:
        walk.stated.finish()
        check_keys(connection, book.book_id, failures)
        check_approvals(connection, book.book_id, walk, failures)
        attested.run()
        totals = check_totals(connection, book, failures)
    _note(failures.report, walk, attested, totals)
    signed.check(walk)


def _note(report: Report, walk: Walk, attested: Attested, totals: int) -> None:
    """What was found to be in order, where all is."""
    if report.failure is not None:
        return
    note, entries, accounts = report.passed, walk.size, len(walk.accounts.refs)
    if walk.stated is not None:
        given = walk.stated.closed.named
        recomputed = f"{walk.stated.lines - given} lines recomputed with their owners' keys"
        note("commitments", "entry, posting, …", recomputed)
        report.not_checked += [AS_GIVEN.format(lines=given)] if given else []
    hashed = "bytes, leaves and body hashes" if walk.stated is not None else "leaves"
    note("entries", "entry", f"{entries}, numbered without gaps; {hashed} recomputed")
    note("blocks", "block, head", f"{walk.blocks} roots and hashes recomputed, each naming the one before")
    note("answers", "request", f"{walk.requests} kept answers under the hashes of their blocks")
    note("postings", "posting", f"{walk.postings.count}; each entry balances per asset, within every limit")
    note("holds", "hold, hold_line, hold_step", f"{walk.entries.holds.count}, none overdrawn, each ended once at most")
    closed, kept = len(walk.periods.closed), walk.periods.balances
    note("periods", "period, period_balance", f"{closed} without a gap; {kept} kept balances derived again")
    if walk.stated is not None:
        approvals = f"{len(walk.stated.approvals)}, each given by a second person"
        note("approvals", "approval_request, approval_given", approvals)
        states = f"{attested.rows} rows as {attested.states} states attest them"
        note("attested rows", "attestation", states)
        note("totals", "finding", f"of {totals} periods: each sum and root made again from the balances at its close")
    note("balances", "balance", f"{accounts} accounts: seq, balance_after and balance derived again")
    report.figures |= {"entries": entries, "postings": walk.postings.count, "accounts": accounts}
