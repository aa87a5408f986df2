"""The pure function that decides: state and ordered requests in; entries, new balances and one result per request out.

No clock, no input or output. A request is a sequence of entries that stand or fall together; a refusal undoes its own
request and nothing else. What is accepted is numbered from the book's head without gaps, committed line by line, and
sealed by one block:

    accounts/1   n          opens the accounts and assets that the entries below need (only if there are any)
    posting/1    n + 1 ...  one per accepted entry
    block                   first and last number, RFC 6962 root of the leaves, hash of the block before
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from ledger.accounts import AccountRef, Side, chart_row
from ledger.errors import InvariantError, Refusal
from ledger.journal import JournalEntry
from ledger.lines import (
    ACCOUNTS,
    BOOK_KEY,
    POSTING,
    AccountRow,
    AssetRow,
    BlockRow,
    EntryRow,
    PostingRow,
    account_line,
    asset_line,
    header_line,
    posting_line,
    seal_block,
)
from ledger.log.leaf import JSON, commit_line, entry_bytes, nonce
from ledger.log.merkle import leaf_hash
from ledger.money import EUR, Asset

MAX_BALANCE = 2**63 - 1

Legs = Counter[tuple[AccountRef, int, int]]
"""The lines of an entry as (account, debit, credit), counted: what a reversal must mirror."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a book stands: the next numbers to give, and the last block's hash and instant."""

    next_n: int
    next_block: int
    next_account: int
    last_hash: bytes
    last_booked_at: datetime


@dataclass(slots=True)
class AccountState:
    """An open account: signed balance (debits minus credits), number of postings, limits, last commitment."""

    account_id: int
    ref: AccountRef
    personal: bool
    posted: int = 0
    seq: int = 0
    minimum: int | None = None
    maximum: int | None = None
    last_commitment: bytes | None = None

    @property
    def key_owner(self) -> str:
        """Whose key hides this account's lines."""
        return self.ref.owner if self.personal else BOOK_KEY


class KnownEntry(NamedTuple):
    """An entry that stands already."""

    n: int
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """A posted entry that a reversal names."""

    n: int
    legs: Legs
    is_reversal: bool
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class State:
    """All that the decision rests on: what the requests name, as far as it exists."""

    book_id: str
    head: Head
    accounts: Mapping[AccountRef, AccountState] = field(default_factory=dict)
    assets: Mapping[str, int] = field(default_factory=lambda: {EUR.code: EUR.scale})
    known: Mapping[str, KnownEntry] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)


class PostingResult(NamedTuple):
    """The number of the entry with this fact key, and whether it stood before."""

    key: str
    n: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write, and what to answer. `block` is None when nothing new was accepted."""

    results: list[list[PostingResult] | Refusal]
    head: Head
    block: BlockRow | None = None
    entries: list[EntryRow] = field(default_factory=list)
    postings: list[PostingRow] = field(default_factory=list)
    assets: list[AssetRow] = field(default_factory=list)
    accounts: list[AccountRow] = field(default_factory=list)
    opened: list[AccountState] = field(default_factory=list)
    changed: list[AccountState] = field(default_factory=list)


def decide(
    state: State,
    requests: Sequence[Sequence[JournalEntry]],
    *,
    now: datetime,
    keys: Mapping[str, bytes],
    floors: bool = True,
    new_assets: Sequence[Asset] = (),
) -> Decision:
    """Judge `requests` in order and number what is accepted.

    `keys` holds the subject key of every owner of a personal account named, and the book's own under "".
    With `floors` false, accounts are opened without limits; limits that stand already are kept.
    """
    opened_assets = _assets_to_open(state, new_assets)
    judge = _Judge(state, opened_assets, floors=floors)
    verdicts = [judge.judge(request) for request in requests]
    booked_at = max(now, state.head.last_booked_at)
    builder = _Builder(state, judge, keys, booked_at)
    builder.open(opened_assets)
    for accepted in judge.accepted:
        builder.post(accepted)
    results = [verdict if isinstance(verdict, Refusal) else list(builder.answer(verdict)) for verdict in verdicts]
    return builder.seal(results)


def owners_named(requests: Sequence[Sequence[JournalEntry]]) -> set[str]:
    """Whose keys `decide` may need: the book's and those of every owner of an account that the chart calls personal."""
    owners = {
        p.account.owner for request in requests for entry in request for p in entry.postings if _is_personal(p.account)
    }
    return owners | {BOOK_KEY}


