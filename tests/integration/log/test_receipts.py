"""Receipts: what a holder keeps, how small it is, and that no byte of it can change unnoticed."""

import json
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.openings import lines_with, receipt_for
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.log.encoding import b64
from ledger.log.leaf import canonical_json
from ledger.log.note import Note, Signature, parse_note
from ledger.log.receipt import ReceiptFiles, TlogProof, parse_proof
from ledger.storage import tables
from ledger.verify.receipt import LARGEST_PART, NO_POLICY, read_part, verify_receipt
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine
from tests.oracle import check_everything
from tests.proof import ON, PublishedBook, every_byte_changed, pledge, published_book


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(engine, tmp_path / "data", clock)


@pytest.fixture
def on_sqlite(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(make_engine("sqlite"), tmp_path / "data", clock)


def receipt(published: PublishedBook, key: str, account: AccountRef) -> ReceiptFiles:
    [(n, line)] = lines_with(published.book, key=key, account=account)
    return receipt_for(published.book, published.log_dir, n=n, line=line)


def test_every_line_of_every_entry_has_a_receipt_that_verifies(published: PublishedBook) -> None:
    published.post(7, citizens=3)
    published.publish()
    with published.book.read() as connection:
        lines = [(e.n, line) for e in published_entries(connection) for line in range(1, e.lines)]
    assert len(lines) == 4 + 14  # three citizens' accounts and the bank's; two lines each of seven pledges
    for n, line in lines:
        files = receipt_for(published.book, published.log_dir, n=n, line=line)
        report = verify_receipt(files.proof, files.opening, published.policy)
        assert (report.verdict, report.exit_code) == (Verdict.VERIFIED, 0), report.to_text()
    check_everything(published.book)


def published_entries(connection):
    return connection.execute(sa.select(tables.entry).where(tables.entry.c.n > 0)).all()


def test_the_holder_reads_her_own_line_and_nobody_elses(on_sqlite: PublishedBook) -> None:
    lines = [Posting(AccountRef("489300", f"c{i}"), credit=100 + i) for i in range(40)]
    total = sum(line.credit for line in lines)
    with on_sqlite.book.unit_of_work(actor="s1") as unit:
        unit.post(pledge("pay:1:paid", "c3", 100_000))
        unit.post(
            JournalEntry("in", ON, "instalment-distributed", (Posting(AccountRef("550100"), debit=total), *lines))
        )
    on_sqlite.publish()
    files = receipt(on_sqlite, "in", AccountRef("489300", "c3"))
    opening = json.loads(files.opening)
    assert opening["line"]["line"] == {"account": "489300:c3", "asset": "EUR", "credit": 103, "v": 1}
    assert opening["entry"]["l"]["n"] == 42
    assert b"c4" not in files.opening
    assert set(opening["header"]["line"]) == {"actor", "at", "key", "on", "purpose"}
    assert verify_receipt(files.proof, files.opening, on_sqlite.policy).verdict is Verdict.VERIFIED


def test_a_receipt_waits_for_the_signed_checkpoint(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(1)
    with pytest.raises(Refusal) as refused:
        receipt_for(on_sqlite.book, on_sqlite.log_dir, n=2, line=1)
    assert refused.value == Refusal("receipt-not-yet-final", n=2, size=0)
    on_sqlite.publish()
    assert receipt_for(on_sqlite.book, on_sqlite.log_dir, n=2, line=1)
    on_sqlite.post(1)
    with pytest.raises(Refusal) as refused:
        receipt_for(on_sqlite.book, on_sqlite.log_dir, n=3, line=1)
    assert refused.value == Refusal("receipt-not-yet-final", n=3, size=3)


@pytest.mark.parametrize(("n", "line"), [(0, 1), (2, 0), (2, 3), (2, -1)])
def test_there_is_no_receipt_of_a_line_that_is_not_there(on_sqlite: PublishedBook, n: int, line: int) -> None:
    on_sqlite.post(1)
    on_sqlite.publish()
    with pytest.raises(Refusal, match="line-unknown"):
        receipt_for(on_sqlite.book, on_sqlite.log_dir, n=n, line=line)


HOLDER = AccountRef("489300", "c123456789")
INSTALMENT = (
    Posting(AccountRef("489600", "l123456789"), debit=1_000_000),
    Posting(HOLDER, credit=900_000),
    Posting(AccountRef("453000", "e123456789"), credit=100_000),
    Posting(AccountRef("021000", "e123456789"), debit=1_000_000),
    Posting(AccountRef("020000", "c123456789"), credit=1_000_000),
)
PAYOUT = (Posting(HOLDER, debit=1_000_000), Posting(AccountRef("580400"), credit=1_000_000))
PAYOUT_FACTS = {"actor": "s123456789", "evidence": "e" * 64, "approvals": ("a123456789",)}


@pytest.mark.parametrize(
    ("purpose", "postings", "facts"),
    [("instalment-distributed", INSTALMENT, {}), ("payout-booked", PAYOUT, PAYOUT_FACTS)],
)
def test_proof_and_opening_stay_under_five_kilobytes_in_a_log_of_100000(
    on_sqlite: PublishedBook, purpose: str, postings: tuple[Posting, ...], facts: dict
) -> None:
    """Both signature lines, 17 hashes of inclusion, and the widest entries that a holder gets receipts of."""
    key = "due:l123456789:12:p123456789"
    with on_sqlite.book.unit_of_work(actor="s1", floors=False) as unit:
        before = (Posting(HOLDER, debit=9), Posting(AccountRef("550100"), credit=9))
        unit.post(JournalEntry("first", ON, "test", before))
        unit.post(JournalEntry(key, ON, purpose, postings, **facts))
    on_sqlite.publish()
    files = receipt(on_sqlite, key, HOLDER)
    assert verify_receipt(files.proof, files.opening, on_sqlite.policy).verdict is Verdict.VERIFIED
    proof = parse_proof(files.proof)
    checkpoint = proof.checkpoint.replace(b"\n4\n", b"\n100000\n")
    large = TlogProof(99_999, tuple(bytes([i]) * 32 for i in range(17)), checkpoint).encode()
    assert len(large) + len(files.opening) <= 5_000


def test_every_changed_byte_of_a_receipt_is_refused_and_the_report_says_where(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(5)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:3:paid", AccountRef("489100", "c0"))
    for position, changed in every_byte_changed(files.proof):
        report = verify_receipt(changed, files.opening, on_sqlite.policy)
        assert report.verdict is Verdict.FORGED, position
        assert "tlog-proof" in report.failure.file
    for position, changed in every_byte_changed(files.opening):
        report = verify_receipt(files.proof, changed, on_sqlite.policy)
        assert report.verdict is Verdict.FORGED, position
        assert "opening.json" in report.failure.file


def test_every_byte_taken_out_or_put_in_is_refused(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(2)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:1:paid", AccountRef("489100", "c0"))
    for position in range(len(files.proof) + 1):
        for changed in altered_length(files.proof, position):
            assert verify_receipt(changed, files.opening, on_sqlite.policy).verdict is Verdict.FORGED
    for position in range(len(files.opening) + 1):
        for changed in altered_length(files.opening, position):
            assert verify_receipt(files.proof, changed, on_sqlite.policy).verdict is Verdict.FORGED


def altered_length(original: bytes, position: int) -> list[bytes]:
    before, after = original[:position], original[position:]
    inserted = [before + b" " + after, before + b"\n" + after]
    return [*inserted, before + after[1:]] if after else inserted


CODES = {
    "form of the opening": {"opening-malformed"},
    "public entry": {"entry-type-unknown", "entry-number-differs", "entry-malformed"},
    "entry number": {"opening-of-another-entry"},
    "inclusion": {"entry-not-in-log"},
    "opening": {"opening-does-not-fit"},
}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda o: o["line"]["line"].update(credit=999_900), "opening"),
        (lambda o: o["line"].update(index=1), "opening"),
        (lambda o: o["header"]["line"].update(on="2026-03-01"), "opening"),
        (lambda o: o["entry"].update(ts="2026-03-02T11:01:00Z"), "inclusion"),
        (lambda o: o["entry"].update(n=4), "entry number"),
        (lambda o: o["entry"].update(n="4"), "public entry"),
        (lambda o: o["entry"].update(t="other/1"), "public entry"),
        (lambda o: o["entry"]["l"].update(n=2), "inclusion"),
        (lambda o: o["entry"].update(extra=1), "public entry"),
        (lambda o: o.update(extra=1), "form of the opening"),
        (lambda o: o["path"].append(b64(bytes(32))), "opening"),
        (lambda o: o["path"].append(b64(bytes(31))), "form of the opening"),
        (lambda o: o["line"].update(nonce=b64(bytes(31))), "form of the opening"),
        (lambda o: o["line"].update(index=True), "form of the opening"),
        (lambda o: o["line"].update(index=2**52), "opening"),
        (lambda o: o.update(path={}), "form of the opening"),
        (lambda o: o.update(header=[]), "form of the opening"),
        (lambda o: o["entry"].update(t=[]), "public entry"),
    ],
)
def test_a_changed_fact_fails_the_check_that_is_about_it(on_sqlite: PublishedBook, change, check: str) -> None:
    on_sqlite.post(3)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:2:paid", AccountRef("489100", "c0"))
    opening = json.loads(files.opening)
    change(opening)
    report = verify_receipt(files.proof, canonical_json(opening), on_sqlite.policy)
    assert (report.verdict, report.exit_code, report.failure.name) == (Verdict.FORGED, 1, check)
    assert report.failure.code in CODES[check]


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof.replace(b"index 3", b"index 03"),
        lambda proof: proof.replace(b"index 3", b"index +3"),
        lambda proof: proof.replace(b"@v1\n", b"@v1\nextra QUJD\n"),
        lambda proof: proof.replace(b"@v1\n", b"@v2\n"),
        lambda proof: proof.replace(b"\n", b"\r\n"),
        lambda proof: proof + b"\n",
        lambda proof: b"",
        lambda proof: b"\n\n",
    ],
)
def test_a_proof_written_otherwise_is_refused(on_sqlite: PublishedBook, change) -> None:
    on_sqlite.post(2)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:2:paid", AccountRef("489100", "c0"))
    report = verify_receipt(change(files.proof), files.opening, on_sqlite.policy)
    assert report.verdict is Verdict.FORGED
    assert report.failure.code in {"proof-malformed", "note-malformed"}


