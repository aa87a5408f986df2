"""A vote of many ballots on SQLite: cast in units of 500, closed, its files written, and verified from these alone.

*Tallied* is the closing: every ballot's key found, the ballot opened, committed again, made into records, counted and
stored. *Verified* is what anybody does with the published file; *audited* the same with the auditor's file, which
opens every ballot. One process; the bars are its processor time, which is one core's. Claims are round or odd, from
5 EUR to 25,000 EUR; every tenth ballot is split, every twentieth was replaced.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from contracts.votes import queries, service
from contracts.votes import tables as t
from contracts.votes.service import BallotCast, Claim
from contracts.votes.tally import Choice
from contracts.votes.verify import verify_vote
from ledger.clock import FixedClock
from ledger.storage import bulk
from ledger.storage.engine import open_engine
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.conftest import NOON
from tests.proof import PublishedBook, published_book
from tests.votes_kit import CLOSES_AT, OPENS_AT, TERMS, draft

UNIT, NOMINEE = 500, "e1"
T = TypeVar("T")


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Announce, cast, close, publish, verify."""
    engine, clock = open_engine(databases.make("sqlite", "votes")), FixedClock(NOON)
    published = published_book(engine, databases.folder / "votes", clock)
    book, voters = published.book, [f"c{i}" for i in range(scale.ballots)]
    with book.unit_of_work(actor="s1") as uow:
        vote_id = service.open_vote(uow, draft(), [Claim(voter=v, cents=_cents(i)) for i, v in enumerate(voters)])
        _give_all(uow, vote_id, voters)
    clock.instant = OPENS_AT
    findings.table(f"{scale.ballots:,} ballots", "seconds", "of which the processor's")
    cast, _ = _timed(lambda: _cast_all(published, vote_id, voters))
    clock.instant = CLOSES_AT
    tallied, _ = _timed(lambda: _close(published, vote_id))
    published.publish()
    written, public = _timed(lambda: queries.published_file(book, published.log_dir, vote_id))
    opened, auditors = _timed(lambda: queries.auditors_file(book, vote_id))
    verified, report = _timed(lambda: verify_vote(public, published.policy))
    audited, whole = _timed(lambda: verify_vote(public, published.policy, auditor=auditors))
    if report.exit_code or whole.exit_code or report.figures["ballots"] != scale.ballots:
        raise AssertionError(whole.to_text())
    spent = {"cast": cast, "tallied": tallied, "file written": written, "auditor's file written": opened}
    for name, (seconds, busy) in {**spent, "verified": verified, "audited": audited}.items():
        findings.row(name, f"{seconds:.1f}", f"{busy:.1f}")
    findings.row("bytes of the published file", number(len(public)))
    findings.measured["votes.tallied"] = round(tallied[1] + verified[1], 1)
    findings.measured["votes.audited"] = round(audited[1], 1)
    engine.dispose()
    databases.drop("sqlite", "votes")


def _cents(position: int) -> int:
    """A claim: round three times of four, what is left after instalments otherwise."""
    euros = 5 * (1 + position * 7_919 % 5_000)
    return 100 * euros if position % 4 else 100 * euros - position % 9_973 % (100 * euros)


def _give_all(uow: service.UnitOfWork, vote_id: str, voters: list[str]) -> None:
    """One who votes for all, so that ballots of many voters fit in a unit of work."""
    today = uow.today()
    columns = ("vote_id", "proxy_id", "voter", "holder", "valid_from", "valid_until", "evidence", "given_at", "actor")
    dated = (today, today + timedelta(days=30), TERMS, uow.now(), NOMINEE)
    rows = [(vote_id, f"m{voter}", voter, NOMINEE, *dated) for voter in voters]
    bulk.insert_rows(uow.connection, t.vote_proxy, uow.book_id, columns, rows)


def _cast_all(published: PublishedBook, vote_id: str, voters: list[str]) -> None:
    for first in range(0, len(voters), UNIT):
        chunk = list(enumerate(voters))[first : first + UNIT]
        ballots = [BallotCast(voter=voter, parts=_parts(position)) for position, voter in chunk]
        again = [ballot for position, ballot in enumerate(ballots) if position % 20 == 0]
        with published.book.unit_of_work(actor=NOMINEE) as uow:
            service.cast_many(uow, vote_id, [*again, *ballots])


def _parts(position: int) -> list[tuple[Choice, int]]:
    cents, choice = _cents(position), list(Choice)[position % 3]
    if position % 10 == 0 and cents > 1:
        return [(Choice.YES, cents // 2), (Choice.NO, cents - cents // 2)]
    return [(choice, cents)]


def _close(published: PublishedBook, vote_id: str) -> None:
    with published.book.unit_of_work(actor="s1") as uow:
        service.close_vote(uow, vote_id)


def _timed(work: Callable[[], T]) -> tuple[tuple[float, float], T]:
    """Seconds, seconds of the processor, and what the work made."""
    started, busy = time.perf_counter(), time.process_time()
    made = work()
    return (time.perf_counter() - started, time.process_time() - busy), made


SECTION = Section("Votes", 15, __doc__ or "", run)
