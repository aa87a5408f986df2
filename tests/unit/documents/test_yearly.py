"""The papers of a year's end with what the stories do not reach in them: every word, every ground, a code."""

import subprocess
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from pathlib import Path

import pdfua
import pytest

from contracts.documents.certificate import render_certificate
from contracts.documents.changes import event_name
from contracts.documents.fund_proof import render_fund_proof
from contracts.documents.model import LANGUAGES, ChangedClaim, ClaimEvent, Enterprise, Language
from contracts.documents.text import wording
from contracts.documents.withholding_return import declaration_273, render_withholding_return
from contracts.documents.yearly import (
    CertificateData,
    CertifiedBox,
    CertifiedLoan,
    Frame,
    FundProofData,
    LoanStanding,
    ProvenLender,
    WithheldRow,
    WithholdingData,
)
from contracts.schemes.credit import ZeroGround
from contracts.schemes.form_codes import FormCode, Stated, form_code
from contracts.schemes.loss import NoLossGround
from contracts.schemes.withholding import HolderKind
from contracts.servicing.model import Label
from tests import papers

FRAME = Frame(
    paper_id="paper-2023",
    year=2023,
    made_on=date(2024, 1, 15),
    known_at_entry=1_234,
    licence_holder=papers.LICENCE,
    verify_address=papers.VERIFY,
    sandbox=False,
)
RESIDENCES = (None, "BE-BRU", "BE-VLG", "BE-WAL", "abroad")


def certificate(
    residence: str | None, loans: tuple[CertifiedLoan, ...] = (), changes: tuple[ChangedClaim, ...] = ()
) -> CertificateData:
    boxes = tuple(
        CertifiedBox(stated=box.stated, of_first_year=box.of_first_year, codes=box.codes, amount_cents=1_000 + number)
        for number, box in enumerate(every_box())
    )
    return CertificateData(
        frame=FRAME,
        holder=papers.LENDER,
        tax_residence=residence,
        loans=loans,
        base_first_cents=100_000,
        base_later_cents=50_000,
        credit_cents=5_250,
        first_rate=Decimal("0.04"),
        later_rate=Decimal("0.025"),
        base_cap_cents=20_000_000,
        loss_base_cents=0,
        loss_credit_cents=0,
        changes=changes,
        boxes=boxes,
        rules=("proxi.A/credit_rate_first_periods@2020-01-01",),
        provisional=True,
    )


def every_box() -> list[FormCode]:
    stated = [
        form_code("proxi.A", what, 2023, started_on=date(year, 12, 1)) for year in (2020, 2021) for what in Stated
    ]
    return list(dict.fromkeys(stated))


def stopped_loan(ground: ZeroGround | None, loss_ground: NoLossGround | None) -> CertifiedLoan:
    return CertifiedLoan(
        loan_id="l1",
        title=f"Four & fils <{ground}>",
        scheme="proxi.A",
        borrower=papers.BORROWER,
        started_on=date(2021, 4, 1),
        ends_on=date(2026, 4, 1),
        principal_cents=100_000,
        opening_cents=100_000,
        closing_cents=80_000,
        at_first_rate=False,
        ground=ground,
        ground_on=None,
        credit_cents=0,
        lost_cents=100 if loss_ground else 0,
        cut_cents=0,
        exemplary=None,
        loss_ground=loss_ground,
        loss_credit_cents=0,
    )


