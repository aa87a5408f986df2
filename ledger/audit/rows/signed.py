"""What outsiders have seen: the signed checkpoints, kept as rows and published, against the roots of the rows."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from ledger.audit.rows.failures import Failures
from ledger.audit.rows.walk import Walk
from ledger.errors import Refusal
from ledger.findings import announced_policies
from ledger.integrator import read_checkpoint
from ledger.log.encoding import b64
from ledger.log.policies import installed_policy, open_trusted
from ledger.log.policy import Policy
from ledger.log.tiles import POLICY
from ledger.storage import tables
from ledger.storage.scan import fetch, scan

NO_LOG = "signed checkpoints: no published log was found, so nothing outside the database was compared"
UNSIGNED = "any signed checkpoint: none is published, so nothing outside the database was compared"
_BOOK = "SELECT policy_hash, origin FROM book WHERE book_id = ?"


class Signed:
    """The signed roots by size; their signatures are checked when they are read."""

    def __init__(self, connection: sa.Connection, book_id: str, log_dir: Path | None, failures: Failures) -> None:
        self._connection = connection
        self._book_id = book_id
        self._log_dir = log_dir
        self._failures = failures
        self.roots: Mapping[int, bytes] = self._read()

    def check(self, walk: Walk) -> None:
        """Every signed root is that of the rows at its size."""
        for size, root in sorted(self.roots.items()):
            with self._failures.unless_wrong("signed roots", f"checkpoint size {size}"):
                if walk.roots.get(size) != root:
                    raise Refusal("log-root-differs", size=size)
        report = self._failures.report
        if self.roots:
            last = max(self.roots)
            detail = f"{len(self.roots)} signed checkpoints fit the rows; the last has {last} entries"
            report.passed("signed checkpoints", "checkpoint", f"{detail} and root {b64(self.roots[last])}")
            later = walk.size - last
            if later:
                report.not_checked.append(f"{later} entries after the last signed checkpoint against a signature")
        elif NO_LOG not in report.missing:
            report.not_checked.append(UNSIGNED)

    def _read(self) -> dict[int, bytes]:
        columns = ("size", "root", "note")
        kept = list(scan(self._connection, tables.checkpoint, self._book_id, columns, order=("size",)))
        trusted = self._trusted()
        if trusted is None:
            self._failures.report.missing += [NO_LOG] if kept or self._log_dir is not None else []
            return {}
        roots: dict[int, bytes] = {}
        for size, root, note in kept:
            with self._failures.unless_wrong("checkpoint rows", f"checkpoint size {size}"):
                checkpoint, _ = open_trusted(note.encode(), trusted)
                if (checkpoint.size, checkpoint.root) != (size, root):
                    raise Refusal("row-differs", table="checkpoint", column="root", size=size)
                roots[size] = root
        assert self._log_dir is not None
        with self._failures.unless_wrong("published checkpoint", "checkpoint"):
            published = read_checkpoint(self._log_dir)
            if published is not None:
                root = published[0].root
                if roots.setdefault(published[0].size, root) != root:
                    raise Refusal("log-root-differs", size=published[0].size)
        return roots

    def _trusted(self) -> Policy | None:
        """The installed policies, each of which the book's row or a policy/1 entry names; None where there is none."""
        if self._log_dir is None:
            return None
        trusted: Policy | None = None
        with self._failures.unless_wrong("policy", POLICY):
            trusted = installed_policy(self._log_dir)
            [(policy_hash, origin)] = fetch(self._connection, _BOOK, (self._book_id,))
            texts = announced_policies(self._connection, self._book_id).values()
            named = {policy_hash, *(hashlib.sha256(text).digest() for text in texts)}
            for policy in (trusted, *trusted.older) if trusted else ():
                if policy.sha256 not in named:
                    raise Refusal("policy-differs-from-genesis", policy=policy.sha256.hex())
                if policy.sha256 == policy_hash and origin != policy.origin:
                    raise Refusal("row-differs", table="book", column="origin", book=self._book_id)
        return trusted
