"""Papers as a folder or an archive with an index of hashes; a folder appears whole or not at all.

The same papers give the same bytes: JSON has sorted members and one form, and nothing of the machine, its clock or its
place enters. The folder is written beside its place, readable by its owner only, and then renamed.
"""

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON

INDEX = "index.json"


def check_empty(folder: Path) -> None:
    """Refuses `folder-is-a-file` and `folder-not-empty`; what is not there is fine."""
    if folder.exists() and not folder.is_dir():
        raise Refusal("folder-is-a-file", folder=str(folder))
    if folder.is_dir() and any(folder.iterdir()):
        raise Refusal("folder-not-empty", folder=str(folder))


def write_folder(folder: Path, files: Iterable[tuple[str, bytes]], index: Callable[[list[JSON]], object]) -> list[JSON]:
    """Write files (path, bytes) and the `index` of what was listed of them: path, length and SHA-256; gives the list.

    Refuses what `check_empty` refuses.
    """
    check_empty(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        listed: list[JSON] = [_written(partial, path, body) for path, body in files]
        (partial / INDEX).write_bytes(as_json(index(listed)))
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return listed


def as_zip(files: Iterable[tuple[str, bytes]], index: Callable[[list[JSON]], object]) -> bytes:
    """The same files and index in one archive; nothing of the clock enters it."""
    out, listed = io.BytesIO(), list[JSON]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in files:
            archive.writestr(zipfile.ZipInfo(path), body, zipfile.ZIP_DEFLATED)
            listed.append(_listed(path, body))
        archive.writestr(zipfile.ZipInfo(INDEX), as_json(index(listed)), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def as_json(value: object) -> bytes:
    """A frozen value as JSON in its one form: sorted members, ISO dates, rates as text, cents as whole numbers."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def plain(value: object) -> JSON:
    """The same before it is text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
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
            return [plain(each) for each in value]
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case _:
            raise InvariantError(f"a paper does not say {type(value).__name__}")


def _written(folder: Path, path: str, body: bytes) -> dict[str, JSON]:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    return _listed(path, body)


def _listed(path: str, body: bytes) -> dict[str, JSON]:
    return {"path": path, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