def read(pdf: bytes, folder: Path) -> str:
    file = folder / "paper.pdf"
    file.write_bytes(pdf)
    assert pdfua.validate(file).findings == ()
    done = subprocess.run(["pdftotext", "-raw", str(file), "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.replace("\u00a0", " ").split())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("residence", RESIDENCES)
def test_a_certificate_has_words_for_every_residence(language: Language, residence: str | None, tmp_path: Path) -> None:
    say, text = wording(language).say, read(render_certificate(certificate(residence), language), tmp_path)
    assert say(f"certificate.residence_{(residence or 'unknown').lower().replace('-', '_')}") in text
    assert (say("certificate.condition_title") in text) is (residence is None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_certificate_has_words_for_every_ground(language: Language, tmp_path: Path) -> None:
    loans = tuple(
        stopped_loan(ground, loss)
        for ground, loss in [(None, None), *((g, None) for g in ZeroGround), *((None, g) for g in NoLossGround)]
    )
    say, text = wording(language).say, read(render_certificate(certificate("BE-BRU", loans), language), tmp_path)
    for ground in NoLossGround:
        assert say(f"certificate.loss_ground_{ground.value.replace('-', '_')}") in text
    for stopped in ZeroGround:
        assert say(f"certificate.ground_{stopped.value.replace('-', '_')}").split()[-1] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_paper_has_words_for_everything_that_changes_a_claim(language: Language, tmp_path: Path) -> None:
    changes = tuple(
        ChangedClaim(
            on=date(2023, 5, number), loan_id="l1", subject="Four", event=event, amount_cents=100 + number, entry=number
        )
        for number, event in enumerate(ClaimEvent, 1)
    )
    text = read(render_certificate(certificate("BE-BRU", changes=changes), language), tmp_path)
    for event in ClaimEvent:
        for word in event_name(event, wording(language)).split():
            assert word in text
    assert sum(change.claim_cents for change in changes) == 102 - 103 - 104 + 105 - 106 - 108
    assert [change.received_cents for change in changes if change.received_cents] == [109]


def test_codes_that_a_dated_row_holds_are_printed_as_provisional(tmp_path: Path) -> None:
    text = read(render_certificate(certificate("BE-BRU"), "nl"), tmp_path)
    known = {box: "/".join(box.codes) for box in every_box()}
    assert sorted(known.values()) == ["3391/4391", "3392/4392", "3393/4393", "3396/4396", "3397/4397"]
    for codes in known.values():
        assert f"{codes.replace('/', ' / ')} (voorlopig)" in text
    assert wording("nl").say("certificate.code_unknown") not in text
    assert text.count(wording("nl").say("certificate.of_first_year")) == 2


@pytest.mark.parametrize(
    ("scheme", "year"), [("proxi.A", 2022), ("proxi.A", 2024), ("proxi.B", 2024), ("proxi.B", 2026)]
)
def test_no_code_is_carried_over_to_another_year_or_scheme(scheme: str, year: int) -> None:
    for stated in Stated:
        assert form_code(scheme, stated, year, started_on=date(2024, 4, 1)).codes == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("label", list(Label))
def test_a_proof_has_words_for_every_state(language: Language, label: Label, tmp_path: Path) -> None:
    day = date(2023, 6, 1)
    standing = LoanStanding(
        label=label.value,
        days_past_due=0,
        overdue_cents=0,
        arrears_limit_months=3,
        arrears_beyond_limit=True,
        bankrupt_on=None,
        lost_on=day if label is Label.LOST else None,
        repaid_on=day if label is Label.REPAID else None,
    )
    mine = ProvenLender(
        party="c1",
        name="Ada",
        opening_cents=100_000,
        lent_cents=0,
        repaid_cents=20_000,
        lost_cents=0,
        changed_cents=0,
        closing_cents=80_000,
        cut_cents=0,
        interest_cents=4_000,
    )
    data = FundProofData(
        frame=FRAME,
        loan_id="l1",
        title="Un four",
        scheme="proxi.A",
        borrower=papers.BORROWER,
        agreed_on=date(2021, 4, 1),
        disbursed_on=None,
        ends_on=date(2026, 4, 1),
        principal_cents=100_000,
        rate_annual=Decimal("0.0175"),
        lenders=(mine,),
        changes=(),
        dues=(),
        standing=standing,
        recovered_cents=0,
    )
    say, text = wording(language).say, read(render_fund_proof(data, language), tmp_path)
    assert say(f"state.{label.value}") in text
    assert say("fund_proof.arrears", months="3") in text
    assert say("fund_proof.no_dues") in text


def returned(*rows: WithheldRow, number: str = papers.BORROWER.enterprise_number) -> WithholdingData:
    borrower = Enterprise(party="e1", name="Levain", enterprise_number=number, address=())
    return WithholdingData(
        frame=FRAME,
        borrower=borrower,
        loans=("l1",),
        rows=rows,
        changes=(),
        paid_in_cents=0,
        unpaid_cents=0,
        rules=(),
        provisional=False,
    )


def withheld(on: date, kind: HolderKind | None, rate: str | None, gross: int, tax: int) -> WithheldRow:
    return WithheldRow(
        attributed_on=on,
        holder_kind=kind,
        rate=None if rate is None else Decimal(rate),
        lenders=1,
        gross_cents=gross,
        tax_cents=tax,
        net_cents=gross - tax,
        pay_by_on=None,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_return_has_words_for_every_kind_of_lender(language: Language, tmp_path: Path) -> None:
    rows = [withheld(date(2023, 5, 2), kind, "0.30", 1_000, 300) for kind in HolderKind]
    data = returned(*rows, withheld(date(2023, 6, 2), None, None, 1_000, 300))
    say, text = wording(language).say, read(render_withholding_return(data, language), tmp_path)
    for kind in ("unknown", *(each.value.replace("-", "_") for each in HolderKind)):
        assert say(f"withholding.kind_{kind}") in text


def test_a_day_is_one_declaration_with_an_income_for_each_kind_of_lender() -> None:
    one, other = date(2023, 5, 2), date(2023, 8, 2)
    data = returned(
        withheld(one, HolderKind.NON_RESIDENT_INDIVIDUAL, "0.125", 800, 100),
        withheld(one, HolderKind.RESIDENT_INDIVIDUAL, "0.30", 1_000, 300),
        withheld(other, HolderKind.EXEMPT, "0", 500, 0),
        withheld(other, None, None, 700, 210),
    )
    body = declaration_273(data, "en")
    assert body is not None
    space = {"rv": "http://withholding.minfin.fgov.be/"}
    first, second = ET.fromstring(body).findall("rv:initialDeclaration", space)
    found = [
        ([rate.text for rate in day.findall("rv:income/rv:rate", space)], day.find("rv:totalTaxAmountDue", space).text)
        for day in (first, second)
    ]
    assert found == [(["12.5", "30"], "400"), (["0"], "0")]
    assert [day.find("rv:declarationUniqueReference", space).text for day in (first, second)] == ["1", "2"]
    assert first.find("rv:preferredLanguage", space) is None, "the schema knows no English"


def test_nothing_is_declared_without_interest_or_without_a_number() -> None:
    row = withheld(date(2023, 5, 2), HolderKind.RESIDENT_INDIVIDUAL, "0.30", 1_000, 300)
    assert declaration_273(returned(), "fr") is None
    assert declaration_273(returned(row, number=""), "fr") is None
    assert declaration_273(returned(withheld(date(2023, 5, 2), None, None, 1_000, 300)), "fr") is None
