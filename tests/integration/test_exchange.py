"""Entries come in from files and go out to programs nobody here wrote, and every balance agrees to the cent."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.accounts import AccountRef
from ledger.audit.exports import beancount_account, hledger_account, write_export
from ledger.audit.imports import read_batches
from ledger.balances import asset_scales, entry_count, statement, trial_balance
from ledger.book import Book
from ledger.errors import Refusal

BEAN_CHECK = Path(sys.executable).with_name("bean-check")


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
    """A file over two assets with awkward names and purposes."""
    chance = random.Random(seed)
    lines = ['{"asset": "TREES-1", "scale": 0}', '{"asset": "KWH", "scale": 3}']
    owners = ["c17", "A_b.c", "x-1", "x-2D1", "7"]
    for i in range(entries):
        asset = chance.choice(["EUR", "EUR", "TREES-1", "KWH"])
        amounts = [chance.randrange(1, 10**9) for _ in range(chance.randrange(1, 4))]
        codes = ("550100", "489100") if asset == "EUR" else ("010000", "011000")
        postings = [(f"{codes[1]}:{chance.choice(owners)}", asset, -amount) for amount in amounts]
        day = f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
        purpose = f'N° {i}; a, "b" | c \\ d'
        lines.append(line(f"k/{i}", (codes[0], asset, sum(amounts)), *postings, on=day, purpose=purpose))
    return "\n".join(lines)


@pytest.fixture
def exported(book: Book, tmp_path: Path) -> dict[str, Path]:
    """A book of 300 imported entries, written in every format."""
    load(book, random_file(300, seed=20260302))
    files = {}
    for export_format in ("beancount", "hledger", "csv"):
        files[export_format] = tmp_path / f"book.{export_format}"
        with files[export_format].open("w", encoding="utf-8", newline="") as out, book.read() as connection:
            assert write_export(connection, book.book_id, export_format, out) == 300
    return files


def test_beancount_accepts_the_export_and_computes_the_same_balances(book: Book, exported: dict[str, Path]) -> None:
    checked = subprocess.run([BEAN_CHECK, exported["beancount"]], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

    from beancount import loader
    from beancount.core import realization

    entries, errors, _ = loader.load_file(str(exported["beancount"]))
    assert errors == []
    root = realization.realize(entries)
    with book.read() as connection:
        scales, rows = asset_scales(connection, "main"), trial_balance(connection, "main")
    assert len(rows) > 10
    for row in rows:
        amount = realization.get(root, beancount_account(row.account)).balance.get_currency_units(row.account.asset)
        assert int(amount.number.scaleb(scales[row.account.asset])) == row.debit - row.credit


def test_hledger_accepts_the_export_and_computes_the_same_balances(book: Book, exported: dict[str, Path]) -> None:
    hledger = ["hledger", "-f", str(exported["hledger"])]
    checked = subprocess.run([*hledger, "check", "--strict"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

    report = json.loads(subprocess.check_output([*hledger, "balance", "--flat", "--empty", "-O", "json"], text=True))
    found = {
        (name, amount["acommodity"]): (amount["aquantity"]["decimalMantissa"], amount["aquantity"]["decimalPlaces"])
        for name, _, _, amounts in report[0]
        for amount in amounts
    }
    with book.read() as connection:
        scales, rows = asset_scales(connection, "main"), trial_balance(connection, "main")
    for row in rows:
        mantissa, places = found.get((hledger_account(row.account), row.account.asset), (0, 0))
        assert mantissa * 10 ** (scales[row.account.asset] - places) == row.debit - row.credit


def test_an_altered_amount_is_noticed_by_both_programs(exported: dict[str, Path]) -> None:
    for name, command in (("beancount", [BEAN_CHECK]), ("hledger", ["hledger", "check", "-f"])):
        text = exported[name].read_text()
        first = next(part for part in text.split("\n") if part.strip().startswith("Liabilities:489100"))
        digit = next(c for c in reversed(first) if c.isdigit())
        at = text.index(first) + first.rindex(digit)
        exported[name].write_text(text[:at] + str((int(digit) + 1) % 10) + text[at + 1 :])
        assert subprocess.run([*command, exported[name]], capture_output=True, check=False).returncode != 0


def test_csv_holds_every_posting_in_minor_units(book: Book, exported: dict[str, Path]) -> None:
    import csv

    sums: dict[AccountRef, int] = {}
    with exported["csv"].open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            account = AccountRef.parse(row["account"], row["asset"])
            sums[account] = sums.get(account, 0) + int(row["debit"]) - int(row["credit"])
    with book.read() as connection:
        assert sums == {row.account: row.debit - row.credit for row in trial_balance(connection, "main")}


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


@pytest.mark.parametrize(
    ("bad", "code", "field"),
    [
        ("{", "line-not-json", ""),
        ("[1]", "line-not-an-object", ""),
        ('{"key": "k"}', "field-missing", "effective_on"),
        (GOOD[:-1] + ', "extra": 1}', "field-unknown", "extra"),
        (GOOD.replace('"key": "good"', '"key": "good", "key": "k"'), "field-repeated", "key"),
        (GOOD.replace('"good"', "7"), "field-has-wrong-type", "key"),
        (GOOD.replace("2026-01-31", "31/01/2026"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "2026-02-30"), "date-malformed", "effective_on"),
        (GOOD.replace("2026-01-31", "1726-01-31"), "date-out-of-range", "effective_on"),
        (GOOD.replace('"debit": 5', '"debit": 5.5'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": "5"'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": true'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": 1e3'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": NaN'), "amount-not-an-integer", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": -5'), "amount-negative", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": 9007199254740992'), "amount-too-large", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": 5, "credit": 5'), "posting-has-both-sides", "postings[0].debit"),
        (GOOD.replace('"debit": 5', '"debit": 0'), "posting-is-empty", "postings[0].debit"),
        (GOOD.replace('"credit": 5', '"credit": 6'), "entry-unbalanced", "postings"),
        (GOOD.replace("550100", "55x"), "account-malformed", "postings[0].account"),
        (GOOD.replace("550100", "999999"), "account-not-in-chart", "postings"),
        (GOOD.replace("EUR", "TREES"), "unknown-asset", "postings"),
        (GOOD.replace("Essai", "=HYPERLINK(1)"), "purpose-malformed", "purpose"),
        (GOOD.replace("Essai", "a\\u202eb"), "purpose-malformed", "purpose"),
        (GOOD.replace("Essai", "a\\u0000b"), "purpose-malformed", "purpose"),
        (GOOD.replace('"good"', '" "'), "key-malformed", "key"),
        (GOOD.replace("}]}", '}], "evidence": "no hash"}'), "evidence-malformed", "evidence"),
        ('{"asset": "trees", "scale": 0}', "asset-code-malformed", "asset"),
        ('{"asset": "TREES", "scale": 10}', "asset-scale-out-of-range", "scale"),
        ('{"asset": "EUR", "scale": 3}', "asset-scale-differs", None),
        ("[" * 100_000, "line-not-json", ""),
        ('{"key": ' + "9" * 5_000 + "}", "line-not-json", ""),
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
    if field is not None:
        assert (caught.value.facts["line"], caught.value.facts["field"]) == (3, field)
        with sqlite_book.read() as connection:
            assert entry_count(connection, "main") == 1


def test_text_in_another_encoding_and_lines_without_end_are_refused() -> None:
    with pytest.raises(Refusal, match="line-not-utf8"):
        list(read_batches(io.BytesIO(GOOD.replace("Essai", "Échéance").encode("latin-1") + b"\xc9"), size=1))
    with pytest.raises(Refusal, match="line-too-long"):
        list(read_batches(io.BytesIO(b"x" * 1_000_001), size=1))


def test_a_key_with_another_body_is_refused_with_its_line(book: Book) -> None:
    load(book, GOOD)
    with pytest.raises(Refusal, match="fact-key-reused") as caught:
        load(book, f"\n{GOOD.replace('Essai', 'Autre')}")
    assert caught.value.facts["line"] == 2
