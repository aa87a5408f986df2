"""Whether checkpoints tell one history: an older one against a newer one, and the views of many against each other.

A tree's consistency proof (RFC 9162, section 2.1.4) is read from the tiles of the newer log, or given. Where the tiles
lead to the newer root and to another root than the older note's, the log has forked: the two signed notes together
prove it to anybody.
"""

from collections.abc import Sequence
from itertools import pairwise

from ledger.errors import Fact, Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64, from_b64
from ledger.log.merkle import consistency_proof, verify_consistency
from ledger.log.policy import Policy
from ledger.log.tiles import LogReader
from ledger.verify.places import Place, View, view_at
from ledger.verify.receipt import NO_POLICY, check_checkpoint
from ledger.verify.report import Report, Stop, stopping

NO_ENTRIES = "the entries themselves: `log` hashes them again"
FORKED = "two signed notes prove misbehaviour; keep both: {one} and {other}"
MAX_PROOF = 1 << 13


def verify_two(
    one: Place, other: Place, policy: Policy | None, *, proof: bytes | None, log: LogReader | None
) -> Report:
    """Check that the smaller of two checkpoints is a prefix of the larger, by a proof or by the larger one's tiles.

    `log` is where the tiles are, if not beside the larger checkpoint; `proof` has a hash in base64 a line.
    """
    report = Report(f"consistency of {one} and {other}")
    report.not_checked.append(NO_ENTRIES)
    with stopping(report):
        seen = [(_checkpoint(report, view, policy), view) for view in (view_at(one), view_at(other))]
        (old, older), (new, newer) = sorted(seen, key=lambda pair: pair[0].size)
        if proof is None:
            _compare(report, (old, older), (new, newer), log or newer.log)
        else:
            _check_proof(report, old, new, proof)
    if policy is None:
        report.missing.append(NO_POLICY)
    return report


def verify_views(own: Place, others: Sequence[Place], policy: Policy | None) -> Report:
    """Check that everybody shows one log: each view against the next larger one; who can't be read is listed."""
    report = Report(f"views of {own} and {len(others)} more")
    report.not_checked.append(NO_ENTRIES)
    seen: list[tuple[Checkpoint, View]] = []
    for place in (own, *others):
        try:
            view = view_at(place)
            seen.append((_checkpoint(report, view, policy), view))
        except Stop:
            report.not_checked.append(f"the view of {place}")
    seen.sort(key=lambda pair: pair[0].size)
    for older, newer in pairwise(seen):
        with stopping(report):
            _compare(report, older, newer, newer[1].log)
    if policy is None:
        report.missing.append(NO_POLICY)
    report.figures["views"] = len(seen)
    return report


def check_since(report: Report, since: View, checkpoint: Checkpoint, log: LogReader, policy: Policy) -> Checkpoint:
    """Check that a log has grown from a checkpoint that was trusted before; that checkpoint."""
    older = _checkpoint(report, since, policy)
    with report.check("reach", since.name, f"the log has the {older.size} entries of the older checkpoint, or more"):
        if older.size > checkpoint.size:
            raise Refusal("log-older-than-checkpoint", size=checkpoint.size, known=older.size)
    _compare(report, (older, since), (checkpoint, View("checkpoint", log)), log)
    return older


def _checkpoint(report: Report, view: View, policy: Policy | None) -> Checkpoint:
    with report.check("published", view.name, "the checkpoint is there"):
        note = view.note()
    return check_checkpoint(report, note, policy, view.name)


def _compare(report: Report, older: tuple[Checkpoint, View], newer: tuple[Checkpoint, View], log: LogReader) -> None:
    """Hold an older checkpoint against a newer one whose tiles are in `log`."""
    (old, older_view), (new, newer_view) = older, newer
    names = f"{older_view.name} and {newer_view.name}"
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
        failure = report.failure
        if failure is not None and failure.code == "log-forked":
            report.figures["forged"] = FORKED.format(one=older_view.name, other=newer_view.name)
        raise


def check_consistency(old: Checkpoint, new: Checkpoint, log: LogReader) -> None:
    """Refuses `log-forked`, `log-root-differs` where the tiles do not belong to the newer one, `log-file-missing`,
    `checkpoint-origin-differs`.
    """
    if old.origin != new.origin:
        raise Refusal("checkpoint-origin-differs", origin=old.origin, expected=new.origin)
    if old.size == new.size:
        if old.root != new.root:
            raise Refusal("log-forked", size=old.size, other_size=new.size)
        return
    prefix = log.subtree(0, old.size, new.size)
    proof = consistency_proof(old.size, new.size, lambda start, end: log.subtree(start, end, new.size))
    sizes = {"old_size": old.size, "new_size": new.size}
    if not verify_consistency(old_root=prefix, new_root=new.root, proof=proof, **sizes):
        raise Refusal("log-root-differs", size=new.size)
    if prefix != old.root:
        raise Refusal("log-forked", size=old.size, other_size=new.size)


def _check_proof(report: Report, old: Checkpoint, new: Checkpoint, proof: bytes) -> None:
    shown = f"the proof leads from {old.size} entries to {new.size}"
    with report.check("consistency", "proof", shown, old_size=old.size, new_size=new.size):
        if old.origin != new.origin:
            raise Refusal("checkpoint-origin-differs", origin=old.origin, expected=new.origin)
        if old.size == new.size and old.root != new.root:
            raise Refusal("log-forked", size=old.size, other_size=new.size)
        steps = [from_b64(line) for line in proof[:MAX_PROOF].decode("ascii", "replace").splitlines()]
        roots = {"old_root": old.root, "new_root": new.root}
        if not verify_consistency(old_size=old.size, new_size=new.size, proof=steps, **roots):
            raise Refusal("consistency-unproven", size=old.size, other_size=new.size)
