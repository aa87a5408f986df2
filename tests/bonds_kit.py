"""A town in which bonds are issued: an issuer with an account, terms of a small series, subscribers who pay.

desk = bond_desk(town)                        the client account is known, an issuer stands
series_id = desk.issue({ada: 30, bob: 20})    drafted, opened, subscribed, allotted, in the register
desk.fund(series_id, "c1")                    the issuer's transfer for the first coupon is at the bank
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from contracts.bonds import proceeds, queries, redemption, register, runs, service
from contracts.bonds.model import PUBLIC_BODIES, Run, RunState, SeriesTerms
from contracts.bonds.terms import from_template
from contracts.dispatch import BANK_HOOKS
from contracts.offers import service as offers
from contracts.parties.model import Attribute
from contracts.parties.service import record_attribute
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.payments.queries import payments_for, still_to_pay
from ledger.payments.statements import import_statement_file
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.products_kit import EVIDENCE, Town

_TEXTS = {"fr": "Une salle de sport.", "nl": "Een sporthal.", "en": "A sports hall."}


@dataclass
class Desk:
    """A town with an issuer of bonds, and the bank's statements."""

    town: Town
    issuer: str
    bank: Bank = field(default_factory=Bank)

    def terms(self, template: str = "etterbeek", **changes: Any) -> SeriesTerms:
        """A series of ten units at 4 %, subscribed from today for ten days and issued twenty days from today."""
        day = self.town.today
        values: dict[str, Any] = {
            "issuer": self.issuer,
            "title": "Salle de sport",
            "commune": "Etterbeek",
            "pitch": _TEXTS,
            "use_of_funds": _TEXTS,
            "risks": _TEXTS,
            "units": 10,
            "minimum_units": 5,
            "ceiling_units": 40,
            "coupons": [{"from_n": 1, "rate_annual": "0.04"}],
            "opens_on": day.isoformat(),
            "closes_on": (day + timedelta(days=10)).isoformat(),
            "issued_on": (day + timedelta(days=20)).isoformat(),
            "matures_on": (day + timedelta(days=20)).replace(year=day.year + 1).isoformat(),
            "cap_units": None,
            "residents": "Etterbeek",
        }
        return from_template(template, **(values | changes))

    def draft(self, terms: SeriesTerms) -> str:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            return service.draft_series(uow, terms, on=self.town.today)

    def open(self, series_id: str) -> None:
        series = self.record(series_id).series
        offer_id = series.offer_id
        if series.terms.issuer_kind not in PUBLIC_BODIES:
            self.town.inform(offer_id)
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            approval_id = offers.request_publication(uow, offer_id, reason="checked")
        self.town.approve(approval_id)
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            service.open_series(uow, series_id, on=self.town.today, approval_id=approval_id)

    def opened(self, template: str = "etterbeek", **changes: Any) -> str:
        series_id = self.draft(self.terms(template, **changes))
        self.open(series_id)
        return series_id

    def subscribe(self, series_id: str, holder: str, units: int) -> str:
        """Pledge and pay; the pledge's id."""
        series = self.record(series_id).series
        made = self.town.pay_pledge(series.offer_id, holder, units * series.terms.price_cents)
        return made.pledge_id

    def issue(self, wanted: Mapping[str, int], template: str = "etterbeek", **changes: Any) -> str:
        """A series whose units stand in the register."""
        series_id = self.opened(template, **changes)
        for holder, units in wanted.items():
            self.subscribe(series_id, holder, units)
        self.town.go_to(self.record(series_id).series.terms.issued_on)
        return series_id

    def lives(self, holder: str, commune: str) -> None:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            on = date(2020, 1, 1)
            record_attribute(uow, holder, Attribute.COMMUNE, commune, valid_from=on, evidence="eid")

    def is_taxed(self, holder: str, kind: str, *, since: date = date(2020, 1, 1)) -> None:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            record_attribute(uow, holder, Attribute.HOLDER_KIND, kind, valid_from=since, evidence="attestation")

    def plan(self, series_id: str, name: str) -> Run:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            return runs.plan_run(uow, series_id, name, on=self.town.today)

    def pay(self, series_id: str, name: str) -> Run:
        return runs.pay_run(self.town.book, series_id, name, on=self.town.today, actor=self.town.maker)

    def fund(self, series_id: str, name: str, *, short_cents: int = 0) -> None:
        """The issuer's transfer for a planned run is at the bank; as much of it as is not short."""
        with self.town.book.read() as connection:
            asked = payments_for(connection, self.town.book.book_id, f"run:{series_id}:{name}")
        transfer = still_to_pay(asked, by_transfer=True)
        assert transfer is not None
        paid = Move(transfer.amount_cents - short_cents, ogm=transfer.structured_reference)
        self.receive(paid)

    def receive(self, *moves: Move) -> None:
        file = self.bank.statement(*moves, day=self.town.today)
        import_statement_file(self.town.book, file, hooks=BANK_HOOKS)
        self.town.settle()

    def serve(self, series_id: str, *names: str) -> None:
        """Go to the day after the record date, fund the runs, and go to the day of payment, on which they are paid."""
        terms = self.record(series_id).series.terms
        planned = {each.name: each.paid_on for each in runs.planned_runs(self.record(series_id))}
        self.town.jump_to(terms.record_on(planned[names[0]]) + timedelta(days=1))
        for name in names:
            self.fund(series_id, name)
        self.town.jump_to(planned[names[0]])

    def call(self, series_id: str, redeem_on: date, units: int | None = None, seed: str = "") -> None:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            redemption.announce_call(uow, series_id, on=self.town.today, redeem_on=redeem_on, units=units, seed=seed)
        self.town.settle()

    def pay_proceeds(self, series_id: str) -> str:
        self.town.bank_provider_money()
        order_id = self.order_proceeds(series_id)
        self.town.confirm(order_id)
        return order_id

    def order_proceeds(self, series_id: str) -> str:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            approval_id = proceeds.request_proceeds(uow, series_id, on=self.town.today, reason="issued")
        self.town.approve(approval_id)
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            return proceeds.order_proceeds(uow, series_id, approval_id=approval_id, on=self.town.today)

    def record(self, series_id: str) -> queries.SeriesRecord:
        with self.town.book.read() as connection:
            return queries.series_record(connection, self.town.book.book_id, series_id)

    def register(self, series_id: str) -> dict[str, int]:
        with self.town.book.read() as connection:
            found = queries.register(connection, self.town.book.book_id, self.record(series_id).series)
        return {holder: each.units for holder, each in found.items()}

    def run(self, series_id: str, name: str) -> tuple[Run, RunState]:
        with self.town.book.read() as connection:
            return queries.run_of(connection, self.town.book.book_id, series_id, name)

    def transfer(self, series_id: str, seller: str, buyer: str, units: int, *, paper: str = EVIDENCE) -> None:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            register.transfer_units(
                uow, series_id, seller=seller, buyer=buyer, units=units, on=self.town.today, paper=paper
            )


def bond_desk(town: Town) -> Desk:
    """The client account is configured, and a commune can issue."""
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest, derdenrekening", CLIENT_IBAN))
    return Desk(town, town.enterprise("Commune Etterbeek"))
