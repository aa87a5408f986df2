"""The yearly proof of a loan to the Fund that keeps the register of proxi loans, as a tagged PDF."""

from collections.abc import Iterator

from contracts.documents.changes import changes_part
from contracts.documents.model import Language
from contracts.documents.paper import Block, Bullets, Column, Facts, Heading, Prose, Table
from contracts.documents.text import Wording, figure, long_date, money, number, percent, short_date, wording
from contracts.documents.yearly import FundProofData
from contracts.documents.yearly_frame import enterprise_facts, reserve, stands_on, yearly_paper

_SUMS = ("opening", "lent", "repaid", "lost", "closing", "interest")
_FIGURES = 12  # parts of a hundred that a column of figures has
_WITH_PLANS = ("opening", "lent", "repaid", "lost", "changed", "closing", "interest")


def render_fund_proof(data: FundProofData, language: Language) -> bytes:
    """The proof, the same bytes for the same data."""
    words = wording(language)
    blocks = (
        *_loan(data, words),
        *_lenders(data, words),
        *changes_part(data.changes, words, subject=words.say("fund_proof.column_lender")),
        *_dues(data, words),
        *_standing(data, words),
        *reserve(words, words.say("fund_proof.form_unknown")),
    )
    return yearly_paper(data.frame, words, "fund_proof", blocks).render()


def _loan(data: FundProofData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    paid_out = say("common.no_value") if data.disbursed_on is None else long_date(data.disbursed_on, language)
    yield Facts(((say("fund_proof.to"), say("fund_proof.fund")), *stands_on(data.frame, words)))
    yield Heading(say("fund_proof.part_loan"), 1)
    yield Facts(
        (
            (say("fund_proof.loan"), data.title),
            (say("agreement.reference"), data.loan_id),
            (say("fund_proof.scheme"), data.scheme),
            (say("fund_proof.agreed_on"), long_date(data.agreed_on, language)),
            (say("fund_proof.disbursed_on"), paid_out),
            (say("fund_proof.ends_on"), long_date(data.ends_on, language)),
            (say("agreement.loan_total"), money(data.principal_cents, language)),
            (say("agreement.rate"), percent(data.rate_annual, language)),
        )
    )
    yield Heading(say("agreement.borrower"), 1)
    yield enterprise_facts(data.borrower, words)


def _lenders(data: FundProofData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    sums = _WITH_PLANS if data.changes else _SUMS
    yield Heading(say("fund_proof.part_lenders"), 1)
    yield Table(
        columns=(
            Column(say("fund_proof.column_lender"), 100 - _FIGURES * len(sums)),
            *(Column(say(f"fund_proof.column_{name}"), _FIGURES, figures=True) for name in sums),
        ),
        rows=tuple(
            (each.name, *(figure(getattr(each, f"{name}_cents"), language) for name in sums)) for each in data.lenders
        ),
        total=(
            say("statement.total"),
            *(figure(sum(getattr(each, f"{name}_cents") for each in data.lenders), language) for name in sums),
        ),
    )
    yield Prose(say("fund_proof.lenders_note"), small=True)
    if data.changes:
        yield Prose(say("fund_proof.plans_note"), small=True)
    passed = [(each.name, money(each.passed_cents, language)) for each in data.lenders if each.passed_cents]
    if passed:
        yield Prose(say("fund_proof.passed_note"))
        yield Facts(tuple(passed), figures=True)


def _dues(data: FundProofData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("fund_proof.part_dues"), 1)
    if not data.dues:
        yield Prose(say("fund_proof.no_dues"))
        return
    none = say("common.no_value")
    yield Table(
        columns=(
            Column(say("agreement.column_n"), 8, figures=True),
            Column(say("agreement.column_due"), 18),
            Column(say("agreement.column_total"), 18, figures=True),
            Column(say("fund_proof.column_shared"), 20),
            Column(say("agreement.column_principal"), 18, figures=True),
            Column(say("agreement.column_interest"), 18, figures=True),
        ),
        rows=tuple(
            (
                str(due.n),
                short_date(due.due_on),
                figure(due.due_cents, language),
                none if due.shared_on is None else short_date(due.shared_on),
                figure(due.principal_cents, language),
                figure(due.interest_cents, language),
            )
            for due in data.dues
        ),
        total=(
            say("statement.total"),
            "",
            figure(sum(due.due_cents for due in data.dues), language),
            "",
            figure(sum(due.principal_cents for due in data.dues), language),
            figure(sum(due.interest_cents for due in data.dues), language),
        ),
    )


def _standing(data: FundProofData, words: Wording) -> Iterator[Block]:
    say, language, standing = words.say, words.language, data.standing
    yield Heading(say("fund_proof.part_standing"), 1)
    yield Facts(
        (
            (say("statement.column_state"), say(f"state.{standing.label}")),
            (say("fund_proof.days_past_due"), number(standing.days_past_due, language)),
            (say("statement.overdue"), money(standing.overdue_cents, language)),
        )
    )
    happened = [
        say(f"fund_proof.{name}", day=long_date(day, language))
        for name, day in (
            ("repaid", standing.repaid_on),
            ("bankrupt", standing.bankrupt_on),
            ("lost", standing.lost_on),
        )
        if day is not None
    ]
    if standing.bankrupt_on is None:
        happened.insert(0, say("fund_proof.not_called", year=str(data.frame.year)))
    if standing.arrears_beyond_limit:
        happened.append(say("fund_proof.arrears", months=str(standing.arrears_limit_months)))
    if data.recovered_cents:
        happened.append(say("fund_proof.recovered", amount=money(data.recovered_cents, language)))
    if cut_cents := sum(each.cut_cents for each in data.lenders):
        happened.append(say("fund_proof.cut", amount=money(cut_cents, language)))
    yield Bullets(tuple(happened))
