"""Checks of signed papers: any PAdES document with pyHanko, and receipts strictly, byte by byte, without it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """What is known of one signature after its bytes were checked."""

    field: str
    signer: str
    intact: bool
    trusted: bool
    covers_whole_document: bool


@dataclass(frozen=True, slots=True)
class ReceiptContents:
    """The two attachments of a receipt whose every byte was checked."""

    proof: bytes
    opening: bytes


def verify_pdf_signatures(pdf: bytes, *, roots_der: Sequence[bytes]) -> tuple[SignatureReport, ...]:
    """Every signature of `pdf`, checked against `roots_der`; refuses when one is not intact or not trusted."""
    raise NotImplementedError


def verify_receipt_pdf(pdf: bytes, *, receipt_certificate_sha256: str) -> ReceiptContents:
    """The attachments of a receipt signed under the pinned certificate; any changed byte is refused and named."""
    raise NotImplementedError
