"""Transfers between two books of one database: each book balances by itself, and no statement touches both.

    1  source       hold  bridge:<id>       the amount leaves, against 580900 of the other book; nothing is posted yet
    2  destination  entry bridge:<id>:in    the amount arrives, against 580900 of the source
    3  source       entry bridge:<id>:out   settles the hold

The second step decides, by who takes its fact key first. Where the destination refuses, a finding takes that key, so
that nobody can post the arrival later, and the hold is voided (`bridge:<id>:void`). Whatever a crash leaves, `sweep`
goes on from what stands: completed or voided, never both. A hold of a transfer has no expiry of its own: a timer that
freed it after the arrival would make money.

Once nothing is open, the two bridge accounts of a pair of books net to zero for each asset; `check_zero` says by how
much they do not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from ledger import crash
from ledger.accounts import AccountRef
from ledger.balances import PostedEntry, asset_scales, balances, entry_by_key
from ledger.book import Book, UnitOfWork
from ledger.errors import InvariantError, Refusal
from ledger.facts import Finding, Hold, Item, Release, ReleaseKind
from ledger.held import HoldInFull, find_hold, open_keys
from ledger.journal import JournalEntry, Posting
from ledger.log.leaf import JSON, POSTING, VERDICT
from ledger.storage import tables

BRIDGE = "580900"
"""The account between two books; its owner is the other book."""

TRANSFERRED = "bridge-transfer"
_PREFIX = "bridge:"


class Outcome(StrEnum):
    """How a transfer ended."""

    SENT = "sent"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Transfer:
    """`out` is the line that leaves the source; the same amount arrives on the other side of `into`.

    `on` is the date of effect in both books. Refuses `transfer-malformed` where the assets differ, or an account is
    itself a bridge.
    """

    transfer_id: str
    out: Posting
    into: AccountRef
    on: date
    evidence: str | None = None

    def __post_init__(self) -> None:
        bridged = BRIDGE in (self.out.account.code, self.into.code)
        if bridged or self.out.account.asset != self.into.asset:
            raise Refusal("transfer-malformed", transfer=self.transfer_id[:64], account=str(self.into))

    @property
    def key(self) -> str:
        """The fact key of its hold."""
        return f"{_PREFIX}{self.transfer_id}"


class Difference(NamedTuple):
    """What the bridge accounts between `book` and `other` come to in one asset where they should come to nothing."""

    book: str
    other: str
    asset: str
    amount: int


class Swept(NamedTuple):
    """How many transfers a sweep completed, and how many it voided."""

    sent: int
    returned: int


def start_transfer(unit: UnitOfWork, transfer: Transfer, *, destination: str) -> None:
    """Reserve the amount in the source, as part of the caller's unit of work; `complete` or `sweep` does the rest.

    Refuses `transfer-to-itself`, and at posting what any hold is refused for.
    """
    if destination == unit.book_id:
        raise Refusal("transfer-to-itself", book=destination)
    bridge = AccountRef(BRIDGE, destination, transfer.into.asset)
    entry = JournalEntry(
        transfer.key,
        transfer.on,
        TRANSFERRED,
        (transfer.out, _on_other_side(transfer.out, bridge)),
        actor=unit.actor,
        evidence=transfer.evidence,
        metadata={"bridge": destination, "into": str(transfer.into)},
    )
    unit.post(Hold(entry))


def send(source: Book, destination: Book, transfer: Transfer, *, actor: str) -> Outcome:
    """All three steps. Doing it twice does it once. Refuses `asset-scale-differs`, and what `start_transfer` does."""
    _refuse_other_scale(source, destination, transfer.into.asset)
    with source.unit_of_work(actor=actor) as unit:
        start_transfer(unit, transfer, destination=destination.book_id)
    crash.reach("bridge.after-hold")
    return complete(source, destination, transfer.transfer_id)


def complete(source: Book, destination: Book, transfer_id: str) -> Outcome:
    """Go on with a transfer from wherever it stands; refuses `hold-unknown` where there is none."""
    key = f"{_PREFIX}{transfer_id}"
    with source.read() as connection:
        hold, entry = find_hold(connection, source.book_id, key), entry_by_key(connection, source.book_id, key)
    assert entry is not None
    if hold.state != "open":
        return Outcome.SENT if hold.steps[-1].key == f"{key}:out" else Outcome.RETURNED
    if entry.details.get("meta", {}).get("bridge") != destination.book_id:
        raise Refusal("hold-unknown", hold=key)
    has_arrived = _has_arrived(source.book_id, destination, hold, entry)
    crash.reach("bridge.after-entry")
    if has_arrived:
        _post(source, hold.actor, _departure(hold, entry))
        return Outcome.SENT
    _post(source, hold.actor, Release(f"{key}:void", key, ReleaseKind.VOID, actor=hold.actor))
    return Outcome.RETURNED


def sweep(source: Book, destination: Book) -> Swept:
    """Complete or void every open transfer from one book to the other; what ended meanwhile is let be."""
    with source.read() as connection:
        keys = _transfers(connection, source.book_id, destination.book_id)
    ended = Counter(complete(source, destination, key.removeprefix(_PREFIX)) for key in keys)
    return Swept(ended[Outcome.SENT], ended[Outcome.RETURNED])


def peers(connection: sa.Connection, book_id: str) -> list[str]:
    """The books that this one has a bridge to."""
    a = tables.account.c
    return sorted(set(connection.scalars(sa.select(a.owner).where(a.book_id == book_id, a.code == BRIDGE))))


def open_peers(connection: sa.Connection, book_id: str) -> list[str]:
    """The books to which a transfer is open."""
    entries = (entry_by_key(connection, book_id, key) for key in open_keys(connection, book_id, _PREFIX))
    named = {entry.details.get("meta", {}).get("bridge") for entry in entries if entry is not None}
    return sorted(str(name) for name in named if name)


def check_zero(connection: sa.Connection, book_id: str) -> list[Difference]:
    """What the bridges of this book and its peers do not net to, open transfers reckoned with; in one snapshot."""
    found = []
    for other in peers(connection, book_id):
        sums: Counter[str] = Counter()
        for mine, theirs in ((book_id, other), (other, book_id)):
            for line in balances(connection, mine, code_prefix=BRIDGE, owner=theirs):
                sums[line.account.asset] += line.signed
            for leg in _arrived_and_open(connection, mine, theirs):
                sums[leg.account.asset] += leg.signed
        found += [Difference(book_id, other, asset, sums[asset]) for asset in sorted(sums) if sums[asset]]
    return found


def record_check(book: Book, on: date) -> list[Difference]:
    """Look at the bridges and enter what was found, under `bridges:<date>`; nothing for a book without bridges.

    The same day again finds the first entry and changes nothing.
    """
    key = f"bridges:{on.isoformat()}"
    with book.read() as connection:
        others, found = peers(connection, book.book_id), check_zero(connection, book.book_id)
        known = entry_by_key(connection, book.book_id, key) is not None
    if others and not known:
        lines: list[Mapping[str, JSON]] = [{"bridge": other, "differences": _count(found, other)} for other in others]
        lines += [{"asset": d.asset, "bridge": d.other, "difference": str(d.amount)} for d in found]
        _post(book, "bridges", Finding(key, VERDICT, lines, actor="bridges"))
    return found


def _has_arrived(source: str, destination: Book, hold: HoldInFull, entry: PostedEntry) -> bool:
    """Post the arrival, or take its key for good; whether the arrival is what stands there now."""
    arrival = _arrival(source, hold, entry)
    try:
        _post(destination, hold.actor, arrival)
    except Refusal as refusal:
        if refusal.code != "fact-key-reused":
            _give_up(source, destination, hold, refusal.code)
    with destination.read() as connection:
        standing = entry_by_key(connection, destination.book_id, arrival.key)
    if standing is None:
        raise InvariantError(f"nothing stands under {arrival.key}")
    return _is_posted(standing, arrival)


def _is_posted(standing: PostedEntry, arrival: JournalEntry) -> bool:
    """Whether it is this very arrival, and not a finding or what another book has sent under the same name."""
    lines = [(line.account, line.debit, line.credit) for line in standing.lines]
    return (
        standing.type == POSTING
        and standing.effective_on == arrival.effective_on
        and lines == [(posting.account, posting.debit, posting.credit) for posting in arrival.postings]
    )


def _give_up(source: str, destination: Book, hold: HoldInFull, code: str) -> None:
    """Take the arrival's key, unless the arrival was posted in between."""
    line = {"bridge": source, "outcome": Outcome.RETURNED.value, "refusal": code}
    try:
        _post(destination, hold.actor, Finding(f"{hold.key}:in", VERDICT, [line], actor=hold.actor))
    except Refusal as refusal:
        if refusal.code != "fact-key-reused":
            raise


