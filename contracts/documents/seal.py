"""Seals a receipt: one invisible signature of the receipt key over every byte of the file.

The file is written once, with room for the signature and for a table of checksums, one per block of 1,024 bytes. The
table proves nothing; it lets a check that fails say where the file was changed. Unlike an agreement's signatures, the
result is the same bytes for the same receipt, key and time.
"""

import hashlib
import io
import re
import zlib
from datetime import UTC, datetime

from pikepdf import Array, Dictionary, Name, Pdf, String

from contracts.documents import cms
from contracts.documents.archive import SAVING
from contracts.documents.authority import SigningIdentity
from ledger.errors import InvariantError

BLOCK, _DIGITS = 1024, 8
CONTENTS_BYTES = 1280
"""Room for the signature, of which about 900 bytes are used; the rest must be zero."""

_OFFSET_ROOM = 9_999_999_999
_RANGE_ROOM = f"/ByteRange [ 0 {_OFFSET_ROOM} {_OFFSET_ROOM} {_OFFSET_ROOM} ]".encode()
_CONTENTS_ROOM = b"/Contents <" + b"00" * CONTENTS_BYTES + b">"
CONTENTS = re.compile(rb"/Contents (<[^<>]{%d}>)" % (2 * CONTENTS_BYTES))
CHECKSUMS = re.compile(rb"/BXLI_Checksums \(([^()]*)\)")


def seal_receipt(pdf: bytes, *, identity: SigningIdentity, at: datetime) -> bytes:
    """`pdf` signed in the one form that `verify.verify_receipt_pdf` accepts; `at` is stated in it."""
    prepared = _with_room(pdf, at)
    start, end = span(CONTENTS, prepared)
    ranged = prepared.replace(_RANGE_ROOM, byte_range(start, end, len(prepared)))
    table = checksums(ranged)
    sealed = _put(ranged, span(CHECKSUMS, ranged), table)
    signature = cms.sign_digest(covered_digest(sealed, start, end), identity)
    if len(signature) > CONTENTS_BYTES:
        raise InvariantError("no room for the signature")
    return _put(sealed, (start + 1, end - 1), signature.hex().encode().ljust(2 * CONTENTS_BYTES, b"0"))


def byte_range(start: int, end: int, length: int) -> bytes:
    """The entry that covers all of a file but its signature value, padded to the room kept for it."""
    entry = f"/ByteRange [ 0 {start} {end} {length - end}".encode()
    return entry.ljust(len(_RANGE_ROOM) - 1) + b"]"


def covered_digest(pdf: bytes, start: int, end: int) -> bytes:
    """SHA-256 of everything outside the signature value."""
    hasher = hashlib.sha256(memoryview(pdf)[:start])
    hasher.update(memoryview(pdf)[end:])
    return hasher.digest()


def checksums(pdf: bytes) -> bytes:
    """CRC-32 of each block, in hexadecimal, and of these; the signature value and the table itself count as zeros."""
    blank = pdf
    for pattern in (CONTENTS, CHECKSUMS):
        start, end = span(pattern, pdf)
        blank = _put(blank, (start, end), bytes(end - start))
    entries = b"".join(_checksum(blank[i : i + BLOCK]) for i in range(0, len(blank), BLOCK))
    return entries + _checksum(entries)


def changed_range(pdf: bytes) -> tuple[int, int]:
    """The first and last byte between which `pdf` was changed, as far as the table tells; ValueError without one."""
    start, end = span(CHECKSUMS, pdf)
    stated, found = pdf[start:end], checksums(pdf)
    if _checksum(stated[:-_DIGITS]) != stated[-_DIGITS:]:
        return start - 1, end  # with its brackets, one of which may be the change
    stated, found = stated[:-_DIGITS], found[:-_DIGITS]
    count = max(len(stated), len(found)) // _DIGITS
    entries = [slice(_DIGITS * i, _DIGITS * (i + 1)) for i in range(count)]
    changed = [i for i, entry in enumerate(entries) if stated[entry] != found[entry]]
    if not changed:
        return start - 1, end
    return changed[0] * BLOCK, min((changed[-1] + 1) * BLOCK, len(pdf)) - 1


def _checksum(block: bytes) -> bytes:
    return b"%08x" % zlib.crc32(block)


def span(pattern: re.Pattern[bytes], pdf: bytes) -> tuple[int, int]:
    """Where the one match of `pattern` has its value; ValueError where there is none, or more than one."""
    (match,) = pattern.finditer(pdf)
    return match.span(1)


def _put(pdf: bytes, where: tuple[int, int], value: bytes) -> bytes:
    start, end = where
    if end - start != len(value):
        raise InvariantError("a value that does not fill its room")
    return pdf[:start] + value + pdf[end:]


def _with_room(pdf: bytes, at: datetime) -> bytes:
    """The receipt with an empty signature field; saved twice, since the table's length follows from the file's."""
    room = 0
    for _ in range(4):
        prepared = _prepared(pdf, at, room)
        blocks = -(-len(prepared) // BLOCK)
        if room == _DIGITS * (blocks + 1):
            if prepared.count(_RANGE_ROOM) != 1 or prepared.count(_CONTENTS_ROOM) != 1:
                raise InvariantError("the room for the signature was not written as expected")
            return prepared
        room = _DIGITS * (blocks + 1)
    raise InvariantError("the table of checksums does not settle")


def _prepared(pdf: bytes, at: datetime, room: int) -> bytes:
    with Pdf.open(io.BytesIO(pdf)) as document:
        page = document.pages[0].obj
        value = Dictionary(
            Type=Name.Sig,
            Filter=Name("/Adobe.PPKLite"),
            SubFilter=Name("/ETSI.CAdES.detached"),
            ByteRange=Array([0, _OFFSET_ROOM, _OFFSET_ROOM, _OFFSET_ROOM]),
            Contents=String(bytes(CONTENTS_BYTES)),
            M=String(f"D:{at.astimezone(UTC):%Y%m%d%H%M%S}Z"),
            BXLI_Checksums=String("0" * room),
        )
        field = document.make_indirect(
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                FT=Name.Sig,
                T=String("receipt"),
                F=132,  # printed and locked; the rectangle is empty
                Rect=Array([0, 0, 0, 0]),
                P=page,
                V=document.make_indirect(value),
            )
        )
        page.Annots = Array([field])
        document.Root.AcroForm = document.make_indirect(Dictionary(Fields=Array([field]), SigFlags=3))
        out = io.BytesIO()
        document.save(out, min_version="1.7", **SAVING)
    return out.getvalue()