def legs_of(entry: JournalEntry) -> Legs:
    """The entry's lines, counted."""
    return Counter((p.account, p.debit, p.credit) for p in entry.postings)


def mirrored(legs: Legs) -> Legs:
    """The same lines with debit and credit exchanged."""
    return Counter({(account, credit, debit): count for (account, debit, credit), count in legs.items()})


class _Accepted(NamedTuple):
    entry: JournalEntry
    body_hash: str
    reverses: "int | _Position | None"


class _Position(int):
    """The place of an entry among those accepted in this batch; its number follows once all are judged."""


class _Judge:
    """First pass: accept or refuse, on balances that move as entries are accepted."""

    def __init__(self, state: State, opened_assets: Sequence[Asset], *, floors: bool) -> None:
        self._state = state
        self._floors = floors
        self._assets = set(state.assets) | {asset.code for asset in opened_assets}
        self.accepted: list[_Accepted] = []
        self.to_open: dict[AccountRef, AccountState] = {}  # in order of first use
        self._posted: dict[AccountRef, int] = {}
        self._before: dict[AccountRef, int | None] = {}  # balances before the request at hand
        self._positions: dict[str, _Position] = {}
        self._reversed: set[str] = set()

    def judge(self, request: Sequence[JournalEntry]) -> list[tuple[str, int | _Position, bool]] | Refusal:
        """The place of each entry, or why the request is refused; a refusal leaves no trace."""
        accepted, opened = len(self.accepted), len(self.to_open)
        self._before = {}
        try:
            return [self._judge_entry(entry) for entry in request]
        except Refusal as refusal:
            self._undo(accepted, opened)
            return refusal

    def _undo(self, accepted: int, opened: int) -> None:
        for item in self.accepted[accepted:]:
            del self._positions[item.entry.key]
            self._reversed.discard(item.entry.reverses or "")
        del self.accepted[accepted:]
        for ref in list(self.to_open)[opened:]:
            del self.to_open[ref]
        for ref, posted in self._before.items():
            if posted is None:
                del self._posted[ref]
            else:
                self._posted[ref] = posted

    def _judge_entry(self, entry: JournalEntry) -> tuple[str, int | _Position, bool]:
        body_hash = entry.body_hash()
        standing = self._standing(entry.key)
        if standing is not None:
            place, standing_hash = standing
            if standing_hash != body_hash:
                raise Refusal("fact-key-reused", key=entry.key)
            return entry.key, place, True
        reverses = self._check_reversal(entry)
        try:
            self._apply(entry)
        except Refusal as refusal:  # what is wrong with an account says which entry met it
            raise Refusal(refusal.code, key=entry.key, **refusal.facts) from refusal
        position = self._positions[entry.key] = _Position(len(self.accepted))
        self.accepted.append(_Accepted(entry, body_hash, reverses))
        if entry.reverses is not None:
            self._reversed.add(entry.reverses)
        return entry.key, position, False

    def _standing(self, key: str) -> tuple[int | _Position, str] | None:
        if key in self._positions:
            position = self._positions[key]
            return position, self.accepted[position].body_hash
        known = self._state.known.get(key)
        return None if known is None else (known.n, known.body_hash.hex())

    def _check_reversal(self, entry: JournalEntry) -> "int | _Position | None":
        if entry.reverses is None:
            return None
        facts = {"key": entry.key, "reverses": entry.reverses}
        place: int | _Position
        if entry.reverses in self._positions:
            place = self._positions[entry.reverses]
            original = self.accepted[place].entry
            legs, is_reversal, is_reversed = legs_of(original), original.reverses is not None, False
        elif entry.reverses in self._state.targets:
            target = self._state.targets[entry.reverses]
            place, legs, is_reversal, is_reversed = target.n, target.legs, target.is_reversal, target.is_reversed
        else:
            raise Refusal("entry-reverses-unknown", **facts)
        if is_reversal:
            raise Refusal("reversal-of-reversal", **facts)
        if is_reversed or entry.reverses in self._reversed:
            raise Refusal("entry-already-reversed", **facts)
        if legs_of(entry) != mirrored(legs):
            raise Refusal("entry-is-not-mirror", **facts)
        return place

    def _apply(self, entry: JournalEntry) -> None:
        """Move the scratch balances by the whole entry, then hold each against its account's limits."""
        changes: dict[AccountRef, int] = {}
        for posting in entry.postings:
            changes[posting.account] = changes.get(posting.account, 0) + posting.signed
        accounts = {ref: self._account(ref) for ref in changes}  # what does not exist is said before what is short
        for ref, change in changes.items():
            account = accounts[ref]
            posted = self._posted.get(ref, account.posted) + change
            _check_limits(account, posted)
            self._before.setdefault(ref, self._posted.get(ref))
            self._posted[ref] = posted

    def _account(self, ref: AccountRef) -> AccountState:
        account = self._state.accounts.get(ref) or self.to_open.get(ref)
        if account is None:
            row = chart_row(ref.code)
            if ref.asset not in self._assets:
                raise Refusal("unknown-asset", asset=ref.asset, account=str(ref))
            limits = (row.minimum, row.maximum) if self._floors else (None, None)
            number = self._state.head.next_account + len(self.to_open)
            account = AccountState(number, ref, _is_personal(ref), minimum=limits[0], maximum=limits[1])
            self.to_open[ref] = account
        return account


