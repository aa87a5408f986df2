"""A receipt held against the policy: signatures, inclusion, opening. Every byte of both files counts."""

from pathlib import Path

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.leaf import canonical_json, root_from_lines
from ledger.log.merkle import leaf_hash, verify_inclusion
from ledger.log.note import parse_note
from ledger.log.policy import Policy
from ledger.log.receipt import Opening, TlogProof, parse_opening, parse_proof
from ledger.verify.entry import check_entry, check_line, commitment, lines_of
from ledger.verify.head import check_head
from ledger.verify.report import Report, stopping

NO_POLICY = "the log's identity: no policy was given, so nobody's signature could be held against a known key"
NO_TRUTH = "whether the recorded facts are true: a receipt proves what was recorded and since when, not what happened"
LARGEST_PART = 1 << 18
"""Bytes of either file: a proof has a few dozen hashes and at most 32 signatures, an opening two lines."""


def read_part(path: Path) -> bytes:
    """The bytes of a file of a receipt, no more of them than show that it is too large."""
    with path.open("rb") as source:
        return source.read(LARGEST_PART + 1)


def verify_receipt(
    proof: bytes,
    opening: bytes,
    policy: Policy | None,
    *,
    proof_file: str = "receipt.tlog-proof",
    opening_file: str = "opening.json",
) -> Report:
    """Check one receipt. Without a policy all but the signatures is checked and the verdict is at best incomplete."""
    report = Report(f"receipt {proof_file}")
    with stopping(report):
        _verify(report, proof, opening, policy, files=(proof_file, opening_file))
    if policy is None:
        report.missing.append(NO_POLICY)
    report.not_checked.append(NO_TRUTH)
    return report


def _verify(report: Report, proof: bytes, opening: bytes, policy: Policy | None, *, files: tuple[str, str]) -> None:
    proof_file, opening_file = files
    with report.check("form of the proof", proof_file, f"{len(proof)} bytes, the one encoding of a tlog-proof"):
        _refuse_large(proof)
        parsed_proof = parse_proof(proof)
    with report.check("form of the opening", opening_file, f"{len(opening)} bytes, the one encoding of an opening"):
        _refuse_large(opening)
        parsed_opening = parse_opening(opening)
    checkpoint = check_checkpoint(report, parsed_proof.checkpoint, policy, proof_file)
    _check_entry(report, parsed_proof, parsed_opening, checkpoint, files=files)
    _check_opening(report, parsed_opening, opening_file)
    report.figures |= {"entry": parsed_proof.index, "log_size": checkpoint.size, "log": checkpoint.origin}


def _refuse_large(encoded: bytes) -> None:
    if len(encoded) > LARGEST_PART:
        raise Refusal("receipt-too-large", largest=LARGEST_PART)


def check_checkpoint(report: Report, encoded: bytes, policy: Policy | None, file: str) -> Checkpoint:
    """The checkpoint in a signed note, held against the policy; without one, its form alone."""
    if policy is None:
        with report.check("checkpoint", file, "well formed; its signatures were not checked"):
            return parse_checkpoint(parse_note(encoded).text)
    return check_head(report, encoded, policy, file)


def _check_entry(
    report: Report, proof: TlogProof, opening: Opening, checkpoint: Checkpoint, *, files: tuple[str, str]
) -> None:
    proof_file, opening_file = files
    n = opening.entry.get("n")
    with report.check("public entry", opening_file, f"entry {n}, of a known type, complete"):
        check_entry(opening.entry, n if isinstance(n, int) else -1)
    both = f"{proof_file} and {opening_file}"
    with report.check("entry number", both, f"both are about entry {proof.index}"):
        if n != proof.index:
            raise Refusal("opening-of-another-entry", n=proof.index, stated=str(n)[:40])
    where = f"entry {proof.index} is in the log of {checkpoint.size} entries ({len(proof.path)} hashes)"
    with report.check("inclusion", both, where):
        leaf = leaf_hash(canonical_json(dict(opening.entry)))
        if not verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root):
            raise Refusal("entry-not-in-log", n=proof.index, size=checkpoint.size)


def _check_opening(report: Report, opening: Opening, file: str) -> None:
    n = str(opening.entry["n"])
    with report.check("opening", file, f"header and line {opening.line.index} are those that entry {n} commits to"):
        if "l" not in opening.entry or opening.line.index == 0:
            raise Refusal("opening-does-not-fit", n=n)
        count, lines_root = lines_of(opening.entry)
        opened = {line.index: commitment(line.nonce, line.line) for line in (opening.header, opening.line)}
        if root_from_lines(count, opened, opening.path) != lines_root:
            raise Refusal("opening-does-not-fit", n=n)
    with report.check("header and line", file, "complete, known members only, of the minute that is public"):
        check_line(opening.entry, 0, opening.header.line)
        check_line(opening.entry, opening.line.index, opening.line.line)
