"""Commands on a book: bring entries in, read balances and statements, write the book for other programs."""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click

from api.bootstrap import create_book, open_book, prepare_import
from api.cli.options import book_options, known_at_of, known_at_option, settings_for
from api.cli.progress import progress
from api.migrations import load_metadata
from api.refusals import sentence
from api.settings import Settings
from ledger.accounts import AccountRef
from ledger.audit.exports import FORMATS, write_export
from ledger.audit.imports import read_batches
from ledger.audit.log_export import write_log
from ledger.audit.log_import import read_log
from ledger.balances import StatementLine, statement, trial_balance
from ledger.book import Book
from ledger.errors import Refusal
from ledger.log.encoding import b64
from ledger.money import EUR
from ledger.storage.keys import make_wrapping_key, read_wrapping_key

_DATE = click.DateTime(formats=["%Y-%m-%d"])
_MAX_BATCH = 10_000
_LOG = "log"
_KEYS = click.option(
    "--keys",
    "keys_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --format log: the file that holds the export's key (32 bytes).",
)


@click.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "import_format",
    type=click.Choice(["entries", _LOG]),
    default="entries",
    show_default=True,
    help="Journal entries, or a whole record from `bxl export --format log` for a database without this book.",
)
@_KEYS
@click.option("--batch", type=click.IntRange(1, _MAX_BATCH), default=1_000, show_default=True, help="Entries a commit.")
@click.option("--floors", is_flag=True, help="Open accounts with the chart's floors and ceilings.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@book_options
def import_command(
    file: BinaryIO,
    import_format: str,
    keys_file: Path | None,
    batch: int,
    *,
    floors: bool,
    as_json: bool,
    database: str | None,
    book: str | None,
) -> int:
    """Post the journal entries of FILE (JSON lines; - for standard input), all or nothing per batch."""
    settings = settings_for(database, book)
    if import_format == _LOG:
        return _import_log(settings, file, _transport_key(keys_file), as_json=as_json)
    opened = create_book(settings)
    started = time.monotonic()
    counts = {"entries": 0, "postings": 0, "duplicates": 0}
    try:
        with progress(file, shown=not as_json) as done:
            _import(opened, file, batch, counts, done, floors=floors)
    except Refusal as refusal:
        if as_json or "line" not in refusal.facts:
            raise
        _say_where(refusal)
        click.echo(f"Nothing of its batch is posted; {counts['entries']} entries before it are.", err=True)
        return 1
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps({**counts, "seconds": seconds}))
    else:
        click.echo(
            "{entries} entries, {postings} postings, {duplicates} duplicates".format(**counts) + f", {seconds} s"
        )
    return 0


def _import_log(settings: Settings, file: BinaryIO, transport_key: bytes, *, as_json: bool) -> int:
    engine, keys = prepare_import(settings)
    started = time.monotonic()
    try:
        with progress(file, shown=not as_json) as done:
            rebuilt = read_log(engine, file, transport_key, keys=keys, done=done)
    except Refusal as refusal:
        if as_json or "line" not in refusal.facts:
            raise
        _say_where(refusal)
        click.echo("Nothing of the file is kept.", err=True)
        return 1
    counts = {"blocks": rebuilt.blocks, "entries": rebuilt.entries, "answers": rebuilt.answers}
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        click.echo(json.dumps({**counts, "hash": b64(rebuilt.hash), "seconds": seconds}))
    else:
        told = "{blocks} blocks, {entries} entries, {answers} answers, the same to the byte".format(**counts)
        click.echo(f"{told}, {seconds} s")
    return 0


def _transport_key(keys_file: Path | None, *, make: bool = False) -> bytes:
    if keys_file is None:
        raise click.UsageError("--format log needs --keys FILE")
    return make_wrapping_key(keys_file) if make and not keys_file.exists() else read_wrapping_key(keys_file)


def _say_where(refusal: Refusal) -> None:
    where = f"line {refusal.facts['line']}" + (f", {refusal.facts['field']}" if refusal.facts["field"] else "")
    click.echo(f"{where}: {sentence(refusal, 'en')}", err=True)


