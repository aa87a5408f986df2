"""The pure function that decides: state and ordered requests in; entries, new balances and one result per request out.

No clock, no input or output. A request is a sequence of items that stand or fall together; a refusal undoes its own
request and nothing else. What is accepted is numbered from the book's head without gaps, committed line by line, and
sealed by one block:

    accounts/1   n          opens the accounts and assets that the entries below need (only if there are any)
    ...          n + 1 ...  one entry per accepted item, in order
    block                   first and last number, RFC 6962 root of the leaves, hash of the block before

Judging stands in `ledger.judge`; here, what was accepted becomes rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ledger.accounts import AccountRef
from ledger.errors import InvariantError, Refusal
from ledger.facts import Finding, Hold, Item, Note, PeriodClose, Release, RuleChange
from ledger.journal import JournalEntry
from ledger.judge import Accepted, Judge, Place, Position, Twin, Verdict
from ledger.lines import (
    ACCOUNTS,
    BOOK_KEY,
    HOLD,
    NOTE,
    PERIOD,
    POSTING,
    RELEASE,
    RULES,
    AccountRow,
    AssetRow,
    Details,
    EntryRow,
    FindingRow,
    HoldLineRow,
    HoldRow,
    HoldStepRow,
    PeriodRow,
    PostingRow,
    RequestRow,
    RuleRow,
    account_line,
    asset_line,
    header_line,
    hold_line,
    instant_text,
    plain_header,
    posting_bytes,
    posting_opening,
    rule_line,
    seal_block,
)
from ledger.log.leaf import JSON, Committer, canonical_json, entry_bytes, nonce_message
from ledger.log.merkle import leaf_hash
from ledger.money import Asset
from ledger.state import (
    NOTHING_GIVEN,
    AccountState,
    Decision,
    Given,
    Head,
    ItemResult,
    Replayed,
    Request,
    Result,
    State,
)


def decide(
    state: State,
    requests: Sequence[Request],
    *,
    now: datetime,
    today: date,
    keys: Mapping[str, bytes],
    floors: bool = True,
    new_assets: Sequence[Asset] = (),
    given: Given = NOTHING_GIVEN,
) -> Decision:
    """Judge `requests` in order and number what is accepted.

    `keys` holds the subject key of every owner of a personal account named, and the book's own under "".
    With `floors` false, accounts are opened without limits; limits that stand already are kept. `given` is what a
    record from elsewhere states of itself.
    """
    booked_at = max(now, state.head.last_booked_at)
    opened_assets = _assets_to_open(state, new_assets)
    judge = Judge(state, opened_assets, floors=floors, now=booked_at, today=today, given=given)
    verdicts = [judge.judge(request) for request in requests]
    builder = _Builder(state, judge, keys, booked_at, given)
    builder.open(opened_assets)
    for accepted in judge.accepted:
        builder.enter(accepted)
    results: list[Result] = []
    for verdict in verdicts:
        results.append(builder.answer(verdict, results))
    builder.keep(requests, results)
    return builder.seal(results)


def owners_named(requests: Sequence[Request]) -> set[str]:
    """Whose keys `decide` may need: the book's and those of every owner of an account that the chart calls personal."""
    return {BOOK_KEY} | {ref.owner for ref in accounts_named(requests) if ref.personal}


def accounts_named(requests: Sequence[Request]) -> dict[AccountRef, None]:
    """The accounts that the items name, each once, in order; those of a hold that is settled or ended are not named."""
    return {ref: None for request in requests for item in request.items for ref in _refs(item)}


def _refs(item: Item) -> list[AccountRef]:
    if isinstance(item, JournalEntry):
        return [posting.account for posting in item.postings]
    if isinstance(item, Hold):
        return [posting.account for posting in item.entry.postings]
    return [item.account] if isinstance(item, RuleChange) else []


@dataclass(slots=True)
class _Working:
    """An account as entries are built, one posting after the other, and what repeats in each of its lines."""

    state: AccountState
    committer: Committer | None
    opening: str
    posted: int
    seq: int
    last: bytes | None


