"""The book goes out to programs nobody here wrote, in every format, and every balance agrees to the smallest unit."""

import csv
import re
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.accounts import AccountRef
from ledger.audit.exports import FORMATS, beancount_account, hledger_account, parquet, write_export
from ledger.audit.exports.naming import beancount_commodity
from ledger.balances import trial_balance
from ledger.book import Book
from ledger.errors import Refusal
from tests.exchange_kit import ASSETS, line, load, random_file

BEAN_CHECK = Path(sys.executable).with_name("bean-check")
ENTRIES = 200


@pytest.fixture
def exported(book: Book, tmp_path: Path) -> dict[str, Path]:
    """A book of imported entries, written in every format."""
    load(book, random_file(ENTRIES, seed=20260302))
    files = {}
    for export_format in FORMATS:
        files[export_format] = tmp_path / f"book.{export_format}"
        with files[export_format].open("wb") as out, book.read() as connection:
            assert write_export(connection, book.book_id, export_format, out) == ENTRIES
    return files


def stated(book: Book) -> dict[AccountRef, int]:
    """What the record says, account by account."""
    with book.read() as connection:
        rows = {row.account: row.signed for row in trial_balance(connection, book.book_id)}
    assert {account.asset for account in rows} == set(ASSETS)
    return rows


def minor(number: str, asset: str) -> int:
    """A decimal number of units as an amount; anything finer than the asset's smallest unit fails."""
    scaled = Decimal(number).scaleb(ASSETS[asset])
    assert scaled == int(scaled)
    return int(scaled)