def _import(
    book: Book, file: BinaryIO, size: int, counts: dict[str, int], done: Callable[[int], None], *, floors: bool
) -> None:
    for batch in read_batches(file, size=size):
        try:
            with book.unit_of_work(actor="import", floors=floors) as unit:
                for asset in batch.assets:
                    unit.open_asset(asset)
                for entry in batch.entries:
                    unit.post(entry)
        except Refusal as refusal:
            raise batch.located(refusal) from refusal
        new = [not result.duplicate for result in unit.results]
        counts["entries"] += sum(new)
        counts["duplicates"] += len(new) - sum(new)
        counts["postings"] += sum(len(e.postings) for e, is_new in zip(batch.entries, new, strict=True) if is_new)
        done(len(new))


@click.command(name="trial-balance")
@click.option("--on", type=_DATE, help="Balances by date of effect up to this day (default: all).")
@known_at_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, amounts in minor units.")
@book_options
def trial_balance_command(
    on: datetime | None, known_at: str | None, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Print every account's balance, debit or credit."""
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        known = known_at_of(connection, opened.book_id, known_at)
        rows = trial_balance(connection, opened.book_id, on=on.date() if on else None, known_at=known)
    if as_json:
        click.echo(
            json.dumps(
                [
                    {"account": str(r.account), "asset": r.account.asset, "debit": r.debit, "credit": r.credit}
                    for r in rows
                ]
            )
        )
        return
    for row in rows:
        debit, credit = _shown(row.debit, row.account), _shown(row.credit, row.account)
        click.echo(f"{row.account!s:<24} {row.account.asset:<12} {debit:>18} {credit:>18}")


@click.command(name="statement")
@click.argument("account")
@click.option("--asset", default=EUR.code, show_default=True)
@click.option("--after", type=click.IntRange(min=0, max=2**53), default=0, help="Begin after this sequence number.")
@click.option("--limit", type=click.IntRange(min=1, max=2**53), help="Print at most so many lines.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, amounts in minor units.")
@book_options
def statement_command(
    account: str,
    asset: str,
    after: int,
    limit: int | None,
    *,
    as_json: bool,
    database: str | None,
    book: str | None,
) -> None:
    """Print the postings of ACCOUNT (such as 489100:c17) in booking order; the next page is after the last number."""
    opened = open_book(settings_for(database, book))
    ref = AccountRef.parse(account, asset)
    with opened.read() as connection:
        lines = statement(connection, opened.book_id, ref, after_seq=after, limit=limit)
    if as_json:
        click.echo(json.dumps([_statement_line(line) for line in lines]))
        return
    for line in lines:
        amounts = f"{_shown(line.debit, ref):>16} {_shown(line.credit, ref):>16} {_shown(line.balance, ref):>16}"
        click.echo(f"{line.seq:>6} {line.effective_on} {amounts}  {line.purpose}")


@click.command(name="export")
@click.option("--format", "export_format", type=click.Choice([*FORMATS, _LOG]), required=True)
@_KEYS
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A file; - for standard output."
)
@book_options
def export_command(
    export_format: str, keys_file: Path | None, out: Path, *, database: str | None, book: str | None
) -> None:
    """Write the whole book for another program to check, or as a log: all of it, for another database to rebuild.

    A log and the file of its key (made where it does not exist) tell everything: guard them, and keep them apart.
    """
    opened = open_book(settings_for(database, book))
    write: Callable[[BinaryIO], int] = partial(_export, opened, export_format)
    if export_format == _LOG:
        load_metadata()  # the record is more than the ledger's own tables
        write = partial(write_log, opened, transport_key=_transport_key(keys_file, make=True))
    if str(out) == "-":
        write(sys.stdout.buffer)
        return
    unfinished = out.with_name(out.name + ".partial")
    try:
        unfinished.touch(mode=0o600 if export_format == _LOG else 0o666)
        with unfinished.open("wb") as file:
            count = write(file)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"{count} entries in {out}")


def _export(book: Book, export_format: str, out: BinaryIO) -> int:
    with book.read() as connection:
        return write_export(connection, book.book_id, export_format, out)


def _statement_line(line: StatementLine) -> dict[str, object]:
    return {
        "seq": line.seq,
        "entry": line.entry,
        "effective_on": line.effective_on.isoformat(),
        "booked_at": line.booked_at.isoformat(),
        "purpose": line.purpose,
        "debit": line.debit,
        "credit": line.credit,
        "balance": line.balance,
    }


def _shown(minor: int, account: AccountRef) -> str:
    """Euro with two decimals; any other asset in its smallest unit."""
    if account.asset != EUR.code:
        return str(minor)
    sign, cents = "-" if minor < 0 else "", abs(minor)
    return f"{sign}{cents // 100}.{cents % 100:02d}"
