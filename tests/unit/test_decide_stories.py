"""The pure decision against the naive ledger and the oracle, without a database: thousands of random requests."""

import random

import pytest

from tests.model.answers import answer_of
from tests.model.naive import NaiveLedger
from tests.model.stories import LATE_REFUSED, START, Stories, add_trading_account
from tests.unit.memory_book import MemoryBook


@pytest.mark.parametrize("seed", range(12))
def test_random_stories_are_decided_as_the_naive_ledger_decides_them(seed: int) -> None:
    add_trading_account()
    book, naive = MemoryBook(START, late_refused=LATE_REFUSED), NaiveLedger(START, late_refused=LATE_REFUSED)
    chance = random.Random(seed)
    stories = Stories(chance, naive)
    for _ in range(120):
        stories.jump()
        requests, assets, floors = stories.batch(), stories.assets(), chance.random() < 0.9
        at = {"now": stories.now, "today": stories.now.date(), "floors": floors}
        expected = naive.post(requests, assets=[asset.code for asset in assets], **at)
        decision = book.post(requests, assets=assets, **at)
        assert [answer_of(result) for result in decision.results] == expected
    assert {ref: a.posted for ref, a in book.accounts.items()} == naive.balances
    held = {(ref, debit): amount for ref, a in book.accounts.items() for debit, amount in _held(a) if amount}
    assert held == {key: amount for key, amount in naive.held.items() if amount}
    assert {e.n: e.booked_at for e in book.rows["entry"]} == naive.booked
    assert len(book.rows["block"]) == naive.blocks
    book.check()


def _held(account):
    return (True, account.held_debit), (False, account.held_credit)
