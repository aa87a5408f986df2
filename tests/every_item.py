"""A book that holds every kind of item: holds in each state, limits, periods with late entries, notes, findings,
reversals, exchanges, answers to requests.

    fill(book, clock)              one fixed story; every type of entry, several to a block
    fill_at_random(book, clock)    a random one, refusals included
"""

import random
from collections.abc import Sequence
from datetime import date, timedelta

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.facts import Finding, Hold, Item, Note, PeriodClose, Release, ReleaseKind, rule_change
from ledger.journal import JournalEntry
from ledger.log.encoding import b64
from ledger.money import Asset
from ledger.posting import post_requests
from ledger.state import Request, Result
from ledger.storage.engine import write_transaction
from tests.entries import back, entry, paid

LOAN = Asset("LOAN-7", 2)
MARCH = date(2026, 3, 31)
REFERENCE = "a1" * 32
VERDICT_LINE = {
    "compared": 4, "differences": [], "differing": 0, "export_sha256": "b2" * 32, "outcome": "agrees",
    "referee": "hledger", "remark": "", "version": "1.25",
}  # fmt: skip


def send(book: Book, *requests: Request, assets: Sequence[Asset] = (), floors: bool = True) -> list[Result]:
    """Post requests in one block, as the group writer does."""
    with write_transaction(book.engine) as connection:
        given = {"clock": book.clock, "keys": book.keys, "floors": floors, "assets": assets}
        return post_requests(connection, book.book_id, requests, **given)


def enter(book: Book, *items: Item) -> list[Result]:
    """Enter items in one block; each must be accepted."""
    results = send(book, Request(items))
    assert not any(isinstance(result, Refusal) for result in results), results
    return results


def hold(key: str, cents: int, **facts: object) -> Hold:
    """Money of a citizen is reserved to leave the bank."""
    return Hold(back(key, cents, purpose="payout-reserved"), **facts)


def settlement(key: str, cents: int, of: str, **facts: object) -> JournalEntry:
    return back(key, cents, purpose="payout-sent", settles=of, **facts)


def fill(book: Book, clock: FixedClock) -> None:
    """One of everything; the clock moves on by hours and days."""

    def later(**step: int) -> None:
        clock.instant += timedelta(**step)

    enter(book, paid("pay:1", 50_000), paid("pay:2", 25_000, citizen="c18", evidence=REFERENCE))
    claims = entry("claim", ("020000:c17", 50_000, 0, LOAN.code), ("021000:l7", 0, 50_000, LOAN.code))
    send(book, Request([claims]), assets=[LOAN, Asset("TREES", 0)])
    later(hours=1)
    expires = clock.instant + timedelta(days=1)
    enter(book, hold("hold:1", 20_000), hold("hold:2", 5_000, expires_at=expires), hold("hold:3", 1_000))
    later(hours=1)
    meta = {"channel": "branch", "note_fr": "Payé à la caisse"}
    enter(book, settlement("out:1", 6_000, "hold:1", metadata=meta))
    enter(book, settlement("out:2", 4_000, "hold:1", releases_rest=True, approvals=("a1", "a2")))
    enter(book, Release("void:3", "hold:3", ReleaseKind.VOID, actor="s2"))
    later(days=2)
    enter(book, Release("expired:2", "hold:2", ReleaseKind.EXPIRED), hold("hold:4", 700, expires_at=None))
    cap = rule_change("rule:1", AccountRef.parse("489100:c18"), floor=0, ceiling=40_000, evidence=REFERENCE)
    enter(book, cap, Note("note:1", "pay:2", "Virement reçu deux fois", evidence=REFERENCE))
    enter(book, paid("wrong", 100, citizen="c19"))
    enter(book, back("wrong:back", 100, citizen="c19", reverses="wrong"))
    closing = rule_change("rule:2", AccountRef.parse("489100:c19"), floor=0, ceiling=None, closed=True)
    enter(book, closing, settlement("out:4", 200, "hold:4"))
    clock.instant = clock.instant.replace(month=4, day=3)
    enter(book, PeriodClose("close:march", MARCH, approvals=("a3",)), paid("late:1", 300))
    request = {"actor": "c17", "body_hash": bytes(range(32))}
    send(
        book,
        Request([paid("pay:3", 10, on=date(2026, 4, 1))], "request:1", **request),
        Request([back("too-much", 10**9)], "request:2", **request),
        Request([], "request:3", "s1", bytes(32), {"status": 200, "body": {"nothing": None, "texte": "déjà vu"}}),
    )
    later(days=40)
    enter(
        book, PeriodClose("close:april", date(2026, 4, 30)), paid("late:2", 400), paid("pay:4", 1, on=date(2026, 5, 1))
    )
    send(book, Request([back("too-much", 10**9)], "request:4", **request))
    block = {"block": 3, "hash": b64(bytes(32))}
    enter(book, Finding("state:1", "state/1", [{"relation": "outbox", "rows": 0, "root": b64(bytes(32))}, block]))
    enter(book, Finding("verdict:1", "verdict/1", [VERDICT_LINE], evidence=REFERENCE))
    unlimited = entry("import:1", ("550100:A_b.c", 0, 7_000), ("61:x-1", 7_000, 0), purpose="Café, no floor")
    send(book, Request([unlimited]), floors=False)


def fill_at_random(book: Book, clock: FixedClock, *, seed: int, blocks: int = 12) -> None:
    """Blocks of random items, most of which are accepted."""
    chance = random.Random(seed)
    keys: list[str] = ["k0"]
    holds: list[str] = ["h0"]
    enter(book, *(paid(f"start:{citizen}", 100_000, citizen=citizen) for citizen in ("c1", "c2", "c3")))
    for block in range(blocks):
        clock.instant += timedelta(hours=chance.randrange(1, 400))
        requests = []
        for i in range(chance.randrange(1, 6)):
            key = f"k{block}.{i}"
            item = _random_item(chance, clock, key, keys, holds)
            (holds if isinstance(item, Hold) else keys).append(key)
            named = {"key": f"r{block}.{i}", "actor": "c1"} if chance.random() < 0.3 else {}
            requests.append(Request([item], **named))
        send(book, *requests)


def _random_item(chance: random.Random, clock: FixedClock, key: str, keys: list[str], holds: list[str]) -> Item:
    citizen, amount = chance.choice(["c1", "c2", "c3"]), chance.randrange(1, 30_000)
    on = clock.today() - timedelta(days=chance.randrange(60))
    kind = chance.randrange(11)
    if kind < 3:
        return paid(key, amount, citizen=citizen, on=on)
    if kind < 5:
        return back(key, amount, citizen=citizen, on=on)
    if kind < 7:
        expires = clock.instant + timedelta(hours=chance.randrange(1, 900)) if chance.random() < 0.5 else None
        return Hold(back(key, amount, citizen=citizen, on=clock.today()), expires)
    if kind == 7:
        part, named = chance.randrange(1, 9_000), chance.choice(holds)
        return back(key, part, citizen=citizen, on=on, settles=named, releases_rest=chance.random() < 0.5)
    if kind == 8:
        return Release(key, chance.choice(holds), chance.choice(list(ReleaseKind)))
    if kind == 9:
        return Note(key, chance.choice(keys), "Remark")
    if chance.random() < 0.5:
        return PeriodClose(key, clock.today() - timedelta(days=chance.randrange(1, 50)))
    limit = chance.randrange(100_000, 400_000)
    return rule_change(key, AccountRef("489100", citizen), floor=0, ceiling=limit)
