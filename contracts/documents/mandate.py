"""The mandate for direct debits that an entrepreneur signs: what the EPC's rulebooks ask of it, in three languages."""

from dataclasses import dataclass
from datetime import date

from contracts.documents.model import Language
from contracts.documents.paper import Facts, Heading, Notice, Paper, Prose, SignatureBox, Signatures
from contracts.documents.text import long_date, wording

SIGNATURE_FIELD = "debtor"


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateData:
    """Everything that a mandate states; `scheme` is `core` or `b2b`."""

    mandate_id: str
    scheme: str
    creditor: str
    creditor_identifier: str
    debtor: str
    represented_by: str
    iban: str
    signed_on: date
    verify_address: str
    sandbox: bool


def render_mandate(data: MandateData, language: Language) -> bytes:
    """The unsigned mandate; `contracts.documents.signature.sign_pdf` signs it for the debtor."""
    words = wording(language)
    say = words.say
    test = (Notice(say("common.sandbox_title"), (say("common.sandbox"),)),) if data.sandbox else ()
    facts = Facts(
        (
            (say("mandate.reference"), data.mandate_id),
            (say("mandate.creditor"), data.creditor),
            (say("mandate.creditor_identifier"), data.creditor_identifier),
            (say("mandate.debtor"), data.debtor),
            (say("mandate.account"), data.iban),
            (say("mandate.type"), say("mandate.recurrent")),
        )
    )
    note = say("signature.note", day=long_date(data.signed_on, language))
    return Paper(
        language=language,
        title=say(f"mandate.title_{data.scheme}"),
        subtitle=say("mandate.subtitle", day=long_date(data.signed_on, language)),
        kind=say("mandate.kind"),
        issuer=say("common.issuer"),
        identifier=data.mandate_id,
        issued_on=data.signed_on,
        footer=say("common.footer", identifier=data.mandate_id, version=words.version, verify=data.verify_address),
        page_label=say("common.page"),
        blocks=(
            *test,
            Heading(say("mandate.part_parties"), 1),
            facts,
            Heading(say("mandate.part_consent"), 1),
            Prose(say("mandate.consent", creditor=data.creditor)),
            Prose(say(f"mandate.rights_{data.scheme}")),
            Prose(say("mandate.notice"), small=True),
            Heading(say("agreement.part_signatures"), 1),
            Signatures((SignatureBox(say("mandate.signer"), data.represented_by, note),)),
        ),
        attachments=(),
        watermark=say("common.watermark") if data.sandbox else None,
    ).render()
