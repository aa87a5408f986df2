"""What tests of votes share: a published book with voters, a vote under way, and files as a dishonest operator would
make them.

poll = announced(book, clock, {"c1": 5_000, "c2": 7_000});  poll.cast("c1", (YES, 5_000));  poll.close()
public, auditors = files_of(published, poll.vote_id)
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.votes import queries, service
from contracts.votes.published import Records, Spec, closing_line, tallies
from contracts.votes.rules import ClassFacts, RuleKind, VoteRule, rule_of_law
from contracts.votes.service import BallotCast, Claim, VoteDraft
from contracts.votes.tally import Choice, Result, decide
from ledger.audit.openings import receipt_for
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.facts import Finding
from tests.conftest import NOON
from tests.proof import PublishedBook

TERMS = "ab" * 32
SUBJECT = "loan:l1"
OPENS_AT, CLOSES_AT = NOON + timedelta(days=15), NOON + timedelta(days=22)
SME = rule_of_law(RuleKind.SME, NOON.date())
LARGE = rule_of_law(RuleKind.LARGE, NOON.date())
YES, NO, ABSTAIN = Choice.YES, Choice.NO, Choice.ABSTAIN

Parts = Sequence[tuple[Choice, int]]


def draft(rule: VoteRule = SME, **changes: Any) -> VoteDraft:
    values: dict[str, Any] = {
        "subject": SUBJECT,
        "terms_sha256": TERMS,
        "rule": rule,
        "record_on": NOON.date(),
        "opens_at": OPENS_AT,
        "closes_at": CLOSES_AT,
    }
    return VoteDraft(**(values | changes))


@dataclass
class Poll:
    """A vote that is under way in a book."""

    book: Book
    clock: FixedClock
    vote_id: str

    def at(self, instant: datetime) -> "Poll":
        self.clock.instant = instant
        return self

    def cast(self, voter: str, *parts: tuple[Choice, int], by: str | None = None, class_name: str = "all") -> int:
        with self.book.unit_of_work(actor=by or voter) as uow:
            return service.cast(uow, self.vote_id, BallotCast(voter=voter, parts=parts, class_name=class_name))

    def proxy(self, voter: str, holder: str, *, days: int = 30, by: str | None = None, **changes: Any) -> str:
        today = self.clock.today()
        values: dict[str, Any] = {
            "valid_from": today,
            "valid_until": today + timedelta(days=days),
            "evidence": TERMS,
        } | changes
        with self.book.unit_of_work(actor=by or voter) as uow:
            return service.give_proxy(uow, self.vote_id, voter=voter, holder=holder, **values)

    def revoke(self, proxy_id: str, *, by: str) -> None:
        with self.book.unit_of_work(actor=by) as uow:
            service.revoke_proxy(uow, self.vote_id, proxy_id)

    def close(self) -> Result:
        self.at(self.spec.closes_at)
        with self.book.unit_of_work(actor="system:votes") as uow:
            return service.close_vote(uow, self.vote_id)

    def withdraw(self) -> None:
        with self.book.unit_of_work(actor="s1") as uow:
            service.withdraw_vote(uow, self.vote_id, evidence=TERMS)

    @property
    def spec(self) -> Spec:
        with self.book.read() as connection:
            return queries.spec_of(connection, self.book.book_id, self.vote_id)


def announced(book: Book, clock: FixedClock, claims: Mapping[str, int] | Iterable[Claim], **changes: Any) -> Poll:
    """A vote that is announced; the clock stands at its opening afterwards."""
    opens_at = clock.instant + (OPENS_AT - NOON)
    dates = {"record_on": clock.today(), "opens_at": opens_at, "closes_at": opens_at + (CLOSES_AT - OPENS_AT)}
    rows = [Claim(voter=v, cents=c) for v, c in claims.items()] if isinstance(claims, Mapping) else claims
    with book.unit_of_work(actor="s1") as uow:
        vote_id = service.open_vote(uow, draft(**(dates | changes)), rows)
    return Poll(book, clock, vote_id).at(opens_at)


def files_of(published: PublishedBook, vote_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The published file and the auditor's of a closed vote, as objects."""
    published.publish()
    public = queries.published_file(published.book, published.log_dir, vote_id)
    return json.loads(public), json.loads(queries.auditors_file(published.book, vote_id))


def file_of_operator(
    published: PublishedBook,
    spec: Spec,
    records: Records,
    *,
    announcement: Mapping[str, str],
    line: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A published file whose closing entry stands in the log and is committed to these records, however false."""
    try:
        tally = tallies(spec, records.heads, records.coins)
    except Refusal:
        tally = []
    result = decide(spec.rule, tally, spec.facts)
    body = closing_line(spec, records, cast=len(records.ballots), tally=tally, result=result) | (line or {})
    with published.book.unit_of_work(actor="s1") as uow:
        uow.post(Finding(f"false:{published.posted}", "vote/1", [body]))
    published.posted += 1
    published.publish()
    receipt = receipt_for(published.book, published.log_dir, n=uow.results[0].n, line=1)
    return {
        "announcement": dict(announcement),
        "closing": {"opening": receipt.opening.decode(), "proof": receipt.proof.decode()},
        "format": "bxl-vote/1",
        "records": {"ballots": records.ballots, "coins": records.coins, "heads": records.heads},
        "result": result.as_json(),
        "spec": spec.as_json(),
        "tally": [each.as_json() for each in tally],
    }


def records_in(public: Mapping[str, Any]) -> Records:
    lists = public["records"]
    return Records(ballots=list(lists["ballots"]), heads=list(lists["heads"]), coins=list(lists["coins"]))


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def written(folder: Path, name: str, value: Any) -> Path:
    path = folder / name
    path.write_bytes(value if isinstance(value, bytes) else encoded(value))
    return path


def facts(*names: str, secured: Iterable[str] = (), in_the_money: Iterable[str] = ()) -> tuple[ClassFacts, ...]:
    return tuple(ClassFacts(name=n, secured=n in secured, in_the_money=n in in_the_money) for n in names)
