"""Changing the log's policy under four eyes: new keys, a new origin after a compromise, other witnesses.

    request    the new policy in full, frozen by its hash; new keys lie in their files and have signed nothing
    announce   another person approves; key/1 and policy/1 are entered together
    publish    the opening of policy/1 stands in the log's folder, and from then on the signer follows it
    install    once a checkpoint stands under the new policy, `log/policy` is that one

Each step can be done again, and a crash between two of them leaves the log signed under the old policy or under both.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa

from ledger import approvals, crash
from ledger.audit.openings import opening_of
from ledger.balances import entry_by_key
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.facts import Finding
from ledger.findings import announced_policies
from ledger.integrator import read_checkpoint
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64, from_b64
from ledger.log.files import write_once
from ledger.log.keys import key_files, load_private_key
from ledger.log.leaf import JSON, KEY, POLICY
from ledger.log.note import VerifierKey
from ledger.log.policies import key_line, opening_path, origin_path, policy_line, policy_path, with_log_keys
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import CHECKPOINT
from ledger.log.tiles import POLICY as POLICY_FILE
from ledger.posting import lock_head
from ledger.signing import keys_over
from ledger.storage import tables
from ledger.storage.base import JSON as STORED

POLICY_CHANGE = "log-policy"
"""The action that a second person approves."""
OVERLAP = timedelta(days=90)
"""How long keys that a rotation replaces go on signing, so that whoever trusts the old policy has time to change."""


def request_rotation(unit: UnitOfWork, log_dir: Path, keys: Sequence[VerifierKey], *, reason: str) -> str:
    """Ask a second person to approve that `keys` take the place of those of today, which sign for 90 days more.

    Gives the approval's id.
    """
    text = _text_in_force(unit.connection, unit.book_id, log_dir)
    return _request(unit, text, with_log_keys(text, keys), until_on=unit.now().date() + OVERLAP, reason=reason)


def request_policy(unit: UnitOfWork, log_dir: Path, text: bytes, *, reason: str) -> str:
    """Ask a second person to approve another policy with the same keys, such as one that names other witnesses.

    Refuses `policy-malformed`, `policy-changes-keys` (rotating does that), `policy-forgets-origin`, `policy-unchanged`.
    """
    before = _text_in_force(unit.connection, unit.book_id, log_dir)
    old, new = parse_policy(before), parse_policy(text)
    if new.log_keys != old.log_keys:
        raise Refusal("policy-changes-keys", origin=old.origin)
    if new.ended != old.ended:
        raise Refusal("policy-forgets-origin", origin=old.origin)
    if new.sha256 == old.sha256:
        raise Refusal("policy-unchanged", policy=old.sha256.hex())
    return _request(unit, before, text, until_on=None, reason=reason)


def request_new_origin(unit: UnitOfWork, log_dir: Path, keys: Sequence[VerifierKey], *, reason: str) -> str:
    """Ask a second person to approve that the log goes on under the name of `keys`: those of today are in other hands.

    The published checkpoint is the last that counts under the old name. Refuses `log-not-published`.
    """
    ended = _published(log_dir)
    text = _text_in_force(unit.connection, unit.book_id, log_dir)
    return _request(unit, text, with_log_keys(text, keys, ended=ended), ended=ended, until_on=None, reason=reason)


def announce_policy(unit: UnitOfWork, log_dir: Path, *, approval_id: str) -> str:
    """Enter the policy that was approved; gives the fact key of its entry. The same call again is a duplicate.

    Refuses `policy-changed-since-approval` where another was announced meanwhile, `log-moved-since-approval` where the
    log of an origin that is given up was signed further, and what `ledger.approvals` refuses.
    """
    approval = approvals.find(unit.connection, unit.book_id, approval_id)
    body = {} if approval is None else approval.body
    approvals.require(unit, approval_id, POLICY_CHANGE, body)
    text = str(body["policy"]).encode()
    key = f"policy:{hashlib.sha256(text).hexdigest()}"
    if standing := entry_by_key(unit.connection, unit.book_id, key):
        if approval_id in standing.approvals:
            return key
        raise Refusal("policy-unchanged", policy=key.removeprefix("policy:"))
    lock_head(unit.connection, unit.book_id)
    before = _text_in_force(unit.connection, unit.book_id, log_dir)
    if body["before"] != hashlib.sha256(before).hexdigest():
        raise Refusal("policy-changed-since-approval", approval=approval_id)
    ended = _ended_in(body)
    if ended is not None:
        _archive(log_dir, ended, approval_id)
    _post(unit, key, before, text, until_on=_until_in(body), ended=ended, approval_id=approval_id)
    return key


def publish_policies(book: Book, log_dir: Path) -> None:
    """Write every policy that was announced, and the openings of the entries that announce them, to the log's folder.

    The opening comes last: the signer follows it, and needs the rest then.
    """
    with book.read() as connection:
        announced = announced_policies(connection, book.book_id)
    if not announced:
        return
    _keep_first(book, log_dir)
    for n, text in announced.items():
        write_once(log_dir / policy_path(hashlib.sha256(text).digest()), text)
        crash.reach("policies.after-texts")
        if not (log_dir / opening_path(n)).exists():
            write_once(log_dir / opening_path(n), opening_of(book, n=n, line=1).encode())
        crash.reach("policies.after-opening")


def retire_keys(log_dir: Path, keys_dir: Path, *, today: date, passphrase: bytes | None) -> list[str]:
    """Delete the files of private keys that sign no more; their names.

    Refuses `keys-still-sign` where there are none and keys of an older policy have days left, and `no-keys-to-retire`.
    """
    over, until_on = keys_over(log_dir, today)
    publics = {key.public for key in over}
    files = [
        file
        for file in key_files(keys_dir)
        if load_private_key(file, passphrase).public_key().public_bytes_raw() in publics
    ]
    if not files and until_on is not None:
        raise Refusal("keys-still-sign", until_on=until_on.isoformat())
    if not files:
        raise Refusal("no-keys-to-retire", folder=str(keys_dir))
    for file in files:
        file.unlink()
    return [file.name for file in files]


def _request(
    unit: UnitOfWork,
    before: bytes,
    text: bytes,
    *,
    until_on: date | None,
    ended: Checkpoint | None = None,
    reason: str,
) -> str:
    body: dict[str, JSON] = {"before": hashlib.sha256(before).hexdigest(), "policy": text.decode()}
    if until_on is not None:
        body["until"] = until_on.isoformat()
    if ended is not None:
        body["ended"] = {"origin": ended.origin, "root": b64(ended.root), "size": ended.size}
    return approvals.request(unit, action=POLICY_CHANGE, body=body, reason=reason)


def _post(
    unit: UnitOfWork,
    key: str,
    before: bytes,
    text: bytes,
    *,
    until_on: date | None,
    ended: Checkpoint | None,
    approval_id: str,
) -> None:
    approved = (approval_id,)
    keys = key_line(parse_policy(before), parse_policy(text), until_on=until_on, ended=ended)
    if keys is not None:
        unit.post(Finding(f"key:{key.removeprefix('policy:')}", KEY, (keys,), unit.actor, approvals=approved))
    line = policy_line(before=hashlib.sha256(before).digest(), text=text, until_on=until_on)
    unit.post(Finding(key, POLICY, (line,), unit.actor, approvals=approved))


def _text_in_force(connection: sa.Connection, book_id: str, log_dir: Path) -> bytes:
    """The policy that was announced last, else the one that entry 0 names, as a file; refuses `log-keys-missing` and
    `policy-differs-from-genesis`.
    """
    announced = announced_policies(connection, book_id)
    if announced:
        return announced[max(announced)]
    try:
        text = (log_dir / POLICY_FILE).read_bytes()
    except FileNotFoundError as error:
        raise Refusal("log-keys-missing", folder=str(log_dir)) from error
    _refuse_foreign(connection, book_id, parse_policy(text))
    return text


def _keep_first(book: Book, log_dir: Path) -> None:
    """Keep the policy that entry 0 names under its hash, before `log/policy` is another."""
    with book.read() as connection:
        sha256 = connection.scalar(sa.select(tables.book.c.policy_hash).where(tables.book.c.book_id == book.book_id))
    assert isinstance(sha256, bytes)
    path = log_dir / policy_path(sha256)
    if path.exists():
        return
    text = (log_dir / POLICY_FILE).read_bytes()
    if hashlib.sha256(text).digest() != sha256:
        raise Refusal("policy-differs-from-genesis", policy=hashlib.sha256(text).hexdigest())
    write_once(path, text)


def _refuse_foreign(connection: sa.Connection, book_id: str, policy: Policy) -> None:
    named = connection.scalar(sa.select(tables.book.c.policy_hash).where(tables.book.c.book_id == book_id))
    if named != policy.sha256:
        raise Refusal("policy-differs-from-genesis", policy=policy.sha256.hex())


def _published(log_dir: Path) -> Checkpoint:
    published = read_checkpoint(log_dir)
    if published is None:
        raise Refusal("log-not-published", folder=str(log_dir))
    return published[0]


def _archive(log_dir: Path, ended: Checkpoint, approval_id: str) -> None:
    """Keep the last checkpoint of the old origin, which must still be the published one."""
    published = _published(log_dir)
    if published != ended:
        raise Refusal("log-moved-since-approval", approval=approval_id, approved=ended.size, signed=published.size)
    write_once(log_dir / origin_path(ended.origin), (log_dir / CHECKPOINT).read_bytes())


def _ended_in(body: Mapping[str, STORED]) -> Checkpoint | None:
    match body.get("ended"):
        case {"origin": str(origin), "root": str(root), "size": int(size)}:
            return Checkpoint(origin, size, from_b64(root))
        case _:
            return None


def _until_in(body: Mapping[str, STORED]) -> date | None:
    return date.fromisoformat(str(body["until"])) if "until" in body else None