def _arrival(source: str, hold: HoldInFull, entry: PostedEntry) -> JournalEntry:
    out, _ = _legs(hold)
    into = AccountRef.parse(str(entry.details["meta"]["into"]), out.account.asset)
    bridge = AccountRef(BRIDGE, source, out.account.asset)
    postings = (_on_other_side(out, into), Posting(bridge, out.debit, out.credit))
    return JournalEntry(
        f"{hold.key}:in",
        hold.effective_on,
        TRANSFERRED,
        postings,
        actor=hold.actor,
        evidence=entry.evidence,
        metadata={"bridge": source},
    )


def _departure(hold: HoldInFull, entry: PostedEntry) -> JournalEntry:
    key, evidence = f"{hold.key}:out", entry.evidence
    return JournalEntry(
        key, hold.effective_on, TRANSFERRED, _legs(hold), actor=hold.actor, evidence=evidence, settles=hold.key
    )


def _legs(hold: HoldInFull) -> tuple[Posting, Posting]:
    """The line that leaves, and the bridge's."""
    postings = hold.remaining
    [bridge] = [posting for posting in postings if posting.account.code == BRIDGE]
    [out] = [posting for posting in postings if posting.account.code != BRIDGE]
    return out, bridge


def _on_other_side(posting: Posting, account: AccountRef) -> Posting:
    return Posting(account, posting.credit, posting.debit)


