"""Commands on the transparency log: bring it up to date, look at it."""

import json
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.logkeys import announce, change_policy, new_origin, retire_key, rotate_key
from api.cli.options import book_options, settings_for
from api.cli.signer import signer_of, witnessing_of
from api.refusals import sentence
from api.settings import Settings
from ledger.announcing import publish_policies
from ledger.audit.totals import enter_totals, publish_totals
from ledger.balances import entry_count
from ledger.errors import Refusal
from ledger.integrator import copy_checkpoint, integrate, read_checkpoint
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.tiles import LogFolder


@click.group("log")
def log() -> None:
    """Publish the transparency log and look at it."""


for _command in (announce, change_policy, new_origin, retire_key, rotate_key):
    log.add_command(_command)


@log.command("publish")
@book_options
@click.option("--json", "as_json", is_flag=True, help="Print what is published as JSON.")
def publish(database: str | None, book: str | None, *, as_json: bool) -> None:
    """Write all committed entries to the log's files, sign them, have them witnessed, and keep the checkpoint.

    Where the policy asks for witnesses and no quorum answers, what is signed stays `checkpoint.unwitnessed`.
    """
    settings = settings_for(database, book)
    opened = open_book(settings)
    enter_totals(opened)
    size = integrate(opened, settings.log_folder)
    publish_policies(opened, settings.log_folder)
    publish_totals(opened, settings.log_folder, size=size)
    signer_of(settings).run_round()
    _have_witnessed(settings)
    checkpoint = copy_checkpoint(opened, settings.log_folder, now=opened.clock.now())
    if checkpoint is None:
        raise Refusal("log-not-published", folder=str(settings.log_folder))
    _show(checkpoint, as_json=as_json, folder=settings.log_folder)


@log.command("status")
@book_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def status(database: str | None, book: str | None, *, as_json: bool) -> None:
    """Say how many entries are booked, written to files, and signed."""
    settings = settings_for(database, book)
    opened = open_book(settings)
    published = read_checkpoint(settings.log_folder)
    with opened.read() as connection:
        booked = entry_count(connection, opened.book_id)
    figures: dict[str, int | str] = {
        "booked": booked,
        "written": LogFolder(settings.log_folder).position(),
        "signed": published[0].size if published else 0,
        "root": b64(published[0].root) if published else "",
        "folder": str(settings.log_folder),
    }
    click.echo(json.dumps(figures) if as_json else "\n".join(f"{name:<8} {value}" for name, value in figures.items()))


def _have_witnessed(settings: Settings) -> None:
    """One round of the witnesses, if the policy names any; refuses `quorum-not-reached`, and says what each refused."""
    asked = witnessing_of(settings).run_round()
    for problem in asked.problems.values() if asked else ():
        click.echo(sentence(problem, "en"), err=True)
    if asked is not None and not asked.published:
        raise asked.not_reached()


def _show(checkpoint: Checkpoint, *, as_json: bool, folder: Path) -> None:
    figures = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": b64(checkpoint.root),
        "folder": str(folder),
    }
    click.echo(json.dumps(figures) if as_json else "\n".join(f"{name:<7} {value}" for name, value in figures.items()))
