"""The papers of years in which plans changed loans, beside one that runs as agreed and one lost under its plan.

Every loan: Ada 1,000 and Bob 500 at 3.5 %, five equal parts of principal, concluded in spring 2026. Each is paid in
2027; then the lenders vote on 25 May 2028, and a court homologates on the 30th unless it is said otherwise:

calm      the second due is paid                             nothing
cut       interest waived, 600 cut                           still under its plan in 2031
revoked   interest made principal                            the plan is revoked in October 2028
shares    600 becomes shares, by agreement
kept      interest waived, 600 cut                           performed in March 2031: the cut is final
given     300 cut, by agreement
gone      interest made principal, 600 cut                   bankrupt and lost in 2028, the plan not undone
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from contracts.documents.text import money, wording
from contracts.loans import service as loans
from contracts.loans.books import loan_book
from contracts.loans.received import received
from contracts.parties import service as parties
from contracts.parties.model import Attribute
from contracts.secondchance import service
from contracts.secondchance.model import Ground, Route, State
from contracts.secondchance.tools import Tool, Use
from contracts.statistics import queries
from contracts.statistics.defaults import Ground as DefaultGround
from contracts.statistics.figures import Exposure
from contracts.votes.tally import Choice
from contracts.yearend.folder import write_year_end
from contracts.yearend.losses import certify_loss
from contracts.yearend.papers import YearEnd, year_end
from ledger import balances
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema
from tests.chance_kit import Chance, late_loan
from tests.conftest import NOON, make_book
from tests.entries import entry, post
from tests.functional.conftest import quiet_rail
from tests.functional.test_second_chances import code_of
from tests.functional.test_year_end import paper, plain, text_of
from tests.oracle import check_everything
from tests.products_kit import DESK, EVIDENCE, Town, make_town

WAIVER, CARRY, CAPITALISATION = Use(tool=Tool.WAIVER), Use(tool=Tool.CARRY_FORWARD), Use(tool=Tool.CAPITALISATION)
CUT, SHARES = Use(tool=Tool.HAIRCUT, amount_cents=60_000), Use(tool=Tool.PARTICIPATION, amount_cents=60_000)
PLANS = {
    "cut": ((WAIVER, CUT, CARRY), Route.JUDICIAL),
    "revoked": ((CAPITALISATION, CARRY), Route.JUDICIAL),
    "shares": ((WAIVER, SHARES, CARRY), Route.VOLUNTARY),
    "kept": ((WAIVER, CUT, CARRY), Route.JUDICIAL),
    "given": ((WAIVER, replace(CUT, amount_cents=30_000), CARRY), Route.VOLUNTARY),
    "gone": ((CAPITALISATION, CUT, CARRY), Route.JUDICIAL),
}
NAMES = ("calm", *PLANS)


@dataclass(frozen=True)
class Years:
    """The town after 2031, with what it would have written of two years."""

    town: Town
    ada: str
    bob: str
    loans: dict[str, str]
    firms: dict[str, str]
    folders: dict[int, Path]

    def of(self, year: int, kind: str, name: str) -> dict:
        """A paper of a loan's, or of its borrower."""
        path = f"loans/{self.loans[name]}/{kind}" if kind == "proof" else f"borrowers/{self.firms[name]}/{kind}"
        return paper(self.folders[year], path)

    def certified(self, year: int, name: str, who: str | None = None) -> dict:
        found = paper(self.folders[year], f"lenders/{who or self.ada}/certificate")["loans"]
        return next(loan for loan in found if loan["loan_id"] == self.loans[name])


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Years]:
    """Its papers are written before any test; what one of them spoils in the books it mends."""
    clock, place = FixedClock(NOON), tmp_path_factory.mktemp("plans")
    engine = open_engine(f"sqlite:///{place / 'book.sqlite'}")
    create_schema(engine)
    town = make_town(make_book(engine, clock), clock, quiet_rail())
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    with town.book.unit_of_work(actor="system") as uow:
        for who in (ada, bob):
            parties.record_attribute(uow, who, Attribute.TAX_RESIDENCE, "BE-BRU", valid_from=town.today, evidence="eid")
    firms, funded = {}, {}
    for name in NAMES:
        firms[name] = town.enterprise(name, number=number_of(len(firms)))
        funded[name] = town.fund({ada: 100_000, bob: 50_000}, firms[name], title=f"Loan {name}")
    live(town, {name: Chance(town, loan_id) for name, loan_id in funded.items()})
    for year in (2028, 2031):
        write_year_end(papers(town, year), place / str(year), origin=None)
    yield Years(town, ada, bob, funded, firms, {year: place / str(year) for year in (2028, 2031)})
    engine.dispose()


