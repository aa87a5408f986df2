"""Entries come in from files: each once, in batches that stand or fall, and whatever is wrong is named by its line."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.refusals import sentence
from ledger.accounts import AccountRef
from ledger.audit import imports
from ledger.audit.imports import read_batches
from ledger.balances import entry_count, statement
from ledger.book import Book
from ledger.errors import Refusal
from tests.exchange_kit import line, load, random_file


def test_the_same_file_again_posts_nothing(book: Book) -> None:
    text = random_file(50, seed=3)
    assert all(load(book, text))
    with book.read() as connection:
        before = entry_count(connection, "main")
    assert not any(load(book, text, size=7))
    with book.read() as connection:
        assert entry_count(connection, "main") == before


def test_a_repeat_inside_a_batch_is_a_duplicate(book: Book) -> None:
    once = line("k", ("550100", "EUR", 5), ("489100:c1", "EUR", -5))
    assert load(book, f"{once}\n\n{once}\n") == [True, False]


def test_accounts_open_without_a_floor_unless_asked(book: Book) -> None:
    overdrawn = line("k", ("489100:c1", "EUR", 5), ("489200:c1", "EUR", -5))
    with pytest.raises(Refusal, match="floor-breached") as caught:
        load(book, overdrawn, floors=True)
    assert caught.value.facts["missing_cents"] == 5
    assert load(book, overdrawn) == [True]
    with book.read() as connection:
        [only] = statement(connection, "main", AccountRef("489100", "c1"))
    assert only.balance == 5


GOOD = line("good", ("550100", "EUR", 5), ("489100:c1", "EUR", -5))
MANY = line("many", *[("550100", "EUR", 1)] * 5_000, *[("489100:c1", "EUR", -1)] * 5_000)
DIGITS = "9" * 5_000  # more than Python converts


@pytest.mark.parametrize(
    ("bad", "code", "field"),
    [
        ("{", "line-not-json", ""),
        ("[1]", "line-not-an-object", ""),
        (DIGITS, "line-not-an-object", ""),
        ('{"key": "k"}', "field-missing", "effective_on"),
        (GOOD[:-1] + ', "extra": 1}', "field-unknown", "extra"),
        (GOOD[:-1] + ', "a\\u202eb": 1}', "field-unknown", "a\\u202eb"),
        (GOOD[:-1] + ', "\\ud800": 1}', "field-unknown", "\\ud800"),
        (GOOD[:-1] + f', "{"x" * 900_000}": 1}}', "field-unknown", "x" * 200),
        (GOOD.replace('"key": "good"', '"key": "good", "key": "k"'), "field-repeated", "key"),
        (GOOD.replace('"good"', "7"), "field-has-wrong-type", "key"),
        (GOOD.replace('"good"', DIGITS), "field-has-wrong-type", "key"),
        (GOOD.replace("2026-01-31", "31/01/2026"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "2026-02-30"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "20260131"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "0000-01-31"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "10000-01-31"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "2026-01-31\\u0000"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "1899-12-31"), "date-out-of-range", "effective_on"),
        (GOOD.replace("2026-01-31", "2200-01-01"), "date-out-of-range", "effective_on"),
        (GOOD.replace('"debit": 5', '"debit": 5.5'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": "5"'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": true'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": 1e3'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": NaN'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": -Infinity'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": -5'), "amount-negative", "postings[0].debit"),
        (GOOD.replace('"debit": 5', f'"debit": -{DIGITS}'), "amount-negative", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": 9007199254740992'), "amount-too-large", "postings[0].debit"),
        (GOOD.replace('"debit": 5', f'"debit": {2**63}'), "amount-too-large", "postings[0].debit"),
        (GOOD.replace('"debit": 5', f'"debit": {2**64}'), "amount-too-large", "postings[0].debit"),
        (GOOD.replace('"credit": 5', f'"credit": {DIGITS}'), "amount-too-large", "postings[1].credit"),
        (GOOD.replace('"debit": 5', '"debit": 5, "credit": 5'), "posting-has-both-sides", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": 0'), "posting-is-empty", "postings[0].debit"),
        (GOOD.replace('"credit": 5', '"credit": 6'), "entry-unbalanced", "postings"),
        (MANY, "entry-has-too-many-postings", "postings"),
        (GOOD.replace("550100", "55x"), "account-malformed", "postings[0].account"),
        (GOOD.replace("550100", "550100:\\ud800"), "account-malformed", "postings[0].account"),
        (GOOD.replace("550100", "550100:a\\u202eb"), "account-malformed", "postings[0].account"),
        (GOOD.replace("550100", "5" * 900_000), "account-malformed", "postings[0].account"),
        (GOOD.replace("550100", "999999"), "account-not-in-chart", "postings"),
        (GOOD.replace("EUR", "TREES"), "unknown-asset", "postings"),
        (GOOD.replace("EUR", "E\\u0000R"), "asset-code-malformed", "postings[0].asset"),
        (GOOD.replace("EUR", "\\udfff"), "asset-code-malformed", "postings[0].asset"),
        (GOOD.replace("EUR", "x" * 300_000), "asset-code-malformed", "postings[0].asset"),
        (GOOD.replace("}]}", '}], "reverses": "\\ud800"}'), "entry-reverses-unknown", "reverses"),
        (GOOD.replace("}]}", '}], "reverses": "a\\u0000b"}'), "entry-reverses-unknown", "reverses"),
        (GOOD.replace("}]}", '}], "reverses": "absent"}'), "entry-reverses-unknown", "reverses"),
        (GOOD.replace("Essai", "=HYPERLINK(1)"), "purpose-malformed", "purpose"),
        (GOOD.replace("Essai", "a\\u202eb"), "purpose-malformed", "purpose"),
        (GOOD.replace("Essai", "a\\u2066b"), "purpose-malformed", "purpose"),
        (GOOD.replace("Essai", "a\\u0000b"), "purpose-malformed", "purpose"),
        (GOOD.replace("Essai", "a\\ud800b"), "purpose-malformed", "purpose"),
        (GOOD.replace("Essai", "E" * 201), "purpose-malformed", "purpose"),
        (GOOD.replace('"good"', '" "'), "key-malformed", "key"),
        (GOOD.replace('"good"', '"a\\udc80"'), "key-malformed", "key"),
        (GOOD.replace("}]}", '}], "evidence": "no hash"}'), "evidence-malformed", "evidence"),
        ('{"asset": "trees", "scale": 0}', "asset-code-malformed", "asset"),
        ('{"asset": "\\ud800", "scale": 0}', "asset-code-malformed", "asset"),
        ('{"asset": "TREES", "scale": 10}', "asset-scale-out-of-range", "scale"),
        (f'{{"asset": "TREES", "scale": {DIGITS}}}', "asset-scale-out-of-range", "scale"),
        ('{"asset": "EUR", "scale": 3}', "asset-scale-differs", None),
        ("[" * 100_000, "line-not-json", ""),
        ('{"a":' * 100_000, "line-not-json", ""),
        (GOOD.replace("Essai", "a\0b"), "line-not-utf8", ""),
        (GOOD.replace("Essai", "a\tb"), "line-not-json", ""),
    ],
)
def test_a_line_that_is_wrong_is_named_and_its_batch_left_out(
    sqlite_book: Book, bad: str, code: str, field: str | None
) -> None:
    first = line("first", ("550100", "EUR", 1), ("489100:c1", "EUR", -1))
    text = "\n".join([first, GOOD.replace('"good"', '"same-batch"'), bad])
    with pytest.raises(Refusal) as caught:
        load(sqlite_book, text, size=1 if field is None else 10)
    assert caught.value.code == code
    for language in ("fr", "nl", "en"):
        shown = sentence(caught.value, language).replace("\u00a0", " ")
        assert shown.isprintable()
        assert len(shown) < 500
    if field is not None:
        assert (caught.value.facts["line"], caught.value.facts["field"]) == (3, field)
        with sqlite_book.read() as connection:
            assert entry_count(connection, "main") == 1


ACCENTED = GOOD.replace("Essai", "Échéance")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (ACCENTED.encode("latin-1") + b"\xc9", "line-not-utf8"),
        (json.dumps(json.loads(ACCENTED), ensure_ascii=False).encode("latin-1"), "line-not-utf8"),
        (GOOD.encode("utf-16"), "line-not-utf8"),  # with its mark
        (GOOD.encode("utf-16-le"), "line-not-utf8"),
        (GOOD.encode("utf-16-be"), "line-not-utf8"),
        (GOOD.encode("utf-32-be"), "line-not-utf8"),
        (GOOD.encode("utf-8-sig"), "file-has-byte-order-mark"),
        (b"x" * 1_000_001, "line-too-long"),
        (b" " * 1_000_001, "line-too-long"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "line-not-utf8"),  # a compressed file
    ],
)
def test_a_file_in_another_encoding_or_without_lines_is_refused_at_its_first_line(content: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        list(read_batches(io.BytesIO(content), size=1))
    assert (caught.value.code, caught.value.facts["line"], caught.value.facts["field"]) == (code, 1, "")


def test_a_key_with_another_body_is_refused_with_its_line(book: Book) -> None:
    load(book, GOOD)
    with pytest.raises(Refusal, match="fact-key-reused") as caught:
        load(book, f"\n{GOOD.replace('Essai', 'Autre')}")
    assert caught.value.facts["line"] == 2


def test_a_batch_ends_before_it_holds_more_postings_than_memory_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_BATCH_POSTINGS", 6)
    text = "\n".join(GOOD.replace("good", f"good-{i}") for i in range(8)).encode()
    assert [len(batch.entries) for batch in read_batches(io.BytesIO(text), size=100)] == [3, 3, 2]


def test_declarations_alone_make_batches_too() -> None:
    text = "\n".join(json.dumps({"asset": f"A{i}", "scale": 0}) for i in range(7)).encode()
    assert [len(batch.assets) for batch in read_batches(io.BytesIO(text), size=3)] == [3, 3, 1]


IN_LITTLE_MEMORY = """
import pathlib, resource, sys
from ledger.audit.imports import read_batches
from ledger.errors import Refusal
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 40_000_000,) * 2)
with open(sys.argv[1], "rb") as file:
    try:
        file.readline()
    except MemoryError:
        print("a whole line does not fit")
    file.seek(0)
    try:
        for batch in read_batches(file, size=100):
            pass
    except Refusal as refusal:
        print(refusal.code, refusal.facts["line"])
"""


@pytest.mark.parametrize(
    ("first", "repeated", "code"),
    [(b"", b"x", "line-too-long 1"), (b"\n", b"[", "line-too-long 2"), (b'\n\n{"a": "', b"\\ud800", "line-too-long 3")],
)
def test_a_line_of_100_megabytes_is_refused_in_bounded_memory(
    tmp_path: Path, first: bytes, repeated: bytes, code: str
) -> None:
    file = tmp_path / "entries.jsonl"
    with file.open("wb") as out:
        out.write(first)
        for _ in range(100):
            out.write(repeated * (1_000_000 // len(repeated)))
    command = [sys.executable, "-c", IN_LITTLE_MEMORY, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = [*(["a whole line does not fit"] if not first else []), code]
    assert result.stdout.splitlines() == expected
