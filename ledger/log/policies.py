"""Policies that follow one another: what `policy/1` and `key/1` say, and the files from which strangers follow them.

    log/policy                    the newest policy whose keys have signed the published checkpoint
    log/policies/<sha256>         every policy that was ever in force
    log/policies/<n>.json         the opening of policy/1 entry <n>, which announces one
    log/origins/<sha256>/checkpoint   the last checkpoint of an origin that was given up; the name is its hash

Entry 0 holds the hash of the first policy. Each policy/1 names the hash of the policy before it and states the new one
in full, so whoever trusts one of them can follow the chain through the signed log.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import open_published
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON
from ledger.log.merkle import HASH_SIZE
from ledger.log.note import VerifierKey, parse_note
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import POLICY

POLICIES, ORIGINS = "policies", "origins"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIZE_LIMIT = 2**53


def opening_path(n: int) -> str:
    """Where the opening of policy/1 entry `n` stands below the log's folder."""
    return f"{POLICIES}/{n}.json"


def policy_path(sha256: bytes) -> str:
    """Where the policy with this hash stands below the log's folder."""
    return f"{POLICIES}/{sha256.hex()}"


def origin_path(origin: str) -> str:
    """Where the last checkpoint of an origin that was given up stands below the log's folder."""
    return f"{ORIGINS}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"


def policy_line(*, before: bytes, text: bytes, until_on: date | None) -> dict[str, JSON]:
    """The line of a policy/1: keys that only the policy before has go on signing up to `until_on`, if it is there."""
    line: dict[str, JSON] = {"before": before.hex(), "policy": text.decode()}
    return line if until_on is None else line | {"until": until_on.isoformat()}


def key_line(old: Policy, new: Policy, *, until_on: date | None, ended: Checkpoint | None) -> dict[str, JSON] | None:
    """The line of the key/1 beside a policy/1; None where no key begins.

    With `ended`, the last head of the old origin, its keys are compromised and sign no more.
    """
    begins: list[JSON] = [key.vkey() for key in new.log_keys if key not in old.log_keys]
    ends: list[JSON] = [key.vkey() for key in old.log_keys if key not in new.log_keys]
    if not begins:
        return None
    line: dict[str, JSON] = {"begins": begins}
    if ended is not None:
        return line | {"compromised": ends, "origin": ended.origin, "root": b64(ended.root), "size": ended.size}
    line["ends"] = ends
    return line if until_on is None else line | {"until": until_on.isoformat()}


def is_policy_line(line: Mapping[str, JSON]) -> bool:
    """Whether a line may stand in a policy/1."""
    if line.keys() - {"until"} != {"before", "policy"} or not _is_date(line.get("until", "2000-01-01")):
        return False
    text, before = line["policy"], line["before"]
    if not isinstance(text, str) or not isinstance(before, str) or not _SHA256.fullmatch(before):
        return False
    try:
        parse_policy(text.encode())
    except Refusal:
        return False
    return True


def is_key_line(line: Mapping[str, JSON]) -> bool:
    """Whether a line may stand in a key/1: keys that begin, and keys that end at a date or are compromised."""
    if "compromised" in line:
        names, head = ("begins", "compromised"), {"origin", "root", "size"}
        fits = line.keys() == {*names, *head} and _is_head(line["origin"], line["root"], line["size"])
    else:
        names = ("begins", "ends")
        fits = line.keys() - {"until"} == {*names} and _is_date(line.get("until", "2000-01-01"))
    return fits and bool(line["begins"]) and all(_are_vkeys(line[name]) for name in names)


def with_log_keys(text: bytes, keys: Sequence[VerifierKey], *, ended: Checkpoint | None = None) -> bytes:
    """A policy with other log keys and all else, witnesses and comments, as it was; `ended` is told in a comment."""
    lines = [line for line in text.decode().split("\n")[:-1] if line.split()[:1] != ["log"]]
    if ended is not None:
        lines.append(f"# ended {ended.origin} {ended.size} {b64(ended.root)}")
    lines += [f"log {key.vkey()}" for key in keys]
    return "".join(f"{line}\n" for line in lines).encode()


def installed_policy(log_dir: Path) -> Policy | None:
    """The policy of a log's folder, with every other one that lies there; None where there is none.

    Refuses `policy-malformed`, and `policy-file-differs` where a policy is not the one that its file is named after.
    """
    try:
        newest = parse_policy((log_dir / POLICY).read_bytes())
    except FileNotFoundError:
        return None
    folder = log_dir / POLICIES
    names = sorted(each.name for each in folder.iterdir() if _SHA256.fullmatch(each.name)) if folder.is_dir() else []
    others = []
    for name in names:
        policy = parse_policy((folder / name).read_bytes())
        if policy.sha256.hex() != name:
            raise Refusal("policy-file-differs", file=f"{POLICIES}/{name}")
        others.append(policy)
    return trust((newest, *(policy for policy in others if policy.sha256 != newest.sha256)))


def trust(policies: Sequence[Policy]) -> Policy:
    """The first of `policies`, which also opens what was signed under the others, and knows all they say has ended."""
    return replace(policies[0], older=tuple(policies[1:]), ended=_all_ended(policies))


def policy_of_note(note: bytes, trusted: Policy) -> Policy:
    """Of a policy and the older ones beside it that under which `note` stands, else the first whose keys have lines in
    it, else the policy itself; it knows of every origin that has ended.

    Nothing is verified here: whoever opens the note holds it against the policy.
    """
    policies = (trusted, *trusted.older)
    if len(policies) == 1:
        return trusted
    lines = {(signature.name, signature.key_id) for signature in parse_note(note).signatures}
    fitting = [p for p in policies if all((key.name, key.key_id) in lines for key in p.log_keys)]
    chosen = next((p for p in fitting if _stands(note, p)), fitting[0] if fitting else trusted)
    return replace(chosen, ended=_all_ended(policies))


def open_trusted(note: bytes, trusted: Policy) -> tuple[Checkpoint, Policy]:
    """The checkpoint of a published note, and the policy under which it stands: that given, or an older one beside it.

    Refuses what `open_published` and `refuse_ended` refuse.
    """
    policy = policy_of_note(note, trusted)
    checkpoint, _ = open_published(note, policy)
    refuse_ended(checkpoint, policy.ended)
    return checkpoint, policy


def refuse_ended(checkpoint: Checkpoint, ended: Iterable[Checkpoint]) -> None:
    """Refuse `origin-ended` for a checkpoint of an origin that was given up earlier, or with another root."""
    for head in ended:
        if head.origin != checkpoint.origin:
            continue
        if checkpoint.size > head.size or (checkpoint.size == head.size and checkpoint.root != head.root):
            raise Refusal("origin-ended", origin=head.origin, size=checkpoint.size, last=head.size)


def _stands(note: bytes, policy: Policy) -> bool:
    try:
        open_published(note, policy)
    except Refusal:
        return False
    return True


def _all_ended(policies: Iterable[Policy]) -> tuple[Checkpoint, ...]:
    return tuple(dict.fromkeys(head for policy in policies for head in policy.ended))


def _are_vkeys(value: object) -> bool:
    try:
        return isinstance(value, list) and all(bool(VerifierKey.parse(each)) for each in value)
    except (Refusal, AttributeError):  # a number has no parts
        return False


def _is_head(origin: object, root: object, size: object) -> bool:
    if not isinstance(origin, str) or not origin or not isinstance(root, str) or isinstance(size, bool):
        return False
    try:
        return isinstance(size, int) and 0 < size < _SIZE_LIMIT and len(from_b64(root)) == HASH_SIZE
    except Refusal:
        return False


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
