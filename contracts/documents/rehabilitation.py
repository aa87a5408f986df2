"""The letter that says that a loan's difficulties are over, for the borrower to show; in three languages."""

from dataclasses import dataclass
from datetime import date

from contracts.documents.model import Enterprise, Language
from contracts.documents.paper import Facts, Heading, Notice, Paper, Prose, SignatureBox, Signatures
from contracts.documents.text import long_date, money, wording

SIGNATURE_FIELD = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class RehabilitationData:
    """Everything that the letter states. The loan was in difficulty from `late_since` to `cured_on`."""

    letter_id: str
    borrower: Enterprise
    loan_id: str
    loan_title: str
    lent_cents: int
    outstanding_cents: int
    late_since: date
    cured_on: date
    rehabilitated_on: date
    probation_until: date
    licence_holder: str
    verify_address: str
    sandbox: bool


def render_rehabilitation(data: RehabilitationData, language: Language) -> bytes:
    """The unsigned letter; `contracts.documents.signature.sign_pdf` signs it for the operator."""
    words = wording(language)
    say, day = words.say, long_date(data.rehabilitated_on, language)
    represented_by = data.borrower.represented_by
    test = (Notice(say("common.sandbox_title"), (say("common.sandbox"),)),) if data.sandbox else ()
    facts = Facts(
        (
            (say("agreement.borrower"), data.borrower.name),
            (say("agreement.enterprise_number"), data.borrower.enterprise_number),
            *([(say("agreement.represented_by"), represented_by)] if represented_by else []),
            (say("rehabilitation.loan"), f"{data.loan_title} ({data.loan_id})"),
            (say("rehabilitation.lent"), money(data.lent_cents, language)),
            (say("rehabilitation.outstanding"), money(data.outstanding_cents, language)),
            (say("rehabilitation.late_since"), long_date(data.late_since, language)),
            (say("rehabilitation.cured_on"), long_date(data.cured_on, language)),
            (say("rehabilitation.rehabilitated_on"), day),
            (say("rehabilitation.probation_until"), long_date(data.probation_until, language)),
        )
    )
    return Paper(
        language=language,
        title=say("rehabilitation.title"),
        subtitle=say("rehabilitation.subtitle", day=day),
        kind=say("rehabilitation.title"),
        issuer=say("common.issuer"),
        identifier=data.letter_id,
        issued_on=data.rehabilitated_on,
        footer=say("common.footer", identifier=data.letter_id, version=words.version, verify=data.verify_address),
        page_label=say("common.page"),
        blocks=(
            *test,
            Prose(say("rehabilitation.stated", name=data.borrower.name, day=day)),
            Heading(say("rehabilitation.part_facts"), 1),
            facts,
            Heading(say("rehabilitation.part_means"), 1),
            Prose(say("rehabilitation.use")),
            Prose(say("rehabilitation.probation", until=long_date(data.probation_until, language))),
            Prose(say("rehabilitation.record"), small=True),
            Heading(say("agreement.part_signatures"), 1),
            Signatures(
                (SignatureBox(say("rehabilitation.signer"), data.licence_holder, say("signature.note", day=day)),)
            ),
        ),
        watermark=say("common.watermark") if data.sandbox else None,
    ).render()
