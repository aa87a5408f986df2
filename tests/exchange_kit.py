"""Files of journal entries for the tests of import and export: plain ones, and books where every name is awkward."""

import io
import json
import random

from ledger.audit.imports import read_batches
from ledger.book import Book
from ledger.errors import Refusal

ASSETS = {"EUR": 2, "TREES-1": 0, "KWH": 3, "H": 9, "TRUE": 1, "NULL": 0, "ABCDEFGHIJKLMNOPQRSTUVWX": 2, "X-9": 5}
OWNERS = ["c17", "A_b.c", "x-1", "X-1", "x-2D1", "7", "c17.", "0" * 64]
TEXTS = [
    'N° 1; a, "b" | c \\ d',
    "x [2026-99-99] [=2020] date:2026-13-99, date2:x",
    "5 * (!) @@ {7} = 3 ~ 2 EUR",
    "2026-01-01 open Assets:X EUR",
    "a  ;  two spaces, then a comment",
    "key: :tag: value:: 5",
    "Échéance ½ 日本語 😀",
    "p #tag ^link %percent \\n",
    "n" * 200,
    "include other.file",
]


def load(book: Book, text: str, *, size: int = 100, floors: bool = False) -> list[bool]:
    """Post the file; returns for each entry whether it was new."""
    new = []
    for batch in read_batches(io.BytesIO(text.encode()), size=size):
        try:
            with book.unit_of_work(actor="import", floors=floors) as unit:
                for asset in batch.assets:
                    unit.open_asset(asset)
                for entry in batch.entries:
                    unit.post(entry)
        except Refusal as refusal:
            raise batch.located(refusal) from refusal
        new += [not result.duplicate for result in unit.results]
    return new


def line(key: str, *postings: tuple[str, str, int], on: str = "2026-01-31", purpose: str = "Essai") -> str:
    """One line of a file; a negative amount is a credit."""
    return json.dumps(
        {
            "key": key,
            "effective_on": on,
            "purpose": purpose,
            "postings": [
                {"account": account, "asset": asset, ("debit" if amount > 0 else "credit"): abs(amount)}
                for account, asset, amount in postings
            ],
        }
    )


def random_file(entries: int, seed: int) -> str:
    """Entries over eight assets, with awkward owners, keys and purposes, dated from 1900 to 2199."""
    chance = random.Random(seed)
    lines = [json.dumps({"asset": code, "scale": scale}) for code, scale in ASSETS.items()]
    for i in range(entries):
        postings = _postings(chance, "EUR")
        if chance.random() < 0.6:
            postings += _postings(chance, chance.choice([code for code in ASSETS if code != "EUR"]))
        year = chance.choice([1900, 2025, 2026, 2026, 2026, 2199])
        day = f"{year}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
        key = f"{i}/{chance.choice(TEXTS)}"[:200]
        lines.append(line(key, *postings, on=day, purpose=chance.choice(TEXTS)))
    return "\n".join(lines)


def _postings(chance: random.Random, asset: str) -> list[tuple[str, str, int]]:
    """One debit and one to three credits; now and then the largest amount there is."""
    amounts = [chance.randrange(1, 10**9) for _ in range(chance.randrange(1, 4))]
    if chance.random() < 0.05:
        amounts = [2**53 - 1]
    debited = ["550100", "580100", "657000", "550100:o1"] if asset == "EUR" else ["010000", "010000:c17"]
    credited = ["489100", "489200", "704000"] if asset == "EUR" else ["011000", "021000"]
    owners = ["", *(f":{owner}" for owner in OWNERS)]
    others = [(chance.choice(credited) + chance.choice(owners), asset, -amount) for amount in amounts]
    return [(chance.choice(debited), asset, sum(amounts)), *others]
