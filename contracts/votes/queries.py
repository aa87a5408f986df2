"""Reading votes: how one stands, a voter's own side of it, and the three files that verifiers read."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from contracts import moves
from contracts.votes import tables as t
from contracts.votes.ballot import (
    BALLOT_FORMAT,
    ballot_salt,
    electorate_salt,
    pseudonym,
    voter_secret,
)
from contracts.votes.lifecycle import VOTE, VoteState
from contracts.votes.published import AUDITOR_FORMAT, LISTS, PUBLIC_FORMAT, Spec, hash_of, spec_from_json
from ledger.audit.openings import receipt_for
from ledger.book import Book
from ledger.errors import Refusal
from ledger.findings import entry_numbers
from ledger.log.encoding import b64
from ledger.log.leaf import JSON
from ledger.log.receipt import ReceiptFiles
from ledger.storage.keys import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteView:
    """A vote as everybody may see it; of the ballots, how many voters sent one, and nothing of what they say."""

    spec: Spec
    state: VoteState
    ballots: int
    result: Mapping[str, Any] | None
    tally: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClaim:
    """A voter's frozen claim in a class, and when she last sent a ballot for it."""

    class_name: str
    weight_cents: int
    last_cast_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyGiven:
    """A proxy that holds until its last day; a revoked one is none."""

    proxy_id: str
    voter: str
    holder: str
    valid_from: date
    valid_until: date


class OpenedBallot(NamedTuple):
    """What a ballot's commitment is to, and the salt that opens it."""

    body: Mapping[str, Any]
    salt: bytes


def vote_view(connection: sa.Connection, book_id: str, vote_id: str) -> VoteView:
    """The vote; refuses `vote-unknown`."""
    spec = spec_of(connection, book_id, vote_id)
    c = t.vote_ballot.c
    voters = sa.select(c.voter, c.class_name).where(c.book_id == book_id, c.vote_id == vote_id).distinct().subquery()
    r = t.vote_result.c
    closed = connection.execute(sa.select(r.tally, r.result).where(r.book_id == book_id, r.vote_id == vote_id)).first()
    return VoteView(
        spec=spec,
        state=moves.state(connection, book_id, VOTE, vote_id),
        ballots=connection.scalar(sa.select(sa.func.count()).select_from(voters)) or 0,
        result=None if closed is None else closed.result,
        tally=() if closed is None else closed.tally,
    )


def result_sha256(connection: sa.Connection, book_id: str, vote_id: str) -> str:
    """The hash of tally and result of a closed vote, as its closing entry has it; refuses `vote-unknown`."""
    r = t.vote_result.c
    row = connection.execute(sa.select(r.tally, r.result).where(r.book_id == book_id, r.vote_id == vote_id)).first()
    if row is None:
        raise Refusal("vote-unknown", vote=vote_id[:40])
    return hash_of({"result": row.result, "tally": row.tally})


def silent_voters(connection: sa.Connection, book_id: str, vote_id: str) -> list[tuple[str, int]]:
    """Who has sent no ballot for any of her claims yet, and the cents of these."""
    c, b = t.vote_claim.c, t.vote_ballot.c
    sent = sa.select(b.voter).where(b.book_id == book_id, b.vote_id == vote_id)
    mine = (c.book_id == book_id, c.vote_id == vote_id, c.voter.not_in(sent))
    query = sa.select(c.voter, sa.func.sum(c.weight_cents).label("cents")).where(*mine)
    return [(row.voter, int(row.cents)) for row in connection.execute(query.group_by(c.voter).order_by(c.voter))]


def votes_on(connection: sa.Connection, book_id: str, subject: str) -> list[str]:
    """The votes on a subject, oldest first."""
    c = t.vote.c
    mine = sa.select(c.vote_id).where(c.book_id == book_id, c.subject == subject)
    return list(connection.scalars(mine.order_by(c.announced_at, c.vote_id)))


def all_votes(connection: sa.Connection, book_id: str) -> list[VoteView]:
    """Every vote of the book, the newest first."""
    c = t.vote.c
    query = sa.select(c.vote_id).where(c.book_id == book_id).order_by(c.announced_at.desc(), c.vote_id)
    return [vote_view(connection, book_id, vote_id) for vote_id in connection.scalars(query).all()]


def own_claims(connection: sa.Connection, book_id: str, vote_id: str, voter: str) -> list[OwnClaim]:
    """What a voter may vote with, by class; none where she has no claim."""
    c, b = t.vote_claim.c, t.vote_ballot.c
    same = sa.and_(b.book_id == c.book_id, b.vote_id == c.vote_id, b.voter == c.voter, b.class_name == c.class_name)
    rows = connection.execute(
        sa.select(c.class_name, c.weight_cents, sa.func.max(b.cast_at, type_=b.cast_at.type).label("last"))
        .join_from(t.vote_claim, t.vote_ballot, same, isouter=True)
        .where(c.book_id == book_id, c.vote_id == vote_id, c.voter == voter)
        .group_by(c.class_name, c.weight_cents)
        .order_by(c.class_name)
    )
    return [OwnClaim(class_name=row.class_name, weight_cents=row.weight_cents, last_cast_at=row.last) for row in rows]


