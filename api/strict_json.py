"""JSON as the record takes it: one meaning only, and no more memory than its size explains.

Python's own reader accepts more than RFC 8259 and keeps the last of two members with one name; a ledger must not guess.
Counting brackets before reading is what bounds the memory: a list of a million empty lists is a few megabytes of text
and hundreds of megabytes of objects.
"""

import json
import re
from decimal import Decimal
from email.message import Message
from typing import NoReturn

from ledger.errors import Refusal

MAX_DEPTH = 16
MAX_LISTS = 30_000
MAX_OBJECTS = 600_000
"""What 16 MiB of postings can hold; a list or an object costs about 70 bytes."""
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OPENING, _CLOSING = frozenset(b"[{"), frozenset(b"]}")
_OTHER_THAN_BRACKETS = bytes(set(range(256)) - _OPENING - _CLOSING)


def is_json(content_type: str) -> bool:
    """Whether a `Content-Type` announces JSON.

    >>> is_json("application/json; charset=utf-8"), is_json("text/plain"), is_json("")
    (True, False, False)
    """
    message = Message()
    message["content-type"] = content_type or "text/plain"
    return message.get_content_type() == "application/json"


def read_json(body: bytes) -> object:
    r"""The value of a JSON text; refuses `request-malformed` with the reason.

    Refused besides what is no JSON: another encoding than UTF-8, a byte order mark, two members of one name, NaN and
    infinity, unpaired surrogates, and more depth, lists or objects than any request has. A number with a fraction or
    an exponent becomes a `Decimal`, which no amount is.

    >>> read_json(b'{"entries": []}')
    {'entries': []}
    """
    _refuse_bulk(body)
    try:
        text = body.decode("utf-8")
        value: object = json.loads(
            text, object_pairs_hook=_members, parse_constant=_refuse_constant, parse_float=Decimal
        )
        if "\\u" in text:  # an escape can stand for half a character, which nothing can store or send
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"not UTF-8 at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise _malformed("an unpaired surrogate") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at character {error.pos}") from error
    except ValueError as error:  # Python reads no integer of more than 4,300 digits
        raise _malformed("a number of too many digits") from error
    return value


def _refuse_bulk(body: bytes) -> None:
    """Refuse by the brackets outside strings, before anything is made of them."""
    brackets = _STRINGS.sub(b"", body).translate(None, _OTHER_THAN_BRACKETS)
    if brackets.count(b"[") > MAX_LISTS or brackets.count(b"{") > MAX_OBJECTS:
        raise _malformed("more lists or objects than a request may hold")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in _OPENING else -1
        if depth > MAX_DEPTH:
            raise _malformed(f"more than {MAX_DEPTH} levels deep")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _malformed(f"two members named {name[:64]!r}")
            seen.add(name)
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is no JSON number")


def _malformed(reason: str) -> Refusal:
    return Refusal("request-malformed", field="body", reason=reason)
