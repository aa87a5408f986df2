"""Signing papers: an agreement by both parties (PAdES, pyHanko), a receipt by the platform (`seal`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.authority import SigningIdentity
from contracts.documents.model import AskTimestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSigner:
    """Who signs which `field` of a document, e.g. `borrower` and `lender`, and for what stated reason."""

    field: str
    identity: SigningIdentity
    reason: str


def sign_pdf(pdf: bytes, *, signers: Sequence[DocumentSigner], ask_timestamp: AskTimestamp | None = None) -> bytes:
    """`pdf` with one PAdES signature per signer, in their order; the stated time is the machine's.

    With `ask_timestamp` each signature carries a token over itself (level B-T), else it is at level B-B. Refuses what
    `ask_timestamp` refuses; then nothing is signed.
    """
    from contracts.documents import pades  # noqa: PLC0415 -- pyHanko takes a second to load

    return pades.sign(pdf, signers, ask_timestamp)


def sign_receipt(pdf: bytes, *, identity: SigningIdentity, at: datetime) -> bytes:
    """`pdf` sealed by the receipt key (see `seal`), in the one form that `verify.verify_receipt_pdf` accepts.

    `at` is stated in the signature; the same `pdf`, `identity` and `at` give the same bytes.
    """
    from contracts.documents import seal  # noqa: PLC0415 -- pikepdf loads when a receipt is made

    return seal.seal_receipt(pdf, identity=identity, at=at)
