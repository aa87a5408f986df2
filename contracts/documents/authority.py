"""The platform's own small certificate authority: a root and one P-256 certificate per party, in files.

These are the platform's own, NON-QUALIFIED signatures in the sense of Regulation (EU) 910/2014: they show that a paper
has not changed since the platform applied the signatures for the parties, and nothing about who held a pen.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A private key with its certificate and the chain up to the root, all DER."""

    name: str
    key_der: bytes
    certificate_der: bytes
    chain_der: tuple[bytes, ...]


def party_identity(keys_dir: Path, *, party: str, name: str, now: datetime) -> SigningIdentity:
    """The party's signing identity, made on first use under `keys_dir` (with the root, if there is none yet)."""
    raise NotImplementedError


def make_receipt_identity(keys_dir: Path, *, now: datetime) -> SigningIdentity:
    """The receipt key and certificate under `keys_dir`, made once; the log's policy pins its fingerprint."""
    raise NotImplementedError
