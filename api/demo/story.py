"""What happens in the demo, day by day: six offers; three loans, one late with a plan, one lost; three bonds.

oven      funded, repaid on time      cargo   funded, late since July; its lenders vote on a plan
repair    bankrupt, written off
tricycle  failed, refunded            silos   open, nearly funded          laundry   open, new
gym       issued, a coupon paid       note    issued, asked for too much   garden    open, from 5 EUR
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from api.demo.stage import Figures, Stage
from contracts.secondchance.scenarios import ScenarioName
from contracts.terms.schedule import Every, RepaymentKind
from contracts.votes.tally import Choice

BEGINS_ON, ENDS_ON = date(2026, 3, 2), date(2026, 9, 15)
Act = Callable[[Stage], object]

OVEN = Figures(
    borrower="fournil",
    rate_annual="0.035",
    term_years=5,
    every=Every.MONTH,
    kind=RepaymentKind.ANNUITY,
    minimum_euro=18_000,
    maximum_euro=24_000,
    opens_on=date(2026, 3, 2),
    closes_on=date(2026, 3, 31),
)
CARGO = Figures(
    borrower="velo",
    rate_annual="0.0425",
    term_years=5,
    every=Every.MONTH,
    kind=RepaymentKind.LINEAR,
    minimum_euro=12_000,
    maximum_euro=15_000,
    opens_on=date(2026, 3, 4),
    closes_on=date(2026, 4, 5),
)
REPAIR = Figures(
    borrower="recommence",
    rate_annual="0.045",
    term_years=5,
    every=Every.MONTH,
    kind=RepaymentKind.ANNUITY,
    minimum_euro=9_000,
    maximum_euro=11_000,
    opens_on=date(2026, 3, 9),
    closes_on=date(2026, 4, 12),
)
TRICYCLE = Figures(
    borrower="vrac",
    rate_annual="0.0375",
    term_years=5,
    every=Every.QUARTER,
    kind=RepaymentKind.ANNUITY,
    minimum_euro=6_000,
    maximum_euro=8_000,
    opens_on=date(2026, 4, 1),
    closes_on=date(2026, 4, 30),
)
SILOS = Figures(
    borrower="vrac",
    rate_annual="0.0375",
    term_years=8,
    every=Every.QUARTER,
    kind=RepaymentKind.LINEAR,
    minimum_euro=15_000,
    maximum_euro=20_000,
    opens_on=date(2026, 8, 24),
    closes_on=date(2026, 10, 9),
)
LAUNDRY = Figures(
    borrower="zeepbel",
    rate_annual="0.03",
    term_years=8,
    every=Every.YEAR,
    kind=RepaymentKind.BULLET,
    minimum_euro=25_000,
    maximum_euro=35_000,
    opens_on=date(2026, 9, 10),
    closes_on=date(2026, 11, 15),
)


def acts() -> Mapping[date, list[Act]]:
    """What people do, by day; what falls due by itself is not here."""
    loans, bonds = _of_loans(), _of_bonds()
    return {day: [*loans.get(day, []), *bonds.get(day, [])] for day in sorted({*loans, *bonds})}


def _of_bonds() -> dict[date, list[Act]]:
    """What they do with bonds."""
    return {
        date(2026, 3, 3): [partial(Stage.issue_bond, name="gym")],
        date(2026, 3, 4): [_pledge("ioana", "gym", 5_000)],
        date(2026, 3, 5): [_pledge("zofia", "gym", 2_000), _pledge("emile", "gym", 3_000)],
        date(2026, 3, 10): [partial(Stage.issue_bond, name="note"), _pledge("amelie", "note", 1_000)],
        date(2026, 3, 11): [_pledge("tom", "note", 2_000), _pledge("oliver", "note", 1_500)],
        date(2026, 3, 13): [_pledge("fatima", "note", 1_000), _pledge("jan", "note", 1_000)],
        date(2026, 3, 30): [partial(Stage.pay_proceeds, name="gym")],
        date(2026, 4, 8): [partial(Stage.pay_proceeds, name="note")],
        date(2026, 9, 7): [partial(Stage.issue_bond, name="garden"), _pledge("tom", "garden", 100)],
        date(2026, 9, 8): [_pledge("zofia", "garden", 250)],
        date(2026, 9, 10): [partial(Stage.pay_coupon, name="gym", run="c1")],
    }


def _of_loans() -> dict[date, list[Act]]:
    """What they do with loans."""
    return {
        BEGINS_ON: [Stage.enter, _everybody_pays, partial(Stage.offer, name="oven", figures=OVEN)],
        date(2026, 3, 3): [_pledge("marie", "oven", 5_000), _pledge("amelie", "oven", 5_000)],
        date(2026, 3, 4): [partial(Stage.offer, name="cargo", figures=CARGO)],
        date(2026, 3, 6): [_pledge("jan", "oven", 4_000), _pledge("fatima", "cargo", 3_000)],
        date(2026, 3, 9): [partial(Stage.offer, name="repair", figures=REPAIR), _pledge("paul", "oven", 4_000)],
        date(2026, 3, 12): [_pledge("oliver", "oven", 2_500), _pledge("karim", "repair", 2_500)],
        date(2026, 3, 16): [_pledge("zofia", "oven", 1_500), _pledge("tom", "cargo", 3_000)],
        date(2026, 3, 19): [_pledge("karim", "oven", 1_000), _pledge("lies", "oven", 1_000)],
        date(2026, 3, 23): [_pledge("amelie", "cargo", 2_500), _pledge("lies", "repair", 2_000)],
        date(2026, 3, 26): [_pledge("ioana", "cargo", 2_000), _pledge("marie", "repair", 2_500)],
        date(2026, 3, 27): [Stage.settle_with_provider],
        date(2026, 3, 30): [
            partial(Stage.disburse, offer="oven"),
            _pledge("emile", "cargo", 2_500),
        ],
        date(2026, 3, 31): [Stage.confirm_transfers],
        date(2026, 4, 1): [partial(Stage.offer, name="tricycle", figures=TRICYCLE)],
        date(2026, 4, 2): [_pledge("amelie", "repair", 1_500), _pledge("paul", "repair", 2_000)],
        date(2026, 4, 7): [Stage.settle_with_provider],
        date(2026, 4, 8): [partial(Stage.disburse, offer="cargo")],
        date(2026, 4, 9): [Stage.confirm_transfers, _pledge("oliver", "tricycle", 1_000)],
        date(2026, 4, 14): [Stage.settle_with_provider],
        date(2026, 4, 15): [partial(Stage.disburse, offer="repair")],
        date(2026, 4, 16): [Stage.confirm_transfers, _pledge("ioana", "tricycle", 500)],
        date(2026, 6, 25): [_two_fall_silent],
        date(2026, 6, 26): [Stage.settle_with_provider],
        date(2026, 6, 29): [Stage.pay_out_lenders],
        date(2026, 6, 30): [Stage.confirm_transfers],
        date(2026, 7, 24): [partial(Stage.go_bankrupt, offer="repair")],
        date(2026, 8, 17): [partial(Stage.say_early, offer="cargo")],
        date(2026, 8, 20): [partial(Stage.publish_plan, offer="cargo", scenario=ScenarioName.LIGHTER)],
        date(2026, 8, 24): [partial(Stage.offer, name="silos", figures=SILOS)],
        date(2026, 8, 25): [_pledge("jan", "silos", 4_000)],
        date(2026, 8, 27): [
            _pledge("oliver", "silos", 3_500),
            partial(Stage.call_vote, offer="cargo", opens_on=date(2026, 9, 11), closes_on=date(2026, 9, 28)),
        ],
        date(2026, 9, 1): [_pledge("marie", "silos", 5_000)],
        date(2026, 9, 2): [_pledge("karim", "silos", 1_500)],
        date(2026, 9, 4): [partial(Stage.withdraw, who="karim", offer="silos"), _pledge("paul", "silos", 3_000)],
        date(2026, 9, 8): [partial(Stage.write_off, offer="repair")],
        date(2026, 9, 10): [partial(Stage.offer, name="laundry", figures=LAUNDRY)],
        date(2026, 9, 11): [_pledge("emile", "laundry", 1_000)],
        date(2026, 9, 12): [
            _pledge("amelie", "silos", 500),
            partial(Stage.vote, who="fatima", offer="cargo", choice=Choice.YES),
        ],
        date(2026, 9, 13): [
            _pledge("tom", "silos", 2_000),
            partial(Stage.vote, who="tom", offer="cargo", choice=Choice.NO),
        ],
        date(2026, 9, 14): [_pledge("lies", "laundry", 2_500), _citizens_pay_by_hand, _pledge("zofia", "silos", 500)],
        ENDS_ON: [
            Stage.settle_with_provider,
            Stage.ask_for_payouts,
            partial(Stage.close_period, until_on=date(2026, 6, 30)),
        ],
    }


def _pledge(who: str, offer: str, euro: int) -> Act:
    return partial(Stage.pledge, who=who, offer=offer, euro=euro)


def _everybody_pays(stage: Stage) -> None:
    stage.let_pay(*stage.citizens(), "fournil", "velo", "recommence")


def _two_fall_silent(stage: Stage) -> None:
    """Their June instalments are paid; nothing comes after them."""
    stage.let_pay("velo", "recommence", pays=False)


def _citizens_pay_by_hand(stage: Stage) -> None:
    """From now on a person at the browser pays, or does not."""
    stage.let_pay(*stage.citizens(), pays=False)
