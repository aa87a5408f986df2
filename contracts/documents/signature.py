"""PAdES baseline B signatures with pyHanko: all empty fields first, then each party's invisible signature."""

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


def sign_pdf(pdf: bytes, *, signers: Sequence[DocumentSigner], at: datetime) -> bytes:
    """`pdf` with one PAdES B-B signature per signer, in their order; `at` is the stated time of signing."""
    raise NotImplementedError


def sign_receipt(pdf: bytes, *, identity: SigningIdentity, at: datetime) -> bytes:
    """`pdf` signed by the receipt key in the one canonical form that `verify.verify_receipt_pdf` accepts."""
    raise NotImplementedError
