"""The two signatures of an agreement: both valid, nothing allowed after them, and no byte before them."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.documents import authority
from contracts.documents.agreement import SIGNATURE_FIELDS, render_agreement
from contracts.documents.signature import DocumentSigner, sign_pdf
from contracts.documents.verify import verify_pdf_signatures
from ledger.errors import Refusal
from tests import papers

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def root(signed: bytes, keys: Path) -> bytes:
    assert signed
    return authority.root_certificate(keys).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def signed(keys: Path) -> bytes:
    parties = {"borrower": papers.BORROWER.party, "lender": papers.LENDER.party}
    signers = [
        DocumentSigner(
            field=field,
            identity=authority.party_identity(keys, party=parties[field], now=NOW),
            reason="loan agreement",
        )
        for field in SIGNATURE_FIELDS
    ]
    return sign_pdf(render_agreement(papers.agreement(), "fr"), signers=signers)


def test_both_parties_signatures_are_accepted(signed: bytes, root: bytes) -> None:
    borrower, lender = verify_pdf_signatures(signed, roots_der=[root])
    assert (borrower.field, borrower.signer) == ("borrower", "ebcdefghij")
    assert (lender.field, lender.signer) == ("lender", "cabcdefghi")
    assert lender.covers_whole_document
    assert borrower.intact
    assert borrower.trusted


def test_the_signed_paper_keeps_its_text_and_its_version(signed: bytes) -> None:
    with pikepdf.open(io.BytesIO(signed)) as pdf:
        assert "/Version" not in pdf.Root
        assert set(pdf.attachments) == {"terms.json"}
        assert [str(field.T) for field in pdf.Root.AcroForm.Fields] == ["borrower", "lender"]
        assert all(field.V.SubFilter == "/ETSI.CAdES.detached" for field in pdf.Root.AcroForm.Fields)
    assert signed.startswith(render_agreement(papers.agreement(), "fr")), "signing only appends"


@pytest.mark.parametrize("share", [5, 25, 50, 75, 95])
def test_one_flipped_byte_of_the_paper_refuses_both(share: int, signed: bytes, root: bytes) -> None:
    original = len(render_agreement(papers.agreement(), "fr"))
    changed = bytearray(signed)
    changed[original * share // 100] ^= 0x01
    with pytest.raises(Refusal) as found:
        verify_pdf_signatures(bytes(changed), roots_der=[root])
    assert found.value.code == "document-signature-invalid"


def test_something_added_after_the_last_signature_is_refused(signed: bytes, root: bytes) -> None:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    writer.root["/PageMode"] = writer.root["/Lang"]
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(Refusal) as found:
        verify_pdf_signatures(out.getvalue(), roots_der=[root])
    assert found.value == Refusal("document-signature-invalid", field="lender")


def test_certificates_of_another_authority_are_not_trusted(signed: bytes, tmp_path: Path) -> None:
    authority.party_identity(tmp_path, party="cother", now=NOW)
    stranger = authority.root_certificate(tmp_path).public_bytes(Encoding.DER)
    with pytest.raises(Refusal) as found:
        verify_pdf_signatures(signed, roots_der=[stranger])
    assert found.value == Refusal("document-signature-untrusted", field="borrower")


def test_an_unsigned_paper_and_a_file_that_is_no_pdf_are_refused(root: bytes) -> None:
    with pytest.raises(Refusal) as found:
        verify_pdf_signatures(render_agreement(papers.agreement(), "fr"), roots_der=[root])
    assert found.value.code == "document-unsigned"
    with pytest.raises(Refusal) as found:
        verify_pdf_signatures(b"not a PDF at all", roots_der=[root])
    assert found.value.code == "document-signature-invalid"
