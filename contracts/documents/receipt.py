"""The receipt a holder keeps: a readable page with the proof and the opening attached.

The page is for people; the two attachments alone are what a program checks (`python -m ledger.verify`). The signature
of `contracts.documents.seal` makes the file as a whole tamper-evident.
"""

from collections.abc import Iterator
from decimal import Decimal

from contracts.documents.model import ExtractData, Language, ReceiptData
from contracts.documents.paper import Attachment, Block, Bullets, Facts, Heading, Notice, Paper, Prose
from contracts.documents.text import Wording, instant, long_date, money, number, wording

PROOF_FILE = "receipt.tlog-proof"
OPENING_FILE = "opening.json"


def render_receipt(data: ReceiptData, language: Language, *, proof: bytes, opening: bytes) -> bytes:
    """The unsigned receipt with `receipt.tlog-proof` and `opening.json` attached."""
    return receipt_paper(data, language, proof=proof, opening=opening).render()


def receipt_paper(data: ReceiptData, language: Language, *, proof: bytes, opening: bytes) -> Paper:
    """The receipt before it is drawn."""
    words = wording(language)
    say = words.say
    return Paper(
        language=language,
        title=say("receipt.title"),
        subtitle=say(
            "receipt.subtitle",
            entry=number(data.entry_number, language),
            day=long_date(data.effective_on, language),
        ),
        kind=say("receipt.kind"),
        issuer=say("common.issuer"),
        identifier=data.receipt_id,
        issued_on=data.effective_on,
        footer=say("common.footer", identifier=data.receipt_id, version=words.version, verify=data.verify_address),
        page_label=say("common.page"),
        blocks=tuple(_blocks(data, words)),
        attachments=proof_files(words, proof=proof, opening=opening),
        watermark=say("common.watermark") if data.sandbox else None,
    )


def _blocks(data: ReceiptData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    if data.sandbox:
        yield Notice(say("common.sandbox_title"), (say("common.sandbox"),))
    amount, side = say("receipt.amount"), say(f"receipt.side_{data.side}")
    yield Heading(say("receipt.part_what"), 1)
    yield Facts(
        (
            (say("receipt.happened"), data.happened),
            (amount, _amount(data, language)),
            (say("receipt.effective_on"), long_date(data.effective_on, language)),
            (say("receipt.booked_at"), instant(data.booked_at, language)),
            (say("receipt.account"), say("receipt.account_value", account=data.account, side=side)),
            (say("receipt.holder"), "\n".join((data.holder.name, *data.holder.address))),
            (say("receipt.issuer_licence"), data.licence_holder),
        ),
        strong=frozenset({amount}),
    )
    yield from proof_blocks(data, words)


def proof_blocks(data: ReceiptData | ExtractData, words: Wording) -> Iterator[Block]:
    """Where the proven entry stands in the public log, what is attached, and how to check it."""
    say, language = words.say, words.language
    yield Heading(say("receipt.part_proof"), 1)
    yield Facts(
        (
            (say("receipt.entry"), number(data.entry_number, language)),
            (say("receipt.origin"), data.origin),
            (
                say("receipt.checkpoint"),
                say("receipt.checkpoint_value", size=number(data.checkpoint_size, language)),
            ),
            (say("receipt.policy"), _halved(data.policy_sha256)),
        )
    )
    yield Prose(say("receipt.explained", proof=PROOF_FILE, opening=OPENING_FILE))
    yield Prose(say("receipt.sealed"))
    yield Heading(say("receipt.part_check"), 1)
    yield Bullets(words.items("receipt.checks"))


def proof_files(words: Wording, *, proof: bytes, opening: bytes) -> tuple[Attachment, ...]:
    """The two files that a program checks."""
    return (
        Attachment(PROOF_FILE, "text/plain", words.say("receipt.attachment_proof"), proof),
        Attachment(OPENING_FILE, "application/json", words.say("receipt.attachment_opening"), opening),
    )


def _amount(data: ReceiptData, language: Language) -> str:
    """Euro as the language writes it; any other asset counts units of its own name, with its own decimals."""
    if data.asset == "EUR":
        return money(data.amount_cents, language)
    return f"{Decimal(data.amount_cents).scaleb(-data.scale)} {data.asset}"


def _halved(fingerprint: str) -> str:
    """A fingerprint on two lines, so that it can be compared by eye."""
    middle = len(fingerprint) // 2
    return f"{fingerprint[:middle]}\n{fingerprint[middle:]}"
