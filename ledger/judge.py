"""The first pass of the decision: accept or refuse, request by request, on balances that move as items are accepted.

A refusal undoes its own request and leaves no trace. Every limit is held pessimistically: what holds reserve on one
side counts against the floor, what they reserve on the other against the ceiling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from ledger.accounts import AccountRef, Side, chart_row
from ledger.errors import Refusal
from ledger.facts import Finding, Hold, Item, Note, PeriodClose, Release, ReleaseKind, RuleChange
from ledger.journal import JournalEntry, Posting
from ledger.money import EUR, Asset
from ledger.state import NOTHING_GIVEN, AccountState, Given, Replayed, Request, State, legs_of, mirrored

MAX_BALANCE = 2**63 - 1


class Position(int):
    """The place of an item among those accepted in this batch; its number follows once all are judged."""


Place = int | Position


@dataclass(slots=True)
class Scratch:
    """An account while requests are judged: the values that accepted items have led to so far."""

    state: AccountState
    posted: int
    held_debit: int
    held_credit: int
    minimum: int | None
    maximum: int | None
    closed: bool
    version: int

    @classmethod
    def of(cls, state: AccountState) -> "Scratch":
        """The account as it stands."""
        limits = (state.minimum, state.maximum, state.closed, state.version)
        return cls(state, state.posted, state.held_debit, state.held_credit, *limits)

    def values(self) -> tuple[int, int, int, int | None, int | None, bool, int]:
        """All that can change."""
        limits = (self.minimum, self.maximum, self.closed, self.version)
        return self.posted, self.held_debit, self.held_credit, *limits

    def restore(self, values: tuple[int, int, int, int | None, int | None, bool, int]) -> None:
        """Back to values taken before."""
        self.posted, self.held_debit, self.held_credit, *limits = values
        self.minimum, self.maximum, self.closed, self.version = limits  # type: ignore[assignment]  # as taken


@dataclass(slots=True)
class HoldScratch:
    """A hold while requests are judged."""

    place: Place
    remaining: dict[tuple[AccountRef, bool], int]
    steps: int
    is_open: bool
    expires_at: datetime | None


@dataclass(slots=True)
class Accepted:
    """An accepted item with what judging it has found: the places of what it names, and what becomes of its hold."""

    item: Item
    body_hash: bytes
    accounts: Sequence[Scratch] = ()
    names: Place | None = None
    late: date | None = None
    step: tuple[int, str] | None = None
    version: int = 0
    since: date | None = None


class Verdict(NamedTuple):
    """The answer to one item: its key, its place, and whether it stood before."""

    key: str
    place: Place
    duplicate: bool


class Twin(NamedTuple):
    """The same request, under the same key, stands at `place` in this batch: its answer is the other's."""

    place: int


