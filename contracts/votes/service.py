"""Votes: announced with frozen claims, ballots taken sealed, and closed with a result that anybody can recompute.

A ballot may be replaced until the vote ends: the newest counts, all are kept. So whoever was pressed to vote can vote
again, and a proxy's ballot gives way to the voter's own. A proxy that is revoked sends no more ballots; those that it
sent before stand until the voter sends another.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from contracts import moves
from contracts.votes import queries
from contracts.votes import tables as t
from contracts.votes.ballot import (
    BANDS_CENTS,
    Ballot,
    ballot_in,
    ballot_salt,
    body_of,
    cap_for,
    claim_commitment,
    coin_records,
    electorate_salt,
    head_record,
    pseudonym,
    voter_secret,
)
from contracts.votes.lifecycle import CLOSED, VOTE, WITHDRAWN, VoteState
from contracts.votes.published import (
    BALLOT,
    OPENING,
    WITHDRAWAL,
    FrozenClass,
    Records,
    Spec,
    ballot_record,
    closing_line,
    tallies,
)
from contracts.votes.rules import ALL, ClassFacts, VoteRule
from contracts.votes.tally import Choice, Result, decide
from ledger.book import UnitOfWork
from ledger.calendars import previous_target_day
from ledger.clock import brussels_date, instant_on
from ledger.errors import Refusal
from ledger.facts import Finding
from ledger.findings import entry_numbers
from ledger.journal import check_evidence, is_plain_text
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, canonical_json, commit_line
from ledger.log.leaf import VOTE as VOTE_ENTRY
from ledger.log.merkle import leaf_hash, root
from ledger.storage import bulk

ACTOR = "system:votes"
"""Who enters what is said of votes in the log: a ballot's entry does not say whose it is."""
PART = 10_000
"""Records in a row of `vote_records`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a holder had at the record date: `cents` of weight in a class. Claims of one holder in one class add up."""

    voter: str
    cents: int
    class_name: str = ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteDraft:
    """What is put to the vote.

    `subject` names it (`loan:l4k2`), `terms_sha256` is the hash of the paper that is voted on; `facts` are those of the
    classes, which the rule of large enterprises asks for.
    """

    subject: str
    terms_sha256: str
    rule: VoteRule
    record_on: date
    opens_at: datetime
    closes_at: datetime
    facts: tuple[ClassFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotCast:
    """A ballot that comes in: parts in cents, for the claim of `voter` in a class."""

    voter: str
    parts: Sequence[tuple[Choice, int]]
    class_name: str = field(default=ALL)


def open_vote(uow: UnitOfWork, draft: VoteDraft, claims: Iterable[Claim]) -> str:
    """Announce a vote and freeze its claims; gives its identifier.

    Where the rule is not by class, all claims are one class. Refuses `vote-notice-too-short`, `vote-dates-differ`,
    `date-not-reached` for a record date to come, `evidence-malformed`, `vote-without-claims`, `vote-class-unknown`.
    """
    assert is_plain_text(draft.subject), draft.subject
    today, vote_id = uow.today(), uow.new_id("v")
    _check_dates(draft, today)
    check_evidence(vote_id, draft.terms_sha256)
    frozen = _frozen(draft, claims)
    keys = uow.keys.subject_keys(uow.connection, {voter for voter, _ in frozen}, now=uow.now())
    secrets = {voter: voter_secret(key, vote_id) for voter, key in keys.items()}
    spec = _spec(draft, vote_id, today, frozen, secrets)
    described = {"subject": draft.subject, "spec": spec.as_json(), "announced_at": uow.now(), "actor": uow.actor}
    uow.connection.execute(sa.insert(t.vote).values(book_id=uow.book_id, vote_id=vote_id, **described))
    rows = [(vote_id, voter, name, cents) for (voter, name), cents in frozen.items()]
    columns = ("vote_id", "voter", "class_name", "weight_cents")
    bulk.insert_rows(uow.connection, t.vote_claim, uow.book_id, columns, rows)
    _enter(uow, queries.announcement_key(vote_id), {"spec": spec.sha256, "step": OPENING, "vote": vote_id})
    return vote_id


def give_proxy(
    uow: UnitOfWork, vote_id: str, *, voter: str, holder: str, valid_from: date, valid_until: date, evidence: str
) -> str:
    """Let `holder` send ballots for `voter` between two days, both included; gives the proxy's identifier.

    `evidence` is the SHA-256 of the mandate. Refuses `vote-unknown`, `vote-is-closed`, `vote-is-over`, `voter-unknown`,
    `proxy-dates-differ`, `proxy-too-late` where the rule asks for working days before the end, `evidence-malformed`.
    """
    spec = _lock(uow, vote_id)
    _refuse_over(uow, spec)
    check_evidence(vote_id, evidence)
    if not queries.own_claims(uow.connection, uow.book_id, vote_id, voter):
        raise Refusal("voter-unknown", vote=vote_id, voter=voter[:40])
    if valid_until < valid_from or holder == voter:
        raise Refusal("proxy-dates-differ", from_on=valid_from.isoformat(), until_on=valid_until.isoformat())
    last_on = last_day_for_proxies(spec)
    if uow.today() > last_on:
        raise Refusal("proxy-too-late", last_on=last_on.isoformat())
    proxy_id = uow.new_id("m")
    dated = {"valid_from": valid_from, "valid_until": valid_until, "given_at": uow.now(), "actor": uow.actor}
    named = {"vote_id": vote_id, "proxy_id": proxy_id, "voter": voter, "holder": holder, "evidence": evidence}
    uow.connection.execute(sa.insert(t.vote_proxy).values(book_id=uow.book_id, **named, **dated))
    return proxy_id


def revoke_proxy(uow: UnitOfWork, vote_id: str, proxy_id: str) -> None:
    """End a proxy at once, as the voter or as its holder; refuses `vote-unknown`, `proxy-unknown`, `proxy-revoked`."""
    _hold(uow, vote_id)
    c = t.vote_proxy.c
    mine = (c.book_id == uow.book_id, c.vote_id == vote_id, c.proxy_id == proxy_id)
    found = uow.connection.execute(sa.select(t.vote_proxy).where(*mine)).one_or_none()
    if found is None or uow.actor not in {found.voter, found.holder}:
        raise Refusal("proxy-unknown", vote=vote_id[:40])
    if proxy_id in _revoked(uow, vote_id, [proxy_id]):
        raise Refusal("proxy-revoked", proxy=proxy_id)
    row = {"vote_id": vote_id, "proxy_id": proxy_id, "revoked_at": uow.now(), "actor": uow.actor}
    uow.connection.execute(sa.insert(t.vote_proxy_end).values(book_id=uow.book_id, **row))


def cast(uow: UnitOfWork, vote_id: str, ballot: BallotCast) -> int:
    """Take one ballot; gives its number among those of this claim. Refuses what `cast_many` does."""
    return cast_many(uow, vote_id, [ballot])[0]


def cast_whole(uow: UnitOfWork, vote_id: str, voter: str, choice: Choice) -> None:
    """Take one ballot for each of a voter's claims, with all of it; refuses what `cast_many` does."""
    claims = queries.own_claims(uow.connection, uow.book_id, vote_id, voter)
    if not claims:
        raise Refusal("voter-unknown", vote=vote_id[:40], voter=voter[:40])
    whole = [BallotCast(voter=voter, parts=[(choice, c.weight_cents)], class_name=c.class_name) for c in claims]
    cast_many(uow, vote_id, whole)


def cast_many(uow: UnitOfWork, vote_id: str, ballots: Sequence[BallotCast]) -> list[int]:
    """Take ballots, each as the voter herself or under a proxy; gives the number of each among those of its claim.

    Refuses `vote-unknown`, `vote-is-closed`, `vote-not-open-yet`, `vote-is-over`, `voter-unknown`, `ballot-malformed`,
    `ballot-above-weight`, and `proxy-unknown`, `proxy-revoked`, `proxy-not-in-force` for who is not the voter.
    """
    spec = _lock(uow, vote_id)
    at = _refuse_over(uow, spec)
    if at < spec.opens_at:
        raise Refusal("vote-not-open-yet", vote=vote_id, opens_at=spec.opens_at.isoformat())
    proxies = _proxies(uow, spec, {each.voter for each in ballots}, at)
    weights, numbers = _claims_of(uow, vote_id, proxies)
    keys = uow.keys.existing_keys(uow.connection, proxies)
    plain: list[tuple[str, bytes]] = []
    rows: list[tuple[Any, ...]] = []
    for each in ballots:
        claim, parsed = (each.voter, each.class_name), Ballot.of(each.parts)
        if claim not in weights:
            raise Refusal("voter-unknown", vote=vote_id, voter=each.voter[:40])
        if parsed.cents > weights[claim]:
            raise Refusal("ballot-above-weight", voted_cents=parsed.cents, weight_cents=weights[claim])
        numbers[claim] += 1
        secret = voter_secret(keys[each.voter], vote_id)
        identity = {"vote_id": vote_id, "voter": pseudonym(secret), "class_name": each.class_name}
        body = body_of(parsed, **identity, number=numbers[claim])
        commitment = commit_line(ballot_salt(secret, each.class_name, numbers[claim]), body)
        plain.append((each.voter, canonical_json(body)))
        key = f"vote:{vote_id}:{commitment.hex()}"
        rows.append((vote_id, *claim, numbers[claim], commitment, key, proxies[each.voter], at, uow.actor))
        _enter(uow, key, {"commitment": b64(commitment), "step": BALLOT, "vote": vote_id})
    sealed = uow.keys.seal_many(uow, plain)
    columns = ("vote_id", "voter", "class_name", "number", "commitment", "fact_key", "proxy_id", "cast_at", "actor")
    filled = [(*row, seal) for row, seal in zip(rows, sealed, strict=True)]
    bulk.insert_rows(uow.connection, t.vote_ballot, uow.book_id, (*columns, "sealed"), filled)
    return [row[3] for row in rows]


def close_vote(uow: UnitOfWork, vote_id: str) -> Result:
    """Open the newest ballot of each claim, count, and publish: records and result are final, and the log holds them.

    Refuses `vote-unknown`, `vote-is-closed`, `vote-not-over`; and `personal-data-altered` or `ballot-differs` where a
    ballot is not what was committed to.
    """
    spec = _lock(uow, vote_id)
    at = instant_on(uow.today(), uow.now())
    if at < spec.closes_at:
        raise Refusal("vote-not-over", vote=vote_id, closes_at=spec.closes_at.isoformat())
    rows = queries.ballot_rows(uow.connection, uow.book_id, vote_id)
    newest = {(row.voter, row.class_name): row for row in rows}
    records = _records(uow, spec, list(newest.values()))
    tally = tallies(spec, records.heads, records.coins)
    result = decide(spec.rule, tally, spec.facts)
    stated = {"tally": [each.as_json() for each in tally], "result": result.as_json()}
    about = {"vote_id": vote_id, "closed_at": at, "actor": uow.actor}
    uow.connection.execute(sa.insert(t.vote_result).values(book_id=uow.book_id, **about, **stated))
    for name, listed in records.by_name().items():
        starts = range(0, len(listed), PART)
        parts = [(vote_id, name, 1 + s // PART, "\n".join(listed[s : s + PART])) for s in starts]
        columns = ("vote_id", "list_name", "part", "records")
        bulk.insert_rows(uow.connection, t.vote_records, uow.book_id, columns, parts)
    key = queries.closing_key(vote_id)
    moves.record_move(uow, VOTE, vote_id, CLOSED, on=uow.today(), fact_key=key, facts={"outcome": result.outcome.value})
    _enter(uow, key, closing_line(spec, records, cast=len(rows), tally=tally, result=result))
    return result


def withdraw_vote(uow: UnitOfWork, vote_id: str, *, evidence: str) -> None:
    """End a vote without a count: its ballots stay sealed. `evidence` is the SHA-256 of the reason.

    Refuses `vote-unknown` and `vote-is-closed`.
    """
    _lock(uow, vote_id)
    key = f"vote:{vote_id}:withdrawn"
    moves.record_move(uow, VOTE, vote_id, WITHDRAWN, on=uow.today(), evidence=evidence, fact_key=key)
    _enter(uow, key, {"step": WITHDRAWAL, "vote": vote_id})


def last_day_for_proxies(spec: Spec) -> date:
    """The last day on which a proxy is taken: so many working days before the end as the rule says.

    Working days are TARGET's: a public holiday of Belgium alone counts as one, so the day may be later by law's count.
    """
    day = brussels_date(spec.closes_at)
    for _ in range(spec.rule.proxy_working_days):
        day = previous_target_day(day - timedelta(days=1))
    return day


def _check_dates(draft: VoteDraft, today: date) -> None:
    earliest = today + timedelta(days=draft.rule.notice_days)
    if brussels_date(draft.opens_at) < earliest:
        raise Refusal("vote-notice-too-short", days=draft.rule.notice_days, earliest_on=earliest.isoformat())
    if draft.closes_at <= draft.opens_at:
        raise Refusal("vote-dates-differ")
    if draft.record_on > today:
        raise Refusal("date-not-reached", stated_on=draft.record_on.isoformat(), today_on=today.isoformat())


def _frozen(draft: VoteDraft, claims: Iterable[Claim]) -> dict[tuple[str, str], int]:
    """The claims by voter and class; what comes to nothing has no vote."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for claim in claims:
        found[claim.voter, claim.class_name if draft.rule.by_class else ALL] += claim.cents
    kept = {key: cents for key, cents in sorted(found.items()) if cents > 0}
    if not kept:
        raise Refusal("vote-without-claims", subject=draft.subject)
    for name in {name for _, name in kept}:
        ClassFacts(name=name)  # a class has a name that files can hold
    if unknown := sorted({each.name for each in draft.facts} - {name for _, name in kept}):
        raise Refusal("vote-class-unknown", name=unknown[0])
    return kept


def _spec(
    draft: VoteDraft,
    vote_id: str,
    today: date,
    frozen: Mapping[tuple[str, str], int],
    secrets: Mapping[str, bytes],
) -> Spec:
    names = sorted({name for _, name in frozen})
    weights = {name: [cents for (_, each), cents in frozen.items() if each == name] for name in names}
    return Spec(
        vote_id=vote_id,
        subject=draft.subject,
        terms_sha256=draft.terms_sha256,
        rule=draft.rule,
        facts=draft.facts,
        announced_on=today,
        record_on=draft.record_on,
        opens_at=draft.opens_at,
        closes_at=draft.closes_at,
        bands=BANDS_CENTS,
        coin_cap_cents=cap_for(max(frozen.values())),
        classes=tuple(FrozenClass(name=name, voters=len(own), cents=sum(own)) for name, own in weights.items()),
        electorate_root=b64(_electorate_root(vote_id, frozen, secrets)),
    )


def _electorate_root(vote_id: str, frozen: Mapping[tuple[str, str], int], secrets: Mapping[str, bytes]) -> bytes:
    """The root over the commitments to the claims, in the order of pseudonyms."""
    named = sorted((pseudonym(secrets[voter]), name, voter, cents) for (voter, name), cents in frozen.items())
    return root(
        leaf_hash(
            claim_commitment(
                electorate_salt(secrets[voter], name), vote_id=vote_id, voter=who, class_name=name, cents=cents
            )
        )
        for who, name, voter, cents in named
    )


def _lock(uow: UnitOfWork, vote_id: str) -> Spec:
    """Hold the vote until the unit of work ends, as every use case of it does; refuses one that has ended.

    Ballots of one vote wait for each other: they would at the book's head in any case.
    """
    spec = _hold(uow, vote_id)
    state = moves.state(uow.connection, uow.book_id, VOTE, vote_id)
    if state is not VoteState.ANNOUNCED:
        raise Refusal("vote-is-closed", vote=vote_id, state=state.value)
    return spec


def _hold(uow: UnitOfWork, vote_id: str) -> Spec:
    c = t.vote.c
    mine = sa.select(c.vote_id).where(c.book_id == uow.book_id, c.vote_id == vote_id)
    uow.connection.execute(mine.with_for_update())
    return queries.spec_of(uow.connection, uow.book_id, vote_id)


def _refuse_over(uow: UnitOfWork, spec: Spec) -> datetime:
    """The instant it is, by the business date; refuses `vote-is-over`."""
    at = instant_on(uow.today(), uow.now())
    if at >= spec.closes_at:
        raise Refusal("vote-is-over", vote=spec.vote_id, closed_at=spec.closes_at.isoformat())
    return at


def _claims_of(
    uow: UnitOfWork, vote_id: str, voters: Iterable[str]
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """Weight and last number of each claim of these voters."""
    named = sorted(voters)
    c, b = t.vote_claim.c, t.vote_ballot.c
    own = (c.book_id == uow.book_id, c.vote_id == vote_id, bulk.among(uow.connection, c.voter, named))
    frozen = sa.select(c.voter, c.class_name, c.weight_cents).where(*own)
    weights = {(row.voter, row.class_name): row.weight_cents for row in uow.connection.execute(frozen)}
    sent = (b.book_id == uow.book_id, b.vote_id == vote_id, bulk.among(uow.connection, b.voter, named))
    last = sa.select(b.voter, b.class_name, sa.func.max(b.number).label("last")).where(*sent)
    numbers = dict.fromkeys(weights, 0)
    for row in uow.connection.execute(last.group_by(b.voter, b.class_name)):
        numbers[row.voter, row.class_name] = row.last
    return weights, numbers


def _proxies(uow: UnitOfWork, spec: Spec, voters: set[str], at: datetime) -> dict[str, str | None]:
    """The proxy under which the actor votes for each of the voters; None where it is she herself."""
    c, on = t.vote_proxy.c, brussels_date(at)
    others = sorted(voters - {uow.actor})
    named = bulk.among(uow.connection, c.voter, others)
    mine = (c.book_id == uow.book_id, c.vote_id == spec.vote_id, c.holder == uow.actor, named)
    given: dict[str, list[sa.Row[Any]]] = {voter: [] for voter in others}
    for row in uow.connection.execute(sa.select(t.vote_proxy).where(*mine).order_by(c.proxy_id)):
        given[row.voter].append(row)
    revoked = _revoked(uow, spec.vote_id, [row.proxy_id for rows in given.values() for row in rows])
    found: dict[str, str | None] = {uow.actor: None} if uow.actor in voters else {}
    return found | {voter: _in_force(spec, rows, revoked, on) for voter, rows in given.items()}


def _in_force(spec: Spec, given: Sequence[sa.Row[Any]], revoked: set[str], on: date) -> str:
    """The one of these proxies that holds on a day."""
    if not given:
        raise Refusal("proxy-unknown", vote=spec.vote_id)
    live = [row for row in given if row.proxy_id not in revoked]
    if not live:
        raise Refusal("proxy-revoked", proxy=given[-1].proxy_id)
    for row in live:
        if row.valid_from <= on <= row.valid_until:
            return str(row.proxy_id)
    last = live[-1]
    raise Refusal("proxy-not-in-force", from_on=last.valid_from.isoformat(), until_on=last.valid_until.isoformat())


def _revoked(uow: UnitOfWork, vote_id: str, proxy_ids: Iterable[str]) -> set[str]:
    c = t.vote_proxy_end.c
    chosen = bulk.among(uow.connection, c.proxy_id, proxy_ids)
    ended = sa.select(c.proxy_id).where(c.book_id == uow.book_id, c.vote_id == vote_id, chosen)
    return set(uow.connection.scalars(ended))


def _records(uow: UnitOfWork, spec: Spec, rows: Sequence[sa.Row[Any]]) -> Records:
    """What is published of the ballots that count."""
    opened = queries.open_ballots(uow.connection, uow.keys, spec.vote_id, rows)
    numbers = entry_numbers(uow.connection, uow.book_id, [row.fact_key for row in rows])
    listed: list[tuple[int, str]] = []
    heads: list[str] = []
    coins: list[str] = []
    for row, (body, salt) in zip(rows, opened, strict=True):
        ballot = ballot_in(body)
        listed.append((numbers[row.fact_key], ballot_record(numbers[row.fact_key], row.commitment)))
        heads.append(head_record(salt, row.class_name, ballot, spec.bands))
        coins += coin_records(salt, row.class_name, ballot, spec.coin_cap_cents)
    return Records(ballots=[record for _, record in sorted(listed)], heads=sorted(heads), coins=sorted(coins))


def _enter(uow: UnitOfWork, key: str, line: Mapping[str, JSON]) -> None:
    uow.post(Finding(key, VOTE_ENTRY, [line], actor=ACTOR))
