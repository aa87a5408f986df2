"""Subject keys: one 32-byte key per owner of an account, and one for the book itself (owner "").

Commitments derive their nonces from these keys, and personal data is encrypted under them, so that destroying one key
erases one person and nothing else. The rows hold the keys wrapped (AES-256-GCM) by a key that lives in a file outside
the database, so that a copy of the database alone opens nothing.
"""

import hmac
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.clock import Clock
from ledger.errors import InvariantError, Refusal
from ledger.storage import bulk
from ledger.storage.tables import subject_key

KEY_SIZE = 32
BOOK_OWNER = ""
_NONCE_SIZE = 12
_PERSONAL = b"personal data, version 1"
_CACHED_KEYS = 50_000


class _Writing(Protocol):
    """What sealing needs of a unit of work."""

    connection: sa.Connection
    clock: Clock


class KeyRing:
    """The subject keys of one book, unwrapped as they are needed.

    `fresh` makes a new key for an owner; a test that wants the same blocks twice passes one that derives it.
    """

    def __init__(self, book_id: str, wrapping_key: bytes, *, fresh: Callable[[str], bytes] | None = None) -> None:
        if len(wrapping_key) != KEY_SIZE:
            raise InvariantError("a wrapping key has 32 bytes")
        self.book_id = book_id
        self._wrapping = AESGCM(wrapping_key)
        self._fresh = fresh or _random_key
        self._unwrapped: dict[bytes, bytes] = {}  # by wrapped bytes, so a destroyed row is never answered from here

    def subject_keys(self, connection: sa.Connection, owners: Iterable[str], *, now: datetime) -> Mapping[str, bytes]:
        """The keys of `owners`; those that have none yet get one, in this database transaction."""
        wanted = set(owners)
        found = self._stored(connection, wanted)
        missing = sorted(wanted - found.keys())
        if missing:
            rows = [(owner, self.wrap(owner, self._fresh(owner)), now) for owner in missing]
            columns = ("owner", "wrapped", "created_at")
            bulk.insert_rows(connection, subject_key, self.book_id, columns, rows, ignore_conflicts=True)
            found |= self._stored(connection, missing)  # another writer may have been first
        return found

    def existing_key(self, connection: sa.Connection, owner: str) -> bytes | None:
        """The owner's key, or None where there is none (any more)."""
        return self._stored(connection, [owner]).get(owner)

    def existing_keys(self, connection: sa.Connection, owners: Iterable[str]) -> Mapping[str, bytes]:
        """The keys of those of `owners` that have one."""
        return self._stored(connection, owners)

    def key_for(self, connection: sa.Connection, owner: str) -> bytes:
        """The owner's key; refuses `subject-key-destroyed` where there is none."""
        key = self.existing_key(connection, owner)
        if key is None:
            raise Refusal("subject-key-destroyed", owner=owner)
        return key

    def seal_personal(self, work: _Writing, owner: str, plaintext: bytes) -> bytes:
        """`plaintext` encrypted for `owner` (AES-256-GCM under a key derived from the subject key)."""
        key = self.subject_keys(work.connection, [owner], now=work.clock.now())[owner]
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + _personal_cipher(key).encrypt(nonce, plaintext, self._bound_to(owner))

    def open_personal(self, connection: sa.Connection, owner: str, sealed: bytes) -> bytes:
        """The plaintext; refuses `subject-key-destroyed`, and `personal-data-altered` for changed bytes."""
        cipher = _personal_cipher(self.key_for(connection, owner))
        try:
            return cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], self._bound_to(owner))
        except (InvalidTag, ValueError) as error:
            raise Refusal("personal-data-altered", owner=owner) from error

    def _stored(self, connection: sa.Connection, owners: Iterable[str]) -> dict[str, bytes]:
        statement = sa.select(subject_key.c.owner, subject_key.c.wrapped).where(
            subject_key.c.book_id == self.book_id, bulk.among(connection, subject_key.c.owner, owners)
        )
        return {owner: self.unwrap(owner, wrapped) for owner, wrapped in connection.execute(statement)}

    def wrap(self, owner: str, key: bytes) -> bytes:
        """The key of `owner` as a row keeps it."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + self._wrapping.encrypt(nonce, key, self._bound_to(owner))

    def unwrap(self, owner: str, wrapped: bytes) -> bytes:
        """The key of `owner` from its row; refuses `wrapping-key-does-not-fit`."""
        if wrapped not in self._unwrapped:
            if len(self._unwrapped) >= _CACHED_KEYS:
                self._unwrapped.clear()
            try:
                key = self._wrapping.decrypt(wrapped[:_NONCE_SIZE], wrapped[_NONCE_SIZE:], self._bound_to(owner))
            except InvalidTag as error:
                raise Refusal("wrapping-key-does-not-fit", book=self.book_id) from error
            self._unwrapped[wrapped] = key
        return self._unwrapped[wrapped]

    def _bound_to(self, owner: str) -> bytes:
        return f"{self.book_id}\x00{owner}".encode()


def make_wrapping_key(path: Path) -> bytes:
    """Write a new wrapping key to `path`, readable by its owner only; refuses `wrapping-key-exists`."""
    key = secrets.token_bytes(KEY_SIZE)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refusal("wrapping-key-exists", path=str(path)) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def read_wrapping_key(path: Path) -> bytes:
    """The wrapping key kept at `path`; refuses `wrapping-key-missing`."""
    try:
        key = path.read_bytes()
    except OSError as error:
        raise Refusal("wrapping-key-missing", path=str(path)) from error
    if len(key) != KEY_SIZE:
        raise Refusal("wrapping-key-missing", path=str(path))
    return key


def _random_key(_owner: str) -> bytes:
    return secrets.token_bytes(KEY_SIZE)


def _personal_cipher(key: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, _PERSONAL, "sha256"))
