"""One simulated life of a book: a random story, each of its batches posted while something goes wrong.

After each fault the client asks again with the same keys, and at times delivers twice what was answered long ago. The
naive ledger hears every batch once, so whatever it answers is what the client must be answered, first time or again;
and in the end the book must be, to the byte, what it would be without any fault.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from ledger import balances
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.posting import post_requests
from ledger.state import Request
from ledger.storage.engine import write_transaction
from tests.conftest import NOON, make_book
from tests.model.answers import answer_of
from tests.model.naive import NaiveLedger
from tests.model.stories import LATE_REFUSED, Stories, add_trading_account
from tests.oracle import check_everything, digest_of
from tests.simulator.faults import COMMIT_KINDS, STATEMENT_KINDS, Faults, inject

MOST_TRIES = 2
LONGEST = 30
"""More statements than any batch has; a fault at one that does not come strikes nothing."""
COMMITS = 10
"""Commits that go wrong, of each kind."""


@dataclass
class Life:
    """A book, what is known of it, and a count of what went wrong."""

    book: Book
    faults: Faults
    naive: NaiveLedger
    stories: Stories
    chance: random.Random
    statements: int = 0
    struck: dict[str, int] = field(default_factory=dict)
    answered: list[tuple[Sequence[Request], list]] = field(default_factory=list)

    def deliver(self, requests: Sequence[Request], assets=()) -> list:
        """What the database answers, as a client hears it that asks until it is answered."""
        for _ in range(MOST_TRIES):
            try:
                return self._post(requests, assets)
            except sa.exc.DBAPIError:
                continue  # whatever happened, the client knows nothing and asks again
        raise AssertionError("a fault strikes once, so the second try is answered")

    def _post(self, requests: Sequence[Request], assets) -> list:
        book = self.book
        with write_transaction(book.engine) as connection:
            results = post_requests(
                connection,
                book.book_id,
                requests,
                clock=book.clock,
                keys=book.keys,
                assets=assets,
                late_refused=LATE_REFUSED,
            )
        return [answer_of(result) for result in results]


def begin(engine: sa.Engine, seed: int) -> Life:
    """A new book in `engine`, with faults underneath, before its first batch."""
    add_trading_account()
    faults, chance = Faults(), random.Random(seed)
    inject(engine, faults)
    naive = NaiveLedger(NOON, late_refused=LATE_REFUSED)
    return Life(make_book(engine, FixedClock(NOON)), faults, naive, Stories(chance, naive), random.Random(seed))


def live(life: Life, *, faultless: bool = False) -> None:
    """Post one batch after the other: with each kind of fault at each statement in turn, then at the commit."""
    for kind in STATEMENT_KINDS:
        for at in range(1, LONGEST + 1):
            step(life, "" if faultless else kind, at)
    for kind in COMMIT_KINDS * COMMITS:
        step(life, "" if faultless else kind, 0)
    check_everything(life.book)


def step(life: Life, kind: str, at: int) -> None:
    """One batch with a fault of this kind at statement `at`, then perhaps an old batch once more."""
    stories, naive = life.stories, life.naive
    stories.jump()
    life.book.clock.instant = stories.now
    requests = [replace(r, key=r.key or f"q{stories.made}-{i}") for i, r in enumerate(stories.batch())]
    assets = stories.assets()
    standing = balances_of(life.book)
    life.faults.on_delay = lambda: meanwhile(life, standing)
    before = life.faults.struck
    with life.faults.armed_with(kind, at):
        answers = life.deliver(requests, assets)
    life.statements = max(life.statements, life.faults.count)  # counts a second try too
    life.struck[kind] = life.struck.get(kind, 0) + life.faults.struck - before
    today = life.book.clock.today()
    expected = naive.post(requests, now=stories.now, today=today, assets=[asset.code for asset in assets])
    assert [first_time(a) for a in answers] == [first_time(a) for a in expected]
    life.answered.append((requests, expected))
    if life.chance.random() < 0.3:
        requests, expected = life.chance.choice(life.answered)
        again = life.deliver(requests)
        assert [first_time(a) for a in again] == [first_time(a) for a in expected]


def first_time(answer):
    """The answer without the word that it was given before."""
    return first_time(answer[1]) if isinstance(answer, tuple) and answer[0] == "again" else answer


def meanwhile(life: Life, standing: dict) -> None:
    """What somebody else sees while a statement waits: nothing of what is being posted."""
    life.faults.armed = False
    assert balances_of(life.book) == standing
    life.faults.armed = True


def balances_of(book: Book) -> dict:
    """Every balance as a reader sees it."""
    with book.read() as connection:
        return {each.account: each.signed for each in balances.trial_balance(connection, book.book_id)}


def simulate(make_engine: Callable[[], sa.Engine], seed: int) -> Life:
    """A life with faults and the same one without; they must end in the same bytes."""
    life, quiet = begin(make_engine(), seed), begin(make_engine(), seed)
    live(life)
    live(quiet, faultless=True)
    assert digest_of(life.book) == digest_of(quiet.book)
    life.statements = quiet.statements
    return life
