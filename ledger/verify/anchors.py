"""Anchors of a log: timestamps (RFC 3161) by outsiders over checkpoints that the log has published.

    anchors/<size>.checkpoint    the signed note whose bytes were stamped
    anchors/<size>.tsr           the authority's answer; `openssl ts -verify -data` checks it against the other file

Who re-signs a rewritten log can't re-date it: an anchored root that the log does not pass through convicts it, even
when log keys and witnesses have all been turned. The token itself is checked by a function that is passed in, since
its form needs a library that this package does without.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ledger.errors import Refusal
from ledger.log.encoding import b64
from ledger.log.policies import open_trusted
from ledger.log.policy import Policy
from ledger.log.tiles import ANCHORS, anchor_paths
from ledger.verify.bundle import FIRST_RECORD
from ledger.verify.consistency import check_consistency
from ledger.verify.entry import Line
from ledger.verify.log import LogWalk, open_log
from ledger.verify.report import Report, stopping

TokenCheck = Callable[[bytes, bytes], datetime]
"""From a token and the bytes it stamps to the authority's instant; refuses `timestamp-invalid`."""
NO_TOKENS = "the timestamps: `bxl verify anchors --tsa-certificate` or `openssl ts -verify` checks the .tsr files"
NO_ENTRIES = "entries and tiles: `verify log` checks them"
NO_ANCHORS = "anchors: the log has none"


class Anchored(NamedTuple):
    """What line `line` of entry `n` says of an anchor: the root of the log's first `size` entries, in base64, and the
    SHA-256 of the token in hex.
    """

    n: int
    line: int
    size: int
    root: str
    sha256: str


def verify_anchors(log_dir: Path, policy: Policy | None, check_token: TokenCheck | None) -> Report:
    """Check every anchor of the log in `log_dir`: signatures, consistency with the log, and the token.

    Without `check_token` the tokens are not looked into and the report says so.
    """
    report = Report(f"anchors of log {log_dir}")
    report.not_checked.append(NO_ENTRIES)
    if check_token is None:
        report.missing.append(NO_TOKENS)
    with stopping(report):
        walk = open_log(report, log_dir, policy)
        sizes = anchored_sizes(log_dir)
        for size in sizes:
            _verify_anchor(report, walk, size, check_token)
        if not sizes:
            report.missing.append(NO_ANCHORS)
        report.figures["anchors"] = len(sizes)
    return report


def anchored_sizes(log_dir: Path) -> list[int]:
    """The sizes that `anchors/` holds a token for, in order; a checkpoint without one was never anchored."""
    return sorted(int(file.stem) for file in (log_dir / ANCHORS).glob("[0-9]*.tsr") if file.stem.isdecimal())


def _verify_anchor(report: Report, walk: LogWalk, size: int, check_token: TokenCheck | None) -> None:
    note_path, token_path = anchor_paths(size)
    with report.check("anchored checkpoint", note_path, f"signed, and the log of {walk.checkpoint.size} continues it"):
        note = walk.log.read(note_path)
        anchored, _ = open_trusted(note, walk.policy)
        if anchored.size != size or size > walk.checkpoint.size:
            raise Refusal("anchor-differs-from-checkpoint", file=note_path, size=walk.checkpoint.size)
        named = replace(anchored, origin=walk.checkpoint.origin)  # a log that was given a new name is still that log
        check_consistency(named, walk.checkpoint, walk.log)
        token = walk.log.read(token_path)
    if check_token is None:
        return
    stamped_at: list[datetime] = []
    with report.check("timestamp", token_path, lambda: f"the checkpoint existed at {stamped_at[0].isoformat()}"):
        stamped_at.append(check_token(token, note))


def anchored_in(n: int, lines: Sequence[Line | None]) -> list[Anchored]:
    """What the lines of anchor/1 entry `n` say; refuses `anchor-differs-from-log` where the log ends after it.

    Whether the log has such a root, its tiles tell: see `check_anchored`.
    """
    found = []
    for index, line in enumerate(lines, start=1):
        if line is None:  # an anchor is under the book's key, which is never destroyed
            continue
        anchored = Anchored(n, index, int(str(line["size"])), str(line["root"]), str(line["sha256"]))
        if anchored.size > n:
            raise Refusal("anchor-differs-from-log", n=n, line=index, size=anchored.size)
        found.append(anchored)
    return found


def check_anchored(report: Report, walk: LogWalk, anchors: Sequence[Anchored], file: str) -> None:
    """Each root that was entered is that of the log's first entries, and the token beside the log is the one entered.

    `walk` is finished and has checked the tiles; `file` holds the openings, entry 0 on its second line.
    """
    for anchored in anchors:
        said = f"entry {anchored.n}: the log had this root at {anchored.size} entries"
        with report.check("anchors", f"{file} line {anchored.n + FIRST_RECORD}", said):
            if b64(walk.log.subtree(0, anchored.size, walk.checkpoint.size)) != anchored.root:
                raise Refusal("anchor-differs-from-log", n=anchored.n, line=anchored.line, size=anchored.size)
    for anchored in anchors:
        try:
            _check_token(walk, anchored)
        except Refusal as refusal:
            report.failed("anchor's token", anchor_paths(anchored.size)[1], refusal)


def _check_token(walk: LogWalk, anchored: Anchored) -> None:
    _, file = anchor_paths(anchored.size)
    if hashlib.sha256(walk.log.read(file)).hexdigest() != anchored.sha256:
        raise Refusal("anchor-token-differs", n=anchored.n, file=file)
