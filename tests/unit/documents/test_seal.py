"""A sealed receipt: accepted as it was made, refused with any byte changed, and the refusal says where."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from contracts.documents import authority, cms, seal
from contracts.documents.model import LANGUAGES
from contracts.documents.receipt import render_receipt
from contracts.documents.signature import sign_receipt
from contracts.documents.verify import verify_receipt_pdf
from ledger.errors import Refusal
from tests import papers

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PARTS = 8
REFUSALS = {"receipt-bytes-changed", "receipt-signature-changed", "receipt-seal-missing"}


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> authority.SigningIdentity:
    return authority.make_receipt_identity(tmp_path_factory.mktemp("keys"), now=NOW)


@pytest.fixture(scope="module")
def sealed(identity: authority.SigningIdentity) -> bytes:
    pdf = render_receipt(papers.receipt(), "fr", proof=papers.PROOF, opening=papers.OPENING)
    return sign_receipt(pdf, identity=identity, at=NOW)


def refusal(pdf: bytes, identity: authority.SigningIdentity) -> Refusal | None:
    try:
        verify_receipt_pdf(pdf, receipt_certificate_sha256=identity.certificate_sha256)
    except Refusal as found:
        return found
    return None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_gives_back_what_was_attached(language: str, identity: authority.SigningIdentity) -> None:
    pdf = render_receipt(papers.receipt(), language, proof=papers.PROOF, opening=papers.OPENING)
    contents = verify_receipt_pdf(
        sign_receipt(pdf, identity=identity, at=NOW), receipt_certificate_sha256=identity.certificate_sha256
    )
    assert (contents.proof, contents.opening) == (papers.PROOF, papers.OPENING)


def test_sealing_twice_gives_the_same_bytes(sealed: bytes, identity: authority.SigningIdentity) -> None:
    pdf = render_receipt(papers.receipt(), "fr", proof=papers.PROOF, opening=papers.OPENING)
    assert sign_receipt(pdf, identity=identity, at=NOW) == sealed


@pytest.mark.parametrize("part", range(PARTS))
def test_no_byte_can_be_changed(part: int, sealed: bytes, identity: authority.SigningIdentity) -> None:
    """Every byte of the file once; the bit that is flipped varies with the place (case, digit, high bit…)."""
    changed = bytearray(sealed)
    for place in range(part, len(sealed), PARTS):
        kept = changed[place]
        changed[place] ^= 1 << (place // PARTS % 8)
        found = refusal(bytes(changed), identity)
        assert found is not None, f"byte {place} can be changed"
        assert found.code in REFUSALS
        if "first_byte" in found.facts:
            assert found.facts["first_byte"] <= place <= found.facts["last_byte"]
        changed[place] = kept


@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_the_seal_can_be_changed(bit: int, sealed: bytes, identity: authority.SigningIdentity) -> None:
    start, end = seal.span(seal.CONTENTS, sealed)
    changed = bytearray(sealed)
    for place in range(start - 12, end + 200):
        changed[place] ^= 1 << bit
        assert refusal(bytes(changed), identity) is not None, f"bit {bit} of byte {place} can be changed"
        changed[place] ^= 1 << bit


def test_the_place_of_a_change_is_told_within_a_block(sealed: bytes, identity: authority.SigningIdentity) -> None:
    place = sealed.index(papers.OPENING)
    changed = sealed.replace(papers.OPENING, papers.OPENING.replace(b"46666", b"46667"), 1)
    found = refusal(changed, identity)
    assert found is not None
    assert found.code == "receipt-bytes-changed"
    assert found.facts["first_byte"] <= place + 14 <= found.facts["last_byte"]
    assert found.facts["last_byte"] - found.facts["first_byte"] < 2 * seal.BLOCK


@pytest.mark.parametrize("tail", [b"\n", b"%", b"\n%%EOF\n", b"0" * 5000])
def test_nothing_can_be_put_behind(tail: bytes, sealed: bytes, identity: authority.SigningIdentity) -> None:
    assert refusal(sealed + tail, identity).code == "receipt-bytes-changed"


@pytest.mark.parametrize("cut", [1, 100, 10_000])
def test_nothing_can_be_cut_off(cut: int, sealed: bytes, identity: authority.SigningIdentity) -> None:
    assert refusal(sealed[:-cut], identity).code in {"receipt-bytes-changed", "receipt-seal-missing"}


def test_a_later_revision_is_refused(sealed: bytes, identity: authority.SigningIdentity) -> None:
    from contracts.documents.signature import DocumentSigner, sign_pdf

    again = sign_pdf(sealed, signers=[DocumentSigner(field="other", identity=identity, reason="a second one")])
    assert refusal(again, identity) is not None


def test_capital_digits_and_a_used_padding_are_refused(sealed: bytes, identity: authority.SigningIdentity) -> None:
    start, end = seal.span(seal.CONTENTS, sealed)
    capitals = sealed[:start] + sealed[start:end].upper() + sealed[end:]
    padded = sealed[: end - 2] + b"1" + sealed[end - 1 :]
    for changed in (capitals, padded):
        assert refusal(changed, identity).code == "receipt-signature-changed"


def test_the_mirrored_value_of_a_signature_is_refused(sealed: bytes, identity: authority.SigningIdentity) -> None:
    """ECDSA accepts (r, n - s) wherever it accepts (r, s): only the lower s is a receipt's."""
    start, end = seal.span(seal.CONTENTS, sealed)
    value = bytes.fromhex(sealed[start + 1 : end - 1].decode())
    encoded = value[: 4 + int.from_bytes(value[2:4])]
    digest = seal.covered_digest(sealed, start, end)
    signature = encoded[encoded.rindex(b"\x30", 0, len(encoded) - 66) :]
    r, s = decode_dss_signature(signature)
    mirrored = cms.build(
        identity.certificate.public_bytes(cms.Encoding.DER), digest, encode_dss_signature(r, cms._ORDER - s)
    )
    hexed = mirrored.hex().encode().ljust(2 * seal.CONTENTS_BYTES, b"0")
    assert refusal(sealed[: start + 1] + hexed + sealed[end - 1 :], identity).code == "receipt-signature-changed"


def test_a_receipt_of_another_key_is_refused(sealed: bytes, tmp_path: Path) -> None:
    other = authority.make_receipt_identity(tmp_path, now=NOW)
    found = refusal(sealed, other)
    assert found.code == "receipt-certificate-unknown"
    assert re.fullmatch(r"[0-9a-f]{64}", found.facts["sha256"])


def test_a_file_without_a_seal_is_refused(identity: authority.SigningIdentity) -> None:
    unsigned = render_receipt(papers.receipt(), "fr", proof=papers.PROOF, opening=papers.OPENING)
    for pdf in (unsigned, b"", b"%PDF-1.7", papers.PROOF):
        assert refusal(pdf, identity).code == "receipt-seal-missing"


def test_a_sealed_paper_without_both_files_is_no_receipt(identity: authority.SigningIdentity) -> None:
    from contracts.documents.agreement import render_agreement

    paper = sign_receipt(render_agreement(papers.agreement(), "fr"), identity=identity, at=NOW)
    assert refusal(paper, identity).code == "receipt-attachments-missing"
