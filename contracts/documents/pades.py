"""PAdES signatures of levels B-B and B-T (ETSI EN 319 142-1) with pyHanko: made one after the other, and checked.

A field that is created after the first signature counts as a suspicious change of the document, so every field is there
before anyone signs. What people see of a signature is drawn by the layout. A timestamp is a token over the value of the
signature (RFC 3161): the authority never sees the paper, and it is asked once a signature.
"""

import io
from collections.abc import Sequence

from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore
from typing_extensions import override

from contracts.documents.model import AskTimestamp
from contracts.documents.signature import DocumentSigner
from contracts.documents.verify import SignatureReport
from ledger.errors import Refusal

_ALLOWED = (ModificationLevel.NONE, ModificationLevel.FORM_FILLING)
_RESERVED = 1 << 15
"""Digits kept free for a signature with its token: told to pyHanko, or it would ask for a token to measure one."""


class _Writer(IncrementalPdfFileWriter):
    """Leaves the file at PDF 1.7, the version of PDF/A-3; pyHanko would raise it to 2.0 for a PAdES signature."""

    @override
    def ensure_output_version(self, version: tuple[int, int]) -> None:
        """Stay."""


class _Stamper(TimeStamper):
    """Hands pyHanko's query to the port."""

    def __init__(self, ask: AskTimestamp) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
        self._ask = ask

    @override
    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """The authority's answer, of which pyHanko checks state and nonce again."""
        return tsp.TimeStampResp.load(self._ask(req.dump()))


def sign(pdf: bytes, document_signers: Sequence[DocumentSigner], ask_timestamp: AskTimestamp | None) -> bytes:
    """`pdf` with one signature per signer, in their order."""
    writer: IncrementalPdfFileWriter = _Writer(io.BytesIO(pdf))
    for signer in document_signers:
        fields.append_signature_field(writer, fields.SigFieldSpec(sig_field_name=signer.field))
    out = io.BytesIO()
    writer.write(out)
    signed = out.getvalue()
    for signer in document_signers:
        signed = _signed(signed, signer, ask_timestamp)
    return signed


def validate(
    pdf: bytes, roots_der: Sequence[bytes], timestamp_roots_der: Sequence[bytes]
) -> tuple[SignatureReport, ...]:
    """See `verify.verify_pdf_signatures`."""
    roots, authorities = _loaded(roots_der), _loaded(timestamp_roots_der)
    try:
        reports = [_report(each, roots, authorities) for each in PdfFileReader(io.BytesIO(pdf)).embedded_signatures]
    except Refusal:
        raise
    except Exception as error:  # a stranger's file may break a parser anywhere, and is refused wherever it does
        raise Refusal("document-signature-invalid", field="") from error
    return _accepted(reports)


def _report(
    signature: EmbeddedPdfSignature,
    roots: Sequence[asn1_x509.Certificate],
    authorities: Sequence[asn1_x509.Certificate],
) -> SignatureReport:
    status = validate_pdf_signature(
        signature,
        signer_validation_context=ValidationContext(trust_roots=roots, allow_fetching=False),
        ts_validation_context=ValidationContext(trust_roots=authorities, allow_fetching=False),
    )
    stamp = status.timestamp_validity
    if stamp is not None and not (stamp.intact and stamp.valid and stamp.trusted):
        raise Refusal("document-timestamp-untrusted", field=signature.field_name)
    return SignatureReport(
        field=signature.field_name,
        signer=status.signing_cert.subject.native["common_name"],
        intact=status.intact and status.valid and status.modification_level in _ALLOWED,
        trusted=status.trusted,
        covers_whole_document=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        stamped_at=None if stamp is None else stamp.timestamp,
    )


def _accepted(reports: Sequence[SignatureReport]) -> tuple[SignatureReport, ...]:
    if not reports:
        raise Refusal("document-unsigned")
    if not reports[-1].covers_whole_document:
        raise Refusal("document-signature-invalid", field=reports[-1].field)
    for report in reports:
        if not report.intact:
            raise Refusal("document-signature-invalid", field=report.field)
        if not report.trusted:
            raise Refusal("document-signature-untrusted", field=report.field)
    return tuple(reports)


def _signed(pdf: bytes, signer: DocumentSigner, ask_timestamp: AskTimestamp | None) -> bytes:
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
        field_name=signer.field,
        subfilter=fields.SigSeedSubFilter.PADES,
        md_algorithm="sha256",
        reason=signer.reason,
    )
    stamper = None if ask_timestamp is None else _Stamper(ask_timestamp)
    out = io.BytesIO()
    signers.PdfSigner(metadata, simple, timestamper=stamper).sign_pdf(
        _Writer(io.BytesIO(pdf)),
        existing_fields_only=True,
        bytes_reserved=None if stamper is None else _RESERVED,
        output=out,
    )
    return out.getvalue()


def _loaded(certificates_der: Sequence[bytes]) -> list[asn1_x509.Certificate]:
    return [asn1_x509.Certificate.load(certificate) for certificate in certificates_der]


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
