"""A day of many loans: each due is shared out to the cent once, whatever is repeated and wherever it is killed."""

import signal
from collections import Counter

import pytest
import sqlalchemy as sa

from contracts.loans.cash import PAYABLE
from contracts.moves import move
from ledger import balances
from ledger.storage.tables import outbox
from tests.commands import run_module
from tests.conftest import DATABASES, MakeEngine
from tests.oracle import check_everything
from tests.products_kit import snapshot
from tests.servicing_kit import CLAIM_CENTS, CLAIMS_A_LOAN, INSTALMENTS, ServedTown, Size, serve_day, served_town

SIZE = Size(loans=20, lenders=28, borrowers=4)
KILLS = (1, 2, 3, 4, 5, 6)
"""At which crash point each run of the day dies; what the runs before it did is done."""
DUES = SIZE.loans // 5
GROSS = CLAIMS_A_LOAN * (CLAIM_CENTS // INSTALMENTS + CLAIM_CENTS * 35 // 1_000)


def test_a_day_shares_every_due_out_to_the_cent_and_again_changes_nothing(engine):
    town = served_town(engine, SIZE)
    done = serve_day(town.book)
    assert (done["called"], done["shared"], done["reminded"]) == (DUES, DUES, 0)
    by_code: Counter[str] = Counter()
    with town.book.read() as connection:
        for row in balances.trial_balance(connection, town.book.book_id):
            by_code[row.account.code] -= row.signed
    tax = DUES * CLAIMS_A_LOAN * (CLAIM_CENTS * 35 // 1_000) * 30 // 100
    assert by_code[PAYABLE] == DUES * GROSS - tax
    assert by_code["453000"] == tax
    assert by_code["489600"] == by_code["031100"] == by_code["031200"] == 0
    before = snapshot(town.book)
    assert set(serve_day(town.book).values()) == {0}
    again = snapshot(town.book)
    assert {name for name in before if before[name] != again[name]} == {"transfer_gate"}  # a lock that counts its users
    check_everything(town.book)


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.timeout(300)
def test_a_day_that_is_killed_and_run_again_gives_identical_books(database, make_engine: MakeEngine):
    unbroken = served_town(make_engine(database), SIZE)
    serve_day(unbroken.book)
    killed = served_town(make_engine(database), SIZE)
    url = killed.book.engine.url.render_as_string(hide_password=False)
    runs = [run_module("tests.servicing_kit", url, run, kill_at) for run, kill_at in enumerate(KILLS)]
    assert [run.returncode for run in runs] == [-signal.SIGKILL] * len(KILLS)
    assert {run.stdout for run in runs} >= {"posting.after-seal", "posting.after-commit", "relay.after-effect"}
    assert run_module("tests.servicing_kit", url, len(KILLS), 0).returncode == 0
    assert facts_of(killed) == facts_of(unbroken)
    check_everything(killed.book)


def facts_of(town: ServedTown) -> list[Counter[str]]:
    """What a book says, without the tokens that are drawn anew for each: entries, moves, and what was told."""
    book = town.book
    with book.read() as connection:
        posted = balances.entries(connection, book.book_id, first_n=1, limit=100_000)
        moved = connection.execute(sa.select(move.c.object_id, move.c.sequence, move.c.event, move.c.effective_on))
        told = connection.execute(sa.select(outbox.c.topic))
        entries = Counter(_named(town, f"{e.purpose} {e.effective_on} {e.lines}") for e in posted)
        return [entries, Counter(map(str, moved)), Counter(told.scalars())]


def _named(town: ServedTown, text: str) -> str:
    for token, name in town.names.items():
        text = text.replace(token, name)
    return text
