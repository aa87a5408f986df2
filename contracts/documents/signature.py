"""Signing papers: an agreement by both parties (PAdES, pyHanko), a receipt by the platform (`seal`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.authority import SigningIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSigner:
    """Who signs which `field` of a document, e.g. `borrower` and `lender`, and for what stated reason."""

    field: str
    identity: SigningIdentity
    reason: str


def sign_pdf(pdf: bytes, *, signers: Sequence[DocumentSigner]) -> bytes:
    """`pdf` with one PAdES B-B signature per signer, in their order; the stated time is the machine's."""
    from contracts.documents import pades  # noqa: PLC0415 -- pyHanko takes a second to load

    return pades.sign(pdf, signers)


def sign_receipt(pdf: bytes, *, identity: SigningIdentity, at: datetime) -> bytes:
    """`pdf` sealed by the receipt key (see `seal`), in the one form that `verify.verify_receipt_pdf` accepts.

    `at` is stated in the signature; the same `pdf`, `identity` and `at` give the same bytes.
    """
    from contracts.documents import seal  # noqa: PLC0415 -- pikepdf loads when a receipt is made

    return seal.seal_receipt(pdf, identity=identity, at=at)
