"""Judge receipts with sigstore-python: `sigstore_receipt.py FILE…` says `accepted` or `refused` of each.

Runs in an environment of its own, which holds nothing of this project. A file tells the receipt as a record of
sigstore's log, and the key that must have signed the checkpoint.
"""

import base64
import json
import sys
from pathlib import Path

from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore.errors import VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import PublicKey, PublicKeyDetails
from sigstore_models.rekor.v1 import TransparencyLogEntry as Record


def check(told: dict) -> None:
    """Refuses with VerificationError or ValueError."""
    record = Record.from_dict(
        {
            "logIndex": str(told["index"]),
            "logId": {"keyId": base64.b64encode(bytes.fromhex(told["key_id"])).decode()},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": {
                "logIndex": str(told["index"]),
                "rootHash": told["root"],
                "treeSize": str(told["size"]),
                "hashes": told["hashes"],
                "checkpoint": {"envelope": told["envelope"]},
            },
            "canonicalizedBody": told["entry"],
        }
    )
    key = PublicKey(raw_bytes=told["key"], key_details=PublicKeyDetails.PKIX_ED25519)
    entry = TransparencyLogEntry(record)
    verify_checkpoint(RekorKeyring(Keyring([key])), entry)
    verify_merkle_inclusion(entry)


def verdict(file: str) -> str:
    """One word on the receipt in a file."""
    try:
        check(json.loads(Path(file).read_bytes()))
    except (VerificationError, ValueError):
        return "refused"
    return "accepted"


if __name__ == "__main__":
    sys.stdout.write("".join(f"{verdict(file)}\n" for file in sys.argv[1:]))
