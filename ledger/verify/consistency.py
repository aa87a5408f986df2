"""Whether checkpoints tell one history: an older one against a newer one, and the views of many against each other.

A tree's consistency proof (RFC 9162, section 2.1.4) is read from the tiles of the newer log, or given. Where the tiles
lead to the newer root and to another root than the older note's, the log has forked: the two signed notes together
prove it to anybody. A view counts with the signatures of the log alone, since these commit it to one history: a witness
shows the checkpoint that it cosigned itself, which no quorum stands behind.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ledger.errors import Fact, Refusal
from ledger.log.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.log.encoding import b64, from_b64
from ledger.log.merkle import consistency_proof, verify_consistency
from ledger.log.note import parse_note
from ledger.log.policies import policy_of_note, refuse_ended
from ledger.log.policy import Policy
from ledger.log.tiles import WIDTH, LogReader
from ledger.verify.head import signers
from ledger.verify.places import Place, View, view_at
from ledger.verify.receipt import NO_POLICY
from ledger.verify.report import ABSENCES, Report, Stop, stopping

NO_ENTRIES = "the entries themselves: `log` hashes them again"
NO_QUORUM = "witnesses: two checkpoints are compared whoever cosigned them"
UNSIGNED = "the signatures of {view}: none is by a key of the policy"
FORKED = "two signed notes prove misbehaviour; keep both: {one} and {other}"
MAX_PROOF = 1 << 13


class Seen(NamedTuple):
    """A checkpoint, who shows it, and whether the log's keys as the policy names them have signed it."""

    checkpoint: Checkpoint
    view: View
    signed: bool


def verify_two(one: Place, other: Place, policy: Policy | None, *, proof: Path | None, log: LogReader | None) -> Report:
    """Check that the smaller of two checkpoints is a prefix of the larger, by a proof or by the larger one's tiles.

    `log` is where the tiles are, if not beside the larger checkpoint; `proof` has a hash in base64 a line.
    """
    report = _report(f"consistency of {one} and {other}", policy)
    with stopping(report):
        older, newer = sorted((_see(report, view_at(place), policy) for place in (one, other)), key=_size)
        _note_unsigned(report, policy, older, newer)
        if proof is None:
            _compare(report, older, newer, log or newer.view.log)
        else:
            _check_proof(report, older.checkpoint, newer.checkpoint, proof)
    return report


def verify_views(own: Place, others: Sequence[Place], policy: Policy | None) -> Report:
    """Check that everybody shows one log; who can't be read is listed.

    Views with no tiles, as witnesses have them, are held against the largest log that has some.
    """
    report = _report(f"views of {own} and {len(others)} more", policy)
    seen: list[Seen] = []
    for place in (own, *others):
        try:
            seen.append(_see(report, view_at(place), policy))
        except Stop:
            report.not_checked.append(f"the view of {place}")
    seen.sort(key=_size)
    _note_unsigned(report, policy, *seen)
    for older, newer in _pairs(seen):
        with stopping(report):
            _compare(report, older, newer, newer.view.log)
    report.figures["views"] = len(seen)
    return report


def check_since(report: Report, since: View, checkpoint: Checkpoint, log: LogReader, policy: Policy) -> Checkpoint:
    """Check that a log has grown from a checkpoint that was trusted before; that checkpoint.

    Its signatures count where the policy's keys made them. Those of keys that were replaced are not checked, and a name
    of the log that was given up stands for the log: false would be a root that the log does not lead to.
    """
    seen = _see(report, since, policy)
    if not seen.signed:
        report.not_checked.append(UNSIGNED.format(view=since.name))
    older = seen.checkpoint
    if any(head.origin == older.origin and head.size >= older.size for head in policy.ended):
        older = replace(older, origin=checkpoint.origin)
    with report.check("reach", since.name, f"the log has the {older.size} entries of the older checkpoint, or more"):
        if older.size > checkpoint.size:
            raise Refusal("log-older-than-checkpoint", size=checkpoint.size, known=older.size)
    newer = Seen(checkpoint, View("checkpoint", log), signed=True)
    _compare(report, seen._replace(checkpoint=older), newer, log)
    return older


def check_consistency(old: Checkpoint, new: Checkpoint, log: LogReader) -> None:
    """Refuses `log-forked`, `log-root-differs` where the tiles do not belong to the newer one, `log-file-missing`,
    `checkpoint-origin-differs`.
    """
    _expect_one_log(old, new)
    if old.size == new.size:
        return
    prefix = log.subtree(0, old.size, new.size)
    proof = consistency_proof(old.size, new.size, lambda start, end: log.subtree(start, end, new.size))
    sizes = {"old_size": old.size, "new_size": new.size}
    if not verify_consistency(old_root=prefix, new_root=new.root, proof=proof, **sizes):
        raise Refusal("log-root-differs", size=new.size)
    if prefix != old.root:
        raise Refusal("log-forked", size=old.size, other_size=new.size)


