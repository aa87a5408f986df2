"""References that a payer copies and a bank carries: the Belgian structured communication and the ISO 11649 reference.

The structured communication (Febelfin; "OGM" in Dutch, "VCS" in French bank tables) is ten digits and a check of two:
the ten modulo 97, where 0 is written 97. It is printed `+++123/4567/89002+++` or with asterisks. An ISO 11649 creditor
reference is `RF`, two check digits (ISO 7064, modulo 97) and up to 21 letters and digits.

The communication's check is one division, done here because a file has 100,000 of them; the tests compare it with
python-stdnum's.
"""

import re

from stdnum import iso11649

from ledger.errors import InvariantError

_LARGEST = 9_999_999_999
_TWELVE = re.compile(r"[0-9]{12}")
_CREDITOR = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}")
_SEPARATED = re.compile(r"(?<![0-9])([0-9]{3})[\s/.-]*([0-9]{4})[\s/.-]*([0-9]{5})(?![0-9])")
_RF = re.compile(r"(?<![A-Z0-9])RF[0-9]{2}(?:[ ]?[A-Z0-9]{1,4}){1,6}(?![A-Z0-9])")


def structured_communication(number: int) -> str:
    """The twelve digits of the communication of `number` (1 to 9,999,999,999).

    >>> structured_communication(1234567890)
    '123456789002'
    """
    if not 0 < number <= _LARGEST:
        raise InvariantError(f"no structured communication for {number}")
    return f"{number:010d}{number % 97 or 97:02d}"


def printed_communication(digits: str) -> str:
    """A structured communication as it is printed for a payer.

    >>> printed_communication("123456789002")
    '+++123/4567/89002+++'
    """
    return f"+++{digits[:3]}/{digits[3:7]}/{digits[7:]}+++"


def checked_reference(reference: str) -> str | None:
    """A structured communication as its twelve digits or an ISO 11649 reference in capitals; None where it is neither.

    >>> checked_reference("+++123/4567/89002+++"), checked_reference("rf18 5390 0754 7034"), checked_reference("123")
    ('123456789002', 'RF18539007547034', None)
    """
    compact = re.sub(r"[\s/.*+-]", "", reference).upper()
    if is_structured_communication(compact) or _is_creditor_reference(compact):
        return compact
    return None


def reference_in(free_text: str) -> str | None:
    """The one valid reference that stands in free text, in any spelling; None where there is none, or more than one.

    >>> reference_in("loan ***123/4567/89002***, merci"), reference_in("123 4567 89003"), reference_in("0123456789002")
    ('123456789002', None, None)
    """
    found = {"".join(match.groups()) for match in _SEPARATED.finditer(free_text)}
    valid = {digits for digits in found if is_structured_communication(digits)}
    valid |= {compact for match in _RF.finditer(free_text.upper()) for compact in _creditor_references(match[0])}
    return valid.pop() if len(valid) == 1 else None


def is_structured_communication(digits: str) -> bool:
    """Whether these are the twelve digits of a structured communication, check digits included."""
    if _TWELVE.fullmatch(digits) is None:
        return False
    number = int(digits[:10])
    return number > 0 and int(digits[10:]) == (number % 97 or 97)


def _creditor_references(spelled: str) -> list[str]:
    """The longest valid reference at the beginning of `spelled`: words may follow it after a space."""
    words = spelled.split(" ")
    candidates = ("".join(words[:count]) for count in range(len(words), 0, -1))
    return next(([candidate] for candidate in candidates if _is_creditor_reference(candidate)), [])


def _is_creditor_reference(compact: str) -> bool:
    return _CREDITOR.fullmatch(compact) is not None and iso11649.is_valid(compact)
