"""A book from before there were bonds keeps its offers and pledges as they are, and a series is issued beside them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from contracts.bonds.model import SeriesState
from contracts.offers.queries import offer_record
from ledger.storage.engine import schema_transaction
from tests.bonds_kit import bond_desk
from tests.conftest import make_book
from tests.functional.conftest import quiet_rail
from tests.old_databases import BOTH, old_database
from tests.oracle import check_everything
from tests.products_kit import make_town

BODY = (
    '{"borrower":"e1","title":"Un four","commune":"Ixelles","sector":"food","pitch":{},"use_of_funds":{},"risks":{},'
    '"rate_annual":"0.0350","term_years":5,"every":"year","kind":"linear","day_count":"30E/360","minimum_cents":100,'
    '"maximum_cents":200,"pledge_minimum_cents":100,"opens_on":"2026-03-02","closes_on":"2026-03-12","payment_days":7,'
    '"scheme":"proxi.B"}'
)
OFFER = "INSERT INTO offer (book_id, offer_id, borrower, drafted_on) VALUES ('main', 'o1', 'e1', '2026-03-01')"
VERSION = (
    "INSERT INTO offer_version (book_id, offer_id, version, body, body_hash, rules)"
    f" VALUES ('main', 'o1', 1, '{BODY}', 'h', '[]')"
)


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    with old_database(request, tmp_path, "0009") as engine:
        yield engine


def test_an_old_offer_is_read_as_it_was_and_a_series_is_issued_beside_it(old_engine, clock):
    book = make_book(old_engine, clock)
    with schema_transaction(old_engine) as connection:
        for row in (OFFER, VERSION):
            connection.exec_driver_sql(row)
    migrations.upgrade(old_engine)
    town = make_town(book, clock, quiet_rail())
    desk = bond_desk(town)
    with town.book.read() as connection:
        assert offer_record(connection, "main", "o1").draft.units is None
    ada = town.citizen("Ada")
    series_id = desk.issue({ada: 6})
    desk.serve(series_id, "c1")
    assert desk.record(series_id).state is SeriesState.RUNNING
    assert town.balance(f"489300:{ada}") == -8_400
    for table in ("series", "series_allotment", "series_run", "series_line"):
        with pytest.raises(sa.exc.DatabaseError, match="final"), schema_transaction(old_engine) as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    check_everything(town.book)
