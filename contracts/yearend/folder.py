"""A year's papers as a folder: each as JSON and as PDF, and an index that says which books they stand on."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from contracts.documents.folder import plain, write_folder
from contracts.yearend.papers import YearEnd
from ledger.log.encoding import b64
from ledger.storage.base import JSON


def write_year_end(found: YearEnd, folder: Path, *, origin: str | None) -> int:
    """Write everything to `folder`; the number of files, the index not counted. `origin` is the log's name.

    Refuses `folder-is-a-file` and `folder-not-empty`.
    """
    return len(write_folder(folder, _files(found), partial(_index, found, origin)))


def _files(found: YearEnd) -> Iterator[tuple[str, bytes]]:
    for paper in sorted(found.papers, key=lambda each: each.path):
        yield f"{paper.path}.json", paper.json()
        yield f"{paper.path}.pdf", paper.draw()
        yield from paper.beside


def _index(found: YearEnd, origin: str | None, listed: list[JSON]) -> dict[str, JSON]:
    return {
        "book": found.book_id,
        "year": found.year,
        "made_on": found.made_on.isoformat(),
        "known_at_entry": found.known_at_entry,
        "tree_head": {"origin": origin, "size": found.head.size, "root": b64(found.head.root)},
        "wording": found.wording,
        "totals": plain(found.totals),
        "left_out": list(found.left_out),
        "files": listed,
    }