def test_beancount_accepts_the_export_and_computes_the_same_balances(book: Book, exported: dict[str, Path]) -> None:
    checked = subprocess.run([BEAN_CHECK, exported["beancount"]], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

    from beancount import loader
    from beancount.core import realization

    entries, errors, _ = loader.load_file(str(exported["beancount"]))
    assert errors == []
    root = realization.realize(entries)
    for account, balance in stated(book).items():
        held = realization.get(root, beancount_account(account)).balance
        number = held.get_currency_units(beancount_commodity(account.asset)).number
        assert minor(str(number), account.asset) == balance


def test_hledger_accepts_the_export_and_computes_the_same_balances(book: Book, exported: dict[str, Path]) -> None:
    hledger = ["hledger", "-f", str(exported["hledger"])]
    checked = subprocess.run([*hledger, "check", "--strict"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    found: dict[tuple[str, str], int] = {}
    for asset in ASSETS:  # one asset at a time in CSV, where the product asks for all of them in JSON
        command = [*hledger, "balance", "--flat", "--empty", "-O", "csv", "-N", f"cur:^{asset}$"]
        for name, amount in list(csv.reader(subprocess.check_output(command, text=True).splitlines()))[1:]:
            found[name, asset] = minor(amount.partition(" ")[0], asset)
    for account, balance in stated(book).items():
        assert found.get((hledger_account(account), account.asset), 0) == balance


def test_ledger_accepts_the_export_and_computes_the_same_balances(book: Book, exported: dict[str, Path]) -> None:
    ledger = ["ledger", "--args-only", "-f", str(exported["ledger"])]
    checked = subprocess.run([*ledger, "--strict", "--pedantic", "source"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    found: dict[tuple[str, str], int] = {}
    for asset in ASSETS:  # one asset at a time, as bare numbers
        report = ["balance", "--flat", "--no-total", "--balance-format", "%(account) %(quantity(amount))\\n"]
        named = ["--limit", f'commodity =~ /^"?{asset}"?$/']
        for row in subprocess.check_output([*ledger, *report, *named], text=True).splitlines():
            name, _, number = row.rpartition(" ")
            found[name, asset] = minor(number, asset)
    for account, balance in stated(book).items():
        assert found.get((hledger_account(account), account.asset), 0) == balance


@pytest.mark.parametrize(
    ("export_format", "check"),
    [
        ("beancount", [BEAN_CHECK]),
        ("hledger", ["hledger", "check", "--strict", "-f"]),
        ("ledger", ["ledger", "--args-only", "--strict", "--pedantic", "source", "-f"]),
    ],
)
def test_an_altered_amount_is_noticed_by_every_program(
    sqlite_book: Book, tmp_path: Path, export_format: str, check: list[str]
) -> None:
    load(sqlite_book, random_file(20, seed=5))
    file = tmp_path / "book"
    with file.open("wb") as out, sqlite_book.read() as connection:
        write_export(connection, sqlite_book.book_id, export_format, out)
    assert subprocess.run([*check, file], capture_output=True, check=False).returncode == 0
    postings = re.compile(r"^ +\w+:(?:489100|704000)\S*  -\d+\.\d", re.MULTILINE)
    text = file.read_text()
    found = postings.search(text)
    assert found is not None
    digit = (int(found[0][-1]) + 1) % 10
    file.write_text(f"{text[: found.end() - 1]}{digit}{text[found.end() :]}")
    assert subprocess.run([*check, file], capture_output=True, check=False).returncode != 0


def test_a_book_without_entries_is_accepted_too(sqlite_book: Book, tmp_path: Path) -> None:
    for export_format in FORMATS:
        with (tmp_path / export_format).open("wb") as out, sqlite_book.read() as connection:
            assert write_export(connection, sqlite_book.book_id, export_format, out) == 0
    for check in (
        [BEAN_CHECK, tmp_path / "beancount"],
        ["hledger", "check", "--strict", "-f", tmp_path / "hledger"],
        ["ledger", "--args-only", "--strict", "--pedantic", "-f", tmp_path / "ledger", "source"],
    ):
        checked = subprocess.run(check, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_csv_holds_every_posting_in_minor_units(book: Book, exported: dict[str, Path]) -> None:
    sums: dict[AccountRef, int] = defaultdict(int)
    with exported["csv"].open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            account = AccountRef.parse(row["account"], row["asset"])
            sums[account] += int(row["debit"]) - int(row["credit"])
            assert int(row["scale"]) == ASSETS[account.asset]
    assert sums == stated(book)


def test_parquet_holds_what_csv_holds_with_its_types(exported: dict[str, Path]) -> None:
    from pyarrow import parquet as reader

    table = reader.read_table(exported["parquet"])
    assert {name: str(kind) for name, kind in zip(table.schema.names, table.schema.types, strict=True)} == {
        "entry": "int64", "line": "int32", "effective_on": "date32[day]", "key": "string", "purpose": "string",
        "account": "string", "asset": "string", "scale": "int8", "debit": "int64", "credit": "int64",
    }  # fmt: skip
    with exported["csv"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: str(value) for name, value in row.items()} for row in table.to_pylist()] == rows
    assert len(rows) > 2 * ENTRIES


def test_parquet_is_written_in_groups_and_counts_an_entry_that_two_of_them_share_once(
    sqlite_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet as reader

    load(sqlite_book, random_file(50, seed=11))
    monkeypatch.setattr(parquet, "ROW_GROUP", 7)
    with (tmp_path / "book").open("wb") as out, sqlite_book.read() as connection:
        assert write_export(connection, sqlite_book.book_id, "parquet", out) == 50
    written = reader.ParquetFile(tmp_path / "book")
    assert written.metadata.num_row_groups == -(-written.metadata.num_rows // 7)


def test_a_format_whose_package_is_missing_is_refused_and_nothing_is_written(
    sqlite_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with (tmp_path / "book").open("wb") as out, sqlite_book.read() as connection:
        with pytest.raises(Refusal) as caught:
            write_export(connection, sqlite_book.book_id, "parquet", out)
        assert out.tell() == 0
    assert caught.value == Refusal("format-needs-extra", format="parquet", extra="parquet")


FEC_COLUMNS = [
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise",
]  # fmt: skip
FEC_DATE = re.compile(r"(?:19|20|21)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
FEC_AMOUNT = re.compile(r"\d{1,14},\d\d")


def read_fec(file: Path) -> list[dict[str, str]]:
    """The rows, read as the decree describes them: eighteen columns between tabs, every line ended."""
    raw = file.read_bytes().decode("utf-8")
    assert raw.endswith("\r\n")
    header, *rows = [row.split("\t") for row in raw.removesuffix("\r\n").split("\r\n")]
    assert header == FEC_COLUMNS
    assert {len(row) for row in rows} == {18}
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_tax_audit_file_has_the_columns_and_forms_of_the_decree(exported: dict[str, Path]) -> None:
    rows = read_fec(exported["fec"])
    numbers = [int(row["EcritureNum"]) for row in rows]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, ENTRIES + 1))
    for row in rows:
        assert all(FEC_DATE.fullmatch(row[name]) for name in ("EcritureDate", "PieceDate", "ValidDate"))
        assert all(FEC_AMOUNT.fullmatch(row[name]) for name in ("Debit", "Credit"))
        assert "0,00" in {row["Debit"], row["Credit"]}
        assert all(row[name] for name in ("JournalCode", "JournalLib", "CompteNum", "CompteLib", "PieceRef"))
        assert bool(row["CompAuxNum"]) == bool(row["CompAuxLib"])
        assert bool(row["Montantdevise"]) == bool(row["Idevise"])
        assert row["EcritureLib"]
    assert {row["ValidDate"] for row in rows} == {"20260302"}


def test_the_tax_audit_file_balances_and_states_every_balance(book: Book, exported: dict[str, Path]) -> None:
    accounts: dict[AccountRef, int] = defaultdict(int)
    entries: dict[tuple[str, str], int] = defaultdict(int)
    for row in read_fec(exported["fec"]):
        asset = row["Idevise"] or "EUR"
        debit, credit = (minor(row[side].replace(",", "."), "EUR") for side in ("Debit", "Credit"))
        amount = minor(row["Montantdevise"].replace(",", "."), asset) if row["Idevise"] else debit - credit
        assert not (row["Idevise"] and (debit or credit))
        accounts[AccountRef(row["CompteNum"], row["CompAuxNum"], asset)] += amount
        entries[row["EcritureNum"], asset] += amount
    assert accounts == stated(book)
    assert set(entries.values()) == {0}


def test_the_tax_audit_file_states_the_day_of_booking_in_brussels(sqlite_book: Book, tmp_path: Path, clock) -> None:
    clock.instant = clock.instant.replace(hour=23, minute=30)  # half past midnight on the third
    load(sqlite_book, line("k", ("550100", "EUR", 5), ("489100:c1", "EUR", -5)))
    with (tmp_path / "book").open("wb") as out, sqlite_book.read() as connection:
        write_export(connection, sqlite_book.book_id, "fec", out)
    assert [(row["EcritureDate"], row["ValidDate"]) for row in read_fec(tmp_path / "book")] == [
        ("20260131", "20260303")
    ] * 2


def test_no_two_accounts_and_no_two_assets_meet_under_one_name(sqlite_book: Book) -> None:
    load(sqlite_book, random_file(ENTRIES, seed=13))
    accounts = list(stated(sqlite_book))
    for named in (beancount_account, hledger_account):
        assert len({(named(account), account.asset) for account in accounts}) == len(accounts)
    assert len({beancount_commodity(asset) for asset in ASSETS}) == len(ASSETS)
