"""Who is in a book, in every spelling, and where any of it stands in a folder of files."""

import re
from pathlib import Path

import sqlalchemy as sa

from contracts.parties import queries, tables
from ledger.book import Book

_WORDS = {"language", "role", "legal_form"}
"""Members of an identity that tell nobody apart."""
_SHORTEST = 5
"""Letters: three of them in a row are in any base64."""


def identity_strings(book: Book) -> set[str]:
    """Names, addresses, enterprise and account numbers of everybody in the book who was not erased."""
    found: set[str] = set()
    with book.read() as connection:
        parties = connection.scalars(sa.select(tables.party.c.party_id).where(tables.party.c.book_id == book.book_id))
        for party_id in parties.all():
            if book.keys.existing_key(connection, party_id) is None:
                continue
            opened = queries.party(connection, book, party_id)
            identity = opened.identity
            found |= {str(getattr(identity, name)) for name in identity.__slots__ if name not in _WORDS}
            found |= {opened.name, *opened.name.split(), opened.email.partition("@")[0]}
        ibans = sa.select(tables.party_iban.c.party_id, tables.party_iban.c.sealed)
        for party_id, sealed in connection.execute(ibans.where(tables.party_iban.c.book_id == book.book_id)):
            if book.keys.existing_key(connection, party_id) is not None:
                found.add(book.keys.open_personal(connection, party_id, sealed).decode())
    return {text for text in found if len(text) >= _SHORTEST}


def places_of(strings: set[str], folder: Path) -> list[tuple[str, str]]:
    """Which of the strings stand in which files, or in their names: as they are, without marks, in small letters."""
    spellings = {text: {text, text.lower(), re.sub(r"[^\w@]", "", text)} for text in strings}
    patterns = {
        text: re.compile(b"|".join(rb"(?<![\w+/])" + re.escape(form.encode()) + rb"(?![\w+/])" for form in forms))
        for text, forms in spellings.items()
    }
    found = []
    for path in sorted(folder.rglob("*")):
        content = str(path.relative_to(folder)).encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
        found += [(text, path.name) for text, pattern in patterns.items() if pattern.search(content)]
    return found