def proxies_given(connection: sa.Connection, book_id: str, vote_id: str, voter: str) -> list[ProxyGiven]:
    """The proxies of a voter that were not revoked, oldest first."""
    return _proxies(connection, book_id, vote_id, t.vote_proxy.c.voter == voter)


def proxies_held(connection: sa.Connection, book_id: str, vote_id: str, holder: str) -> list[ProxyGiven]:
    """The proxies that somebody holds in a vote and that were not revoked, oldest first."""
    return _proxies(connection, book_id, vote_id, t.vote_proxy.c.holder == holder)


def spec_of(connection: sa.Connection, book_id: str, vote_id: str) -> Spec:
    """What was announced; refuses `vote-unknown`."""
    c = t.vote.c
    stated = connection.scalar(sa.select(c.spec).where(c.book_id == book_id, c.vote_id == vote_id))
    if stated is None:
        raise Refusal("vote-unknown", vote=vote_id[:40])
    return spec_from_json(stated)


def ballot_file(book: Book, vote_id: str, voter: str, class_name: str) -> bytes:
    """What a voter keeps of her newest ballot: its body, the salt that opens its commitment, and the entry's number.

    With the log's receipt of that entry (`receipt_for`, line 1) it proves what she said and since when. It is to be
    kept secret, for it shows how she voted. Refuses `ballot-unknown`.
    """
    with book.read() as connection:
        row, n = _newest(connection, book.book_id, vote_id, voter, class_name)
        [opened] = open_ballots(connection, book.keys, vote_id, [row])
    return _file({"body": opened.body, "format": BALLOT_FORMAT, "n": n, "salt": b64(opened.salt)})


def ballot_receipt(book: Book, log_dir: Path, vote_id: str, voter: str, class_name: str) -> ReceiptFiles:
    """The log's receipt of a voter's newest ballot: it holds the commitment, and names nobody.

    Refuses `ballot-unknown`, and `receipt-not-yet-final` before the published log covers its entry.
    """
    with book.read() as connection:
        _, n = _newest(connection, book.book_id, vote_id, voter, class_name)
    return receipt_for(book, log_dir, n=n, line=1)


def published_file(book: Book, log_dir: Path, vote_id: str) -> bytes:
    """The file that anybody verifies a closed vote with.

    Refuses `vote-unknown`, `vote-not-over` before it is closed, and `receipt-not-yet-final` before the published log
    covers the closing entry.
    """
    with book.read() as connection:
        spec = spec_of(connection, book.book_id, vote_id)
        c = t.vote_result.c
        closed = connection.execute(
            sa.select(c.tally, c.result).where(c.book_id == book.book_id, c.vote_id == vote_id)
        ).one_or_none()
        if closed is None:
            raise Refusal("vote-not-over", vote=vote_id, closes_at=spec.closes_at.isoformat())
        lists = {name: _records(connection, book.book_id, vote_id, name) for name in LISTS}
        named = {"announcement": announcement_key(vote_id), "closing": closing_key(vote_id)}
        numbers = entry_numbers(connection, book.book_id, named.values())
    receipts = {name: receipt_for(book, log_dir, n=numbers[key], line=1) for name, key in named.items()}
    return _file(
        {
            **{name: {"opening": r.opening.decode(), "proof": r.proof.decode()} for name, r in receipts.items()},
            "format": PUBLIC_FORMAT,
            "records": lists,
            "result": closed.result,
            "spec": spec.as_json(),
            "tally": closed.tally,
        }
    )


def auditors_file(book: Book, vote_id: str) -> bytes:
    """Every frozen claim and every ballot of a closed vote, opened under pseudonyms; for auditors alone.

    Refuses `vote-unknown`, `vote-not-over`, and `subject-key-destroyed` once one of the voters was erased: what was
    given out before then stays as it is.
    """
    with book.read() as connection:
        spec = spec_of(connection, book.book_id, vote_id)
        if moves.state(connection, book.book_id, VOTE, vote_id) is not VoteState.CLOSED:
            raise Refusal("vote-not-over", vote=vote_id, closes_at=spec.closes_at.isoformat())
        claims = claim_rows(connection, book.book_id, vote_id)
        secrets = voter_secrets(connection, book.keys, vote_id, {row.voter for row in claims})
        rows = ballot_rows(connection, book.book_id, vote_id)
        opened = open_ballots(connection, book.keys, vote_id, rows)
        numbers = entry_numbers(connection, book.book_id, [row.fact_key for row in rows])
    ballots: list[JSON] = [
        {"body": each.body, "n": numbers[row.fact_key], "salt": b64(each.salt)}
        for row, each in zip(rows, opened, strict=True)
    ]
    return _file(
        {
            "ballots": sorted(ballots, key=_number),
            "claims": opened_claims(secrets, [(row.voter, row.class_name, row.weight_cents) for row in claims]),
            "format": AUDITOR_FORMAT,
            "spec": spec.sha256,
        }
    )


