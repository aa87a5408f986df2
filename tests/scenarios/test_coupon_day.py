"""A coupon of many holders: gross is net and tax to the cent, wherever the run is killed, and again changes nothing."""

import signal
from collections import Counter
from fractions import Fraction

import pytest
import sqlalchemy as sa

from contracts.bonds import queries
from contracts.bonds.model import RunState
from contracts.moves import move
from contracts.terms.exact import half_up
from ledger import balances
from tests.commands import run_module
from tests.conftest import DATABASES, MakeEngine
from tests.coupons_kit import CouponTown, coupon_town, serve_coupon
from tests.oracle import check_everything
from tests.products_kit import snapshot

HOLDERS = 1_103
"""Three chunks of holders, the last of them short."""
KILLS = (1, 2, 3, 4, 5, 6, 7)
"""At which crash point each run dies; what the runs before it did is done."""


def test_a_coupon_pays_every_holder_to_the_cent_and_again_changes_nothing(engine):
    town = coupon_town(engine, HOLDERS)
    assert serve_coupon(town.book, town.series_id)
    gross, tax = Counter(), Counter()
    for n in range(HOLDERS):
        rate = Fraction(444 if n % 3 == 0 else 394, 10_000)
        gross[f"holder {n}"] = half_up((1 + n % 9) * 10_000 * rate / 2)
        tax[f"holder {n}"] = half_up(gross[f"holder {n}"] * Fraction(3, 10))
    with town.book.read() as connection:
        run, state = queries.run_of(connection, town.book.book_id, town.series_id, "c1")
        by_account = {
            (row.account.code, town.names.get(row.account.owner, "")): -row.signed
            for row in balances.trial_balance(connection, town.book.book_id)
        }
    assert state is RunState.PAID
    assert {name: by_account["489300", name] for name in gross} == {name: gross[name] - tax[name] for name in gross}
    assert by_account["453000", "issuer"] == sum(tax.values())
    assert run.interest_cents == sum(gross.values())
    assert by_account["489600", "series"] == 0
    assert by_account.get(("489800", "series"), 0) == run.rounding_cents
    before = snapshot(town.book)
    assert not serve_coupon(town.book, town.series_id)
    assert snapshot(town.book) == before
    check_everything(town.book)


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.timeout(600)
def test_a_coupon_that_is_killed_and_run_again_gives_identical_books(database, make_engine: MakeEngine):
    unbroken = coupon_town(make_engine(database), HOLDERS)
    serve_coupon(unbroken.book, unbroken.series_id)
    killed = coupon_town(make_engine(database), HOLDERS)
    url = killed.book.engine.url.render_as_string(hide_password=False)
    done = [run_module("tests.coupons_kit", url, killed.series_id, kill_at) for kill_at in KILLS]
    assert [run.returncode for run in done[:4]] == [-signal.SIGKILL] * 4
    assert {run.stdout for run in done} >= {"posting.after-seal", "posting.after-commit"}
    assert run_module("tests.coupons_kit", url, killed.series_id, 0).returncode == 0
    assert facts_of(killed) == facts_of(unbroken)
    check_everything(killed.book)


def facts_of(town: CouponTown) -> list[Counter[str]]:
    """What a book says, without the tokens that are drawn anew for each: entries and moves.

    Holders are paid in the order of their tokens, so which of them share a chunk differs; what they are paid does not.
    """
    book = town.book
    with book.read() as connection:
        posted = balances.entries(connection, book.book_id, first_n=1, limit=100_000)
        moved = connection.execute(sa.select(move.c.object_id, move.c.sequence, move.c.event, move.c.effective_on))
        entries = Counter(_named(town, f"{e.purpose} {e.effective_on} {e.lines}") for e in posted)
        return [entries, Counter(_named(town, str(row)) for row in moved)]


def _named(town: CouponTown, text: str) -> str:
    tokens = {word for word in text.replace("'", " ").replace(":", " ").split() if word in town.names}
    for token in tokens:
        text = text.replace(token, town.names[token])
    return text.replace(town.series_id.upper(), "SERIES")
