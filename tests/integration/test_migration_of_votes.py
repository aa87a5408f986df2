"""A book from before there were votes takes them: its findings stay, and what votes leave in it is final."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from ledger.book import create_book
from ledger.clock import FixedClock
from ledger.facts import Finding
from ledger.findings import newest_finding
from ledger.log.leaf import VERDICT, VOTE
from ledger.storage.engine import schema_transaction
from tests.conftest import POLICY_HASH, make_keys
from tests.entries import paid, post
from tests.old_databases import BOTH, old_database
from tests.oracle import check_everything
from tests.proof import ORIGIN
from tests.votes_kit import YES, announced


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    with old_database(request, tmp_path, "0008") as engine:
        yield engine


def test_an_old_book_keeps_its_findings_and_takes_votes(old_engine: sa.Engine, clock: FixedClock) -> None:
    described = {"name": "Old book", "origin": ORIGIN, "policy_hash": POLICY_HASH}
    book = create_book(old_engine, "main", **described, clock=clock, keys=make_keys())
    post(book, paid("k1", 5), Finding("old", VERDICT, [{"agrees": True}]))
    with pytest.raises(sa.exc.DBAPIError):
        post(book, Finding("too-early", VOTE, [{"step": "opening"}]))
    migrations.upgrade(old_engine)
    poll = announced(book, clock, {"c1": 100})
    poll.cast("c1", (YES, 100))
    poll.close()
    with book.read() as connection:
        found = newest_finding(connection, "main", VERDICT)
        assert found is not None
        assert (found.key, found.lines) == ("old", [{"agrees": True}])
    check_everything(book)


@pytest.mark.parametrize(
    "table", ["vote", "vote_claim", "vote_proxy", "vote_proxy_end", "vote_ballot", "vote_result", "vote_records"]
)
def test_rows_of_votes_are_final_in_an_upgraded_database(old_engine: sa.Engine, clock: FixedClock, table: str) -> None:
    migrations.upgrade(old_engine)
    described = {"name": "Old book", "origin": ORIGIN, "policy_hash": POLICY_HASH}
    book = create_book(old_engine, "main", **described, clock=clock, keys=make_keys())
    poll = announced(book, clock, {"c1": 100})
    poll.revoke(poll.proxy("c1", "c2"), by="c1")
    poll.cast("c1", (YES, 100))
    poll.close()
    for statement in (f"UPDATE {table} SET vote_id = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(sa.exc.DBAPIError, match="seal"), schema_transaction(old_engine) as connection:
            connection.exec_driver_sql(statement)
