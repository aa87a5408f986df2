"""What the writers of a crash run post: everything follows from a writer's letter and a number, so that it can come
again from anybody.
"""

import hashlib

from ledger.state import Request
from tests.entries import back, paid

CITIZENS = 40
MORE_THAN_THERE_IS = 10**12


def key_of(writer: int, number: int) -> str:
    """The fact key of an entry."""
    return f"w{writer}-{number}"


def amount_of(number: int) -> int:
    """Its amount in cents."""
    return 1 + number * 7 % 900


def is_refused(number: int) -> bool:
    """Whether it asks for more than there is."""
    return number % 20 == 13


def request_of(writer: int, number: int) -> Request:
    """One entry; some under an idempotency key, and every refused one, so that the refusal is kept."""
    key, citizen = key_of(writer, number), f"c{number % CITIZENS}"
    if is_refused(number):
        return Request([back(key, MORE_THAN_THERE_IS, citizen=citizen)], f"r-{key}", "s1", body_of(key))
    entry = paid(key, amount_of(number), citizen=citizen)
    return Request([entry], f"r-{key}", "s1", body_of(key)) if number % 3 == 0 else Request([entry])


def body_of(key: str) -> bytes:
    """What stands for the body of a request."""
    return hashlib.sha256(key.encode()).digest()
