"""A bank reached by a folder, as clients of EBICS and SFTP leave and fetch files.

    <folder>/out/   order files, `<message id>.xml`; the transport program takes them away
    <folder>/in/    statements and answers, under any name, which it puts there
    <folder>/sent/  the SHA-256 of every file that was put into out/

A file appears in out/ whole or not at all. After a crash in between it may be put there twice; the bank takes one
message id once. A folder can't be asked who holds an account: every verification of payee is "not possible".
"""

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

from ledger.payments.model import Mode
from ledger.payments.rail import CallRefusedError, PayeeAnswer, PayeeMatch, RailBusyError

_MESSAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,34}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ANSWER, _ORDERS = "pain.002", ("pain.001", "pain.008")


class FolderBank:
    """The bank behind `folder`, whose three parts are made where they are missing."""

    def __init__(self, folder: Path, mode: Mode) -> None:
        self._out, self._in, self._sent = (folder / name for name in ("out", "in", "sent"))
        self._mode = mode

    @property
    def mode(self) -> Mode:
        """Whether real money moves."""
        return self._mode

    def submit(self, file: bytes, message_id: str) -> None:
        """Leave an order file; the same file under the same message id is left once, another one is refused."""
        if _MESSAGE_ID.fullmatch(message_id) is None:
            raise CallRefusedError("not the form of a message id")
        root = _root(file)
        if root is None or not any(kind in str(root.tag) for kind in _ORDERS) or _last(root, "MsgId") != message_id:
            raise CallRefusedError("no order file of this message id")
        digest = hashlib.sha256(file).hexdigest()
        try:
            self._leave(file, message_id, digest)
        except OSError as error:
            raise RailBusyError(f"the bank's folder can't be written: {error.strerror}") from error

    def answers(self, *, since: date) -> list[bytes]:
        """Every pain.002 answer since that day, oldest first."""
        return [content for on, is_answer, content in self._received() if is_answer and on >= since.isoformat()]

    def statements(self, *, since: date) -> list[bytes]:
        """Every other file since that day, oldest first; one that can't be read too: importing it says why."""
        return [content for on, is_answer, content in self._received() if not is_answer and on >= since.isoformat()]

    def check_payee(self, *, iban: str, name: str) -> PayeeAnswer:
        """There is nobody to ask."""
        return PayeeAnswer(iban, name, PayeeMatch.NOT_POSSIBLE)

    def _leave(self, file: bytes, message_id: str, digest: str) -> None:
        for part in (self._out, self._in, self._sent):
            part.mkdir(parents=True, exist_ok=True)
        waiting, record = self._out / f"{message_id}.xml", self._sent / f"{message_id}.sha256"
        if record.exists():
            known = record.read_text("ascii").strip()
        elif waiting.exists():
            known = hashlib.sha256(waiting.read_bytes()).hexdigest()
        else:
            known = digest
        if known != digest:
            raise CallRefusedError("the message id was used for another file")
        if not record.exists():
            _write_whole(waiting, file)
            _write_whole(record, f"{digest}\n".encode())

    def _received(self) -> list[tuple[str, bool, bytes]]:
        """Day, whether it is an answer, and content of every file, oldest first."""
        try:
            return sorted(self._read_received())
        except OSError as error:
            raise RailBusyError(f"the bank's folder can't be read: {error.strerror}") from error

    def _read_received(self) -> Iterator[tuple[str, bool, bytes]]:
        if not self._in.is_dir():
            return
        for path in self._in.iterdir():
            if path.is_file() and not path.name.startswith("."):
                content = path.read_bytes()
                root = _root(content)
                is_answer = root is not None and _ANSWER in str(root.tag)
                day = "" if root is None else _last(root, "CreDtTm" if is_answer else "ToDtTm")[:10]
                yield day if _DAY.fullmatch(day) else date.max.isoformat(), is_answer, content


def _root(content: bytes) -> ET.Element | None:
    """The document; None where there is none, or one with a document type, which no such file has."""
    if b"<!DOCTYPE" in content:
        return None
    try:
        return ET.fromstring(content)  # noqa: S314 -- no document type, so nothing to expand or to fetch
    except ET.ParseError:
        return None


def _last(root: ET.Element, name: str) -> str:
    """The text of the last element of that name, in whatever namespace."""
    found = [each.text or "" for each in root.iter() if each.tag.rpartition("}")[2] == name]
    return found[-1].strip() if found else ""


def _write_whole(path: Path, content: bytes) -> None:
    """A file that is there whole or not at all; the name it is written under first begins with a dot."""
    fresh = path.with_name(f".{path.name}.part")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