class Judge:
    """Judges requests in order. `now` is the instant of booking and `today` the business date."""

    def __init__(
        self,
        state: State,
        opened_assets: Sequence[Asset],
        *,
        floors: bool,
        now: datetime,
        today: date,
        given: Given = NOTHING_GIVEN,
    ) -> None:
        self._state = state
        self._limits = given.limits
        self._floors = floors
        self._now = now
        self._today = today
        self._assets = set(state.assets) | {asset.code for asset in opened_assets}
        self.accepted: list[Accepted] = []
        self.to_open: dict[AccountRef, Scratch] = {}  # in order of first use
        self.closed_on = state.head.closed_on
        self._judged = 0
        self._asked: dict[str, tuple[int, tuple[str, bytes]]] = {}  # by idempotency key
        self._periods = list(state.periods)
        self._scratch: dict[AccountRef, Scratch] = {}
        self._before: dict[AccountRef, tuple[int, int, int, int | None, int | None, bool, int]] = {}
        self._positions: dict[str, Position] = {}
        self._reversed: set[str] = set()
        self._holds: dict[str, HoldScratch] = {}
        self._holds_before: dict[str, HoldScratch | None] = {}

    def judge(self, request: Request) -> list[Verdict] | Refusal | Replayed | Twin:
        """The place of each item, the answer kept earlier, or why the request is refused."""
        self._judged += 1
        if request.key is not None:
            answered = self._answered(request.key, (request.actor, request.body_hash))
            if answered is not None:
                return answered
        accepted, opened, closed_on, periods = len(self.accepted), len(self.to_open), self.closed_on, len(self._periods)
        self._before, self._holds_before = {}, {}
        try:
            return [self._judge_item(item) for item in request.items]
        except Refusal as refusal:
            self._undo(accepted, opened)
            self.closed_on = closed_on
            del self._periods[periods:]
            return refusal

    def _answered(self, key: str, asked: tuple[str, bytes]) -> Refusal | Replayed | Twin | None:
        """What a request under a known key gets; a new key is remembered."""
        if (standing := self._state.requests.get(key)) is not None:
            same = (standing.actor, standing.body_hash) == asked
            return Replayed(standing.outcome) if same else Refusal("idempotency-key-reused", key=key)
        if key in self._asked:
            index, other = self._asked[key]
            return Twin(index) if other == asked else Refusal("idempotency-key-reused", key=key)
        self._asked[key] = (self._judged - 1, asked)
        return None

    def touched(self) -> Sequence[Scratch]:
        """Every account that was looked at, in the order of first use."""
        return list(self._scratch.values())

    def _undo(self, accepted: int, opened: int) -> None:
        for each in self.accepted[accepted:]:
            del self._positions[each.item.key]
            if isinstance(each.item, JournalEntry) and each.item.reverses is not None:
                self._reversed.discard(each.item.reverses)
        del self.accepted[accepted:]
        for ref, values in self._before.items():
            self._scratch[ref].restore(values)
        for ref in list(self.to_open)[opened:]:
            del self.to_open[ref], self._scratch[ref]
        for key, hold in self._holds_before.items():
            if hold is None:
                del self._holds[key]
            else:
                self._holds[key] = hold

    def _judge_item(self, item: Item) -> Verdict:
        body_hash = item.body_hash()
        standing = self._standing(item.key)
        if standing is not None:
            place, standing_hash = standing
            if standing_hash != body_hash:
                raise Refusal("fact-key-reused", key=item.key)
            return Verdict(item.key, place, duplicate=True)
        try:
            accepted = self._accept(item, body_hash)
        except Refusal as refusal:  # what is wrong with an account says which item met it
            if "key" in refusal.facts:
                raise
            raise Refusal(refusal.code, key=item.key, **refusal.facts) from refusal
        position = self._positions[item.key] = Position(len(self.accepted))
        self.accepted.append(accepted)
        return Verdict(item.key, position, duplicate=False)

    def _accept(self, item: Item, body_hash: bytes) -> Accepted:
        if isinstance(item, JournalEntry):
            return self._post(item, body_hash)
        match item:
            case Hold():
                return self._hold(item, body_hash)
            case Release():
                return self._release(item, body_hash)
            case RuleChange():
                return self._change_rule(item, body_hash)
            case PeriodClose():
                return self._close_period(item, body_hash)
            case Note():
                return Accepted(item, body_hash, names=self._note_place(item))
            case Finding():
                return Accepted(item, body_hash)

    def _standing(self, key: str) -> tuple[Place, bytes] | None:
        position = self._positions.get(key)
        if position is not None:
            return position, self.accepted[position].body_hash
        known = self._state.known.get(key)
        return None if known is None else (known.n, known.body_hash)

    # journal entries

    def _post(self, entry: JournalEntry, body_hash: bytes) -> Accepted:
        names = None if entry.reverses is None else self._check_reversal(entry)
        accounts = [self._account(posting.account) for posting in entry.postings]
        accepted = Accepted(entry, body_hash, accounts, names, self._lateness(entry))
        if entry.settles is not None:
            self._settle(entry, accepted)
        self._move(entry, accounts)
        if entry.reverses is not None:
            self._reversed.add(entry.reverses)
        return accepted

    def _move(self, entry: JournalEntry, accounts: Sequence[Scratch]) -> None:
        """Move the balances by the whole entry, then hold each against its account's limits."""
        for account, posting in zip(accounts, entry.postings, strict=True):
            self._remember(account)
            account.posted += posting.debit - posting.credit
        for account in accounts:
            if account.closed:
                raise Refusal("account-closed", account=str(account.state.ref), asset=account.state.ref.asset)
            check_limits(account)
        if any(chart_row(account.state.ref.code).exchange for account in accounts):
            check_exchange(entry.postings)

    def _lateness(self, entry: JournalEntry) -> date | None:
        """The last day of the closed period that the entry's date falls in, or None."""
        if self.closed_on is None or entry.effective_on > self.closed_on:
            return None
        until_on = next(day for day in self._periods if day >= entry.effective_on)
        if entry.purpose in self._state.late_refused:
            facts = {"effective_on": entry.effective_on.isoformat(), "closed_on": until_on.isoformat()}
            raise Refusal("period-closed-for-purpose", purpose=entry.purpose, **facts)
        return until_on

    def _check_reversal(self, entry: JournalEntry) -> Place:
        named = entry.reverses or ""
        facts = {"key": entry.key, "reverses": named}
        place: Place
        position = self._positions.get(named)
        if position is not None and isinstance(original := self.accepted[position].item, JournalEntry):
            place, legs = position, legs_of(original)
            is_reversal, is_reversed = original.reverses is not None, False
        elif named in self._state.targets:
            target = self._state.targets[named]
            place, legs, is_reversal, is_reversed = target.n, target.legs, target.is_reversal, target.is_reversed
        else:
            raise Refusal("entry-reverses-unknown", **facts)
        if is_reversal:
            raise Refusal("reversal-of-reversal", **facts)
        if is_reversed or named in self._reversed:
            raise Refusal("entry-already-reversed", **facts)
        if legs_of(entry) != mirrored(legs):
            raise Refusal("entry-is-not-mirror", **facts)
        return place

    # holds

    def _hold(self, item: Hold, body_hash: bytes) -> Accepted:
        accounts = [self._account(posting.account) for posting in item.entry.postings]
        if item.expires_at is not None and item.expires_at <= self._now:
            raise Refusal("hold-expires-before-it-begins", expires_at=item.expires_at.isoformat())
        late = self._lateness(item.entry)
        if late is not None:
            raise Refusal("hold-in-closed-period", closed_on=late.isoformat())
        remaining: dict[tuple[AccountRef, bool], int] = {}
        for account, posting in zip(accounts, item.entry.postings, strict=True):
            self._remember(account)
            account.held_debit += posting.debit
            account.held_credit += posting.credit
            side = (posting.account, posting.debit > 0)
            remaining[side] = remaining.get(side, 0) + posting.debit + posting.credit
        for account in accounts:
            if account.closed:
                raise Refusal("account-closed", account=str(account.state.ref), asset=account.state.ref.asset)
            check_limits(account)
        self._holds_before.setdefault(item.key, None)
        self._holds[item.key] = HoldScratch(Position(len(self.accepted)), remaining, 0, True, item.expires_at)
        return Accepted(item, body_hash, accounts)

    def _settle(self, entry: JournalEntry, accepted: Accepted) -> None:
        """Take what the entry posts out of its hold; the last of it, or the wish to free the rest, ends the hold."""
        key = entry.settles or ""
        hold = self._open_hold(key)
        if hold.expires_at is not None and hold.expires_at <= self._now:
            raise Refusal("hold-expired", hold=key, expires_at=hold.expires_at.isoformat())
        for account, posting in zip(accepted.accounts, entry.postings, strict=True):
            side, amount = (posting.account, posting.debit > 0), posting.debit + posting.credit
            left = hold.remaining.get(side, 0) - amount
            if left < 0:
                facts = {"account": str(posting.account), "asset": posting.account.asset}
                raise Refusal("hold-exceeded", hold=key, missing=-left, **facts)
            hold.remaining[side] = left
            self._free(account, debit_side=side[1], amount=amount)
        accepted.names = hold.place
        ends = entry.releases_rest or not any(hold.remaining.values())
        self._step(hold, accepted, "rest" if ends else "part")

    def _release(self, item: Release, body_hash: bytes) -> Accepted:
        hold = self._open_hold(item.hold)
        expired = hold.expires_at is not None and hold.expires_at <= self._now
        if item.kind is ReleaseKind.EXPIRED and not expired:
            expires = hold.expires_at.isoformat() if hold.expires_at else ""
            raise Refusal("hold-not-expired", hold=item.hold, expires_at=expires)
        accepted = Accepted(item, body_hash, names=hold.place)
        self._step(hold, accepted, item.kind.value)
        return accepted

    def _open_hold(self, key: str) -> HoldScratch:
        """The hold as a copy that this request may change; refuses `hold-unknown` and `hold-ended`."""
        hold = self._holds.get(key)
        if hold is None:
            known = self._state.holds.get(key)
            if known is None:
                raise Refusal("hold-unknown", hold=key)
            hold = HoldScratch(known.n, dict(known.remaining), known.steps, known.is_open, known.expires_at)
            self._holds[key] = hold
        if not hold.is_open:
            raise Refusal("hold-ended", hold=key)
        if key not in self._holds_before:
            self._holds_before[key] = HoldScratch(
                hold.place, dict(hold.remaining), hold.steps, hold.is_open, hold.expires_at
            )
        return hold

    def _step(self, hold: HoldScratch, accepted: Accepted, kind: str) -> None:
        hold.steps += 1
        accepted.step = (hold.steps, kind)
        if kind == "part":
            return
        hold.is_open = False
        for (ref, debit_side), amount in hold.remaining.items():
            if amount:
                self._free(self._account(ref), debit_side=debit_side, amount=amount)

    def _free(self, account: Scratch, *, debit_side: bool, amount: int) -> None:
        self._remember(account)
        if debit_side:
            account.held_debit -= amount
        else:
            account.held_credit -= amount

    # limits, periods, notes

    def _change_rule(self, item: RuleChange, body_hash: bytes) -> Accepted:
        facts = {"account": str(item.account), "asset": item.account.asset}
        if item.account not in self._state.accounts and item.account not in self.to_open:
            raise Refusal("account-unknown", **facts)
        account = self._account(item.account)
        if item.closed and (account.posted or account.held_debit or account.held_credit):
            raise Refusal("account-not-empty", **facts)
        self._remember(account)
        account.minimum, account.maximum, account.closed = item.minimum, item.maximum, item.closed
        account.version += 1
        try:
            check_limits(account)
        except Refusal as refusal:
            raise Refusal("limits-exclude-balance", **facts) from refusal
        return Accepted(item, body_hash, [account], version=account.version)

    def _close_period(self, item: PeriodClose, body_hash: bytes) -> Accepted:
        if self.closed_on is not None and item.until_on <= self.closed_on:
            closed_on = self.closed_on.isoformat()
            raise Refusal("period-already-closed", until_on=item.until_on.isoformat(), closed_on=closed_on)
        if item.until_on >= self._today:
            raise Refusal("period-not-over", until_on=item.until_on.isoformat(), today_on=self._today.isoformat())
        accepted = Accepted(item, body_hash, since=self.closed_on)
        self.closed_on = item.until_on
        self._periods.append(item.until_on)
        return accepted

    def _note_place(self, item: Note) -> Place:
        place = self._positions.get(item.about)
        if place is not None:
            return place
        if item.about not in self._state.known:
            raise Refusal("entry-unknown", about=item.about)
        return self._state.known[item.about].n

    # accounts

    def _account(self, ref: AccountRef) -> Scratch:
        account = self._scratch.get(ref)
        if account is None:
            state = self._state.accounts.get(ref)
            account = Scratch.of(state) if state is not None else self._open(ref)
            self._scratch[ref] = account
        return account

    def _open(self, ref: AccountRef) -> Scratch:
        row = chart_row(ref.code)
        if ref.asset not in self._assets:
            raise Refusal("unknown-asset", asset=ref.asset, account=str(ref))
        limits = self._limits.get(ref, (row.minimum, row.maximum) if self._floors else (None, None))
        number = self._state.head.next_account + len(self.to_open)
        account = self.to_open[ref] = Scratch.of(
            AccountState(number, ref, ref.personal, minimum=limits[0], maximum=limits[1])
        )
        return account

    def _remember(self, account: Scratch) -> None:
        ref = account.state.ref
        if ref not in self._before:
            self._before[ref] = account.values()


