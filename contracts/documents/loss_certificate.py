"""A lender's certificate of principal definitively lost of one loan in a tax period, as a tagged PDF."""

from collections.abc import Iterator

from contracts.documents.model import Language
from contracts.documents.paper import Block, Bullets, Column, Facts, Heading, Notice, Prose, Table
from contracts.documents.text import Wording, figure, long_date, money, percent, short_date, wording
from contracts.documents.yearly import LossCertificateData
from contracts.documents.yearly_frame import enterprise_facts, reserve, stands_on, yearly_paper


def render_loss_certificate(data: LossCertificateData, language: Language) -> bytes:
    """The certificate, the same bytes for the same data."""
    words = wording(language)
    doubts = [words.say("certificate.provisional")] if data.provisional else []
    blocks = (
        *_holder(data, words),
        *_loan(data, words),
        *_losses(data, words),
        *_credit(data, words),
        *reserve(words, *doubts, rules=data.rules),
        Prose(words.say("loss.note"), small=True),
    )
    return yearly_paper(data.frame, words, "loss", blocks).render()


def _holder(data: LossCertificateData, words: Wording) -> Iterator[Block]:
    say, known = words.say, data.tax_residence or "unknown"
    yield Facts(
        (
            (say("statement.holder"), "\n".join((data.holder.name, *data.holder.address))),
            (say("agreement.reference"), data.holder.party),
            (say("certificate.residence"), say(f"certificate.residence_{known.lower().replace('-', '_')}")),
            *stands_on(data.frame, words),
        )
    )
    if data.tax_residence is None:
        condition = say("certificate.residence_condition", year=str(data.frame.year))
        yield Notice(say("certificate.condition_title"), (condition,))


def _loan(data: LossCertificateData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("fund_proof.part_loan"), 1)
    yield Facts(
        (
            (say("fund_proof.loan"), data.title),
            (say("loss.loan_reference"), data.loan_id),
            (say("fund_proof.scheme"), data.scheme),
            (say("fund_proof.agreed_on"), long_date(data.concluded_on, language)),
            (say("fund_proof.ends_on"), long_date(data.term_ends_on, language)),
            (say("loss.lent"), money(data.lent_cents, language)),
            (say("loss.repaid"), money(data.repaid_cents, language)),
            (say("loss.unpaid"), money(data.unpaid_cents, language)),
        )
    )
    yield enterprise_facts(data.borrower, words)


def _losses(data: LossCertificateData, words: Wording) -> Iterator[Block]:
    say, language, none = words.say, words.language, words.say("common.no_value")
    yield Heading(say("certificate.part_losses"), 1)
    yield Table(
        columns=(
            Column(say("changes.column_on"), 16),
            Column(say("changes.column_event"), 34),
            Column(say("loss.column_final"), 18),
            Column(say("loss.column_proof"), 16),
            Column(say("statement.column_amount"), 16, figures=True),
        ),
        rows=tuple(
            (
                short_date(loss.on),
                say("loss.is_cut" if loss.is_cut else "loss.is_proven"),
                none if loss.final_on is None else short_date(loss.final_on),
                none if loss.evidence is None else loss.evidence[:_LETTERS],
                figure(loss.amount_cents, language),
            )
            for loss in data.losses
        ),
        total=(say("statement.total"), "", "", "", figure(sum(loss.amount_cents for loss in data.losses), language)),
    )
    if data.recovered_cents:
        yield Prose(say("loss.recovered", amount=money(data.recovered_cents, language)))
    yield Prose(say("loss.losses_note"), small=True)


def _credit(data: LossCertificateData, words: Wording) -> Iterator[Block]:
    say, language, none = words.say, words.language, words.say("common.no_value")
    total = say("certificate.loss_credit", year=str(data.frame.year))
    yield Heading(say("certificate.part_credit"), 1)
    yield Facts(
        (
            (say("loss.insolvent_on"), none if data.insolvent_on is None else long_date(data.insolvent_on, language)),
            (say("loss.called_on"), none if data.called_on is None else long_date(data.called_on, language)),
            (say("certificate.loss_base"), money(data.base_cents, language)),
            (say("loss.rate"), percent(data.rate, language)),
            (total, money(data.credit_cents, language)),
        ),
        strong=frozenset({total}),
    )
    said = [say("loss.exemplary_" + {None: "unknown", True: "yes", False: "no"}[data.exemplary])]
    if data.ground is not None:
        ground = data.ground.value.replace("-", "_")
        said.append(f"{data.title}: {say(f'certificate.loss_ground_{ground}')}")
    yield Bullets(tuple(said))


_LETTERS = 12  # of a SHA-256, which is whole in the JSON
