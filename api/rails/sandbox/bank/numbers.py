"""The check digits that the twin looks at, by its own arithmetic."""

import re

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_CREDITOR = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}")
_OGM = re.compile(r"[+* ]*([0-9]{3})[ /]*([0-9]{4})[ /]*([0-9]{5})[+* ]*")


def compact(text: str) -> str:
    """A number without its spaces.

    >>> compact("be42 0965 5010 0054")
    'BE42096550100054'
    """
    return re.sub(r"\s", "", text).upper()


def is_iban(text: str) -> bool:
    """Whether this is an IBAN with the right check digits (ISO 7064, modulo 97).

    >>> is_iban("BE42096550100054"), is_iban("BE43096550100054")
    (True, False)
    """
    return _IBAN.fullmatch(text) is not None and _is_97(text[4:] + text[:4])


def is_creditor_identifier(text: str) -> bool:
    """Whether this is a creditor identifier (EPC262-08); the business code does not count for its check digits.

    >>> is_creditor_identifier("BE81ZZZ0801234549"), is_creditor_identifier("BE82ZZZ0801234549")
    (True, False)
    """
    return _CREDITOR.fullmatch(text) is not None and _is_97(text[7:] + text[:4])


def ogm_of(text: str) -> str | None:
    """The twelve digits of a structured communication with the right check digits, or None.

    >>> ogm_of("+++090/9337/55493+++"), ogm_of("+++090/9337/55494+++")
    ('090933755493', None)
    """
    match = _OGM.fullmatch(text.strip())
    if match is None:
        return None
    digits = "".join(match.groups())
    return digits if int(digits[:10]) and int(digits[10:]) == (int(digits[:10]) % 97 or 97) else None


def _is_97(text: str) -> bool:
    return int("".join(str(int(letter, 36)) for letter in text)) % 97 == 1