class _Builder:
    """Second pass: numbers, commitments, leaves, rows."""

    def __init__(self, state: State, judge: _Judge, keys: Mapping[str, bytes], booked_at: datetime) -> None:
        self._state = state
        self._keys = keys
        self._booked_at = booked_at
        self._to_open = judge.to_open
        self._opening = 0
        self._accounts: dict[AccountRef, AccountState] = {}  # working copies of those touched
        self.entries: list[EntryRow] = []
        self.postings: list[PostingRow] = []
        self.asset_rows: list[AssetRow] = []
        self.account_rows: list[AccountRow] = []

    def open(self, assets: Sequence[Asset]) -> None:
        """One accounts/1 entry for all assets and accounts that are new."""
        if not assets and not self._to_open:
            return
        self._opening, n = 1, self._state.head.next_n
        header = header_line(actor="system", at=self._booked_at)
        commitments = [self._commit(BOOK_KEY, n, 0, header)]
        for line, asset in enumerate(assets, start=1):
            commitments.append(self._commit(BOOK_KEY, n, line, asset_line(asset.code, asset.scale)))
            self.asset_rows.append(AssetRow(asset.code, asset.scale, n, line, commitments[-1]))
        for line, (ref, account) in enumerate(self._to_open.items(), start=len(assets) + 1):
            stated = account_line(ref, account.minimum, account.maximum)
            commitments.append(self._commit(account.key_owner, n, line, stated))
            row = (account.account_id, ref.code, ref.owner, ref.asset, account.personal, n, line, commitments[-1])
            self.account_rows.append(AccountRow(*row))
        self._add_entry(ACCOUNTS, commitments, actor="system")

    def post(self, accepted: _Accepted) -> None:
        """One posting/1 entry."""
        entry, n = accepted.entry, self._state.head.next_n + len(self.entries)
        reverses = self._number(accepted.reverses)
        header = header_line(
            actor=entry.actor,
            at=self._booked_at,
            key=entry.key,
            on=entry.effective_on,
            purpose=entry.purpose,
            evidence=entry.evidence,
            reverses=reverses,
            approvals=entry.approvals,
        )
        commitments = [self._commit(BOOK_KEY, n, 0, header)]
        for line, posting in enumerate(entry.postings, start=1):
            account = self._working_copy(posting.account)
            account.seq += 1
            account.posted += posting.signed
            seq, prev = (account.seq, account.last_commitment) if account.personal else (None, None)
            stated = posting_line(posting.account, posting.debit, posting.credit, seq=seq, prev=prev)
            account.last_commitment = self._commit(account.key_owner, n, line, stated)
            commitments.append(account.last_commitment)
            amounts = (posting.debit, posting.credit, account.posted)
            row = (account.account_id, account.seq, n, line, *amounts, entry.effective_on, account.last_commitment)
            self.postings.append(PostingRow(*row))
        self._add_entry(
            POSTING,
            commitments,
            actor=entry.actor,
            effective_on=entry.effective_on,
            purpose=entry.purpose,
            fact_key=entry.key,
            body_hash=bytes.fromhex(accepted.body_hash),
            evidence=bytes.fromhex(entry.evidence) if entry.evidence else None,
            reverses=reverses,
            approvals=list(entry.approvals) or None,
        )

    def answer(self, verdict: list[tuple[str, int | _Position, bool]]) -> Iterator[PostingResult]:
        """The verdict with its places turned into numbers."""
        for key, place, duplicate in verdict:
            n = self._number(place)
            assert n is not None
            yield PostingResult(key, n, duplicate)

    def seal(self, results: list[list[PostingResult] | Refusal]) -> Decision:
        """The whole decision, with its block if anything new was accepted."""
        head = self._state.head
        if not self.entries:
            return Decision(results, head)
        block = seal_block(
            book_id=self._state.book_id,
            block=head.next_block,
            first_n=head.next_n,
            leaves=[entry.leaf for entry in self.entries],
            postings=len(self.postings),
            prev_hash=head.last_hash,
            sealed_at=self._booked_at,
        )
        after = Head(
            next_n=block.last_n + 1,
            next_block=head.next_block + 1,
            next_account=head.next_account + len(self._to_open),
            last_hash=block.hash,
            last_booked_at=self._booked_at,
        )
        opened = [self._accounts.get(ref, account) for ref, account in self._to_open.items()]
        changed = [account for ref, account in self._accounts.items() if ref not in self._to_open]
        return Decision(
            results, after, block, self.entries, self.postings, self.asset_rows, self.account_rows, opened, changed
        )

    def _add_entry(  # noqa: PLR0913 -- the columns of a row
        self,
        entry_type: str,
        commitments: Sequence[bytes],
        *,
        actor: str,
        effective_on: date | None = None,
        purpose: str | None = None,
        fact_key: str | None = None,
        body_hash: bytes | None = None,
        evidence: bytes | None = None,
        reverses: int | None = None,
        approvals: list[str] | None = None,
    ) -> None:
        n = self._state.head.next_n + len(self.entries)
        public = entry_bytes(n, entry_type, self._booked_at, commitments)
        self.entries.append(
            EntryRow(
                n=n,
                block=self._state.head.next_block,
                type=entry_type,
                effective_on=effective_on,
                booked_at=self._booked_at,
                purpose=purpose,
                fact_key=fact_key,
                body_hash=body_hash,
                evidence=evidence,
                reverses=reverses,
                actor=actor,
                approvals=approvals,
                lines=len(commitments),
                header_commitment=commitments[0],
                bytes=public,
                leaf=leaf_hash(public),
            )
        )

    def _commit(self, owner: str, n: int, line: int, stated: Mapping[str, JSON]) -> bytes:
        if owner not in self._keys:
            raise InvariantError(f"no subject key for {owner!r}")
        return commit_line(nonce(self._keys[owner], self._state.book_id, n, line), stated)

    def _working_copy(self, ref: AccountRef) -> AccountState:
        if ref not in self._accounts:
            self._accounts[ref] = replace(self._state.accounts.get(ref) or self._to_open[ref])
        return self._accounts[ref]

    def _number(self, place: "int | _Position | None") -> int | None:
        if isinstance(place, _Position):
            return self._state.head.next_n + self._opening + int(place)
        return place


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


def _check_limits(account: AccountState, posted: int) -> None:
    if abs(posted) > MAX_BALANCE:
        raise Refusal("balance-too-large", account=str(account.ref))
    below = account.minimum is not None and posted < account.minimum
    above = account.maximum is not None and posted > account.maximum
    if not below and not above:
        return
    limit = account.minimum if below else account.maximum
    assert limit is not None
    normal_is_debit = chart_row(account.ref.code).normal_side is Side.DEBIT
    code = "floor-breached" if below == normal_is_debit else "ceiling-breached"
    missing = abs(posted - limit)
    unit = "missing_cents" if account.ref.asset == EUR.code else "missing"
    raise Refusal(code, account=str(account.ref), asset=account.ref.asset, **{unit: missing})


def _is_personal(ref: AccountRef) -> bool:
    return bool(ref.owner) and chart_row(ref.code).personal
