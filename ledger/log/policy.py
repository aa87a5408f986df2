"""Whom a verifier trusts: the policy file, in the form of C2SP tlog-policy.

    log <vkey>                                   one line per key of the log, all under its origin
    witness, group, quorum                       who must have cosigned (`ledger.log.quorum`)
    # receipt-certificate sha256:<hex>           who signs receipts that are PDF files
    # acknowledgement-key <vkey>                 who signs acknowledgements
    # ended <origin> <size> <root>               an origin that was given up, and its last head
    # auditor <vkey, type 04>                    who says, under a key of her own, up to where she replayed the log

C2SP leaves keys for other purposes out of scope, so what else is said stands in comments. The genesis entry holds the
SHA-256 of the whole file, comments included. What is not understood is refused, not passed over.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.note import COSIGNATURE, ED25519, ML_DSA_44, VerifierKey
from ledger.log.quorum import NO_QUORUM, Quorum, QuorumLines, Witness, malformed

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE = re.compile(r"[ \t]+")
_RECEIPT = re.compile(r"# receipt-certificate sha256:([0-9a-f]{64})")
_ACKNOWLEDGEMENT = re.compile(r"# acknowledgement-key (\S+)")
_ENDED = re.compile(r"# ended (\S+) (\S+) (\S+)")
_AUDITOR = re.compile(r"# auditor (\S+)")


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy: `log_keys` must all have signed; `sha256` is the hash of the file as it stands; `ended` are the
    last heads of origins that were given up; `older` are policies before it, trusted for what was signed under them.
    """

    log_keys: tuple[VerifierKey, ...]
    receipt_certificate_sha256: str | None
    sha256: bytes
    quorum: Quorum = NO_QUORUM
    ended: tuple[Checkpoint, ...] = ()
    auditors: tuple[VerifierKey, ...] = ()
    acknowledgement_key: VerifierKey | None = None
    older: tuple["Policy", ...] = field(default=(), compare=False)

    @property
    def is_witnessed(self) -> bool:
        """Whether a checkpoint needs cosignatures."""
        return self.quorum.name is not None

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """All that the policy names, in its order."""
        return self.quorum.witnesses

    def is_met_by(self, names: Collection[str]) -> bool:
        """Whether the witnesses with these names of the policy, all of whom cosigned, are enough."""
        return self.quorum.is_met_by(names)

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.log_keys[0].name

    @property
    def book(self) -> str:
        """The book that the log belongs to: the last part of its origin."""
        return self.origin.rpartition("/")[2]


def policy_text(
    log_keys: Sequence[VerifierKey],
    *,
    receipt_certificate_sha256: str | None,
    acknowledgement_key: VerifierKey | None = None,
    quorum: Quorum = NO_QUORUM,
) -> bytes:
    """The policy file of a log with these keys, whose checkpoints `quorum` must have cosigned."""
    asked = "no witness is asked for" if quorum.name is None else "the quorum below cosigns it"
    lines = [f"# Trust policy (C2SP tlog-policy). Both keys sign every checkpoint; {asked}."]
    if receipt_certificate_sha256 is not None:
        lines.append(f"# receipt-certificate sha256:{receipt_certificate_sha256}")
    if acknowledgement_key is not None:
        lines.append(f"# acknowledgement-key {acknowledgement_key.vkey()}")
    lines += [f"log {key.vkey()}" for key in log_keys]
    return "".join(f"{line}\n" for line in [*lines, *quorum.lines()]).encode()


def parse_policy(encoded: bytes) -> Policy:
    """The policy in `encoded`; refuses `policy-malformed` with the line."""
    keys: list[VerifierKey] = []
    receipts: list[str] = []
    acknowledging: list[VerifierKey] = []
    ended: list[Checkpoint] = []
    auditors: list[VerifierKey] = []
    quorum = QuorumLines()
    for line in _lines(encoded):
        match _SPACE.split(line.strip(" \t")):
            case [comment, *_] if comment.startswith("#"):
                receipts += _RECEIPT.findall(line)
                acknowledging += map(VerifierKey.parse, _ACKNOWLEDGEMENT.findall(line))
                ended += [parse_checkpoint("".join(f"{part}\n" for part in head)) for head in _ENDED.findall(line)]
                auditors += map(VerifierKey.parse, _AUDITOR.findall(line))
            case ["log", vkey] | ["log", vkey, _]:
                keys.append(VerifierKey.parse(vkey))
            case words:
                if not quorum.take(words):
                    raise malformed(line)
    if not keys or len({key.name for key in keys}) != 1 or len(set(keys)) != len(keys):
        raise malformed("log keys of one origin, each once")
    if any(key.kind not in {ED25519, ML_DSA_44} for key in keys):
        raise malformed("a log key that signs no checkpoints")
    if len(receipts) > 1:
        raise malformed("at most one receipt certificate")
    if any(auditor.kind != COSIGNATURE for auditor in auditors) or len(set(auditors)) != len(auditors):
        raise malformed("auditors' keys of type 04, each once")
    certificate, sha256 = next(iter(receipts), None), hashlib.sha256(encoded).digest()
    promises = next(iter(acknowledging), None)
    policy = Policy(tuple(keys), certificate, sha256, quorum.finish(), tuple(ended), tuple(auditors), promises)
    if {key.public for key in keys} & {witness.key.public for witness in policy.witnesses}:
        raise malformed("a key of the log is no witness")
    _check_acknowledging(acknowledging, policy)
    return policy


def _check_acknowledging(acknowledging: Sequence[VerifierKey], policy: Policy) -> None:
    """At most one Ed25519 key, and neither a key of the log or a witness, nor the log's name: a promise is no
    checkpoint.
    """
    others = {key.public for key in (*policy.log_keys, *(witness.key for witness in policy.witnesses))}
    foreign = all(key.kind == ED25519 and key.name != policy.origin for key in acknowledging)
    if len(acknowledging) > 1 or not foreign or {key.public for key in acknowledging} & others:
        raise malformed("at most one acknowledgement key, none of the log's or a witness's, under another name")


def parse_quorum(encoded: bytes) -> Quorum:
    """The quorum in a file of `witness`, `group` and `quorum` lines alone; refuses `policy-malformed`."""
    quorum = QuorumLines()
    for line in _lines(encoded):
        words = _SPACE.split(line.strip(" \t"))
        if not words[0].startswith("#") and not quorum.take(words):
            raise malformed(line)
    return quorum.finish()


def _lines(encoded: bytes) -> list[str]:
    """The lines that are not empty; refuses control characters."""
    if not encoded.endswith(b"\n") or _CONTROL.search(encoded):
        raise malformed("no newline at the end, or a control character")
    lines = encoded.decode("utf-8", "surrogateescape").split("\n")
    return [line for line in lines if line.strip(" \t")]
