"""Worked books of bonds: the head names `holders`, `issuer` and `series`; units are written as whole numbers.

    series: template state-note; units 20; minimum 5; ceiling 40; coupon 3.30 %; opens 2026-03-02; closes …; issued …;

Besides it may state `cap`, `allotment`, `tax_status` and `call` (first day and price), and for a lottery in which order
its seed has `drawn` the holders: tokens of persons are random, so the first seed that draws them so is taken. Who lives
in the commune of the series is named by `residents` of the head. Accounts 010000 to 013000 count units.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from typing_extensions import override

from contracts.bonds import meetings, service
from contracts.bonds.allotment import draw_order
from contracts.bonds.changes import Change, ChangeKind
from contracts.votes.tally import Choice
from ledger import balances
from ledger.accounts import AccountRef
from ledger.money import EUR
from tests.bonds_kit import bond_desk
from tests.meetings_kit import convene, convene_again, found, vote
from tests.products_kit import EVIDENCE, Town
from tests.worked.book import DAY_BEGINS, Line, Runner, WorkedBook, shared_actions

_A_UNIT = 100
"""Units are read like euro, so one of them is a hundred."""


class BondRunner(Runner):
    """A town in which one series is issued; its day may lie years before the machine's."""

    people = "holders"

    def __init__(self, town: Town, book: WorkedBook) -> None:
        begin(town, date.fromisoformat(_stated(book.head["series"])["opens"]))
        self.desk = bond_desk(town)
        self.series_id = self.seed = ""
        super().__init__(town, book)

    @override
    def actions(self) -> Mapping[str, Callable[..., None]]:
        return shared_actions() | _ACTIONS

    @override
    def held(self, written: str) -> int:
        name, asset = self._account(written)
        return self.town.balance(name, asset) * (1 if asset == EUR.code else _A_UNIT)

    @override
    def _line(self, line: balances.PostedLine) -> Line:
        scale = 1 if line.account.asset == EUR.code else _A_UNIT
        return self._written(line.account), line.debit * scale, line.credit * scale

    @override
    def _open(self) -> str:
        head, stated = self.book.head, _stated(self.book.head["series"])
        for name in head[self.people].split(", "):
            self.names[name] = who = self.town.citizen(name)
            self.desk.is_taxed(who, "resident-individual")
        for name in filter(None, head.get("residents", "").split(", ")):
            self.desk.lives(self.names[name], "Etterbeek")
        self.names[head["issuer"]] = self.desk.issuer
        terms = _terms(stated)
        if "drawn" in stated:
            self.seed = _seed([self.names[name] for name in stated["drawn"].split()])
            terms["lottery_seed_sha256"] = hashlib.sha256(self.seed.encode()).hexdigest()
        self.series_id = self.desk.draft(self.desk.terms(stated["template"], **terms))
        series = self.desk.record(self.series_id).series
        if series.terms.issuer_kind == "region":
            with self.town.book.unit_of_work(actor=self.town.maker) as uow:
                on = self.town.today
                service.clear_regional_issue(uow, self.series_id, reference="CM 2023/1", on=on, evidence=EVIDENCE)
        self.desk.open(self.series_id)
        return series.offer_id

    @override
    def _account(self, written: str) -> tuple[str, str]:
        code, _, owner = written.partition(":")
        token = self.series_id if owner == "series" else self.names.get(owner, owner)
        asset = f"BOND-{self.series_id.upper()}" if code.startswith("01") else EUR.code
        return (f"{code}:{token}" if owner else code), asset

    @override
    def _written(self, account: AccountRef) -> str:
        return f"{account.code}:series" if account.owner == self.series_id else super()._written(account)


def runner_of(book: WorkedBook) -> type[Runner]:
    """Who runs a book: its head says what it is of."""
    return BondRunner if "series" in book.head else Runner


def begin(town: Town, on: date) -> None:
    """A business day begins, whatever day the machine has; every dated job runs."""
    town.clock.business_date = on
    town.rail.today = on
    town.run_jobs()


def _stated(text: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in text.split(";"))


