"""`bxl year-end` and `bxl loss-certificate`: papers of a calendar year, from the books as they stand, into a folder."""

import json
from pathlib import Path

import click

from api.bootstrap import desk_of, open_book
from api.cli.options import book_options, settings_for
from contracts.documents.folder import INDEX, check_empty
from contracts.yearend.folder import write_year_end
from contracts.yearend.losses import certify_loss
from contracts.yearend.papers import year_end
from ledger.integrator import read_checkpoint
from ledger.log.policies import installed_policy

_FIRST_YEAR, _LAST_YEAR = 1900, 2199


@click.command("year-end")
@click.argument("year", type=click.IntRange(_FIRST_YEAR, _LAST_YEAR))
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), required=True, help="A folder that is empty or is not there."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@book_options
def year_end_command(year: int, folder: Path, *, as_json: bool, database: str | None, book: str | None) -> None:
    """Write the papers of the calendar YEAR, each as JSON and as PDF, with an index of hashes.

    For each loan the proof to the Fund; for each lender the tax credit certificate, the statement, and what she lost of
    each loan; for each borrower the withholding return with a file in the shape of declaration 273. The books are only
    read, and the same books give the same bytes. Nothing is written unless every total ties to the ledger.
    """
    check_empty(folder)
    settings = settings_for(database, book)
    found = year_end(open_book(settings), year, desk_of(settings))
    policy = installed_policy(settings.log_folder)
    files = write_year_end(found, folder, origin=policy.origin if policy else None)
    published = read_checkpoint(settings.log_folder)
    signed = published[0].size if published else 0
    if as_json:
        answer = {"files": files, "index": str(folder / INDEX), "size": found.head.size, "signed_size": signed}
        click.echo(json.dumps(answer))
        return
    click.echo(f"{files} files of {year} in {folder}, as the books stood after entry {found.known_at_entry}")
    if signed < found.head.size:
        click.echo(
            f"The log is signed up to {signed} of {found.head.size} entries: publish it to have the rest proven."
        )


@click.command("loss-certificate")
@click.argument("loan_id")
@click.argument("year", type=click.IntRange(_FIRST_YEAR, _LAST_YEAR))
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), required=True, help="A folder that is empty or is not there."
)
@click.option("--json", "as_json", is_flag=True, help="Print where the loan's file stands as JSON.")
@book_options
def loss_certificate_command(
    loan_id: str, year: int, folder: Path, *, as_json: bool, database: str | None, book: str | None
) -> None:
    """Certify what was lost of the loan LOAN_ID in the calendar YEAR, for each of its lenders, as JSON and as PDF.

    The certificates are those of the year's papers. The loan's file then says that its loss is certified, with their
    hash as its evidence.
    """
    check_empty(folder)
    settings = settings_for(database, book)
    state = certify_loss(open_book(settings), loan_id, year, desk_of(settings), folder, actor="system:year-end")
    if as_json:
        click.echo(json.dumps({"loan_id": loan_id, "year": year, "state": state.value}))
        return
    click.echo(f"Certificates of {year} for {loan_id} in {folder}; its file: {state.value}")
