"""The two signatures of an agreement: both valid, nothing allowed after them, and no byte before them."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from contracts.documents import authority
from contracts.documents.agreement import SIGNATURE_FIELDS, render_agreement
from contracts.documents.signature import DocumentSigner, sign_pdf
from contracts.documents.verify import verify_pdf_signatures
from ledger.clock import SystemClock
from ledger.errors import Refusal
from tests import papers
from tests.timestamp_authority import Authority, make_authority

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
    signers = [signer(keys, field, parties[field]) for field in SIGNATURE_FIELDS]
    return sign_pdf(render_agreement(papers.agreement(), "fr"), signers=signers)


def signer(keys: Path, field: str, party: str) -> DocumentSigner:
    """Who signs a field."""
    identity = authority.party_identity(keys, party=party, now=NOW)
    return DocumentSigner(field=field, identity=identity, reason="loan agreement")


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


def stamped(keys: Path, authority_of_time: Authority) -> bytes:
    """The agreement, each of its signatures with a token."""
    signers = [signer(keys, "borrower", papers.BORROWER.party), signer(keys, "lender", papers.LENDER.party)]
    pdf = render_agreement(papers.agreement(), "fr")
    return sign_pdf(pdf, signers=signers, ask_timestamp=authority_of_time.reply)


def test_each_signature_carries_a_timestamp_where_an_authority_gives_one(
    keys: Path, root: bytes, signed: bytes, tmp_path: Path
) -> None:
    before = SystemClock().now().replace(microsecond=0)
    clock = make_authority(tmp_path / "tsa")
    reports = verify_pdf_signatures(stamped(keys, clock), roots_der=[root], timestamp_roots_der=[der(clock)])
    assert [report.field for report in reports] == ["borrower", "lender"]
    for report in reports:
        assert report.stamped_at is not None
        assert before <= report.stamped_at <= SystemClock().now()
    unstamped = verify_pdf_signatures(signed, roots_der=[root])
    assert [report.stamped_at for report in unstamped] == [None, None]


def test_a_timestamp_of_an_authority_that_is_not_known_is_not_trusted(keys: Path, root: bytes, tmp_path: Path) -> None:
    assert root
    clock, other = make_authority(tmp_path / "tsa"), make_authority(tmp_path / "other")
    for known in ([], [der(other)]):
        with pytest.raises(Refusal) as found:
            verify_pdf_signatures(stamped(keys, clock), roots_der=[root], timestamp_roots_der=known)
        assert found.value == Refusal("document-timestamp-untrusted", field="borrower")


def test_a_paper_is_not_signed_where_the_authority_fails(keys: Path) -> None:
    def fail(_query: bytes) -> bytes:
        raise Refusal("timestamp-unavailable", reason="down")

    with pytest.raises(Refusal) as found:
        sign_pdf(
            b"%PDF" + render_agreement(papers.agreement(), "fr")[4:],
            signers=[signer(keys, "borrower", papers.BORROWER.party)],
            ask_timestamp=fail,
        )
    assert found.value.code == "timestamp-unavailable"


def der(clock: Authority) -> bytes:
    """The root of an authority of time."""
    return x509.load_pem_x509_certificate(clock.root.read_bytes()).public_bytes(Encoding.DER)


def test_an_unsigned_paper_and_a_file_that_is_no_pdf_are_refused(root: bytes) -> None:
    with pytest.raises(Refusal) as found:
        verify_pdf_signatures(render_agreement(papers.agreement(), "fr"), roots_der=[root])
    assert found.value.code == "document-unsigned"
    with pytest.raises(Refusal) as found:
        verify_pdf_signatures(b"not a PDF at all", roots_der=[root])
    assert found.value.code == "document-signature-invalid"