def _terms(stated: Mapping[str, str]) -> dict[str, Any]:
    rate = Decimal(stated["coupon"].removesuffix(" %")).scaleb(-2)
    values: dict[str, Any] = {
        "units": int(stated["units"]),
        "minimum_units": int(stated["minimum"]),
        "ceiling_units": int(stated["ceiling"]),
        "coupons": [{"from_n": 1, "rate_annual": str(rate)}],
        "opens_on": stated["opens"],
        "closes_on": stated["closes"],
        "issued_on": stated["issued"],
        "matures_on": stated["matures"],
        "cap_units": int(stated["cap"]) if "cap" in stated else None,
    }
    values |= {name: stated[name] for name in ("allotment", "tax_status") if name in stated}
    if "call" in stated:
        first_on, price = stated["call"].split(" at ")
        terms = {"first_on": first_on, "notice_days": 15, "price_percent": price.removesuffix(" %"), "draw": "pro-rata"}
        values["call"] = terms
    return values


def _seed(drawn: list[str]) -> str:
    """A seed that draws the holders in this order."""
    return next(seed for n in itertools.count(1) if draw_order(drawn, seed := f"drawn of an urn, {n}") == drawn)


def _begin_day(runner: BondRunner, on: date) -> None:
    begin(runner.town, on)


def _subscribes(runner: BondRunner, _on: date, name: str, units: str) -> None:
    runner.desk.subscribe(runner.series_id, runner.names[name], int(units))


def _publishes_seed(runner: BondRunner, on: date, _name: str) -> None:
    with runner.town.book.unit_of_work(actor=runner.town.maker) as uow:
        service.close_series(uow, runner.series_id, on=on, seed=runner.seed)


def _order_proceeds(runner: BondRunner, _on: date) -> None:
    runner.desk.order_proceeds(runner.series_id)


def _pays_run(runner: BondRunner, _on: date, _name: str, run: str) -> None:
    runner.desk.fund(runner.series_id, run)


def _is_paid(runner: BondRunner, _on: date, run: str) -> None:
    runner.desk.pay(runner.series_id, run)


def _calls(runner: BondRunner, _on: date, _name: str, units: str, day: str) -> None:
    runner.desk.call(runner.series_id, date.fromisoformat(day), int(units))


def _sells(runner: BondRunner, _on: date, seller: str, units: str, buyer: str) -> None:
    runner.desk.transfer(runner.series_id, runner.names[seller], runner.names[buyer], int(units))


def _convenes(runner: BondRunner, _on: date, _name: str, euros: str) -> None:
    cut = Change(kind=ChangeKind.HAIRCUT, text=f"{euros} EUR less a unit", cents_a_unit=int(euros) * 100)
    convene(runner.desk, runner.series_id, cut)


def _convenes_again(runner: BondRunner, _on: date, _name: str) -> None:
    convene_again(runner.desk, runner.series_id, 1)


def _votes(runner: BondRunner, _on: date, name: str, said: str) -> None:
    vote(runner.desk, runner.series_id, 1, {runner.names[name]: Choice(said)})


def _comes_to(runner: BondRunner, _on: date, state: str) -> None:
    assert found(runner.desk, runner.series_id, 1).state.value == state.replace(" ", "_")


def _court(runner: BondRunner, on: date) -> None:
    town, series_id = runner.town, runner.series_id
    with town.book.unit_of_work(actor=town.maker) as uow:
        meetings.record_homologation(uow, series_id, 1, approved=True, on=on, evidence=EVIDENCE)
    with town.book.unit_of_work(actor=town.maker) as uow:
        meetings.bring_into_effect(uow, series_id, 1, on=on)


_ACTIONS: Mapping[str, Callable[..., None]] = {
    DAY_BEGINS: _begin_day,
    r"(\w+) subscribes and pays (\d+) units?": _subscribes,
    r"(\w+) publishes the seed": _publishes_seed,
    r"(\w+) sells (\d+) units? to (\w+)": _sells,
    r"The proceeds' transfer is released": _order_proceeds,
    r"(\w+) transfers what it is asked for (\w+)": _pays_run,
    r"The holders are paid (\w+)": _is_paid,
    r"(\w+) calls (\d+) units? for (\S+)": _calls,
    r"(\w+) calls a meeting on (\d+) EUR less a unit": _convenes,
    r"(\w+) calls the second meeting": _convenes_again,
    r"(\w+) votes (yes|no)": _votes,
    r"The resolution is (put|adjourned|homologation|in effect)": _comes_to,
    r"The court of appeal confirms it": _court,
}