def opened_claims(secrets: Mapping[str, bytes], claims: Iterable[tuple[str, str, int]]) -> list[JSON]:
    """Frozen claims (voter, class, cents) as the auditor's file has them, in the order of the electorate's root."""
    named = sorted((pseudonym(secrets[voter]), name, voter, cents) for voter, name, cents in claims)
    return [
        {"cents": cents, "class": name, "salt": b64(electorate_salt(secrets[voter], name)), "voter": who}
        for who, name, voter, cents in named
    ]


def voter_secrets(connection: sa.Connection, keys: KeyRing, vote_id: str, voters: Iterable[str]) -> dict[str, bytes]:
    """The secrets of voters who have a key; refuses `subject-key-destroyed` where one has none."""
    wanted = set(voters)
    found = keys.existing_keys(connection, wanted)
    for voter in sorted(wanted - found.keys()):
        raise Refusal("subject-key-destroyed", owner=voter)
    return {voter: voter_secret(key, vote_id) for voter, key in found.items()}


def claim_rows(connection: sa.Connection, book_id: str, vote_id: str) -> Sequence[sa.Row[Any]]:
    """The frozen claims."""
    c = t.vote_claim.c
    return connection.execute(sa.select(t.vote_claim).where(c.book_id == book_id, c.vote_id == vote_id)).all()


def ballot_rows(
    connection: sa.Connection, book_id: str, vote_id: str, voter: str | None = None
) -> Sequence[sa.Row[Any]]:
    """Every ballot of a vote, or of one voter in it; of one claim, the oldest first."""
    c = t.vote_ballot.c
    mine = sa.select(t.vote_ballot).where(c.book_id == book_id, c.vote_id == vote_id)
    if voter is not None:
        mine = mine.where(c.voter == voter)
    return connection.execute(mine.order_by(c.voter, c.class_name, c.number)).all()


def open_ballots(
    connection: sa.Connection, keys: KeyRing, vote_id: str, rows: Sequence[sa.Row[Any]]
) -> list[OpenedBallot]:
    """Each ballot opened; refuses `subject-key-destroyed`, `personal-data-altered`, and `ballot-differs` for one that
    is not what its commitment is to.
    """
    secrets = voter_secrets(connection, keys, vote_id, {row.voter for row in rows})
    bodies = keys.open_many(connection, [(row.voter, row.sealed) for row in rows])
    return [
        _opened(row, body or b"", ballot_salt(secrets[row.voter], row.class_name, row.number))
        for row, body in zip(rows, bodies, strict=True)
    ]


def announcement_key(vote_id: str) -> str:
    """The fact key of the entry that announces it."""
    return f"vote:{vote_id}:announced"


def closing_key(vote_id: str) -> str:
    """The fact key of the closing entry."""
    return f"vote:{vote_id}:closed"


def _proxies(connection: sa.Connection, book_id: str, vote_id: str, whose: sa.ColumnElement[bool]) -> list[ProxyGiven]:
    c, ended = t.vote_proxy.c, t.vote_proxy_end.c
    revoked = sa.select(ended.proxy_id).where(ended.book_id == book_id, ended.vote_id == vote_id)
    columns = (c.proxy_id, c.voter, c.holder, c.valid_from, c.valid_until)
    query = sa.select(*columns).where(c.book_id == book_id, c.vote_id == vote_id, whose, c.proxy_id.not_in(revoked))
    return [ProxyGiven(**row._mapping) for row in connection.execute(query.order_by(c.given_at, c.proxy_id))]  # noqa: SLF001 -- SQLAlchemy's public name for a row as a mapping


def _newest(
    connection: sa.Connection, book_id: str, vote_id: str, voter: str, class_name: str
) -> tuple[sa.Row[Any], int]:
    """A voter's newest ballot in a class, and its entry's number."""
    rows = [row for row in ballot_rows(connection, book_id, vote_id, voter) if row.class_name == class_name]
    if not rows:
        raise Refusal("ballot-unknown", vote=vote_id[:40])
    return rows[-1], entry_numbers(connection, book_id, [rows[-1].fact_key])[rows[-1].fact_key]


def _records(connection: sa.Connection, book_id: str, vote_id: str, name: str) -> list[JSON]:
    c = t.vote_records.c
    mine = sa.select(c.records).where(c.book_id == book_id, c.vote_id == vote_id, c.list_name == name)
    return [record for part in connection.scalars(mine.order_by(c.part)) for record in part.split("\n")]


def _opened(row: sa.Row[Any], encoded: bytes, salt: bytes) -> OpenedBallot:
    """What the commitment is to is in its one form, so that its bytes need no other check."""
    if hashlib.sha256(salt + encoded).digest() != row.commitment:
        raise Refusal("ballot-differs", key=row.fact_key)
    return OpenedBallot(json.loads(encoded), salt)


def _number(ballot: JSON) -> int:
    assert isinstance(ballot, Mapping)
    n = ballot["n"]
    assert isinstance(n, int)
    return n


def _file(value: Mapping[str, JSON]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
