"""What the papers say, before they are drawn: figures add up, clauses follow from the data."""

import json
from dataclasses import replace
from datetime import date

import pytest

from contracts.documents.agreement import agreement_paper, terms_json
from contracts.documents.model import LANGUAGES
from contracts.documents.paper import Bars, Bullets, Facts, Heading, Notice, Paper, Prose, Signatures, Table
from contracts.documents.receipt import receipt_paper
from contracts.documents.schedule_table import repayment_in_words, schedule_table
from contracts.documents.statement import statement_paper
from contracts.documents.text import figure, money, wording
from contracts.terms.schedule import RepaymentKind
from tests import papers


def words_of(paper: Paper) -> str:
    """All text of a paper, in reading order."""
    found: list[str] = [paper.title, paper.subtitle]
    for block in paper.blocks:
        match block:
            case Heading(text) | Prose(text):
                found.append(text)
            case Bullets(items):
                found += items
            case Facts(rows):
                found += [cell for row in rows for cell in row]
            case Table(_, rows, total):
                found += [cell for row in (*rows, total or ()) for cell in row]
            case Notice(title, paragraphs):
                found += [title, *paragraphs]
            case Signatures(boxes):
                found += [cell for box in boxes for cell in (box.capacity, box.name, box.note)]
            case Bars(title, description):
                found += [title, description]
    return "\n".join(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_agreement_states_parties_figures_rank_and_risk(language: str) -> None:
    stated = words_of(agreement_paper(papers.agreement(), language))
    say = wording(language).say
    for expected in (
        papers.LENDER.name,
        papers.BORROWER.name,
        papers.BORROWER.enterprise_number,
        papers.LICENCE,
        money(50_000, language),
        money(2_500_000, language),
        say("article.rank"),
        say("article.early"),
        say("article.credit_provisional"),
        *wording(language).items("risk.all"),
        *wording(language).items("grounds.all"),
        "BE/legal_rate@2026-01-01",
    ):
        assert expected in stated
    assert "{" not in stated


def test_partial_early_repayment_is_excluded_in_either_case() -> None:
    allowed = words_of(agreement_paper(papers.agreement(), "en"))
    excluded = words_of(agreement_paper(papers.agreement(early_repayment_allowed=False), "en"))
    assert "once only and only in full" in allowed
    assert "once only" not in excluded
    assert "Early repayment, in part or in full, is excluded." in excluded


def test_who_withholds_the_tax_decides_the_clause() -> None:
    operator = words_of(agreement_paper(papers.agreement(), "fr"))
    debtor = words_of(agreement_paper(papers.agreement(withheld_by="debtor"), "fr"))
    assert "comme son mandataire" in operator
    assert "L'emprunteur retient le précompte" in debtor
    assert "comme son mandataire" not in debtor


def test_confirmed_rules_are_not_called_provisional() -> None:
    confirmed = replace(papers.agreement().tax_credit, provisional=False)
    stated = words_of(agreement_paper(papers.agreement(tax_credit=confirmed), "nl"))
    assert wording("nl").say("article.credit_provisional") not in stated
    assert wording("nl").say("article.tax_provisional") not in stated


def test_a_provisional_withholding_rate_is_said_to_be_so() -> None:
    stated = words_of(agreement_paper(papers.agreement(withholding_provisional=True), "nl"))
    assert wording("nl").say("article.tax_provisional") in stated


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_paper_of_the_sandbox_says_that_it_is_one(language: str) -> None:
    say = wording(language).say
    for paper in (
        agreement_paper(papers.agreement(sandbox=True), language),
        receipt_paper(papers.receipt(sandbox=True), language, proof=b"", opening=b""),
        statement_paper(papers.statement(sandbox=True), language),
    ):
        assert say("common.sandbox") in words_of(paper)
        assert paper.watermark == say("common.watermark")
    assert agreement_paper(papers.agreement(), language).watermark is None


def test_the_attached_terms_repeat_the_agreement_without_names() -> None:
    data = papers.agreement()
    attached = json.loads(terms_json(data, "2026-11/4"))
    assert attached["principal_cents"] == 50_000
    assert attached["rate_annual"] == "0.03"
    assert sum(row["principal_cents"] for row in attached["schedule"]) == 50_000
    assert attached["schedule"][-1]["outstanding_cents"] == 0
    assert attached["rank"] == "subordinated"
    assert attached["allocation_order"] == ["interest", "principal"]
    text = terms_json(data, "2026-11/4").decode()
    assert papers.LENDER.name not in text
    assert not any(line in text for line in papers.LENDER.address)


@pytest.mark.parametrize("kind", papers.OFFERED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_schedule_table_sums_to_what_was_lent(kind: RepaymentKind, language: str) -> None:
    rows = papers.plan(kind)
    table = schedule_table(rows, language)
    assert len(table.rows) == 20
    assert table.total is not None
    assert table.total[4] == figure(50_000, language)
    assert table.rows[-1][6] == figure(0, language)
    assert "20" in repayment_in_words(rows.terms, language)


def test_the_statement_adds_up_its_own_rows() -> None:
    data = papers.statement()
    paper = statement_paper(data, "fr")
    summary = dict(row for block in paper.blocks if isinstance(block, Facts) and block.figures for row in block.rows)
    say = wording("fr").say
    received = [flow for flow in data.flows if flow.received_on]
    gross, kept = sum(f.interest_gross_cents for f in received), sum(f.withholding_cents for f in received)
    principal = sum(f.principal_cents for f in received)
    assert kept > 0
    assert summary[say("statement.net")] == money(principal + gross - kept, "fr")
    assert summary[say("statement.expected")] == money(sum(f.expected_cents for f in data.flows), "fr")
    assert summary[say("statement.lost")] == money(120_000, "fr")
    chart = next(block for block in paper.blocks if isinstance(block, Bars))
    assert [sum(values) for values in chart.series] == [
        sum(f.expected_cents for f in data.flows),
        principal + gross,
    ]
    assert chart.series[1][-1] == 0, "the month in which nothing came shows no bar"


def test_an_empty_statement_says_so_in_words() -> None:
    stated = words_of(statement_paper(papers.statement(claims=(), flows=(), balances=()), "en"))
    assert "Nothing fell due in this period." in stated
    assert "You held no claims in this period." in stated
    assert "No money is held for you." in stated


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_statement_says_whether_the_holder_was_found_in_the_totals(language: str) -> None:
    say = wording(language).say
    plain = words_of(statement_paper(papers.statement(), language))
    found = statement_paper(papers.statement(), language, totals=papers.totals())
    alarm = statement_paper(papers.statement(), language, totals=papers.totals(is_checked=False))
    assert say("statement.part_totals") not in plain
    assert say("statement.part_totals") in words_of(found)
    assert say("statement.totals_alarm_title") in words_of(alarm)
    assert say("statement.part_totals") not in words_of(alarm)
    for paper in (found, alarm):
        assert [(a.name, a.body) for a in paper.attachments] == [("totals.jsonl", papers.totals().paths)]


def test_what_came_is_charted_in_the_month_in_which_it_came() -> None:
    first, *others = papers.statement().flows
    late = replace(first, received_on=date(2026, 8, 3))
    chart = next(
        block
        for block in statement_paper(papers.statement(flows=(late, *others)), "en").blocks
        if isinstance(block, Bars)
    )
    assert chart.labels == ("Jun 26", "Aug 26", "Sept 26", "Dec 26")
    assert chart.series[0][1] == 0
    assert chart.series[1][0] == 0


def test_a_receipt_of_a_claim_counts_units_of_its_asset() -> None:
    stated = words_of(
        receipt_paper(papers.receipt(asset="LOAN-L4TZ8C2HWE", amount_cents=50_000), "en", proof=b"", opening=b"")
    )
    assert "500.00 LOAN-L4TZ8C2HWE" in stated
    units = papers.receipt(asset="BOND-N4TZ8C2HWE", amount_cents=30, scale=0)
    assert "30 BOND-N4TZ8C2HWE" in words_of(receipt_paper(units, "en", proof=b"", opening=b""))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_receipt_tells_how_to_check_it_without_us(language: str) -> None:
    stated = words_of(receipt_paper(papers.receipt(), language, proof=b"", opening=b""))
    assert "bxl verify receipt" in stated
    assert papers.receipt().origin in stated
    assert "ab" * 16 in stated
    assert money(2613, language) in stated
