"""What this project's verifier says of a vector, read from its files alone."""

import json
from collections.abc import Mapping
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.checkpoint import open_checkpoint
from ledger.log.encoding import from_b64
from ledger.log.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.log.policy import Policy, parse_policy
from ledger.verify.log import verify_log
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from tests.log_vectors.base import FOLDER, FORGED, VERIFIED

Files = Mapping[str, str]


def verdict_of(kind: str, files: Files) -> str:
    """`verified`, `forged` or `incomplete`; a file that can't be read as what it is counts as forged."""
    try:
        policy = parse_policy(_read(files["policy"])) if "policy" in files else None
        match kind:
            case "inclusion":
                return VERIFIED if _is_included(json.loads(_read(files["proof"]))) else FORGED
            case "consistency":
                return VERIFIED if _is_consistent(json.loads(_read(files["proof"]))) else FORGED
            case "checkpoint":
                assert policy is not None
                open_checkpoint(_read(files["checkpoint"]), policy.log_keys)
                return VERIFIED
            case "receipt":
                return verify_receipt(_read(files["proof"]), _read(files["opening"]), policy).verdict.value
            case _:
                return _of_log(FOLDER / files["log"], files, policy)
    except Refusal:
        return FORGED


def _is_included(told: dict) -> bool:
    path = [from_b64(step) for step in told["path"]]
    return verify_inclusion(
        leaf_hash(from_b64(told["entry"])), told["index"], told["size"], path, from_b64(told["root"])
    )


def _is_consistent(told: dict) -> bool:
    roots = {f"{age}_root": from_b64(told[f"{age}_root"]) for age in ("old", "new")}
    path = [from_b64(step) for step in told["path"]]
    return verify_consistency(old_size=told["old_size"], new_size=told["new_size"], proof=path, **roots)


def _of_log(folder: Path, files: Files, policy: Policy | None) -> str:
    if "openings" in files:
        return replay(folder, FOLDER / files["openings"], policy).verdict.value
    return verify_log(folder, policy).verdict.value


def _read(path: str) -> bytes:
    return (FOLDER / path).read_bytes()
