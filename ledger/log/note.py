"""Signed notes (C2SP signed-note v1.0.0): a text, a blank line, and signature lines; keys written as vkeys.

    <text, ending in a newline>
    <blank line>
    — <key name> base64(4-byte key id || signature)

Parsing is strict: a note that would be written differently is refused, so no byte of it can change unnoticed.
"""

import hashlib
from dataclasses import dataclass

from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64

ED25519, COSIGNATURE, ML_DSA_44 = 0x01, 0x04, 0x06
"""Signature types: Ed25519 over the text; and the cosignatures of C2SP tlog-cosignature, Ed25519 and ML-DSA-44."""

PUBLIC_KEY_SIZE = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
MAX_SIGNATURES = 32
_KEY_ID_SIZE = 4
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name and signature type."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that, with the name, identify the key in a signature line."""
        preimage = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(preimage).digest()[:_KEY_ID_SIZE]

    def vkey(self) -> str:
        """`name+keyid+base64(type || key)`."""
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """The key of a vkey; refuses `verifier-key-malformed`. The base64 may itself hold a plus sign."""
        parts = vkey.split("+", 2)
        if len(parts) != 3:  # noqa: PLR2004 -- name, key id, key
            raise Refusal("verifier-key-malformed", vkey=vkey[:80])
        try:
            material = from_b64(parts[2])
        except Refusal as refusal:
            raise Refusal("verifier-key-malformed", vkey=vkey[:80]) from refusal
        key = cls(parts[0], material[0] if material else 0, material[1:])
        if not is_key_name(key.name) or PUBLIC_KEY_SIZE.get(key.kind) != len(key.public) or key.vkey() != vkey:
            raise Refusal("verifier-key-malformed", vkey=vkey[:80])
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line, not yet verified."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {b64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signature lines."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The bytes of the note."""
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode()


def parse_note(encoded: bytes) -> Note:
    """The note in `encoded`, signatures unverified; refuses `note-malformed` with the reason."""
    try:
        whole = encoded.decode()
    except UnicodeDecodeError as error:
        raise Refusal("note-malformed", reason="not UTF-8") from error
    if any(character < " " and character != "\n" for character in whole):
        raise Refusal("note-malformed", reason="a control character")
    text, separator, lines = whole.rpartition("\n\n")
    if not separator or not text or not lines.endswith("\n"):
        raise Refusal("note-malformed", reason="no blank line between text and signatures, or no newline at the end")
    signatures = tuple(parse_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > MAX_SIGNATURES:
        raise Refusal("note-malformed", reason=f"more than {MAX_SIGNATURES} signatures")
    note = Note(text + "\n", signatures)
    if note.encode() != encoded:
        raise Refusal("note-malformed", reason="another encoding of the same note")
    return note


def is_key_name(name: str) -> bool:
    """Whether `name` may name a key: not empty, no spaces of any kind, no plus sign."""
    return bool(name) and "+" not in name and name.isprintable() and not any(c.isspace() for c in name)


def parse_signature(line: str) -> Signature:
    """One signature line without its newline; refuses `note-malformed`."""
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2 or not is_key_name(parts[0]):  # noqa: PLR2004 -- name, base64
        raise Refusal("note-malformed", reason=f"signature line {line[:40]!r}")
    try:
        blob = from_b64(parts[1])
    except Refusal as refusal:
        raise Refusal("note-malformed", reason=f"the base64 of the signature by {parts[0]}") from refusal
    if len(blob) <= _KEY_ID_SIZE:
        raise Refusal("note-malformed", reason=f"the signature by {parts[0]} is too short")
    return Signature(parts[0], blob[:_KEY_ID_SIZE], blob[_KEY_ID_SIZE:])
