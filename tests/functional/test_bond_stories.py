"""Stories of a bond: subscribed, allotted, paid, sold, called, redeemed; and every way in which a step is refused."""

from datetime import date

import pytest

from contracts.bonds.model import SeriesState
from contracts.pledges.model import PledgeState
from tests.bonds_kit import Desk, bond_desk
from tests.oracle import check_everything


@pytest.fixture
def desk(sqlite_town) -> Desk:
    return bond_desk(sqlite_town)


def test_a_bond_lives_from_its_terms_to_its_redemption(town):
    desk = bond_desk(town)
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    desk.lives(ada, "Etterbeek")
    series_id = desk.issue({ada: 6, bob: 3})
    assert desk.record(series_id).state is SeriesState.RUNNING
    assert desk.register(series_id) == dict(sorted({ada: 6, bob: 3}.items()))
    assert town.balance(f"489500:{desk.issuer}") == -900_000
    desk.pay_proceeds(series_id)
    assert [town.balance(account) for account in (f"489500:{desk.issuer}", "550100", "580100")] == [0, 0, 0]

    desk.serve(series_id, "c1")
    # half a year at 4.5 % for a resident, at 4 % for others; 30 % is withheld
    assert town.balance(f"489300:{ada}") == -(13_500 - 4_050)
    assert town.balance(f"489300:{bob}") == -(6_000 - 1_800)
    assert town.balance(f"453000:{desk.issuer}") == -5_850
    assert [town.balance(f"{code}:{series_id}") for code in ("489600", "030200", "031200")] == [0, 0, 0]
    assert len(town.pay_out()) == 2

    desk.serve(series_id, "c2", "m")
    assert desk.record(series_id).state is SeriesState.REDEEMED
    assert desk.register(series_id) == {}
    assert town.balance(f"489300:{ada}") == -(600_000 + 13_500 - 4_050)
    town.pay_out()
    assert town.balance("550100") == 2 * 5_850  # the withholding tax, until it is paid to the State
    check_everything(town.book)
