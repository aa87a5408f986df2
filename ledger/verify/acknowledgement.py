"""An acknowledgement held against the key that may give one, and against the log that has to keep it.

A log that was signed after the deadline without the entry, or with another in its place, contradicts the promise: two
signed files, and nobody's word is needed.
"""

from datetime import datetime

from ledger.errors import Refusal
from ledger.log.acknowledgement import Acknowledgement, open_acknowledgement, parse_acknowledgement
from ledger.log.checkpoint import short_key, signed_at
from ledger.log.merkle import inclusion_proof, verify_inclusion
from ledger.log.note import VerifierKey, parse_note
from ledger.log.policies import policy_of_note
from ledger.log.policy import Policy
from ledger.log.tiles import CHECKPOINT
from ledger.verify.log import LogWalk, open_log
from ledger.verify.places import Place
from ledger.verify.report import Report, stopping

NO_KEY = "the signature: neither the policy nor --key names who may acknowledge"
NO_LOG = "whether the log holds the entry: no log was given"
NO_LINE = "what the entry says: an acknowledgement names its hash, the receipt opens it"


def verify_acknowledgement(
    encoded: bytes,
    policy: Policy | None,
    *,
    file: str = "receipt.ack",
    key: VerifierKey | None = None,
    log: Place | None = None,
    at: datetime | None = None,
) -> Report:
    """Check an acknowledgement; with `log` also that the promise was kept.

    `key` is for logs whose policy names none. `at` is the verifier's instant; without it the log's own last
    signature says how late it is.
    """
    report = Report(f"acknowledgement {file}")
    report.not_checked.append(NO_LINE)
    with stopping(report):
        promise = _opened(report, encoded, key or (policy.acknowledgement_key if policy else None), file)
        if log is None:
            report.not_checked.append(NO_LOG)
        else:
            _check_kept(report, promise, open_log(report, log, policy), at, file)
    return report


def _opened(report: Report, encoded: bytes, key: VerifierKey | None, file: str) -> Acknowledgement:
    if key is None:
        report.missing.append(NO_KEY)
        with report.check("acknowledgement", file, "well formed; its signature was not checked"):
            promise, _ = parse_acknowledgement(encoded)
    else:
        with report.check("signature", file, f"by {short_key(key)}"):
            promise = open_acknowledgement(encoded, key)
    report.figures |= {"log": promise.origin, "entry": promise.n, "deadline": promise.deadline.isoformat()}
    return promise


def _check_kept(report: Report, promise: Acknowledgement, walk: LogWalk, at: datetime | None, file: str) -> None:
    size = walk.checkpoint.size
    names = {walk.checkpoint.origin, *(head.origin for head in walk.policy.ended)}
    with report.check("log", CHECKPOINT, f"is, or was, {promise.origin}"):
        if promise.origin not in names:
            raise Refusal("acknowledgement-of-another-log", origin=promise.origin, log=walk.checkpoint.origin)
    if promise.n < size:
        with report.check("promise", file, f"entry {promise.n} is in the log of {size} entries"):
            _check_entry(promise, walk)
        return
    instants = [instant for instant in (at, _signed_at(walk)) if instant is not None]
    deadline = promise.deadline.isoformat()
    if instants and max(instants) > promise.deadline:
        report.failed("promise", file, Refusal("acknowledged-entry-omitted", n=promise.n, size=size, deadline=deadline))
    else:
        report.missing.append(f"the promise: entry {promise.n} is not in the log yet; it is due at {deadline}")


def _check_entry(promise: Acknowledgement, walk: LogWalk) -> None:
    """The leaf at that place, which the signed root covers, is the one that was promised."""
    n, size, log = promise.n, walk.checkpoint.size, walk.log
    leaf = log.subtree(n, n + 1, size)
    path = inclusion_proof(n, size, lambda start, end: log.subtree(start, end, size))
    if not verify_inclusion(leaf, n, size, path, walk.checkpoint.root):
        raise Refusal("entry-not-in-log", n=n, size=size)
    if leaf != promise.leaf:
        raise Refusal("acknowledged-entry-differs", n=n)


def _signed_at(walk: LogWalk) -> datetime | None:
    note = walk.log.read(CHECKPOINT)
    return signed_at(parse_note(note), policy_of_note(note, walk.policy).log_keys)
