"""The signed head of a log held against the policy: the signatures of the log's keys, and the quorum of witnesses."""

from datetime import UTC, datetime, timedelta

from ledger.log.checkpoint import Checkpoint, open_checkpoint, short_key
from ledger.log.cosignature import Cosigned, check_quorum, witnesses_of
from ledger.log.note import Note
from ledger.log.policies import policy_of_note, refuse_ended
from ledger.log.policy import Policy
from ledger.verify.report import Report

NO_WITNESSES = "witnesses: the policy names none, so the operator alone vouches that it shows everybody the same log"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that can be written as a date


def check_head(report: Report, encoded: bytes, policy: Policy, file: str) -> Checkpoint:
    """The checkpoint in a signed note, its signatures and its witnesses checked, and lines of unknown keys listed."""
    with report.check("checkpoint signatures", file, lambda: f"signed by {signers(policy)}"):
        policy = policy_of_note(encoded, policy)
        checkpoint, note = open_checkpoint(encoded, policy.log_keys)
        refuse_ended(checkpoint, policy.ended)
    _check_witnesses(report, checkpoint, note, policy, file)
    known = {(key.name, key.key_id) for key in (*policy.log_keys, *(w.key for w in policy.witnesses))}
    strangers = [s.name for s in note.signatures if (s.name, s.key_id) not in known]
    report.not_checked += [f"a signature line by {name}: no such key in the policy" for name in strangers]
    return checkpoint


def _check_witnesses(report: Report, checkpoint: Checkpoint, note: Note, policy: Policy, file: str) -> None:
    """The policy decides, not the server: where cosignatures lack it is incomplete, with a bad one it is forged."""
    if not policy.is_witnessed:
        report.not_checked.append(NO_WITNESSES)
        return
    cosigned: tuple[Cosigned, ...] = ()
    with report.check("witnesses", file, lambda: f"{_said(cosigned)}; quorum {policy.quorum.name} stands"):
        cosigned = witnesses_of(checkpoint, note, policy)
        check_quorum(policy, cosigned)


def signers(policy: Policy) -> str:
    """The log's keys in a policy, for a sentence."""
    return " and ".join(short_key(key) for key in policy.log_keys)


def _said(cosigned: tuple[Cosigned, ...]) -> str:
    return "cosigned by " + ", ".join(f"{witness.name} at {_instant(witness.at)}" for witness in cosigned)


def _instant(posix_time: int) -> str:
    if posix_time > _LAST_SECOND:
        return f"second {posix_time}"
    return (_EPOCH + timedelta(seconds=posix_time)).strftime("%Y-%m-%dT%H:%M:%SZ")
