"""Vectors of whole logs: the published sample with its openings, and copies of it with one thing changed."""

from collections.abc import Iterator

from tests.log_vectors.base import FOLDER, FORGED, INCOMPLETE, OURS, VERIFIED, Vector

CHECKPOINT, POLICY = "checkpoint", "policy"
ENTRIES, TILE = "tile/entries/000.p/31", "tile/0/000.p/31"
FILES = (CHECKPOINT, POLICY, ENTRIES, TILE)


def log_vectors() -> Iterator[Vector]:
    """All of them; `log` is a folder, the rest are files."""
    for sample in ("sample", "sample-1"):
        openings = {"openings": (f"{sample}/openings.jsonl", _read(f"{sample}/openings.jsonl"))}
        policy = {"policy": (f"{sample}/log/policy", _read(f"{sample}/log/policy"))}
        receipt = {"proof": "receipt.tlog-proof", "opening": "opening.json"}
        own = {role: (f"{sample}/{name}", _read(f"{sample}/{name}")) for role, name in receipt.items()}
        yield Vector(f"receipt-{sample}", "receipt", own | policy, VERIFIED, OURS, "a receipt of a published sample")
        log = {"log": (f"{sample}/log", b"")}
        yield Vector(f"log-{sample}", "log", log | policy, VERIFIED, OURS, "a published sample")
        yield Vector(f"log-{sample}-replayed", "log", log | openings | policy, VERIFIED, OURS, "with all its openings")
        yield Vector(f"log-{sample}-without-policy", "log", log, INCOMPLETE, OURS, "the policy came with the log")
    entries, tile, head = (_read(f"sample/log/{name}") for name in (ENTRIES, TILE, CHECKPOINT))
    changed = {
        "entry-changed": (ENTRIES, entries.replace(b"11:00", b"11:01", 1), "an entry is another than was signed"),
        "entry-left-out": (ENTRIES, entries[: -2 - _last_length(entries)], "the last entry is missing"),
        "entry-not-canonical": (ENTRIES, entries.replace(b'{"l"', b'{ "l"', 1), "an entry is written otherwise"),
        "tile-changed": (TILE, bytes([tile[0] ^ 1]) + tile[1:], "one bit of a tile is another"),
        "tile-cut-short": (TILE, tile[:-32], "a hash of a tile is missing"),
        "checkpoint-changed": (CHECKPOINT, head.replace(b"\n31\n", b"\n30\n"), "the size is another than was signed"),
    }
    for name, (file, content, why) in changed.items():
        if content == _read(f"sample/log/{file}"):
            raise ValueError(f"{name} changes nothing")
        yield from _copy(name, {file: content}, FORGED, why)
    yield from _copy("tile-missing", {TILE: None}, INCOMPLETE, "a tile is not there, which is not the same as wrong")
    yield from _openings()


def _copy(name: str, changes: dict[str, bytes | None], expected: str, why: str) -> Iterator[Vector]:
    """The sample with these files changed or taken out. Its files have roles of their own beside the folder's."""
    folder = f"log/{name}"
    contents = {file: changes.get(file, _read(f"sample/log/{file}")) for file in FILES}
    files = {"log": (folder, b"")} | {
        file: (f"{folder}/{file}", content) for file, content in contents.items() if content is not None
    }
    policy = {"policy": ("sample/log/policy", _read("sample/log/policy"))}
    yield Vector(f"log-{name}", "log", files | policy, expected, OURS, why)


def _openings() -> Iterator[Vector]:
    """The sample as it stands, with a bundle of openings that is not the one that was made."""
    original = _read("sample/openings.jsonl")
    lines = original.splitlines(keepends=True)
    changed = {
        "amount": (original.replace(b'"debit":6000', b'"debit":6001', 1), FORGED, "an amount was changed"),
        "nonce": (_nonce_changed(original), FORGED, "a nonce was changed"),
        "record-left-out": (b"".join([*lines[:4], *lines[5:]]), FORGED, "the record of an entry is missing"),
        "records-exchanged": (b"".join([*lines[:4], lines[5], lines[4], *lines[6:]]), FORGED, "records changed places"),
        "balance": (b"".join([*lines[:-1], _balance_changed(lines[-1])]), FORGED, "a stated balance is wrong"),
        "of-another-log": (original.replace(b'"book":"main"', b'"book":"demo"', 1), FORGED, "the book is another"),
        "cut-short": (b"".join(lines[:-1]), INCOMPLETE, "the closing record is missing"),
    }
    for name, (content, expected, why) in changed.items():
        if content == original:
            raise ValueError(f"{name} changes nothing")
        files = {
            "log": ("sample/log", b""),
            "openings": (f"openings/{name}.jsonl", content),
            "policy": ("sample/log/policy", _read("sample/log/policy")),
        }
        yield Vector(f"openings-{name}", "log", files, expected, OURS, why)


def _read(path: str) -> bytes:
    return (FOLDER / path).read_bytes()


def _last_length(entries: bytes) -> int:
    """The length of the last entry of a bundle."""
    position = length = 0
    while position < len(entries):
        length = int.from_bytes(entries[position : position + 2], "big")
        position += 2 + length
    return length


def _nonce_changed(openings: bytes) -> bytes:
    before, mark, after = openings.partition(b'"nonce":"')
    return before + mark + (b"B" if after[:1] == b"A" else b"A") + after[1:]


def _balance_changed(closing: bytes) -> bytes:
    """The closing record with one euro more on the first debit that is not zero."""
    head, mark, rows = closing.partition(b'"trial_balance":')
    before, found, after = rows.partition(b'"debit":')
    while found and after[:1] == b"0":
        more, found, after = after.partition(b'"debit":')
        before += b'"debit":' + more
    digits = after[: after.index(b"}")]
    return head + mark + before + found + str(int(digits) + 100).encode() + after[len(digits) :]
