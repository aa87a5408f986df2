"""A book with a running series from before there was a bulletin board keeps it, and a notice is posted on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from contracts.bonds import board
from contracts.bonds.board import NoticeSide
from contracts.bonds.tables import board_notice
from ledger.storage.engine import schema_transaction
from tests.bonds_kit import bond_desk
from tests.conftest import make_book
from tests.functional.conftest import quiet_rail
from tests.old_databases import BOTH, old_database
from tests.oracle import check_everything
from tests.products_kit import make_town

BEFORE = "0011"


@pytest.fixture(params=BOTH)
def old_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    with old_database(request, tmp_path, BEFORE) as engine:
        yield engine


def test_a_running_series_of_before_has_notices_on_the_board(old_engine, clock):
    desk = bond_desk(make_town(make_book(old_engine, clock), clock, quiet_rail()))
    town = desk.town
    ada = town.citizen("Ada")
    series_id = desk.issue({ada: 6})
    assert not sa.inspect(old_engine).has_table(board_notice.name)
    migrations.upgrade(old_engine)
    with town.book.unit_of_work(actor=ada) as uow:
        asked = {"side": NoticeSide.SELL, "units": 2, "reference_percent": None, "days": 30, "on": town.today}
        notice_id = board.post_notice(uow, series_id, writer=ada, **asked)
    with town.book.read() as connection:
        assert board.notice(connection, town.book.book_id, notice_id).units == 2
    for change in ("DELETE FROM board_notice", "UPDATE board_notice SET units = 3"):
        with pytest.raises(sa.exc.DatabaseError, match="final"), schema_transaction(old_engine) as connection:
            connection.exec_driver_sql(change)
    assert desk.register(series_id) == {ada: 6}
    check_everything(town.book)
