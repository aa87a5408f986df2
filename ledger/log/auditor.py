"""An auditor's keys: one that opens what is encrypted to her, one that signs that she replayed a log.

A private file, mode 0600, is `# bxl-auditor <name>` and two PKCS #8 keys in PEM, Ed25519 and X25519. The public one
beside it, in `.pub`, goes to the operator (the first line is for its policy, the second for its bundles), and to
whoever trusts the auditor:

    # auditor <vkey, type 04>
    # openings <X25519 public key in base64>
"""

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.files import PRIVATE_MODE, write_atomically
from ledger.log.note import COSIGNATURE, VerifierKey, is_key_name

_PRIVATE = re.compile(rb"# bxl-auditor (\S+)\n(-----BEGIN .*?-----END [A-Z ]+-----\n)(-----BEGIN .*-----\n)", re.DOTALL)
_PUBLIC = re.compile(r"# auditor (\S+)\n# openings (\S+)\n")


@dataclass(frozen=True, slots=True)
class AuditorKey:
    """Both private keys, under the auditor's own name."""

    name: str
    signing: Ed25519PrivateKey
    opening: X25519PrivateKey

    def public(self) -> "AuditorPublic":
        """The public side."""
        signing = VerifierKey(self.name, COSIGNATURE, self.signing.public_key().public_bytes_raw())
        return AuditorPublic(signing, self.opening.public_key())


@dataclass(frozen=True, slots=True)
class AuditorPublic:
    """What others know of an auditor's keys."""

    signing: VerifierKey
    opening: X25519PublicKey

    def encode(self) -> bytes:
        """The file that is handed over."""
        return f"# auditor {self.signing.vkey()}\n# openings {b64(self.opening.public_bytes_raw())}\n".encode()


def make_auditor_key(path: Path, *, name: str, passphrase: bytes | None) -> AuditorKey:
    """Make both keys and write both files; refuses `auditor-key-exists`, `auditor-key-malformed` for a name."""
    if not is_key_name(name):
        raise Refusal("auditor-key-malformed", file=path.name)
    if path.exists():
        raise Refusal("auditor-key-exists", file=str(path))
    key = AuditorKey(name, Ed25519PrivateKey.generate(), X25519PrivateKey.generate())
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    pems = (each.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption) for each in (key.signing, key.opening))
    write_atomically(path, f"# bxl-auditor {name}\n".encode() + b"".join(pems), mode=PRIVATE_MODE)
    write_atomically(public_path(path), key.public().encode())
    return key


def load_auditor_key(path: Path, *, passphrase: bytes | None) -> AuditorKey:
    """The keys in a private file; refuses `auditor-key-malformed`, `key-passphrase-wrong`."""
    found = _PRIVATE.fullmatch(path.read_bytes())
    if found is None:
        raise Refusal("auditor-key-malformed", file=path.name)
    name, *pems = found.groups()
    try:
        signing, opening = (load_pem_private_key(pem, passphrase if b"ENCRYPTED" in pem else None) for pem in pems)
    except (ValueError, TypeError) as error:
        raise Refusal("key-passphrase-wrong", file=path.name) from error
    if not isinstance(signing, Ed25519PrivateKey) or not isinstance(opening, X25519PrivateKey):
        raise Refusal("auditor-key-malformed", file=path.name)
    return AuditorKey(name.decode(), signing, opening)


def read_auditor_public(path: Path) -> AuditorPublic:
    """The keys in a public file; refuses `auditor-key-malformed`."""
    found = _PUBLIC.fullmatch(path.read_bytes().decode("utf-8", "replace"))
    try:
        if found is not None and (signing := VerifierKey.parse(found[1])).kind == COSIGNATURE:
            return AuditorPublic(signing, X25519PublicKey.from_public_bytes(from_b64(found[2])))
    except (Refusal, ValueError) as error:
        raise Refusal("auditor-key-malformed", file=path.name) from error
    raise Refusal("auditor-key-malformed", file=path.name)


def public_path(path: Path) -> Path:
    """Where the public side of a private file is."""
    return path.with_name(f"{path.name}.pub")
