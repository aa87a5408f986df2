"""What tests of totals share: periods closed and totalled, and totals that are wrong in one respect."""

from collections.abc import Callable
from datetime import date

from ledger.accounts import AccountRef
from ledger.audit.totals import encode_proofs, enter_totals, proofs_of_owner, publish_totals
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.facts import PeriodClose
from ledger.journal import JournalEntry
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON, nonce
from ledger.log.sumtree import Holding, group_of, seed_of, totals_lines
from ledger.money import Asset
from tests.entries import back, entry, paid, post
from tests.proof import HandmadeLog, PublishedBook, posted

MARCH, APRIL = date(2026, 3, 31), date(2026, 4, 30)
LOAN = Asset("LOAN-7", 2)
UNTIL = "2026-02-28"


def some_balances(book: Book) -> None:
    """Two citizens and an enterprise: money held, claims, one account that is empty again."""
    post(book, paid("p1", 50_000), paid("p2", 25_000, citizen="c18"), paid("p3", 70, citizen="c19"))
    post(book, back("p3:back", 70, citizen="c19"))
    with book.unit_of_work(actor="s1") as unit:
        unit.open_asset(LOAN)
        unit.post(claims("loan", 40_000))


def claims(key: str, cents: int) -> JournalEntry:
    return entry(key, ("020000:c17", cents, 0, LOAN.code), ("021000:e7", 0, cents, LOAN.code))


def close(book: Book, clock: FixedClock, until_on: date = MARCH) -> None:
    """Close a period some days after its end."""
    clock.instant = clock.instant.replace(month=until_on.month + 1, day=4)
    post(book, PeriodClose(f"period:{until_on.isoformat()}", until_on))


def total(book: Book, clock: FixedClock, until_on: date = MARCH) -> None:
    """Close a period and enter its totals."""
    close(book, clock, until_on)
    assert enter_totals(book) == 1


def publish(published: PublishedBook) -> None:
    """Files, signature, and the opened totals."""
    size = published.publish().size
    publish_totals(published.book, published.log_dir, size=size)


def paths(book: Book, owner: str, until_on: date = MARCH) -> bytes:
    return encode_proofs(proofs_of_owner(book, owner, until_on))


def account(text: str, asset: str = "EUR") -> AccountRef:
    return AccountRef.parse(text, asset)


# by hand


def chained(log: HandmadeLog, cents: int = 100) -> None:
    """A person's account with one posting."""
    log.add("posting/1", posted("550100", cents), posted("489100:c1", -cents, v=1))


def closed(log: HandmadeLog, until: str = UNTIL, **header: JSON) -> int:
    return log.add("period/1", until=until, **header)


def totals_of(log: HandmadeLog, at: int, *, cents: int = 100, until: str = UNTIL) -> list[dict]:
    """The right lines for one account with one posting, in entry 2."""
    held = Holding("489100:c1", "EUR", group_of("489100:c1", -cents), until, cents, 1, from_b64(log.commitment(2, 2)))
    return [dict(line) for line in totals_lines(seed_of(nonce(b"k" * 32, "main", at, 0)), [held], at)]


def stated(log: HandmadeLog, *lines: dict, key: str = f"totals:{UNTIL}") -> int:
    return log.add("totals/1", *lines, key=key)


def right(log: HandmadeLog) -> list[dict]:
    """A posting, a close, and the lines that its totals must have."""
    chained(log)
    return totals_of(log, closed(log))


def altered(**changes: JSON) -> Callable[[HandmadeLog], object]:
    def make(log: HandmadeLog) -> None:
        [line] = right(log)
        stated(log, line | changes)

    return make


def totalled_twice(log: HandmadeLog) -> None:
    lines = right(log)
    stated(log, *lines)
    stated(log, *lines, key="totals:again")


def of_balances_after_the_close(log: HandmadeLog) -> None:
    """What came after the close, in the total of before."""
    chained(log)
    at = closed(log)
    log.add("posting/1", posted("550100", 1), posted("489100:c1", -1, v=2, prev=log.commitment(2, 2)), on="2026-03-01")
    stated(log, *totals_of(log, at, cents=101))


def of_the_period_before(log: HandmadeLog) -> None:
    lines = right(log)
    closed(log, "2026-03-01", since="2026-03-01")
    stated(log, *lines)


TOTALS_FORGERIES: dict[str, tuple[str, Callable[[HandmadeLog], object]]] = {
    "a sum that is too small": ("totals-differ", altered(sum=99)),
    "a root of another tree": ("totals-differ", altered(root=b64(bytes(32)))),
    "more accounts": ("totals-differ", altered(accounts=2)),
    "another entry that closed": ("totals-differ", altered(at=2)),
    "the other side": ("totals-differ", altered(group="489100-debit")),
    "another asset": ("totals-differ", altered(asset="LOAN-7")),
    "another day in the line": ("totals-differ", altered(period="2026-02-27")),
    "a deeper tree": ("totals-differ", altered(leaves=8)),
    "a line twice": ("totals-differ", lambda log: stated(log, *(right(log) * 2))),
    "totals before any close": ("totals-out-of-place", lambda log: (chained(log), stated(log, *totals_of(log, 2)))),
    "totals twice": ("totals-out-of-place", totalled_twice),
    "totals under another key": ("totals-out-of-place", lambda log: stated(log, *right(log), key="totals:x")),
    "balances after the close": ("totals-differ", of_balances_after_the_close),
    "the period before the last": ("totals-out-of-place", of_the_period_before),
}
"""Logs whose hashes and signatures are right and whose totals are wrong in one respect: refusal, and how it is made."""

MALFORMED: dict[str, Callable[[HandmadeLog], object]] = {
    "a member too many": altered(more=1),
    "a sum below nothing": altered(sum=-1),
    "a sum that is a flag": altered(sum=True),
    "leaves that are no power of two": altered(leaves=6),
    "no leaves": altered(leaves=0),
    "no accounts": altered(accounts=0),
    "a group without a side": altered(group="489100"),
    "a short root": altered(root="AAAA"),
    "a day that is none": altered(period="2026-02-30"),
    "a finding of another form": lambda log: (right(log), stated(log, {"says": "this"})),
}
"""What no line of totals may be."""
