"""Subject keys: one 32-byte key per owner of an account, and one for the book itself (owner "").

Commitments derive their nonces from these keys, and personal data is encrypted under them, so that destroying one key
erases one person and nothing else; its row stays, empty, so that it is never made again. The rows hold the keys wrapped
(AES-256-GCM) by a key that lives in a file outside the database, so that a copy of the database alone opens nothing.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.clock import Clock
from ledger.errors import InvariantError, Refusal
from ledger.storage import bulk
from ledger.storage.tables import subject_key
from ledger.storage.wrapping import KEY_SIZE as KEY_SIZE
from ledger.storage.wrapping import WrappingFile
from ledger.storage.wrapping import make_wrapping_key as make_wrapping_key
from ledger.storage.wrapping import read_wrapping_key as read_wrapping_key

BOOK_OWNER = ""
DESTROYED = b""
"""What the row of an erased owner keeps in place of the wrapped key."""
_NONCE_SIZE = 12
_PERSONAL = b"personal data, version 1"
_CACHED_KEYS = 50_000


class _Writing(Protocol):
    """What sealing needs of a unit of work."""

    connection: sa.Connection
    clock: Clock


class KeyRing:
    """The subject keys of one book, unwrapped as they are needed.

    `fresh` makes a new key for an owner; a test that wants the same blocks twice passes one that derives it. `file` is
    where a wrapping key is found that took the place of this one meanwhile; the older ones still open what was read
    before.
    """

    def __init__(
        self,
        book_id: str,
        wrapping_key: bytes,
        *,
        fresh: Callable[[str], bytes] | None = None,
        file: WrappingFile | None = None,
    ) -> None:
        if len(wrapping_key) != KEY_SIZE:
            raise InvariantError("a wrapping key has 32 bytes")
        self.book_id = book_id
        self.file = file
        self._current = wrapping_key
        self._wrapping = {wrapping_key: AESGCM(wrapping_key)}
        self._fresh = fresh or _random_key
        self._unwrapped: dict[bytes, bytes] = {}  # by wrapped bytes, so a destroyed row is never answered from here

    def subject_keys(self, connection: sa.Connection, owners: Iterable[str], *, now: datetime) -> Mapping[str, bytes]:
        """The keys of `owners`; those that have none yet get one, in this database transaction.

        Refuses `subject-key-destroyed` for one that was erased: nothing is ever hidden under a second key.
        """
        wanted = set(owners)
        found = self._stored(connection, wanted)
        missing = sorted(wanted - found.keys())
        if missing:
            if self.file is not None:
                self.lock_current(connection, read=True)
            rows = [(owner, self.wrap(owner, self._fresh(owner)), now) for owner in missing]
            columns = ("owner", "wrapped", "created_at")
            bulk.insert_rows(connection, subject_key, self.book_id, columns, rows, ignore_conflicts=True)
            found |= self._stored(connection, missing)  # another writer may have been first
            for owner in missing:
                if owner not in found:
                    raise Refusal("subject-key-destroyed", owner=owner)
        return found

    def existing_key(self, connection: sa.Connection, owner: str) -> bytes | None:
        """The owner's key, or None where there is none (any more)."""
        return self._stored(connection, [owner]).get(owner)

    def existing_keys(self, connection: sa.Connection, owners: Iterable[str]) -> Mapping[str, bytes]:
        """The keys of those of `owners` that have one."""
        return self._stored(connection, owners)

    def destroyed(self, connection: sa.Connection, owners: Iterable[str]) -> set[str]:
        """Those of `owners` that were erased: nothing is hidden, sealed or booked for them any more."""
        statement = sa.select(subject_key.c.owner).where(
            subject_key.c.book_id == self.book_id,
            subject_key.c.wrapped == DESTROYED,
            bulk.among(connection, subject_key.c.owner, owners),
        )
        return set(connection.execute(statement).scalars())

    def key_for(self, connection: sa.Connection, owner: str) -> bytes:
        """The owner's key; refuses `subject-key-destroyed` where there is none."""
        key = self.existing_key(connection, owner)
        if key is None:
            raise Refusal("subject-key-destroyed", owner=owner)
        return key

    def destroy(self, connection: sa.Connection, owner: str) -> None:
        """Empty the row of the owner's key, in this database transaction: what it hid and sealed stays closed."""
        row = (subject_key.c.book_id == self.book_id, subject_key.c.owner == owner)
        connection.execute(sa.update(subject_key).where(*row).values(wrapped=DESTROYED))

    def lock_current(self, connection: sa.Connection, *, read: bool = False) -> bytes:
        """The wrapping key that holds, by the book's own key, whose row is locked: nobody replaces it meanwhile.

        Refuses `wrapping-key-does-not-fit`.
        """
        own = sa.select(subject_key.c.wrapped).where(
            subject_key.c.book_id == self.book_id, subject_key.c.owner == BOOK_OWNER
        )
        wrapped = connection.scalar(own.with_for_update(read=read))
        if wrapped is not None:  # a book that is being made has no key yet
            self._current, _ = self._opened(BOOK_OWNER, bytes(wrapped))
        return self._current

    def rewrap(self, connection: sa.Connection, new: bytes) -> int:
        """Wrap every live key anew, in this database transaction, under `new`; gives how many they are.

        A key that is destroyed meanwhile stays so: a row is only replaced while it is as it was read.
        """
        self._wrapping[new], table = AESGCM(new), subject_key.c
        live = sa.select(table.owner, table.wrapped).where(table.book_id == self.book_id, table.wrapped != DESTROYED)
        rows = [
            {"who": owner, "old": wrapped, "new": self._wrapped(owner, self.unwrap(owner, wrapped), new)}
            for owner, wrapped in connection.execute(live)
        ]
        replaced = sa.update(subject_key).where(
            table.book_id == self.book_id, table.owner == sa.bindparam("who"), table.wrapped == sa.bindparam("old")
        )
        connection.execute(replaced.values(wrapped=sa.bindparam("new")), rows)
        return len(rows)

    def seal_personal(self, work: _Writing, owner: str, plaintext: bytes) -> bytes:
        """`plaintext` encrypted for `owner` (AES-256-GCM under a key derived from the subject key)."""
        key = self.subject_keys(work.connection, [owner], now=work.clock.now())[owner]
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + _personal_cipher(key).encrypt(nonce, plaintext, self._bound_to(owner))

    def seal_many(self, work: _Writing, plain: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Many (owner, plaintext) encrypted like one, their keys found together."""
        keys = self.subject_keys(work.connection, {owner for owner, _ in plain}, now=work.clock.now())
        sealed = []
        for owner, plaintext in plain:
            nonce = secrets.token_bytes(_NONCE_SIZE)
            sealed.append(nonce + _personal_cipher(keys[owner]).encrypt(nonce, plaintext, self._bound_to(owner)))
        return sealed

    def open_personal(self, connection: sa.Connection, owner: str, sealed: bytes) -> bytes:
        """The plaintext; refuses `subject-key-destroyed`, and `personal-data-altered` for changed bytes."""
        return self._open(self.key_for(connection, owner), owner, sealed)

    def open_many(self, connection: sa.Connection, sealed: Sequence[tuple[str, bytes]]) -> list[bytes | None]:
        """Many (owner, sealed) opened like one, their keys found together; None where the owner's key is destroyed."""
        keys = self.existing_keys(connection, {owner for owner, _ in sealed})
        opened: list[bytes | None] = []
        for owner, data in sealed:
            if owner not in keys:
                opened.append(None)
                continue
            opened.append(self._open(keys[owner], owner, data))
        return opened

    def _open(self, key: bytes, owner: str, sealed: bytes) -> bytes:
        try:
            return _personal_cipher(key).decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], self._bound_to(owner))
        except (InvalidTag, ValueError) as error:
            raise Refusal("personal-data-altered", owner=owner) from error

    def _stored(self, connection: sa.Connection, owners: Iterable[str]) -> dict[str, bytes]:
        statement = sa.select(subject_key.c.owner, subject_key.c.wrapped).where(
            subject_key.c.book_id == self.book_id,
            subject_key.c.wrapped != DESTROYED,
            bulk.among(connection, subject_key.c.owner, owners),
        )
        return {owner: self.unwrap(owner, wrapped) for owner, wrapped in connection.execute(statement)}

    def wrap(self, owner: str, key: bytes) -> bytes:
        """The key of `owner` as a row keeps it."""
        return self._wrapped(owner, key, self._current)

    def unwrap(self, owner: str, wrapped: bytes) -> bytes:
        """The key of `owner` from its row; refuses `wrapping-key-does-not-fit`."""
        if wrapped not in self._unwrapped:
            if len(self._unwrapped) >= _CACHED_KEYS:
                self._unwrapped.clear()
            _, self._unwrapped[wrapped] = self._opened(owner, wrapped)
        return self._unwrapped[wrapped]

    def _opened(self, owner: str, wrapped: bytes) -> tuple[bytes, bytes]:
        """The wrapping key that fits, and what it opens; one that came to hold meanwhile is read from its file."""
        for known in (True, False):
            if not known and self.file is not None:
                self._wrapping |= {key: AESGCM(key) for key in self.file.keys() if key not in self._wrapping}  # noqa: SIM118 -- it reads files
            for wrapping, cipher in reversed(self._wrapping.items()):
                try:
                    key = cipher.decrypt(wrapped[:_NONCE_SIZE], wrapped[_NONCE_SIZE:], self._bound_to(owner))
                except (InvalidTag, ValueError):
                    continue
                return wrapping, key
        raise Refusal("wrapping-key-does-not-fit", book=self.book_id)

    def _wrapped(self, owner: str, key: bytes, wrapping: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + self._wrapping[wrapping].encrypt(nonce, key, self._bound_to(owner))

    def _bound_to(self, owner: str) -> bytes:
        return f"{self.book_id}\x00{owner}".encode()


def _random_key(_owner: str) -> bytes:
    return secrets.token_bytes(KEY_SIZE)


def _personal_cipher(key: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key, _PERSONAL, "sha256"))
