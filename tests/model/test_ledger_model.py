"""Random batches against the real ledger and against the naive one: same answers, same numbers, same balances."""

import itertools
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ledger import balances
from ledger.accounts import AccountRef
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.money import Asset
from ledger.posting import post_requests
from ledger.state import Request
from ledger.storage.engine import write_transaction
from tests.conftest import NOON, make_book
from tests.entries import ON
from tests.model.naive import NaiveLedger
from tests.oracle import check_everything

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # shrinking a database takes longer than reading the example
KEYS = st.integers(0, 12).map("k{}".format)
PAIRS = [("550100", "489100:c1"), ("489100:c1", "489400:c1"), ("489400:c1", "550100"), ("489100:c2", "489200:c2")]
LEG = st.tuples(
    st.sampled_from(PAIRS), st.integers(1, 4), st.booleans(), st.sampled_from(["EUR", "EUR", "EUR", "LOAN-A"])
)


def legs(drawn) -> list[Posting]:
    (one, other), amount, turned, asset = drawn
    first, second = AccountRef.parse(one, asset), AccountRef.parse(other, asset)
    if turned:
        first, second = second, first
    return [Posting(first, debit=amount), Posting(second, credit=amount)]


ENTRY = st.builds(
    lambda key, drawn: JournalEntry(key, ON, "test", tuple(p for leg in drawn for p in legs(leg))),
    KEYS,
    st.lists(LEG, min_size=1, max_size=2),
)


class Machine(RuleBasedStateMachine):
    """One example is one book; books of all examples share a database."""

    engine: sa.Engine
    numbers: Iterator[int] = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.book = make_book(self.engine, FixedClock(NOON), f"b{next(self.numbers)}")
        self.naive = NaiveLedger()

    @rule(requests=st.lists(st.lists(ENTRY, min_size=1, max_size=3), min_size=1, max_size=5), floors=st.booleans())
    def post(self, requests, floors) -> None:
        self.compare(requests, floors=floors)

    @rule(key=KEYS, original=KEYS, spoiled=st.integers(0, 5), data=st.data())
    def reverse(self, key: str, original: str, spoiled: int, data: st.DataObject) -> None:
        posted = self.naive.entries.get(self.naive.numbers.get(original, 0))
        lines = posted.postings if posted else tuple(legs(data.draw(LEG)))
        mirror = [Posting(line.account, line.credit, line.debit) for line in reversed(lines)]
        if spoiled == 0:
            mirror = [*mirror, *legs(data.draw(LEG))]
        self.compare([[JournalEntry(key, ON, "test", tuple(mirror), reverses=original)]], floors=True)

    @rule()
    def open_asset(self) -> None:
        with self.book.unit_of_work(actor="s1") as unit:
            unit.open_asset(Asset("LOAN-A", 2))
        if "LOAN-A" not in self.naive.assets:
            self.naive.assets.add("LOAN-A")
            self.naive.entries[len(self.naive.entries)] = None

    def compare(self, requests: list[list[JournalEntry]], *, floors: bool) -> None:
        expected = self.naive.post(requests, floors=floors)
        book = self.book
        with write_transaction(self.engine) as connection:
            results = post_requests(
                connection,
                book.book_id,
                [Request(items) for items in requests],
                clock=book.clock,
                keys=book.keys,
                floors=floors,
            )
        assert [r.code if isinstance(r, Refusal) else [tuple(p) for p in r] for r in results] == expected

    @invariant()
    def balances_agree(self) -> None:
        with self.book.read() as connection:
            real = {b.account: b.signed for b in balances.trial_balance(connection, self.book.book_id)}
            by_date = {b.account: b.signed for b in balances.trial_balance(connection, self.book.book_id, on=ON)}
            count = balances.entry_count(connection, self.book.book_id)
        assert real == self.naive.balances
        assert by_date == real
        assert count == len(self.naive.entries)

    def teardown(self) -> None:
        check_everything(self.book)


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
