"""What the vectors are made from: fixed keys, two logs whose leaves are fixed, and signatures that are stored.

ML-DSA-44 signs with chance in it. So that the vectors come out the same every time, a signature that was made once is
kept in `signatures.json` under the SHA-256 of what it signs, and is used again while it verifies.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.log.checkpoint import Checkpoint, SigningKey, _cosigned_message
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import canonical_json, commit_line, entry_bytes, nonce
from ledger.log.merkle import inclusion_proof, leaf_hash, root, subtree_of
from ledger.log.note import Note, Signature
from ledger.log.policy import policy_text
from ledger.log.receipt import OpenedLine, Opening, TlogProof
from ledger.log.leaf import lines_path

FOLDER = Path(__file__).parents[1] / "vectors" / "log"
SIGNATURES = FOLDER / "signatures.json"
ORIGIN = "ledger.bxl-invest.example/main"
MINUTE = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
SIGNED_AT = int(MINUTE.timestamp())
INSTANT = "2026-03-02T11:00:00.000000Z"
SECRET = hashlib.sha256(b"subject key of the vectors").digest()
CERTIFICATE = hashlib.sha256(b"certificate of the vectors").hexdigest()
# Two Ed25519 keys whose ids under ORIGIN are the same four bytes: found by trying seeds in order (`collision.py`).
LOG_SEED, TWIN_SEED = 0, 0
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 255, 256, 257)


def seeded(number: int) -> Ed25519PrivateKey:
    """The Ed25519 key of a small number."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"vectors of the log %d" % number).digest())
