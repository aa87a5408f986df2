"""Signed papers in the hands of other programs: poppler reads them, finds their text and accepts their signatures."""

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.rails.sandbox.server import SandboxServer
from api.rails.sandbox.stamps import ROOT, STAMPS
from api.timestamps import TimestampAuthority, read_certificates
from contracts.documents import authority
from contracts.documents.agreement import SIGNATURE_FIELDS, render_agreement
from contracts.documents.cms import Encoding
from contracts.documents.model import AskTimestamp
from contracts.documents.receipt import render_receipt
from contracts.documents.signature import DocumentSigner, sign_pdf, sign_receipt
from contracts.documents.statement import render_statement
from contracts.documents.text import money, wording
from contracts.documents.verify import verify_pdf_signatures
from ledger.errors import Refusal
from tests import papers
from tests.timestamp_authority import make_authority, openssl, openssl_accepts, serving

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VALID = "Signature Validation: Signature is Valid."


def tool(name: str, *arguments: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is missing: install poppler-utils"
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout


def signed_agreement(keys: Path, ask_timestamp: AskTimestamp | None = None) -> bytes:
    parties = (papers.BORROWER.party, papers.LENDER.party)
    signers = [
        DocumentSigner(
            field=field, identity=authority.party_identity(keys, party=party, now=NOW), reason="loan agreement"
        )
        for field, party in zip(SIGNATURE_FIELDS, parties, strict=True)
    ]
    return sign_pdf(render_agreement(papers.agreement(), "nl"), signers=signers, ask_timestamp=ask_timestamp)


def sealed_receipt(keys: Path) -> bytes:
    pdf = render_receipt(papers.receipt(), "nl", proof=papers.PROOF, opening=papers.OPENING)
    return sign_receipt(pdf, identity=authority.make_receipt_identity(keys, now=NOW), at=NOW)


def test_poppler_accepts_both_signatures_of_an_agreement(tmp_path: Path) -> None:
    file = tmp_path / "agreement.pdf"
    file.write_bytes(signed_agreement(tmp_path / "keys"))
    report = tool("pdfsig", str(file))
    assert report.count(VALID) == 2
    assert report.count("ETSI.CAdES.detached") == 2
    assert "Total document signed" in report.split("Signature #2")[1]


def test_poppler_accepts_signatures_stamped_by_an_authority_over_http(tmp_path: Path) -> None:
    authority_of_time = make_authority(tmp_path / "tsa")
    file = tmp_path / "agreement.pdf"
    with serving(lambda query: (200, authority_of_time.reply(query))) as url:
        tsa = TimestampAuthority(url, read_certificates(authority_of_time.root))
        file.write_bytes(signed_agreement(tmp_path / "keys", tsa.answer))
    report = tool("pdfsig", str(file))
    assert report.count(VALID) == 2
    assert "Total document signed" in report.split("Signature #2")[1]


def test_the_sandbox_stamps_as_an_authority_does_and_keeps_its_keys(tmp_path: Path) -> None:
    state, root, file = tmp_path / "state", tmp_path / "root.pem", tmp_path / "agreement.pdf"
    for turn in ("first", "again"):
        with sandbox(state) as base:
            served = urllib.request.urlopen(f"{base}{ROOT}").read()
            assert turn == "first" or served == root.read_bytes()
            root.write_bytes(served)
            tsa = TimestampAuthority(f"{base}{STAMPS}", read_certificates(root))
            file.write_bytes(signed_agreement(tmp_path / "keys", tsa.answer))
            (tmp_path / "token").write_bytes(tsa.stamp(b"a checkpoint"))
            (tmp_path / "stamped").write_bytes(b"a checkpoint")
            for query in (b"", b"no query", openssl("ts", "-query", "-data", str(root), "-sha1")):
                with pytest.raises(urllib.error.HTTPError, match="400"):
                    urllib.request.urlopen(f"{base}{STAMPS}", query)
        assert openssl_accepts(tmp_path / "token", tmp_path / "stamped", root)
        assert tool("pdfsig", str(file)).count(VALID) == 2
        reports = verify_pdf_signatures(
            file.read_bytes(),
            roots_der=[authority.root_certificate(tmp_path / "keys").public_bytes(Encoding.DER)],
            timestamp_roots_der=[c.public_bytes(Encoding.DER) for c in read_certificates(root)],
        )
        assert [report.stamped_at is not None for report in reports] == [True, True]


@contextmanager
def sandbox(state: Path) -> Iterator[str]:
    server = SandboxServer(state=state)
    server.start()
    try:
        yield server.base
    finally:
        server.close()


def test_nothing_is_signed_where_the_answer_is_of_another_authority(tmp_path: Path) -> None:
    asked, trusted = make_authority(tmp_path / "tsa"), make_authority(tmp_path / "other")
    with (
        serving(lambda query: (200, asked.reply(query))) as url,
        pytest.raises(Refusal) as found,
    ):
        signed_agreement(tmp_path / "keys", TimestampAuthority(url, read_certificates(trusted.root)).answer)
    assert found.value.code == "timestamp-invalid"


def test_poppler_refuses_both_signatures_when_a_byte_is_flipped(tmp_path: Path) -> None:
    changed = bytearray(signed_agreement(tmp_path / "keys"))
    changed[len(render_agreement(papers.agreement(), "nl")) // 2] ^= 0x01
    file = tmp_path / "agreement.pdf"
    file.write_bytes(changed)
    report = tool("pdfsig", str(file))
    assert VALID not in report
    assert report.count("Digest Mismatch") == 2


def test_poppler_accepts_the_seal_of_a_receipt_and_cuts_out_its_files(tmp_path: Path) -> None:
    file = tmp_path / "receipt.pdf"
    file.write_bytes(sealed_receipt(tmp_path / "keys"))
    report = tool("pdfsig", str(file))
    assert VALID in report
    assert "Total document signed" in report
    tool("pdfdetach", "-saveall", "-o", str(tmp_path), str(file))
    assert (tmp_path / "receipt.tlog-proof").read_bytes() == papers.PROOF
    assert (tmp_path / "opening.json").read_bytes() == papers.OPENING


def test_pyhanko_accepts_the_seal_of_a_receipt(tmp_path: Path) -> None:
    sealed = sealed_receipt(tmp_path)
    certificate = authority.make_receipt_identity(tmp_path, now=NOW).certificate.public_bytes(Encoding.DER)
    (report,) = verify_pdf_signatures(sealed, roots_der=[certificate])
    assert report.covers_whole_document
    assert report.signer == "receipts"


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_the_text_of_a_paper_can_be_read_out(language: str, tmp_path: Path) -> None:
    file = tmp_path / "paper.pdf"
    say = wording(language).say
    file.write_bytes(render_agreement(papers.agreement(), language))
    stated = tool("pdftotext", str(file), "-").replace("\u00a0", " ")
    for expected in (papers.LENDER.name, papers.BORROWER.name, money(50_000, language).replace("\u00a0", " ")):
        assert expected in stated
    assert say("agreement.part_schedule") in stated
    file.write_bytes(render_statement(papers.statement(), language))
    assert say("statement.chart_received") in tool("pdftotext", str(file), "-")


def test_a_screen_reader_hears_headings_and_table_cells(tmp_path: Path) -> None:
    file = tmp_path / "paper.pdf"
    file.write_bytes(render_agreement(papers.agreement(), "en"))
    structure = tool("pdfinfo", "-struct-text", str(file))
    assert "H1 (block)" in structure
    assert "/Scope /Column" in structure
    assert '"Due on"' in structure
    assert tool("pdfinfo", str(file)).count("Tagged:          yes") == 1
