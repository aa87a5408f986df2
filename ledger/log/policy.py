"""Whom a verifier trusts: the policy file, in the form of C2SP tlog-policy.

    log <vkey>                                   one line per key of the log, all under its origin
    quorum none                                  no witness is asked for
    # receipt-certificate sha256:<hex>           who signs receipts that are PDF files
    # acknowledgement-key <vkey>                 who signs acknowledgements

C2SP leaves keys for other purposes out of scope, so these two stand in comments. The genesis entry
holds the SHA-256 of the whole file, comments included. What can't be checked here (witnesses, groups) is refused, not
passed over.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import Refusal
from ledger.log.note import ED25519, VerifierKey

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE = re.compile(r"[ \t]+")
_RECEIPT = re.compile(r"# receipt-certificate sha256:([0-9a-f]{64})")
_ACKNOWLEDGEMENT = re.compile(r"# acknowledgement-key (\S+)")


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy: `log_keys` must all have signed; `sha256` is the hash of the file as it stands."""

    log_keys: tuple[VerifierKey, ...]
    receipt_certificate_sha256: str | None
    sha256: bytes
    acknowledgement_key: VerifierKey | None = None

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
) -> bytes:
    """The policy file of a log without witnesses."""
    lines = ["# Trust policy (C2SP tlog-policy). Both keys sign every checkpoint; no witness is asked for."]
    if receipt_certificate_sha256 is not None:
        lines.append(f"# receipt-certificate sha256:{receipt_certificate_sha256}")
    if acknowledgement_key is not None:
        lines.append(f"# acknowledgement-key {acknowledgement_key.vkey()}")
    lines += [f"log {key.vkey()}" for key in log_keys]
    lines.append("quorum none")
    return "".join(f"{line}\n" for line in lines).encode()


def parse_policy(encoded: bytes) -> Policy:
    """The policy in `encoded`; refuses `policy-malformed` with the line."""
    if not encoded.endswith(b"\n") or _CONTROL.search(encoded):
        raise Refusal("policy-malformed", line="no newline at the end, or a control character")
    keys: list[VerifierKey] = []
    receipts: list[str] = []
    acknowledging: list[VerifierKey] = []
    quorums = 0
    for line in encoded.decode("utf-8", "surrogateescape").split("\n"):
        match _SPACE.split(line.strip(" \t")):
            case [""]:
                continue
            case [comment, *_] if comment.startswith("#"):
                receipts += _RECEIPT.findall(line)
                acknowledging += map(VerifierKey.parse, _ACKNOWLEDGEMENT.findall(line))
            case ["log", vkey] | ["log", vkey, _]:
                keys.append(VerifierKey.parse(vkey))
            case ["quorum", "none"]:
                quorums += 1
            case _:
                raise Refusal("policy-malformed", line=line[:80])
    if not keys or len({key.name for key in keys}) != 1 or len(set(keys)) != len(keys):
        raise Refusal("policy-malformed", line="log keys of one origin, each once")
    if quorums != 1 or len(receipts) > 1:
        raise Refusal("policy-malformed", line="one quorum line, at most one receipt certificate")
    _check_acknowledging(acknowledging, keys)
    sha256 = hashlib.sha256(encoded).digest()
    return Policy(tuple(keys), next(iter(receipts), None), sha256, next(iter(acknowledging), None))


def _check_acknowledging(acknowledging: Sequence[VerifierKey], log_keys: Sequence[VerifierKey]) -> None:
    """At most one Ed25519 key, and neither a key nor the name of the log: a promise is no checkpoint."""
    foreign = all(key.kind == ED25519 and key.name != log_keys[0].name for key in acknowledging)
    if len(acknowledging) > 1 or not foreign or {k.public for k in acknowledging} & {k.public for k in log_keys}:
        raise Refusal("policy-malformed", line="at most one acknowledgement key, none of the log's, under another name")
