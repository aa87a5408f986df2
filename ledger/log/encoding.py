"""Base64 with exactly one spelling per value."""

import base64
import binascii

from ledger.errors import Refusal


def b64(raw: bytes) -> str:
    """Standard base64 with padding."""
    return binascii.b2a_base64(raw, newline=False).decode()


def from_b64(text: str) -> bytes:
    """The bytes of standard base64; refuses `base64-malformed` for anything but the one encoding of those bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refusal("base64-malformed", text=text[:80]) from error
    if b64(raw) != text:
        raise Refusal("base64-malformed", text=text[:80])
    return raw
