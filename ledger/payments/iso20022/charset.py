"""The characters that every bank of the single euro payments area carries, and how other ones are written with them.

EPC217-08, "SEPA requirements for an extended character set": letters without marks, digits, `/ - ? : ( ) . , ' +` and
space. A letter loses its marks; a symbol becomes the nearest character of the set or a full stop. A letter of another
script has no place there, so that a name in it is refused: it has to be stated in Latin letters.
"""

import re
import unicodedata

_SET = re.compile(r"[A-Za-z0-9/?:().,'+ -]*")
_BEYOND = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")
_MARKS = re.compile(r"[\u0300-\u036f]+")
_WRITTEN_OUT = {"€": "EUR", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH"}
_NEAREST: dict[int, int | str] = {
    **str.maketrans("&_[]{}<>|\\;`\u2018\u2019\u2013\u2014\t\n\r", "+-()()()//,'''--   "),
    **str.maketrans("øØđĐðÐłŁ\u0131ħĦ", "oOdDdDlLihH"),
    **{ord(letter): written for letter, written in _WRITTEN_OUT.items()},
}


def in_sepa_characters(text: str) -> str | None:
    """`text` in the characters of the set, without space around it; None where a letter has none there.

    >>> in_sepa_characters("Société «Zoé & fils»"), in_sepa_characters("Ελένη")
    ('Societe .Zoe + fils.', None)
    """
    if _SET.fullmatch(text):
        return text.strip()
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.translate(_NEAREST)))
    if any(char.isalnum() for char in _BEYOND.findall(plain)):
        return None
    return _BEYOND.sub(".", plain).strip()


def is_sepa_identifier(text: str, *, longest: int = 35) -> bool:
    """Whether `text` can be an identifier: of the set, no slash first, last or doubled (EPC130-08), 1 to `longest`.

    >>> is_sepa_identifier("CPN-2026-11-0001"), is_sepa_identifier("a//b")
    (True, False)
    """
    slashes = text.startswith("/") or text.endswith("/") or "//" in text
    fits = 0 < len(text) <= longest and _SET.fullmatch(text) is not None
    return fits and not slashes and text == text.strip()
