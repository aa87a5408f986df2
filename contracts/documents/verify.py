"""Checks of signed papers: any PAdES document with pyHanko, and receipts strictly, byte by byte, without it.

A receipt is accepted only as the one encoding that `seal` makes. Checked, in this order: there is one signature, its
byte range covers the whole file but its own value, the value is the canonical CMS of the pinned certificate with zeros
behind it, its digest is that of the file, and both attachments are there.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from contracts.documents.receipt import OPENING_FILE, PROOF_FILE
from ledger.errors import Refusal

_TWO_LENGTH_BYTES, _HEADER = 0x82, 4
"""The encoding begins with its tag, the mark of two bytes of length, and those two."""


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """What is known of one signature after its bytes were checked.

    `intact`: the bytes it covers are as they were signed, and what was appended later is another signature.
    `stamped_at` is the instant of its timestamp; None where it carries none.
    """

    field: str
    signer: str
    intact: bool
    trusted: bool
    covers_whole_document: bool
    stamped_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReceiptContents:
    """The two attachments of a receipt whose every byte was checked."""

    proof: bytes
    opening: bytes


def verify_receipt_pdf(pdf: bytes, *, receipt_certificate_sha256: str) -> ReceiptContents:
    """The attachments of a receipt sealed under the pinned certificate; any changed byte is refused.

    Refuses `receipt-bytes-changed` (with the bytes between which the change lies), `receipt-signature-changed`,
    `receipt-certificate-unknown`, `receipt-seal-missing`, `receipt-attachments-missing`.
    """
    from contracts.documents import cms, seal  # noqa: PLC0415 -- pikepdf and asn1crypto load when a receipt is checked

    try:
        start, end = seal.span(seal.CONTENTS, pdf)
    except ValueError:
        _refuse_changed(pdf)
    if pdf.count(seal.byte_range(start, end, len(pdf))) != 1:
        _refuse_changed(pdf)
    try:
        digest = cms.checked_digest(_signature(pdf[start + 1 : end - 1]), certificate_sha256=receipt_certificate_sha256)
    except ValueError as error:
        if isinstance(error, cms.CertificateUnknownError):
            raise Refusal("receipt-certificate-unknown", sha256=str(error)) from error
        raise Refusal("receipt-signature-changed", first_byte=start, last_byte=end - 1) from error
    if digest != seal.covered_digest(pdf, start, end):
        _refuse_changed(pdf)
    return _attachments(pdf)


def verify_pdf_signatures(
    pdf: bytes, *, roots_der: Sequence[bytes], timestamp_roots_der: Sequence[bytes] = ()
) -> tuple[SignatureReport, ...]:
    """Every signature of `pdf`, checked against `roots_der`, in the order in which they were made.

    Refuses `document-unsigned`, `document-signature-invalid`, `document-signature-untrusted`, and
    `document-timestamp-untrusted` where a token is not over its signature or `timestamp_roots_der` do not vouch for it;
    a later signature is the only change that an earlier one allows.
    """
    from contracts.documents import pades  # noqa: PLC0415 -- pyHanko takes a second to load

    return pades.validate(pdf, roots_der, timestamp_roots_der)


def _signature(value: bytes) -> bytes:
    """The DER encoding at the start of a signature value; ValueError unless all else is zero and lower-case digits."""
    padded = bytes.fromhex(value.decode("ascii"))
    length = _HEADER + int.from_bytes(padded[2:_HEADER])
    if padded.hex().encode() != value or padded[1] != _TWO_LENGTH_BYTES or any(padded[length:]):
        raise ValueError("not a canonical signature value")
    return padded[:length]


def _refuse_changed(pdf: bytes) -> NoReturn:
    """Say where, as far as the table of checksums can tell."""
    from contracts.documents import seal  # noqa: PLC0415 -- as above

    try:
        first, last = seal.changed_range(pdf)
    except ValueError as error:
        raise Refusal("receipt-seal-missing") from error
    raise Refusal("receipt-bytes-changed", first_byte=first, last_byte=last)


def _attachments(pdf: bytes) -> ReceiptContents:
    """Read only after the seal was found whole, so the file is one that the platform wrote."""
    import pikepdf  # noqa: PLC0415 -- as above

    with pikepdf.open(io.BytesIO(pdf)) as document:
        files = {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}
    if files.keys() != {PROOF_FILE, OPENING_FILE}:
        raise Refusal("receipt-attachments-missing")
    return ReceiptContents(files[PROOF_FILE], files[OPENING_FILE])