def _transfers(connection: sa.Connection, source: str, destination: str) -> list[str]:
    """Keys of the open transfers from one book to the other."""
    found = []
    for key in open_keys(connection, source, _PREFIX):
        entry = entry_by_key(connection, source, key)
        if entry is not None and entry.details.get("meta", {}).get("bridge") == destination:
            found.append(key)
    return found


def _arrived_and_open(connection: sa.Connection, source: str, destination: str) -> Sequence[Posting]:
    """The bridge's lines of transfers that have arrived and are not settled in the source yet."""
    legs = []
    for key in _transfers(connection, source, destination):
        hold, entry = find_hold(connection, source, key), entry_by_key(connection, source, key)
        standing = entry_by_key(connection, destination, f"{key}:in")
        if entry and standing and _is_posted(standing, _arrival(source, hold, entry)):
            legs.append(_legs(hold)[1])
    return legs


def _count(found: Sequence[Difference], other: str) -> int:
    return sum(difference.other == other for difference in found)


def _refuse_other_scale(source: Book, destination: Book, asset: str) -> None:
    """An amount in minor units means the same in both books only if the asset has one scale."""
    scales = []
    for book in (source, destination):
        with book.read() as connection:
            scales.append(asset_scales(connection, book.book_id).get(asset))
    if None not in scales and scales[0] != scales[1]:
        raise Refusal("asset-scale-differs", asset=asset, scale=scales[1], stated=scales[0])


def _post(book: Book, actor: str, item: Item) -> None:
    with book.unit_of_work(actor=actor) as unit:
        unit.post(item)
