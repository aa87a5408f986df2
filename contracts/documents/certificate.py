"""A lender's certificate for the tax credit of a tax period, as a tagged PDF.

A code of the tax return is printed where a dated row holds it; where none does, the paper says that it is not known.
"""

from collections.abc import Iterator

from contracts.documents.changes import changes_part
from contracts.documents.model import Language
from contracts.documents.paper import Block, Column, Facts, Heading, Notice, Prose, Table
from contracts.documents.text import Wording, figure, money, percent, short_date, wording
from contracts.documents.yearly import CertificateData, CertifiedBox, CertifiedLoan
from contracts.documents.yearly_frame import reserve, stands_on, yearly_paper


def render_certificate(data: CertificateData, language: Language) -> bytes:
    """The certificate, the same bytes for the same data."""
    words = wording(language)
    doubts = [words.say("certificate.provisional")] if data.provisional else []
    if any(not box.codes for box in data.boxes):
        doubts.append(words.say("certificate.codes_unknown", year=str(data.frame.year)))
    blocks = (
        *_holder(data, words),
        *_loans(data, words),
        *_credit(data, words),
        *_losses(data, words),
        *changes_part(data.changes, words, subject=words.say("certificate.column_loan")),
        *_boxes(data, words),
        *reserve(words, *doubts, rules=data.rules),
        Prose(words.say("certificate.note"), small=True),
    )
    return yearly_paper(data.frame, words, "certificate", blocks).render()


def _holder(data: CertificateData, words: Wording) -> Iterator[Block]:
    say = words.say
    known = data.tax_residence or "unknown"
    yield Facts(
        (
            (say("statement.holder"), "\n".join((data.holder.name, *data.holder.address))),
            (say("agreement.reference"), data.holder.party),
            (say("certificate.residence"), say(f"certificate.residence_{known.lower().replace('-', '_')}")),
            *stands_on(data.frame, words),
        )
    )
    if data.tax_residence is None:
        year = str(data.frame.year)
        yield Notice(say("certificate.condition_title"), (say("certificate.residence_condition", year=year),))


def _loans(data: CertificateData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("certificate.part_loans"), 1)
    yield Table(
        columns=(
            Column(say("certificate.column_loan"), 26),
            Column(say("certificate.column_started"), 14),
            Column(say("fund_proof.column_opening"), 14, figures=True),
            Column(say("fund_proof.column_closing"), 14, figures=True),
            Column(say("certificate.column_rate"), 18),
            Column(say("certificate.column_credit"), 14, figures=True),
        ),
        rows=tuple(
            (
                f"{loan.title}\n{loan.borrower.name}",
                short_date(loan.started_on),
                figure(loan.opening_cents, language),
                figure(loan.closing_cents, language),
                _rate_or_ground(data, loan, words),
                figure(loan.credit_cents, language),
            )
            for loan in data.loans
        ),
        total=(
            say("statement.total"),
            "",
            figure(sum(loan.opening_cents for loan in data.loans), language),
            figure(sum(loan.closing_cents for loan in data.loans), language),
            "",
            figure(sum(loan.credit_cents for loan in data.loans), language),
        ),
    )
    yield Prose(say("certificate.loans_note"), small=True)
    for loan in (loan for loan in data.loans if loan.cut_cents):
        yield Prose(say("certificate.cuts_note", title=loan.title, amount=money(loan.cut_cents, language)))


def _rate_or_ground(data: CertificateData, loan: CertifiedLoan, words: Wording) -> str:
    if loan.ground is None:
        return percent(data.first_rate if loan.at_first_rate else data.later_rate, words.language)
    ground = words.say(f"certificate.ground_{loan.ground.value.replace('-', '_')}")
    return ground if loan.ground_on is None else f"{ground} ({short_date(loan.ground_on)})"


def _credit(data: CertificateData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    total = say("certificate.credit", year=str(data.frame.year))
    first, later = percent(data.first_rate, language), percent(data.later_rate, language)
    yield Heading(say("certificate.part_credit"), 1)
    yield Facts(
        (
            (say("certificate.base_first", rate=first), money(data.base_first_cents, language)),
            (say("certificate.base_later", rate=later), money(data.base_later_cents, language)),
            (total, money(data.credit_cents, language)),
        ),
        strong=frozenset({total}),
        figures=True,
    )
    yield Prose(say("certificate.credit_note", cap=money(data.base_cap_cents, language)), small=True)


def _losses(data: CertificateData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    lost = [loan for loan in data.loans if loan.lost_cents]
    if not lost:
        return
    total = say("certificate.loss_credit", year=str(data.frame.year))
    yield Heading(say("certificate.part_losses"), 1)
    yield Facts(
        (
            *((loan.title, money(loan.lost_cents, language)) for loan in lost),
            (say("certificate.loss_base"), money(data.loss_base_cents, language)),
            (total, money(data.loss_credit_cents, language)),
        ),
        strong=frozenset({total}),
        figures=True,
    )
    for loan in lost:
        if loan.loss_ground is not None:
            ground = say(f"certificate.loss_ground_{loan.loss_ground.value.replace('-', '_')}")
            yield Prose(f"{loan.title}: {ground}")
    yield Prose(say("certificate.loss_note"), small=True)


def _boxes(data: CertificateData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("certificate.part_return"), 1)
    if not data.boxes:
        yield Prose(say("certificate.no_boxes"))
        return
    yield Table(
        columns=(
            Column(say("certificate.column_stated"), 46),
            Column(say("certificate.column_codes"), 30),
            Column(say("statement.column_amount"), 24, figures=True),
        ),
        rows=tuple((_stated(box, words), _codes(box, words), figure(box.amount_cents, language)) for box in data.boxes),
    )


def _stated(box: CertifiedBox, words: Wording) -> str:
    name = words.say(f"certificate.stated_{box.stated.value}")
    return f"{name} {words.say('certificate.of_first_year')}" if box.of_first_year else name


def _codes(box: CertifiedBox, words: Wording) -> str:
    if not box.codes:
        return words.say("certificate.code_unknown")
    return f"{' / '.join(box.codes)} ({words.say('common.provisional')})"
