"""Random batches against the real ledger and against the naive one: same answers, same numbers, same balances.

And the same batches into both databases: the same bytes.
"""

import itertools
import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ledger import balances
from ledger.clock import FixedClock
from ledger.posting import post_requests
from ledger.storage import tables
from ledger.storage.engine import write_transaction
from tests.conftest import NOON, make_book
from tests.model.answers import answer_of, held_amounts, limits_of
from tests.model.naive import NaiveLedger
from tests.model.stories import LATE_REFUSED, START, Stories, add_trading_account
from tests.oracle import check_everything, digest_of

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # shrinking a database takes longer than reading the example
FAR = START.date().replace(year=2199)
CHANCE = st.randoms(use_true_random=False)
"""Hypothesis plays dice through this, so that it can steer a story and tell it again."""


class Pair:
    """One book and the naive ledger that it must agree with."""

    def __init__(self, engine: sa.Engine, book_id: str, chance: random.Random) -> None:
        add_trading_account()
        self.book = make_book(engine, FixedClock(NOON), book_id)
        self.naive = NaiveLedger(NOON, late_refused=LATE_REFUSED)
        self.stories = Stories(chance, self.naive)

    def post(self, requests, *, floors=True, assets=()) -> None:
        book, stories = self.book, self.stories
        book.clock.instant = stories.now
        expected = self.naive.post(
            requests, now=stories.now, today=book.clock.today(), floors=floors, assets=[asset.code for asset in assets]
        )
        options = {"clock": book.clock, "keys": book.keys, "floors": floors, "assets": assets}
        with write_transaction(book.engine) as connection:
            results = post_requests(connection, book.book_id, requests, late_refused=LATE_REFUSED, **options)
        assert [answer_of(result) for result in results] == expected

    def compare(self) -> None:
        book, naive = self.book, self.naive
        with book.read() as connection:
            real = {b.account: b.signed for b in balances.trial_balance(connection, book.book_id)}
            by_date = {b.account: b.signed for b in balances.trial_balance(connection, book.book_id, on=FAR)}
            assert held_amounts(connection, book.book_id) == {key: held for key, held in naive.held.items() if held}
            assert limits_of(connection, book.book_id) == {
                account: (*limits, account in naive.closed) for account, limits in naive.limits.items()
            }
            entry, head = tables.entry.c, tables.head.c
            rows = connection.execute(sa.select(entry.n, entry.booked_at).where(entry.book_id == book.book_id)).all()
            next_block = connection.scalar(sa.select(head.next_block).where(head.book_id == book.book_id))
        posted = {account for account, signed in naive.balances.items() if signed}
        assert {account: signed for account, signed in real.items() if signed} == {a: naive.balances[a] for a in posted}
        assert by_date == real
        assert {row.n: row.booked_at for row in rows} == naive.booked
        assert next_block == naive.blocks


class Machine(RuleBasedStateMachine):
    """One example is one book; books of all examples share a database."""

    engine: sa.Engine
    numbers: Iterator[int] = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(self.engine, f"b{next(self.numbers)}", random.Random(0))

    @rule(chance=CHANCE, floors=st.integers(0, 4))
    def post(self, chance, floors: int) -> None:
        stories = self.pair.stories
        stories.chance = chance
        self.pair.post(stories.batch(), floors=floors > 0, assets=stories.assets())

    @rule(chance=CHANCE)
    def let_the_clock_jump(self, chance) -> None:
        self.pair.stories.chance = chance
        self.pair.stories.jump()

    @invariant()
    def they_agree(self) -> None:
        self.pair.compare()

    def teardown(self) -> None:
        check_everything(self.pair.book)


@pytest.mark.parametrize(
    ("database", "examples"),
    [pytest.param("sqlite", 60), pytest.param("postgresql", 30, marks=pytest.mark.postgresql)],
)
def test_the_ledger_agrees_with_the_naive_one(make_engine, database: str, examples: int) -> None:
    machine = type("OnOneDatabase", (Machine,), {"engine": make_engine(database)})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=checks,
            print_blob=True,
            phases=PHASES,
        ),
    )


@pytest.mark.postgresql
@pytest.mark.parametrize("seed", range(4))
def test_the_same_requests_give_the_same_bytes_on_both_databases(make_engine, seed: int) -> None:
    digests = {}
    for database in ("sqlite", "postgresql"):
        chance = random.Random(seed)
        pair = Pair(make_engine(database), "main", chance)
        for _ in range(40):
            pair.stories.jump()
            pair.post(pair.stories.batch(), floors=chance.random() < 0.9, assets=pair.stories.assets())
        pair.compare()
        check_everything(pair.book)
        assert pair.naive.count > 20
        digests[database] = digest_of(pair.book)
    assert digests["sqlite"] == digests["postgresql"]


def test_random_stories_come_upon_every_refusal_and_every_kind_of_entry(make_engine) -> None:
    """What the stories never tell, the comparisons above never try."""
    seen, chance = set(), random.Random(11)
    pair = Pair(make_engine("sqlite"), "main", chance)
    naive = pair.naive
    for _ in range(600):
        pair.stories.jump()
        requests, assets = pair.stories.batch(), [asset.code for asset in pair.stories.assets()]
        answers = naive.post(requests, now=pair.stories.now, today=pair.stories.now.date(), assets=assets)
        seen |= {answer[0] for answer in answers if isinstance(answer, tuple)}
    assert seen == {
        "again", "account-closed", "account-not-empty", "account-unknown", "ceiling-breached", "entry-already-reversed",
        "entry-is-not-mirror", "entry-reverses-unknown", "entry-unknown", "exchange-pair-incomplete",
        "fact-key-reused", "floor-breached", "hold-ended", "hold-exceeded", "hold-expired",
        "hold-expires-before-it-begins", "hold-in-closed-period", "hold-not-expired", "hold-unknown",
        "idempotency-key-reused", "limits-exclude-balance", "period-already-closed", "period-closed-for-purpose",
        "period-not-over", "reversal-of-reversal", "unknown-asset",
    }  # fmt: skip
    assert len({type(item) for item in naive.items.values()}) == 7