def check_limits(account: Scratch) -> None:
    """Refuse `floor-breached`, `ceiling-breached` with what is missing, and `balance-too-large`."""
    lowest, highest = account.posted - account.held_credit, account.posted + account.held_debit
    if lowest < -MAX_BALANCE or highest > MAX_BALANCE:
        raise Refusal("balance-too-large", account=str(account.state.ref))
    if account.minimum is not None and lowest < account.minimum:
        _refuse_limit(account, account.minimum - lowest, below=True)
    if account.maximum is not None and highest > account.maximum:
        _refuse_limit(account, highest - account.maximum, below=False)


def _refuse_limit(account: Scratch, missing: int, *, below: bool) -> None:
    ref = account.state.ref
    normal_is_debit = chart_row(ref.code).normal_side is Side.DEBIT
    code = "floor-breached" if below == normal_is_debit else "ceiling-breached"
    unit = "missing_cents" if ref.asset == EUR.code else "missing"
    rule = f"{ref}/{ref.asset} v{account.version}"
    raise Refusal(code, account=str(ref), asset=ref.asset, rule=rule, **{unit: missing})


def check_exchange(postings: Sequence[Posting]) -> None:
    """On every trading account, exactly two assets move, in opposite directions: what was given for what.

    Refuses `exchange-pair-incomplete`.
    """
    moved: dict[tuple[str, str], dict[str, int]] = {}
    for posting in postings:
        code, owner, asset = posting.account
        if chart_row(code).exchange:
            sums = moved.setdefault((code, owner), {})
            sums[asset] = sums.get(asset, 0) + posting.debit - posting.credit
    for (code, owner), sums in moved.items():
        amounts = [amount for amount in sums.values() if amount]
        if len(amounts) != 2 or (amounts[0] > 0) == (amounts[1] > 0):  # noqa: PLR2004 -- a pair
            raise Refusal("exchange-pair-incomplete", account=str(AccountRef(code, owner)), assets=sorted(sums))