def number_of(n: int) -> str:
    """An enterprise number with its check digits."""
    base = 4_031_997 + n
    return f"0{base:07d}{97 - base % 97:02d}"


def papers(town: Town, year: int) -> YearEnd:
    return year_end(town.book, year, DESK)


def live(town: Town, chances: dict[str, Chance]) -> None:
    town.jump_to(date(2027, 4, 20))
    for chance in chances.values():
        town.pay_due(chance.loan_id, 1)
    town.jump_to(date(2028, 4, 20))
    town.pay_due(chances["calm"].loan_id, 2)
    decide(town, {name: chances[name] for name in PLANS})
    town.jump_to(date(2028, 10, 2))
    chances["revoked"].do(service.fail_plan, is_revoked=True)
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.record_bankruptcy(uow, chances["gone"].loan_id, on=town.today, evidence=EVIDENCE)
    town.jump_to(date(2028, 12, 1))
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.write_off(uow, chances["gone"].loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    for n, year in ((6, 2029), (7, 2030), (8, 2031)):
        town.jump_to(date(year, 4, 20))
        town.pay_due(chances["kept"].loan_id, n)
    chances["kept"].do(service.perform_plan)
    town.jump_to(date(2032, 1, 4))
    check_everything(town.book)


def decide(town: Town, chances: dict[str, Chance]) -> None:
    """Warned on 10 May 2028, voted on the 25th, counted on the 26th, homologated on the 30th."""
    town.jump_to(date(2028, 5, 10))
    for name, chance in chances.items():
        uses, route = PLANS[name]
        chance.open()
        chance.observe()
        chance.do(service.publish_plan, chance.plan(*uses, route=route))
        chance.call_vote()
    town.jump_to(date(2028, 5, 25))
    for chance in chances.values():
        chance.cast_all(Choice.YES)
    town.jump_to(date(2028, 5, 26))
    town.jump_to(date(2028, 5, 30))
    for name, chance in chances.items():
        if PLANS[name][1] is Route.JUDICIAL:
            chance.do(service.homologate)


def test_a_proof_says_what_a_plan_made_of_every_claim(years: Years) -> None:
    sums = ("opening", "repaid", "lost", "changed", "closing", "cut")
    found = {
        name: [row[f"{each}_cents"] for each in sums]
        for name in NAMES
        for row in years.of(2028, "proof", name)["lenders"]
        if row["party"] == years.ada
    }
    assert found == {
        "calm": [80_000, 20_000, 0, 0, 60_000, 0],
        "cut": [80_000, 0, 0, -40_000, 40_000, 40_000],
        "revoked": [80_000, 0, 0, 0, 80_000, 0],
        "shares": [80_000, 0, 0, -40_000, 40_000, 0],
        "kept": [80_000, 0, 0, -40_000, 40_000, 40_000],
        "given": [80_000, 0, 0, -20_000, 60_000, 20_000],
        "gone": [80_000, 0, 42_800, -37_200, 0, 40_000],
    }


def test_each_paper_has_a_line_for_each_change(years: Years) -> None:
    lines = {
        name: [(each["on"], each["event"], each["amount_cents"]) for each in years.of(2028, "proof", name)["changes"]]
        for name in NAMES
    }
    assert lines["calm"] == []
    assert sorted(lines["revoked"]) == [
        ("2028-05-30", "interest-capitalised", 1_400),
        ("2028-05-30", "interest-capitalised", 2_800),
        ("2028-10-02", "capitalisation-undone", 1_400),
        ("2028-10-02", "capitalisation-undone", 2_800),
    ]
    stated = paper(years.folders[2028], f"lenders/{years.ada}/statement")["changes"]
    by_loan = {
        name: [(each["event"], each["amount_cents"]) for each in stated if each["loan_id"] == loan_id]
        for name, loan_id in years.loans.items()
    }
    assert by_loan == {
        "calm": [],
        "cut": [("interest-waived", 2_800), ("claim-reduced", 40_000)],
        "revoked": [("interest-capitalised", 2_800), ("capitalisation-undone", 2_800)],
        "shares": [("interest-waived", 2_800), ("claim-converted", 40_000)],
        "kept": [("interest-waived", 2_800), ("claim-reduced", 40_000)],
        "given": [("interest-waived", 2_800), ("claim-reduced", 20_000)],
        "gone": [("interest-capitalised", 2_800), ("claim-reduced", 40_000), ("claim-written-off", 42_800)],
    }
    certified = paper(years.folders[2028], f"lenders/{years.ada}/certificate")["changes"]
    assert [each["entry"] for each in stated if each["event"] != "claim-written-off"] == sorted(
        each["entry"] for each in certified
    )
    later = paper(years.folders[2031], f"lenders/{years.ada}/statement")["changes"]
    assert [(each["event"], each["amount_cents"]) for each in later] == [("claim-released", 40_000)]


def test_a_return_lists_called_interest_that_was_never_attributed(years: Years) -> None:
    rows = {name: years.of(2028, "withholding", name) for name in NAMES}
    found = {
        name: [(each["event"], each["lenders"], each["amount_cents"]) for each in row["changes"]]
        for name, row in rows.items()
    }
    assert found["calm"] == []
    assert found["cut"] == [("interest-waived", 2, 4_200)]
    assert found["revoked"] == [("interest-capitalised", 2, 4_200), ("capitalisation-undone", 2, 4_200)]
    assert [sum(each["gross_cents"] for each in rows[name]["rows"]) for name in ("calm", "cut")] == [4_200, 0]


def test_what_a_court_cut_stays_in_the_base_and_what_was_given_or_became_shares_does_not(years: Years) -> None:
    """The credit is 4 % of half the sum of both balances: (140 + 160 + 160 + 120 + 160 + 140) / 2 = 440 for Ada."""
    found = {name: years.certified(2028, name) for name in NAMES}
    assert {name: (loan["opening_cents"], loan["closing_cents"]) for name, loan in found.items()} == {
        "calm": (80_000, 60_000),
        "cut": (80_000, 80_000),
        "revoked": (80_000, 80_000),
        "shares": (80_000, 40_000),
        "kept": (80_000, 80_000),
        "given": (80_000, 60_000),
        "gone": (80_000, 80_000),
    }
    assert [found[name]["cut_cents"] for name in ("cut", "given", "gone")] == [40_000, 0, 40_000]
    data = paper(years.folders[2028], f"lenders/{years.ada}/certificate")
    assert (data["base_first_cents"], data["credit_cents"]) == (440_000, 17_600)


def test_what_is_lost_is_principal_alone_and_takes_an_open_cut_along(years: Years) -> None:
    """Of 428.00 written off 28.00 was interest; with the 400.00 that was cut before, all 800.00 is lost: 30 %."""
    gone = years.certified(2028, "gone")
    assert (gone["lost_cents"], gone["loss_ground"], gone["loss_credit_cents"]) == (80_000, None, 24_000)
    assert (gone["ground"], gone["credit_cents"]) == ("accelerated", 0)
    data = paper(years.folders[2028], f"lenders/{years.bob}/certificate")
    assert (data["loss_base_cents"], data["loss_credit_cents"]) == (40_000, 12_000)


def test_a_cut_that_becomes_final_is_lost_principal_of_that_year_without_any_insolvency(years: Years) -> None:
    """400.00 repaid under the plan in three parts, 400.00 final in 2031."""
    kept = years.certified(2031, "kept")
    first_two = sum(share["principal_cents"] for share in paid_shares(years, "kept") if share["on"] < date(2031, 1, 1))
    assert 26_666 <= first_two <= 26_667
    assert (kept["opening_cents"], kept["closing_cents"]) == (80_000 - first_two, 0)
    assert (kept["lost_cents"], kept["loss_ground"], kept["loss_credit_cents"]) == (40_000, None, 12_000)
    proof = years.of(2031, "proof", "kept")
    assert [(row["closing_cents"], row["cut_cents"]) for row in proof["lenders"]] == [(0, 0), (0, 0)]
    still = years.certified(2031, "cut")
    assert (still["closing_cents"], still["cut_cents"], still["lost_cents"]) == (80_000, 40_000, 0)


def paid_shares(years: Years, name: str) -> list[dict]:
    with years.town.book.read() as connection:
        book = loan_book(connection, years.town.book.book_id, years.loans[name])
        found = received(connection, years.town.book.book_id, book, years.ada)
    return [{"on": each.on, "principal_cents": each.principal_cents} for each in found if each.n > 5]


def test_the_sums_of_the_index_tie(years: Years) -> None:
    totals = json.loads((years.folders[2028] / "index.json").read_text("utf-8"))["totals"]
    changed = 3 * -60_000 - 30_000 + (4_200 - 60_000)
    assert (totals["opening_cents"], totals["repaid_cents"], totals["lost_cents"], totals["changed_cents"]) == (
        7 * 120_000,
        30_000,
        64_200,
        changed,
    )
    assert totals["closing_cents"] == 7 * 120_000 - 30_000 - 64_200 + changed


def test_the_papers_say_it_in_words(years: Years) -> None:
    folder = years.folders[2028]
    say = wording("fr").say
    proof = text_of(folder, f"loans/{years.loans['cut']}/proof")
    assert plain(say("fund_proof.cut", amount=money(60_000, "fr"))) in plain(proof)
    assert say("fund_proof.column_changed") in proof
    certificate = plain(text_of(folder, f"lenders/{years.ada}/certificate"))
    assert plain(say("certificate.cuts_note", title="Loan cut", amount=money(40_000, "fr"))) in certificate
    statement = plain(text_of(folder, f"lenders/{years.ada}/statement"))
    assert say("changes.part") in statement
    back = plain(text_of(folder, f"borrowers/{years.firms['cut']}/withholding"))
    assert say("withholding.part_changes") in back


@pytest.mark.parametrize(
    ("purpose", "accounts", "name"),
    [
        ("claim-reduced", ("023000", "020000"), "calm"),
        ("interest-capitalised", ("020000", "021000"), "cut"),
        ("claim-released", ("021000", "023000"), "cut"),
    ],
)
def test_nothing_is_written_where_what_plans_changed_does_not_tie(years: Years, purpose, accounts, name) -> None:
    asset = f"LOAN-{years.loans[name].upper()}"
    owners = {"020000": years.ada, "021000": years.firms[name], "023000": years.ada}
    debit, credit = (f"{code}:{owners[code]}" for code in accounts)
    facts = {"purpose": purpose, "on": date(2030, 6, 3)}
    spoilt = entry(f"by-hand:{purpose}", (debit, 1, 0, asset), (credit, 0, 1, asset), **facts)
    back = entry(f"undone:{purpose}", (credit, 1, 0, asset), (debit, 0, 1, asset), **facts)
    post(years.town.book, spoilt)
    try:
        with pytest.raises(Refusal) as found:
            papers(years.town, 2030)
    finally:
        post(years.town.book, back)
    assert found.value.code == "year-end-does-not-tie"


def test_the_public_statistics_of_the_year_tie_to_the_ledger_and_count_the_concessions(years: Years) -> None:
    """4.20 of interest made principal is in nobody's way: it is lent besides, and lost with the rest."""
    book, on = years.town.book, date(2028, 12, 31)
    with book.read() as connection:
        found = queries.publish(connection, book, on)
        held = {
            code: sum(each.signed for each in balances.balances(connection, book.book_id, code_prefix=code, on=on))
            for code in ("020000", "022000", "023000")
        }
    totals = found.statistics.totals
    assert (totals.lent_cents, totals.capitalised_cents) == (1_050_000, 4_200)
    assert (totals.repaid_cents, totals.outstanding_cents, totals.lost_cents) == (240_000, 480_000, 64_200)
    assert (totals.cut_cents, totals.converted_cents) == (210_000, 60_000)
    assert totals.principal_cents == 240_000 + 480_000 + 64_200 + 210_000 + 60_000
    assert list(held.values()) == [totals.outstanding_cents, totals.lost_cents, totals.cut_cents]
    window = found.statistics.default_rate.windows[-1]  # interest made principal costs the lenders nothing
    grounds = {ground: count for ground, count in window.grounds.items() if count}
    assert (window.loans, window.defaults) == (7, 6)
    assert grounds == {DefaultGround.CONCESSION: 5, DefaultGround.PAST_DUE: 1}, (
        "interest made principal costs the lenders nothing"
    )
    of_shares = [row for row in found.rows if row.converted_percent != "0"]
    assert [(row.repaid_percent, row.outstanding_percent, row.converted_percent) for row in of_shares] == [
        ("20", "40", "40")
    ]


def test_what_comes_back_after_a_concession_is_never_more_than_was_exposed() -> None:
    exposure = Exposure(date(2028, 5, 30), 100, ((date(2029, 1, 1), 80), (date(2030, 1, 1), 25)))
    assert [exposure.received_cents(date(year, 12, 31)) for year in (2028, 2029, 2030)] == [0, 80, 100]


def test_a_lost_loan_has_a_certificate_for_each_lender_with_base_rate_and_proof(years: Years) -> None:
    mine = paper(years.folders[2028], f"lenders/{years.ada}/loss-{years.loans['gone']}")
    names = ("lent", "repaid", "unpaid", "base", "credit", "recovered")
    assert [mine[f"{name}_cents"] for name in names] == [100_000, 20_000, 80_000, 80_000, 24_000, 0]
    assert (mine["rate"], mine["exemplary"], mine["ground"]) == ("0.30", None, None)
    assert (mine["insolvent_on"], mine["called_on"]) == ("2028-10-02", "2028-10-02")
    assert mine["losses"] == [
        {"on": "2028-05-30", "is_cut": True, "amount_cents": 40_000, "final_on": None, "evidence": None},
        {"on": "2028-12-01", "is_cut": False, "amount_cents": 40_000, "final_on": "2028-12-01", "evidence": EVIDENCE},
    ]
    final = paper(years.folders[2031], f"lenders/{years.bob}/loss-{years.loans['kept']}")
    assert (final["base_cents"], final["credit_cents"]) == (20_000, 6_000)
    assert final["losses"][0]["final_on"] == "2031-04-20"
    text, say = (
        plain(text_of(years.folders[2028], f"lenders/{years.ada}/loss-{years.loans['gone']}")),
        wording("fr").say,
    )
    assert plain(say("loss.title")) in text
    assert f"{say('certificate.loss_credit', year='2028')} {plain(money(24_000, 'fr'))}" in text
    assert plain(say("loss.exemplary_unknown")) in text
    lost = [path.parent.name for path in years.folders[2028].glob("lenders/*/loss-*.json")]
    assert sorted(lost) == sorted([years.ada, years.bob]), "of no loan that was not lost"


def test_an_exemplary_borrower_brings_half_of_what_is_lost(years: Years) -> None:
    """Recorded late, valid at the loan's conclusion."""
    with years.town.book.unit_of_work(actor="test") as uow:
        agreed_on = loan_book(uow.connection, uow.book_id, years.loans["gone"]).loan.agreed_on
        known = {"valid_from": agreed_on, "evidence": "label"}
        parties.record_attribute(uow, years.firms["gone"], Attribute.EXEMPLARY, "yes", **known)
    found = {each.path: each for each in papers(years.town, 2028).papers}
    data = found[f"lenders/{years.ada}/loss-{years.loans['gone']}"].data
    assert (data.exemplary, str(data.rate), data.credit_cents) == (True, "0.50", 40_000)
    certificate = found[f"lenders/{years.ada}/certificate"].data
    assert certificate.loss_credit_cents == 40_000


def test_the_file_says_that_a_loss_is_certified_once_its_certificates_are_made(sqlite_town: Town, tmp_path) -> None:
    town, chance = sqlite_town, late_loan(sqlite_town)
    chance.observe()
    chance.do(service.report_insolvency)
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.record_bankruptcy(uow, chance.loan_id, on=town.today, evidence=EVIDENCE)
    chance.do(service.follow_call, Ground.BANKRUPTCY)
    chance.do(service.follow, "recovery-opened")
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.write_off(uow, chance.loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    chance.do(service.follow, "loss-proven")

    def certify(year: int, name: str) -> State:
        return certify_loss(town.book, chance.loan_id, year, DESK, tmp_path / name, actor="test")

    assert code_of(lambda: certify(2028, "early")) == "year-not-ended"
    town.jump_to(date(2029, 1, 2))
    assert code_of(lambda: certify(2027, "other")) == "loss-not-certifiable"
    assert certify(2028, "one") is State.TAX_LOSS_CERTIFICATE
    assert certify(2028, "two") is State.TAX_LOSS_CERTIFICATE
    made = {str(file.relative_to(tmp_path / "one")): file for file in (tmp_path / "one").rglob("*") if file.is_file()}
    assert len(made) == 5
    assert all((tmp_path / "two" / name).read_bytes() == file.read_bytes() for name, file in made.items())
    digests = [hashlib.sha256(made[name].read_bytes()).digest() for name in sorted(made) if name.startswith("lenders")
               and name.endswith(".json")]  # fmt: skip
    [certified] = [move for move in chance.file().history if move.event == "loss-certified"]
    assert certified.evidence == hashlib.sha256(b"".join(digests)).hexdigest()
    chance.loan_id = "l000000000"
    assert code_of(lambda: certify(2028, "unknown")) == "loan-not-known"
