"""A year's papers as a folder: each as JSON and as PDF, and an index with the SHA-256 of every file.

The same books give the same bytes: figures and dates come from the books, JSON has sorted members and one form, and
nothing of the machine, its clock or its place enters. The folder appears whole or not at all: it is written beside its
place, readable by its owner only, and then renamed.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from contracts.yearend.papers import YearEnd, YearPaper
from ledger.errors import InvariantError, Refusal
from ledger.log.encoding import b64
from ledger.storage.base import JSON

INDEX = "index.json"


def check_empty(folder: Path) -> None:
    """Refuses `folder-is-a-file` and `folder-not-empty`; what is not there is fine."""
    if folder.exists() and not folder.is_dir():
        raise Refusal("folder-is-a-file", folder=str(folder))
    if folder.is_dir() and any(folder.iterdir()):
        raise Refusal("folder-not-empty", folder=str(folder))


def write_year_end(found: YearEnd, folder: Path, *, origin: str | None) -> int:
    """Write everything to `folder`; the number of files, the index not counted. `origin` is the log's name.

    Refuses what `check_empty` refuses.
    """
    check_empty(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        listed: list[JSON] = [_written(partial, path, body) for path, body in _files(found)]
        (partial / INDEX).write_bytes(as_json(_index(found, listed, origin)))
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return len(listed)


def as_json(value: object) -> bytes:
    """A frozen value as JSON in its one form: sorted members, ISO dates, rates as text, cents as whole numbers."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def _files(found: YearEnd) -> Iterator[tuple[str, bytes]]:
    for paper in sorted(found.papers, key=lambda each: each.path):
        yield f"{paper.path}.json", as_json(_with_language(paper))
        yield f"{paper.path}.pdf", paper.draw()
        yield from paper.beside


def _with_language(paper: YearPaper) -> dict[str, JSON]:
    stated = _plain(paper.data)
    assert isinstance(stated, dict), "a paper's data is an object"
    return stated | {"language": paper.language}


def _written(folder: Path, path: str, body: bytes) -> dict[str, JSON]:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    return {"path": path, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def _index(found: YearEnd, listed: list[JSON], origin: str | None) -> dict[str, JSON]:
    return {
        "book": found.book_id,
        "year": found.year,
        "made_on": found.made_on.isoformat(),
        "known_at_entry": found.known_at_entry,
        "tree_head": {"origin": origin, "size": found.head.size, "root": b64(found.head.root)},
        "wording": found.wording,
        "totals": _plain(found.totals),
        "left_out": list(found.left_out),
        "files": listed,
    }


def _plain(value: object) -> JSON:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case _:
            raise InvariantError(f"a paper does not say {type(value).__name__}")
