"""A ballot: its parts, the commitment to it that the log holds at once, and the records that are published at the end.

    subject key ──HMAC──> secret ──HMAC──> salt of a ballot ──┬── SHA-256(salt || body) = commitment, logged when cast
                                                              ├── tag of the head     "tag class head band"
                                                              └── tags of the coins   "tag class choice cents"

At the end every ballot that counts is published as one *head*, which says what it came to and in which band its weight
lies, and as *coins*, which say what its weight is made of. Tags are 128 bits of HMAC under the salt: whoever knows the
salt finds her records, and nobody else can tell which coins belong to which head, or which head to which commitment.
Coins are of few sorts (1, 2 or 5 times a power of ten), and those of a sort are alike: random parts of a round claim
would add up to something round for one voter only, and so give her away.
"""

import base64
import hmac
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from contracts.votes.tally import Choice, head_of
from ledger.errors import Refusal
from ledger.log.leaf import JSON, commit_line
from ledger.money import MAX_MINOR

BALLOT_FORMAT = "bxl-ballot/1"
BANDS_CENTS = (0, 50_000, 250_000, 1_000_000, 5_000_000, 25_000_000)
"""Lower ends of the bands, in cents: up to 500 EUR, 2,500, 10,000, 50,000, 250,000, and above. Each ends where the
next begins, which is not in it.
"""
LEAST_CAP_CENTS = 1_000_000
MOST_COINS = 1_000
TAG_BYTES = 16
_SECRET, _PSEUDONYM, _ELECTORATE, _BALLOT = b"bxl-vote/1\x00", b"pseudonym", b"electorate\x00", b"ballot\x00"
_HEAD, _COIN = b"head", b"coin\x00"


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a voter says, in cents by choice; parts of one choice are one part.

    >>> Ballot.of([(Choice.YES, 30), (Choice.NO, 5), (Choice.YES, 20)]).parts
    {<Choice.YES: 'yes'>: 50, <Choice.NO: 'no'>: 5}
    """

    parts: Mapping[Choice, int]

    @classmethod
    def of(cls, parts: Sequence[tuple[Choice, int]]) -> "Ballot":
        """The ballot with these parts; refuses `ballot-malformed` for a part that is not at least one cent, or none."""
        if not parts or any(isinstance(cents, bool) or cents < 1 for _, cents in parts):
            raise Refusal("ballot-malformed")
        sums = {choice: sum(cents for each, cents in parts if each is choice) for choice in Choice}
        return cls({choice: cents for choice, cents in sums.items() if cents})

    @property
    def cents(self) -> int:
        """All its parts."""
        return sum(self.parts.values())


def voter_secret(subject_key: bytes, vote_id: str) -> bytes:
    """What all secrets of one voter in one vote follow from; it goes when her key does."""
    return hmac.digest(subject_key, _SECRET + vote_id.encode(), "sha256")


def pseudonym(secret: bytes) -> str:
    """What a voter is called in the files of one vote."""
    return _tag(secret, _PSEUDONYM)


def electorate_salt(secret: bytes, class_name: str) -> bytes:
    """What hides a frozen claim."""
    return hmac.digest(secret, _ELECTORATE + class_name.encode(), "sha256")


def ballot_salt(secret: bytes, class_name: str, number: int) -> bytes:
    """What hides a voter's ballot `number` (1...) in a class."""
    return hmac.digest(secret, _BALLOT + f"{class_name}\x00{number}".encode(), "sha256")


def claim_commitment(salt: bytes, *, vote_id: str, voter: str, class_name: str, cents: int) -> bytes:
    """The commitment to a frozen claim."""
    return commit_line(salt, {"cents": cents, "class": class_name, "vote": vote_id, "voter": voter})


def body_of(ballot: Ballot, *, vote_id: str, voter: str, class_name: str, number: int) -> dict[str, JSON]:
    """What a ballot's commitment is to; `voter` is her pseudonym."""
    parts: list[JSON] = [[choice.value, cents] for choice, cents in ballot.parts.items()]
    return {"class": class_name, "number": number, "parts": parts, "vote": vote_id, "voter": voter}


def ballot_in(body: Mapping[str, JSON]) -> Ballot:
    """The ballot of an opened body; refuses `ballot-malformed` for what `body_of` does not make."""
    parts = body.get("parts")
    if not isinstance(parts, list) or body.keys() != {"class", "number", "parts", "vote", "voter"}:
        raise Refusal("ballot-malformed")
    try:
        ballot = Ballot.of([(Choice(choice), cents) for choice, cents in parts])
    except (TypeError, ValueError) as error:
        raise Refusal("ballot-malformed") from error
    if [[choice.value, cents] for choice, cents in ballot.parts.items()] != parts:
        raise Refusal("ballot-malformed")
    return ballot


def head_record(salt: bytes, class_name: str, ballot: Ballot, bands: Sequence[int]) -> str:
    """The head of a ballot as it is published: `tag class head band`, bands counted from 0."""
    return f"{_tag(salt, _HEAD)} {class_name} {head_of(ballot.parts)} {band_of(ballot.cents, bands)}"


def coin_records(salt: bytes, class_name: str, ballot: Ballot, cap: int) -> list[str]:
    """The coins of a ballot as they are published: `tag class choice cents`."""
    sorts = [(choice, coin) for choice, cents in ballot.parts.items() for coin in coins(cents, cap)]
    return [
        f"{_tag(salt, _COIN + position.to_bytes(4, 'big'))} {class_name} {choice} {coin}"
        for position, (choice, coin) in enumerate(sorts)
    ]


def coins(cents: int, cap: int) -> list[int]:
    """The fewest coins of 1, 2 or 5 times a power of ten, none above `cap`, that make up an amount; the largest first.

    >>> coins(125_000, 1_000_000), coins(2_500_001, 1_000_000)
    ([100000, 20000, 5000], [1000000, 1000000, 500000, 1])
    """
    found: list[int] = []
    for coin in sorts_up_to(cap):
        count, cents = divmod(cents, coin)
        found += [coin] * count
    return found


@cache
def sorts_up_to(cap: int) -> tuple[int, ...]:
    """The coins that there are, the largest first.

    >>> sorts_up_to(20)
    (20, 10, 5, 2, 1)
    """
    every = [factor * 10**power for power in range(len(str(MAX_MINOR))) for factor in (1, 2, 5)]
    return tuple(coin for coin in reversed(every) if coin <= cap)


def cap_for(largest_cents: int) -> int:
    """The largest coin of a vote: 10,000 EUR, or what makes up the largest claim in about a thousand coins."""
    enough = [coin for coin in sorts_up_to(MAX_MINOR) if coin * MOST_COINS >= largest_cents]
    return max(LEAST_CAP_CENTS, enough[-1])


def band_of(cents: int, bands: Sequence[int]) -> int:
    """The band that an amount lies in.

    >>> [band_of(cents, BANDS_CENTS) for cents in (1, 49_999, 50_000, 10**12)]
    [0, 0, 1, 5]
    """
    return bisect_right(bands, cents) - 1


def _tag(key: bytes, message: bytes) -> str:
    digest = hmac.digest(key, message, "sha256")[:TAG_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