def test_signature_lines_that_changed_places_are_refused(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(2)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:2:paid", AccountRef("489100", "c0"))
    *head, first, second, end = files.proof.split(b"\n")
    report = verify_receipt(b"\n".join([*head, second, first, end]), files.opening, on_sqlite.policy)
    assert (report.verdict, report.failure.code) == (Verdict.FORGED, "signatures-out-of-order")


def test_without_a_policy_nobodys_signature_counts(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(1)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:1:paid", AccountRef("489100", "c0"))
    report = verify_receipt(files.proof, files.opening, None)
    assert (report.verdict, report.exit_code, report.missing) == (Verdict.INCOMPLETE, 2, [NO_POLICY])


def test_a_receipt_of_another_log_is_refused(on_sqlite: PublishedBook, make_engine: MakeEngine, tmp_path: Path) -> None:
    other = published_book(make_engine("sqlite"), tmp_path / "other")
    for log in (on_sqlite, other):
        log.post(1)
        log.publish()
    files = receipt(other, "pay:1:paid", AccountRef("489100", "c0"))
    report = verify_receipt(files.proof, files.opening, on_sqlite.policy)
    assert (report.failure.name, report.failure.code) == ("checkpoint signatures", "signature-missing")


def test_a_signature_line_of_an_unknown_key_is_named_as_not_checked(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(1)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:1:paid", AccountRef("489100", "c0"))
    proof = parse_proof(files.proof)
    note = parse_note(proof.checkpoint)
    witness = Signature("witness.example/w1", b"abcd", bytes(72))
    cosigned = TlogProof(proof.index, proof.path, Note(note.text, (*note.signatures, witness)).encode())
    report = verify_receipt(cosigned.encode(), files.opening, on_sqlite.policy)
    assert report.verdict is Verdict.VERIFIED
    assert "a signature line by witness.example/w1: no such key in the policy" in report.not_checked


def test_an_old_receipt_still_verifies_when_the_log_has_grown(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(3)
    on_sqlite.publish()
    old = receipt(on_sqlite, "pay:1:paid", AccountRef("489100", "c0"))
    on_sqlite.post(600)
    on_sqlite.publish()
    new = receipt(on_sqlite, "pay:1:paid", AccountRef("489100", "c0"))
    assert old.opening == new.opening
    assert old.proof != new.proof
    for files in (old, new):
        assert verify_receipt(files.proof, files.opening, on_sqlite.policy).verdict is Verdict.VERIFIED


def test_receipts_are_made_from_the_folder_alone_when_partial_tiles_were_cleared(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(200)
    on_sqlite.publish()
    on_sqlite.post(400)
    on_sqlite.publish()
    for partial in on_sqlite.log_dir.rglob("000.p"):
        if partial.parent.name in {"0", "entries"}:
            shutil.rmtree(partial)
    files = receipt(on_sqlite, "pay:5:paid", AccountRef("489100", "c0"))
    assert verify_receipt(files.proof, files.opening, on_sqlite.policy).verdict is Verdict.VERIFIED


def test_files_too_large_for_a_receipt_are_not_parsed(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    on_sqlite.post(1)
    on_sqlite.publish()
    files = receipt(on_sqlite, "pay:1:paid", AccountRef("489100", "c0"))
    large = tmp_path / "large"
    large.write_bytes(files.proof + b" " * (4 * LARGEST_PART))
    assert len(read_part(large)) == LARGEST_PART + 1
    for proof, opening in ((read_part(large), files.opening), (files.proof, b"[" * (LARGEST_PART + 1))):
        report = verify_receipt(proof, opening, on_sqlite.policy)
        assert (report.verdict, report.failure.code) == (Verdict.FORGED, "receipt-too-large")
