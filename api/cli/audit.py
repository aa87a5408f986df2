"""`bxl audit`: of the rows of a database, or of a published log with its openings and no database."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from api.cli import auditor
from api.cli.options import book_options, settings_for
from api.cli.verify import policy_option, show, trusted_policy
from api.settings import Settings
from ledger.log.auditor import read_auditor_public
from ledger.log.sealed import SealingWriter
from ledger.verify.replay import replay
from ledger.verify.report import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group("audit", invoke_without_command=True)
@click.option("--log", "log_folder", type=_FOLDER, help="Audit this copy of a log instead of a database.")
@click.option("--openings", type=_FILE, help="The bundle that opens the log's commitments (with --log).")
@auditor.key_option
@policy_option
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that hash (--log).")
@click.option("--sums", is_flag=True, help="Of the rows: sums, balances, leaves and blocks alone, without commitments.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@book_options
@click.pass_context
def audit(  # noqa: PLR0913 -- the options of a command
    context: click.Context,
    log_folder: Path | None,
    openings: Path | None,
    key_file: Path | None,
    policy_file: Path | None,
    database: str | None,
    book: str | None,
    *,
    jobs: int,
    sums: bool,
    as_json: bool,
) -> int | None:
    """Derive everything again: from the rows of --database, or with --log and --openings from files alone."""
    context.obj = (database, book)
    if context.invoked_subcommand is not None:
        return None
    if (log_folder is None) != (openings is None):
        raise click.UsageError("--log and --openings go together")
    if key_file is not None and openings is None:
        raise click.UsageError("--key opens the bundle of --openings")
    if sums and log_folder is not None:
        raise click.UsageError("--sums is an audit of a database's rows, not of a log")
    if log_folder is not None and openings is not None:
        policy = trusted_policy(policy_file, database, book)
        key = auditor.auditor_key(key_file).opening if key_file else None
        return show(replay(log_folder, openings, policy, jobs=jobs, key=key), as_json=as_json)
    return show(_audit_rows(settings_for(database, book), commitments=not sums), as_json=as_json)


@audit.command("bundle")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write it.")
@click.option("--to", "reader_file", type=_FILE, help="The auditor's public key file: encrypt the bundle to it.")
@click.option("--from", "first", type=click.IntRange(0), default=0, help="The first entry (default: 0).")
@click.option("--until", "last", type=click.IntRange(0), help="The last entry (default: the last that is published).")
@book_options
@click.pass_obj
def bundle(
    outer: tuple[str | None, str | None],
    out: Path,
    reader_file: Path | None,
    first: int,
    last: int | None,
    *,
    database: str | None,
    book: str | None,
) -> None:
    """Write the openings of every entry under the published checkpoint, or of those --from one --until another.

    Whoever can read the file is told everything. With --to, that is who has the auditor's private key, and nobody else.
    """
    reader = read_auditor_public(reader_file).opening if reader_file else None
    lines = _bundle_lines(settings_for(database or outer[0], book or outer[1]), first, last)
    header = next(lines)  # refused before a file is made
    partial = out.with_name(out.name + ".partial")
    partial.touch(mode=0o600)
    count = -1 if first == 0 else 0  # a bundle of the whole log ends with a record that is no entry
    with partial.open("wb") as file:
        plain: AbstractContextManager[SealingWriter | BinaryIO] = nullcontext(file)
        sealing = SealingWriter(file, reader) if reader else plain
        with sealing as opened:
            opened.write(header)
            for line in lines:
                opened.write(line)
                count += 1
    partial.replace(out)
    click.echo(f"{count} entries in {out}")


@click.command("attest")
@click.option("--key", help="Fact key of the state's entry (default: that of the book's business date).")
@book_options
def attest_command(key: str | None, database: str | None, book: str | None) -> None:
    """Digest the rows of the record that no entry tells of, and enter the roots over the digests in the log.

    The worker does it once a day.
    """
    click.echo(f"{_attest(settings_for(database, book), key)} rows attested")


audit.add_command(auditor.key_command)
audit.add_command(auditor.attest_command)

# The audit of a log imports nothing that knows a database; those below do.


def _audit_rows(settings: Settings, *, commitments: bool) -> Report:
    from api.bootstrap import open_book  # noqa: PLC0415 -- see above
    from api.migrations import load_metadata  # noqa: PLC0415 -- see above
    from ledger.audit.rows import audit_rows  # noqa: PLC0415 -- see above

    load_metadata()  # what is attested is more than the ledger's own tables
    return audit_rows(open_book(settings), settings.log_folder, commitments=commitments)


def _attest(settings: Settings, key: str | None) -> int:
    from api.bootstrap import open_book  # noqa: PLC0415 -- see above
    from api.migrations import load_metadata  # noqa: PLC0415 -- see above
    from ledger.attest import attest, daily_key  # noqa: PLC0415 -- see above

    load_metadata()
    with open_book(settings).unit_of_work(actor="attest") as unit:
        return attest(unit, key=key or daily_key(unit.today()))


def _bundle_lines(settings: Settings, first: int, last: int | None) -> Iterator[bytes]:
    from api.bootstrap import open_book  # noqa: PLC0415 -- see above
    from ledger.audit.openings import bundle_lines  # noqa: PLC0415 -- see above

    return bundle_lines(open_book(settings), settings.log_folder, first=first, last=last)