class _Builder:
    """Second pass: numbers, commitments, leaves, rows."""

    def __init__(
        self, state: State, judge: Judge, keys: Mapping[str, bytes], booked_at: datetime, given: Given
    ) -> None:
        self._state = state
        self._head = state.head
        self._judge = judge
        self._keys = keys
        self._booked_at = booked_at
        self._at = instant_text(booked_at)
        self._given = given.commitments
        self._committers: dict[str, Committer] = {}  # by owner
        self._opening = 0
        self._working: dict[int, _Working] = {}  # by the account's number
        self.decided = Decision([], state.head)

    def open(self, assets: Sequence[Asset]) -> None:
        """One accounts/1 entry for all assets and accounts that are new."""
        to_open = self._judge.to_open
        if not assets and not to_open:
            return
        self._opening, n = 1, self._head.next_n
        commitments = [self._commit(BOOK_KEY, n, 0, header_line(actor="system", at=self._booked_at))]
        for line, asset in enumerate(assets, start=1):
            commitments.append(self._commit(BOOK_KEY, n, line, asset_line(asset.code, asset.scale)))
            self.decided.assets.append(AssetRow(asset.code, asset.scale, n, line, commitments[-1]))
        for line, (ref, scratch) in enumerate(to_open.items(), start=len(assets) + 1):
            account = scratch.state
            stated = account_line(ref, account.minimum, account.maximum)
            commitments.append(self._commit(account.key_owner, n, line, stated))
            row = (account.account_id, ref.code, ref.owner, ref.asset, account.personal, n, line, commitments[-1])
            self.decided.accounts.append(AccountRow(*row))
            self.decided.rules.append(RuleRow(account.account_id, 1, account.minimum, account.maximum, n))
        self._add_entry(ACCOUNTS, commitments)

    def enter(self, accepted: Accepted) -> None:
        """One entry for an accepted item."""
        match accepted.item:
            case JournalEntry() as item:
                self._post(item, accepted)
            case Hold() as item:
                self._hold(item, accepted)
            case Release() as item:
                self._release(item, accepted)
            case RuleChange() as item:
                self._change_rule(item, accepted)
            case PeriodClose() as item:
                self._close_period(item, accepted)
            case Note() as item:
                about: dict[str, JSON] = {"about": self._number(accepted.names), "text": item.text}
                self._simple(NOTE, item, accepted, about)
            case Finding() as item:
                self._find(item, accepted)

    def answer(self, verdict: list[Verdict] | Refusal | Replayed | Twin, before: Sequence[Result]) -> Result:
        """The verdict with its places turned into numbers; a twin gets what the one before got."""
        if isinstance(verdict, Twin):
            first = before[verdict.place]
            return first if isinstance(first, Replayed) else Replayed(outcome_of(first))
        if not isinstance(verdict, list):
            return verdict
        return [ItemResult(each.key, self._number(each.place), each.duplicate) for each in verdict]

    def keep(self, requests: Sequence[Request], results: Sequence[Result]) -> None:
        """The answers of requests that have a key and were not answered before, refusals included."""
        for request, result in zip(requests, results, strict=True):
            if request.key is None or isinstance(result, Replayed):
                continue
            if isinstance(result, Refusal) and result.code == "idempotency-key-reused":
                continue
            outcome = outcome_of(result) if request.answer is None else request.answer
            place = (self._head.next_block, len(self.decided.requests))
            row = (request.key, request.actor, request.body_hash, outcome, self._booked_at, *place)
            self.decided.requests.append(RequestRow(*row))

    def seal(self, results: list[Result]) -> Decision:
        """The whole decision, with its block if there is anything to write."""
        head, decided = self._head, self.decided
        if not decided.entries and not decided.requests:
            return Decision(results, head)
        block = seal_block(
            book_id=self._state.book_id,
            block=head.next_block,
            first_n=head.next_n,
            leaves=[entry.leaf for entry in decided.entries],
            postings=len(decided.postings),
            prev_hash=head.last_hash,
            sealed_at=self._booked_at,
            requests=[request.digest() for request in decided.requests],
        )
        after = Head(
            next_n=block.last_n + 1,
            next_block=head.next_block + 1,
            next_account=head.next_account + len(self._judge.to_open),
            last_hash=block.hash,
            last_booked_at=self._booked_at,
            closed_on=self._judge.closed_on,
        )
        opened, changed = self._moved()
        return Decision(
            results=results, head=after, block=block, opened=opened, changed=changed,
            entries=decided.entries, postings=decided.postings, assets=decided.assets, accounts=decided.accounts,
            rules=decided.rules, holds=decided.holds, hold_lines=decided.hold_lines, hold_steps=decided.hold_steps,
            periods=decided.periods, findings=decided.findings, requests=decided.requests,
        )  # fmt: skip

    def _moved(self) -> tuple[list[AccountState], list[AccountState]]:
        """Accounts as they are afterwards: those that are new, and those of before that have changed."""
        opened, changed = [], []
        for scratch in self._judge.touched():
            before, working = scratch.state, self._working.get(scratch.state.account_id)
            after = before.copy()
            after.held_debit, after.held_credit = scratch.held_debit, scratch.held_credit
            after.minimum, after.maximum = scratch.minimum, scratch.maximum
            after.closed, after.version = scratch.closed, scratch.version
            if working is not None:
                after.posted, after.seq, after.last_commitment = working.posted, working.seq, working.last
            if after.posted != scratch.posted:
                raise InvariantError(f"what was judged and what was posted differ on {before.ref}")
            if before.ref in self._judge.to_open:
                opened.append(after)
            elif after != before:
                changed.append(after)
        return opened, changed

    # one entry each

    def _post(self, entry: JournalEntry, accepted: Accepted) -> None:
        n = self._next_n()
        details = self._posting_details(entry, accepted)
        reverses = self._number(accepted.names) if entry.reverses is not None else None
        message = nonce_message(self._state.book_id, n)
        if details is None and not entry.approvals and entry.evidence is None and reverses is None:
            on = entry.effective_on.isoformat()
            header = plain_header(entry.actor, self._at, entry.key, on, entry.purpose)
        else:
            header = canonical_json(dict(self._header(entry, reverses=reverses, details=details)))
        commitments = [self._committer(BOOK_KEY).commit(message, 0, header)]
        for line, (posting, scratch) in enumerate(zip(entry.postings, accepted.accounts, strict=True), start=1):
            account = self._working.get(scratch.state.account_id) or self._work(scratch.state)
            debit, credit, personal = posting.debit, posting.credit, account.state.personal
            account.seq += 1
            account.posted += debit - credit
            seq, prev = (account.seq, account.last) if personal else (None, None)
            stated = posting_bytes(account.opening, debit, credit, seq=seq, prev=prev)
            if account.committer is None:
                account.last = self._as_given(n, line)
            else:
                account.last = account.committer.commit(message, line, stated)
            commitments.append(account.last)
            self.decided.postings.append(
                PostingRow(
                    account.state.account_id, account.seq, n, line, debit, credit, account.posted,
                    entry.effective_on, account.last, accepted.late,
                )
            )  # fmt: skip
        self._add_entry(POSTING, commitments, stated=entry, accepted=accepted, reverses=reverses, details=details)
        if accepted.step is not None:
            self._add_step(accepted, n)

    def _posting_details(self, entry: JournalEntry, accepted: Accepted) -> Details | None:
        if accepted.late is None and entry.settles is None and not entry.metadata:
            return None
        details: dict[str, JSON] = {}
        if accepted.late is not None:
            details["restates"] = accepted.late.isoformat()
        if entry.settles is not None:
            details["hold"] = self._number(accepted.names)
            if entry.releases_rest:
                details["rest"] = "released"
        if entry.metadata:
            details["meta"] = dict(entry.metadata)
        return details

    def _hold(self, item: Hold, accepted: Accepted) -> None:
        n, entry = self._next_n(), item.entry
        details: dict[str, JSON] = {}
        if item.expires_at is not None:
            details["expires"] = instant_text(item.expires_at)
        if entry.metadata:
            details["meta"] = dict(entry.metadata)
        commitments = [self._commit(BOOK_KEY, n, 0, self._header(entry, details=details or None))]
        expires_at = None if item.expires_at is None else item.expires_at.astimezone(UTC)
        self.decided.holds.append(HoldRow(n, expires_at))
        for line, (posting, scratch) in enumerate(zip(entry.postings, accepted.accounts, strict=True), start=1):
            stated = hold_line(posting.account, posting.debit, posting.credit)
            commitments.append(self._commit(scratch.state.key_owner, n, line, stated))
            row = (n, line, scratch.state.account_id, posting.debit, posting.credit, commitments[-1])
            self.decided.hold_lines.append(HoldLineRow(*row))
        self._add_entry(HOLD, commitments, stated=entry, accepted=accepted, details=details or None)

    def _release(self, item: Release, accepted: Accepted) -> None:
        self._add_step(accepted, self._next_n())
        self._simple(RELEASE, item, accepted, {"hold": self._number(accepted.names), "step": item.kind.value})

    def _change_rule(self, item: RuleChange, accepted: Accepted) -> None:
        n, account = self._next_n(), accepted.accounts[0].state
        header = self._header_of(item, None)
        stated = rule_line(item.account, accepted.version, item.minimum, item.maximum, closed=item.closed)
        commitments = [self._commit(BOOK_KEY, n, 0, header), self._commit(account.key_owner, n, 1, stated)]
        limits = (item.minimum, item.maximum, n, item.closed)
        self.decided.rules.append(RuleRow(account.account_id, accepted.version, *limits, commitments[1]))
        self._add_entry(RULES, commitments, stated=item, accepted=accepted)

    def _close_period(self, item: PeriodClose, accepted: Accepted) -> None:
        since_on = None if accepted.since is None else accepted.since + timedelta(days=1)
        self.decided.periods.append(PeriodRow(item.until_on, since_on, self._next_n()))
        details: dict[str, JSON] = {"until": item.until_on.isoformat()}
        if since_on is not None:
            details["since"] = since_on.isoformat()
        self._simple(PERIOD, item, accepted, details)

    def _find(self, item: Finding, accepted: Accepted) -> None:
        n = self._next_n()
        commitments = [self._commit(BOOK_KEY, n, 0, self._header_of(item, None))]
        for line, stated in enumerate(item.lines, start=1):
            commitments.append(self._commit(BOOK_KEY, n, line, stated))
            self.decided.findings.append(FindingRow(n, line, dict(stated), commitments[-1]))
        self._add_entry(item.type, commitments, stated=item, accepted=accepted)

    def _simple(self, entry_type: str, item: Item, accepted: Accepted, details: Details) -> None:
        """An entry whose header says it all."""
        commitments = [self._commit(BOOK_KEY, self._next_n(), 0, self._header_of(item, details))]
        self._add_entry(entry_type, commitments, stated=item, accepted=accepted, details=details)

    def _add_step(self, accepted: Accepted, n: int) -> None:
        assert accepted.step is not None
        step, kind = accepted.step
        self.decided.hold_steps.append(HoldStepRow(self._number(accepted.names), step, kind, n))

    # what entries are made of

    def _header(
        self, entry: JournalEntry, *, reverses: int | None = None, details: Details | None = None
    ) -> Mapping[str, JSON]:
        return header_line(
            actor=entry.actor,
            at=self._booked_at,
            key=entry.key,
            on=entry.effective_on,
            purpose=entry.purpose,
            evidence=entry.evidence,
            reverses=reverses,
            approvals=entry.approvals,
            details=details,
        )

    def _header_of(self, item: Item, details: Details | None) -> Mapping[str, JSON]:
        evidence, approvals = getattr(item, "evidence", None), getattr(item, "approvals", ())
        return header_line(
            actor=item.actor,
            at=self._booked_at,
            key=item.key,
            evidence=evidence,
            approvals=approvals,
            details=details,
        )

    def _add_entry(
        self,
        entry_type: str,
        commitments: Sequence[bytes],
        *,
        stated: Item | None = None,
        accepted: Accepted | None = None,
        reverses: int | None = None,
        details: Details | None = None,
    ) -> None:
        n = self._next_n()
        public = entry_bytes(n, entry_type, self._booked_at, commitments)
        journal = stated if isinstance(stated, JournalEntry) else None
        evidence, approvals = getattr(stated, "evidence", None), getattr(stated, "approvals", ())
        self.decided.entries.append(
            EntryRow(
                n,
                self._head.next_block,
                entry_type,
                None if journal is None else journal.effective_on,
                self._booked_at,
                None if journal is None else journal.purpose,
                None if stated is None else stated.key,
                None if accepted is None else accepted.body_hash,
                bytes.fromhex(evidence) if evidence else None,
                reverses,
                "system" if stated is None else stated.actor,
                list(approvals) or None,
                len(commitments),
                commitments[0],
                public,
                leaf_hash(public),
                details,
            )
        )

    def _commit(self, owner: str, n: int, line: int, stated: Mapping[str, JSON]) -> bytes:
        if self._is_erased(owner):
            return self._as_given(n, line)
        message = nonce_message(self._state.book_id, n)
        return self._committer(owner).commit(message, line, canonical_json(dict(stated)))

    def _as_given(self, n: int, line: int) -> bytes:
        if (n, line) not in self._given:
            raise InvariantError(f"no subject key and no commitment for line {line} of entry {n}")
        return self._given[n, line]

    def _is_erased(self, owner: str) -> bool:
        """Whether the owner's commitments are given, since there is no key to make them with."""
        return bool(self._given) and owner not in self._keys

    def _committer(self, owner: str) -> Committer:
        committer = self._committers.get(owner)
        if committer is None:
            if owner not in self._keys:
                raise InvariantError(f"no subject key for {owner!r}")
            committer = self._committers[owner] = Committer(self._keys[owner])
        return committer

    def _work(self, state: AccountState) -> _Working:
        committer = None if self._is_erased(state.key_owner) else self._committer(state.key_owner)
        opening = posting_opening(state.ref)
        account = _Working(state, committer, opening, state.posted, state.seq, state.last_commitment)
        self._working[state.account_id] = account
        return account

    def _next_n(self) -> int:
        return self._head.next_n + len(self.decided.entries)

    def _number(self, place: Place | None) -> int:
        assert place is not None
        if isinstance(place, Position):
            return self._head.next_n + self._opening + int(place)
        return place


def outcome_of(result: list[ItemResult] | Refusal) -> Mapping[str, object]:
    """A result as it is kept under an idempotency key: `{"done": [...]}`, or `{"refused": code, "facts": {...}}`."""
    if isinstance(result, Refusal):
        return {"refused": result.code, "facts": dict(result.facts)}
    return {"done": [{"key": each.key, "n": each.n, "duplicate": each.duplicate} for each in result]}


def _assets_to_open(state: State, new_assets: Sequence[Asset]) -> list[Asset]:
    """Those not open yet; refuses `asset-scale-differs` for an open asset with another scale."""
    opened: dict[str, Asset] = {}
    for asset in new_assets:
        scale = opened[asset.code].scale if asset.code in opened else state.assets.get(asset.code, asset.scale)
        if scale != asset.scale:
            raise Refusal("asset-scale-differs", asset=asset.code, scale=scale, stated=asset.scale)
        if asset.code not in state.assets:
            opened[asset.code] = asset
    return list(opened.values())
