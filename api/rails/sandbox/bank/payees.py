"""Whether a name is the holder's: what the twin answers to a verification of payee."""

import unicodedata
from difflib import SequenceMatcher

_CLOSE_PERCENT = 75


def compare_names(held: str, asked: str) -> str:
    """`match`, `close-match` or `no-match`; accents, capitals, punctuation and the order of names do not count.

    >>> compare_names("Amélie Dubois", "DUBOIS Amelie"), compare_names("Amélie Dubois", "A. Dubois")
    ('match', 'close-match')
    >>> compare_names("Amélie Dubois", "Jan Peeters")
    'no-match'
    """
    ours, theirs = _words(held), _words(asked)
    if ours == theirs:
        return "match"
    if _is_abbreviated(ours, theirs):
        return "close-match"
    matcher = SequenceMatcher(None, " ".join(ours), " ".join(theirs), autojunk=False)
    alike = 2 * sum(block.size for block in matcher.get_matching_blocks()) * 100
    total = len(" ".join(ours)) + len(" ".join(theirs))
    return "close-match" if alike >= _CLOSE_PERCENT * total else "no-match"


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return sorted("".join(letter if letter.isalnum() else " " for letter in plain).split())


def _is_abbreviated(ours: list[str], theirs: list[str]) -> bool:
    """The same names, some of them written as initials only."""
    initials = sorted(word[0] for word in ours) == sorted(word[0] for word in theirs)
    return initials and any(len(word) > 1 and word in theirs for word in ours)