def _report(subject: str, policy: Policy | None) -> Report:
    missing = [] if policy is not None else [NO_POLICY]
    return Report(subject, not_checked=[NO_ENTRIES, NO_QUORUM], missing=missing)


def _see(report: Report, view: View, policy: Policy | None) -> Seen:
    """The checkpoint of a view; a signature by a key of the policy that does not hold is refused."""
    with report.check("published", view.name, "the checkpoint is there"):
        encoded = view.note()
    with report.check("form of the checkpoint", view.name, f"{len(encoded)} bytes, a signed note"):
        note = parse_note(encoded)
        checkpoint = parse_checkpoint(note.text)
    fitting = None if policy is None else policy_of_note(encoded, policy)
    known = {(key.name, key.key_id) for key in fitting.log_keys} if fitting else set()
    signed = any((line.name, line.key_id) in known for line in note.signatures)
    if fitting and signed:
        with report.check("checkpoint signatures", view.name, f"signed by {signers(fitting)}"):
            open_checkpoint(encoded, fitting.log_keys)
            refuse_ended(checkpoint, fitting.ended)
    size, root = checkpoint.size, b64(checkpoint.root)
    report.passed("view", view.name, f"{size} entries with root {root}", size=size, root=root)
    return Seen(checkpoint, view, signed)


def _note_unsigned(report: Report, policy: Policy | None, *seen: Seen) -> None:
    if policy is not None:
        report.missing += [UNSIGNED.format(view=each.view.name) for each in seen if not each.signed]


def _pairs(seen: Sequence[Seen]) -> list[tuple[Seen, Seen]]:
    """Who is held against whom, of views in the order of their sizes: all below the largest log that has tiles against
    that one, and all above, in turn, against each other.
    """
    with_tiles = [at for at, each in enumerate(seen) if _has_tiles(each.checkpoint, each.view.log)]
    base = max(with_tiles, default=0)
    return [(older, seen[base]) for older in seen[:base]] + list(pairwise(seen[base:]))


def _has_tiles(checkpoint: Checkpoint, log: LogReader) -> bool:
    try:
        log.hashes(0, (checkpoint.size - 1) // WIDTH, checkpoint.size)
    except Refusal as refusal:
        return refusal.code not in ABSENCES  # what is there and wrong is found when it is read again
    return True


def _size(seen: Seen) -> int:
    return seen.checkpoint.size


def _compare(report: Report, older: Seen, newer: Seen, log: LogReader) -> None:
    """Hold an older checkpoint against a newer one whose tiles are in `log`."""
    old, new = older.checkpoint, newer.checkpoint
    names = f"{older.view.name} and {newer.view.name}"
    facts: dict[str, Fact] = {
        "old_size": old.size,
        "old_root": b64(old.root),
        "new_size": new.size,
        "new_root": b64(new.root),
    }
    shown = f"the log of {new.size} entries begins with the {old.size} of the older checkpoint"
    try:
        with report.check("consistency", names, shown, **facts):
            check_consistency(old, new, log)
    except Stop:
        if older.signed and newer.signed and report.checks[-1].code == "log-forked":
            report.figures["forged"] = FORKED.format(one=older.view.name, other=newer.view.name)
        raise


def _check_proof(report: Report, old: Checkpoint, new: Checkpoint, proof: Path) -> None:
    shown = f"the proof leads from {old.size} entries to {new.size}"
    with report.check("consistency", proof.name, shown, old_size=old.size, new_size=new.size):
        _expect_one_log(old, new)
        with proof.open("rb") as source:
            lines = source.read(MAX_PROOF).decode("ascii", "replace").splitlines()
        steps, roots = [from_b64(line) for line in lines], {"old_root": old.root, "new_root": new.root}
        if not verify_consistency(old_size=old.size, new_size=new.size, proof=steps, **roots):
            raise Refusal("consistency-unproven", size=old.size, other_size=new.size)


def _expect_one_log(old: Checkpoint, new: Checkpoint) -> None:
    """Refuse another log's checkpoint, and another root at the same size."""
    if old.origin != new.origin:
        raise Refusal("checkpoint-origin-differs", origin=old.origin, expected=new.origin)
    if old.size == new.size and old.root != new.root:
        raise Refusal("log-forked", size=old.size, other_size=new.size)
