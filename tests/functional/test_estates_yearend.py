"""The tax papers of a year in which a lender dies, of one in which a claim is given, and of a loss that heirs bear.

year   what happens                                              Ada 1,000.00, Bob 500.00, Cem 300.00; linear, 5 years
2026   lent on 7 March
2027   first instalment; Ada dies on 1 May, her claim passes to Dora and Bob by halves on 1 July
2028   second instalment; Cem gives his claim to Eli on 1 July
2029   bankrupt and lost
"""

import shutil
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from contracts.documents.certificate import render_certificate
from contracts.documents.fund_proof import render_fund_proof
from contracts.documents.yearly import CertificateData, CertifiedLoan, FundProofData
from contracts.loans import service
from contracts.schemes.credit import ZeroGround
from contracts.schemes.loss import NoLossGround
from contracts.yearend.papers import YearEnd, year_end
from ledger.clock import FixedClock
from ledger.storage.engine import open_engine
from tests.conftest import make_book
from tests.estates_kit import book_of, check_claims, die, give, inherit
from tests.payments_kit import FakeRail
from tests.products_kit import DESK, EVIDENCE, Town, make_town


@pytest.fixture(scope="module")
def story(sqlite_template, tmp_path_factory) -> Iterator[tuple[Town, str, dict[str, str]]]:
    path = tmp_path_factory.mktemp("estates") / "book.sqlite3"
    shutil.copy(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    clock = FixedClock(datetime(2026, 3, 2, 11, tzinfo=UTC))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rail = FakeRail()
    town = make_town(make_book(engine, clock), clock, rail)
    who = {name: town.citizen(name) for name in ("Ada", "Bob", "Cem", "Dora", "Eli")}
    loan_id = town.fund({who["Ada"]: 100_000, who["Bob"]: 50_000, who["Cem"]: 30_000}, town.enterprise())
    town.jump_to(date(2027, 3, 7))
    town.pay_due(loan_id, 1)
    town.bank_provider_money()
    town.jump_to(date(2027, 5, 1))
    die(town, who["Ada"], town.today)
    town.jump_to(date(2027, 7, 1))
    inherit(town, who["Ada"], {who["Dora"]: "1/2", who["Bob"]: "1/2"})
    town.jump_to(date(2028, 3, 7))
    town.pay_due(loan_id, 2)
    town.bank_provider_money()
    town.jump_to(date(2028, 7, 1))
    [number] = [claim.number for claim in book_of(town, loan_id).held_claims if claim.lender == who["Cem"]]
    give(town, loan_id, number, {who["Eli"]: "1"})
    town.jump_to(date(2029, 9, 1))
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.jump_to(date(2029, 11, 1))
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    check_claims(town, loan_id)
    town.jump_to(date(2030, 2, 1))
    yield town, loan_id, who
    engine.dispose()


@pytest.fixture(scope="module")
def years(story) -> dict[int, YearEnd]:
    return {year: year_end(story[0].book, year, DESK) for year in (2026, 2027, 2028, 2029)}


def certificate(papers: YearEnd, lender: str) -> CertificateData | None:
    found = [paper.data for paper in papers.papers if paper.path == f"lenders/{lender}/certificate"]
    assert all(isinstance(data, CertificateData) for data in found)
    return found[0] if found else None


def loan_of(papers: YearEnd, lender: str) -> CertifiedLoan:
    data = certificate(papers, lender)
    assert data is not None
    [loan] = data.loans
    return loan


def test_the_year_of_death_counts_in_full_and_the_next_brings_nothing_to_anybody(story, years) -> None:
    _, _, who = story
    ada = loan_of(years[2027], who["Ada"])
    assert (ada.opening_cents, ada.closing_cents, ada.ground) == (100_000, 80_000, None)
    assert ada.credit_cents == 3_600  # 4 % of the mean of 1,000.00 and 800.00
    assert certificate(years[2028], who["Ada"]) is None
    dora = loan_of(years[2027], who["Dora"])
    assert (dora.opening_cents, dora.closing_cents, dora.principal_cents) == (0, 40_000, 50_000)
    assert (dora.credit_cents, dora.ground, dora.ground_on) == (0, ZeroGround.NOT_LENDER, date(2027, 7, 1))
    assert certificate(years[2027], who["Dora"]).boxes == ()
    bob = loan_of(years[2028], who["Bob"])  # his own part alone: 400.00 and 300.00
    assert (bob.opening_cents, bob.closing_cents, bob.credit_cents) == (40_000, 30_000, 1_400)


def test_a_gift_ends_the_givers_balance_and_gives_nobody_a_credit(story, years) -> None:
    _, _, who = story
    cem, eli = loan_of(years[2028], who["Cem"]), loan_of(years[2028], who["Eli"])
    assert (cem.opening_cents, cem.closing_cents, cem.credit_cents) == (24_000, 0, 480)
    assert (eli.credit_cents, eli.ground) == (0, ZeroGround.NOT_LENDER)


def test_heirs_have_the_credit_on_what_is_lost_and_who_was_given_a_claim_has_not(story, years) -> None:
    _, _, who = story
    dora, eli = loan_of(years[2029], who["Dora"]), loan_of(years[2029], who["Eli"])
    assert (dora.lost_cents, dora.loss_ground, dora.loss_credit_cents) == (30_000, None, 9_000)
    assert (eli.lost_cents, eli.loss_ground, eli.loss_credit_cents) == (18_000, NoLossGround.NOT_HERS, 0)
    bob = loan_of(years[2029], who["Bob"])
    assert (bob.lost_cents, bob.loss_credit_cents) == (60_000, 18_000)
    assert years[2029].totals.lost_cents == 108_000
    assert "proxi.B/loss_credit_passes_by@2024-03-01" in certificate(years[2029], who["Eli"]).rules


def test_the_proof_to_the_fund_foots_and_every_paper_is_drawn(story, years) -> None:
    _, loan_id, who = story
    [proof] = [paper.data for paper in years[2027].papers if paper.path == f"loans/{loan_id}/proof"]
    assert isinstance(proof, FundProofData)
    passed = {each.party: each.passed_cents for each in proof.lenders if each.passed_cents}
    assert passed == {who["Ada"]: -80_000, who["Dora"]: 40_000, who["Bob"]: 40_000}
    for each in proof.lenders:
        stood = each.opening_cents + each.lent_cents - each.repaid_cents - each.lost_cents + each.passed_cents
        assert stood == each.closing_cents
    assert render_fund_proof(proof, "nl").startswith(b"%PDF")
    assert render_certificate(certificate(years[2029], who["Eli"]), "fr").startswith(b"%PDF")
