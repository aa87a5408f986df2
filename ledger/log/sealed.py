"""A file for one reader: encrypted to her X25519 key, read and written as a stream, and whole or refused.

    bxl-sealed/1 <newline>
    80 bytes        HPKE (RFC 9180: X25519, HKDF-SHA-256, ChaCha20-Poly1305, info = the first line) of a key of 32 bytes
    chunks          ChaCha20-Poly1305 under that key: 65,536 bytes each and a tag, the last one shorter or as long

The nonce of a chunk is its number from 0 (11 bytes, big-endian) and a byte that is 1 for the last chunk and else 0, so
that none can be left out, doubled or moved, and the file can't end early.
"""

import io
import secrets
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ledger.errors import Refusal, override

MAGIC = b"bxl-sealed/1\n"
ALTERED = "sealed-file-altered"
CHUNK = 1 << 16
_KEY_SIZE, _TAG_SIZE, _COUNTER_SIZE = 32, 16, 11
_SEALED_KEY_SIZE = 32 + _KEY_SIZE + _TAG_SIZE
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


class SealingWriter:
    """Encrypts what is written to it into `out`; only a clean end of the `with` block writes the last chunk."""

    def __init__(self, out: BinaryIO, reader: X25519PublicKey) -> None:
        key = secrets.token_bytes(_KEY_SIZE)
        self._out, self._cipher = out, ChaCha20Poly1305(key)
        self._pending = bytearray()
        self._number = 0
        out.write(MAGIC + _SUITE.encrypt(key, reader, MAGIC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._seal(bytes(self._pending), is_last=True)

    def write(self, content: bytes) -> None:
        """Take in `content`; whole chunks go out, but never what may be the last."""
        self._pending += content
        while len(self._pending) > CHUNK:
            self._seal(bytes(self._pending[:CHUNK]), is_last=False)
            del self._pending[:CHUNK]

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, is_last=is_last), chunk, None))
        self._number += 1


class SealedReader(io.RawIOBase):
    """The plain bytes of a sealed file, each chunk given only after its tag was checked.

    Refuses `sealed-file-altered` for any other bytes, and another reader's key.
    """

    def __init__(self, source: BinaryIO, key: X25519PrivateKey) -> None:
        head = source.read(len(MAGIC) + _SEALED_KEY_SIZE)
        try:
            file_key = _SUITE.decrypt(head[len(MAGIC) :], key, MAGIC)
        except InvalidTag as error:
            raise Refusal("sealed-file-altered", chunk=-1) from error
        if not head.startswith(MAGIC):
            raise Refusal("sealed-file-altered", chunk=-1)
        self._source, self._cipher = source, ChaCha20Poly1305(file_key)
        self._number = 0
        self._next = source.read(CHUNK + _TAG_SIZE)
        self._plain = memoryview(b"")
        self._ended = False

    @override
    def readable(self) -> bool:
        """It is there to be read."""
        return True

    @override
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffer that `io` hands over
        """Fill the buffer with the next bytes; 0 at the end."""
        if not self._plain and not self._ended:
            self._plain = memoryview(self._open())
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _open(self) -> bytes:
        sealed, self._next = self._next, self._source.read(CHUNK + _TAG_SIZE)
        self._ended = not self._next
        try:
            plain = self._cipher.decrypt(_nonce(self._number, is_last=self._ended), sealed, None)
        except InvalidTag as error:
            raise Refusal("sealed-file-altered", chunk=self._number) from error
        self._number += 1
        return plain


def is_sealed(source: BinaryIO) -> bool:
    """Whether the file begins like a sealed one; it is then at its beginning again."""
    found = source.read(len(MAGIC)) == MAGIC
    source.seek(0)
    return found


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_COUNTER_SIZE, "big") + bytes([is_last])
