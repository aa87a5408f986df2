"""PAdES baseline B signatures with pyHanko: all empty fields first, then each party's invisible signature.

A field that is created after the first signature counts as a suspicious change of the document, so every field is there
before anyone signs. What people see of a signature is drawn by the layout. Timestamps (level B-T) are not added here.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contracts.documents.authority import SigningIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSigner:
    """Who signs which `field` of a document, e.g. `borrower` and `lender`, and for what stated reason."""

    field: str
    identity: SigningIdentity
    reason: str


def sign_pdf(pdf: bytes, *, signers: Sequence[DocumentSigner]) -> bytes:
    """`pdf` with one PAdES B-B signature per signer, in their order; the stated time is the machine's."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 -- takes a second to load
    from pyhanko.sign import fields  # noqa: PLC0415 -- the same

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for signer in signers:
        fields.append_signature_field(writer, fields.SigFieldSpec(sig_field_name=signer.field))
    with_fields = io.BytesIO()
    writer.write(with_fields)
    signed = with_fields.getvalue()
    for signer in signers:
        signed = _signed(signed, signer)
    return signed


def sign_receipt(pdf: bytes, *, identity: SigningIdentity, at: datetime) -> bytes:
    """`pdf` sealed by the receipt key (see `seal`), in the one form that `verify.verify_receipt_pdf` accepts.

    `at` is stated in the signature; the same `pdf`, `identity` and `at` give the same bytes.
    """
    from contracts.documents import seal  # noqa: PLC0415 -- pikepdf loads when a receipt is made

    return seal.seal_receipt(pdf, identity=identity, at=at)


def _signed(pdf: bytes, signer: DocumentSigner) -> bytes:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 -- takes a second to load
    from pyhanko.sign import signers  # noqa: PLC0415 -- the same
    from pyhanko.sign.fields import SigSeedSubFilter  # noqa: PLC0415 -- the same
    from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415 -- the same

    store = SimpleCertificateStore()
    for certificate in signer.identity.chain:
        store.register(_asn1(certificate))
    key = signer.identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    simple = signers.SimpleSigner(
        signing_cert=_asn1(signer.identity.certificate),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=store,
    )
    metadata = signers.PdfSignatureMetadata(
        field_name=signer.field, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256", reason=signer.reason
    )
    out = io.BytesIO()
    signers.PdfSigner(metadata, simple).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)), existing_fields_only=True, output=out
    )
    return out.getvalue()


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
