"""Commands on the transparency log: bring it up to date, look at it."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.logkeys import announce, change_policy, new_origin, retire_key, rotate_key
from api.cli.options import book_options, settings_for
from api.cli.signer import signer_of, witnessing_of
from api.refusals import sentence
from api.settings import Settings
from ledger.anchors import anchor_checkpoint, daily_key
from ledger.announcing import publish_policies
from ledger.audit.totals import enter_totals, publish_totals
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.integrator import copy_checkpoint, integrate
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.tiles import UNWITNESSED
from ledger.standing import log_standing


@click.group("log")
def log() -> None:
    """Publish the transparency log and look at it."""


for _command in (announce, change_policy, new_origin, retire_key, rotate_key):
    log.add_command(_command)


@log.command("publish")
@book_options
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Copy the whole log to this folder as well."
)
@click.option("--json", "as_json", is_flag=True, help="Print what is published as JSON.")
def publish(database: str | None, book: str | None, out: Path | None, *, as_json: bool) -> None:
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
    if out is not None:  # a book has one log and one signer: another folder gets a mirror, not a second signature
        shutil.copytree(settings.log_folder, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns(UNWITNESSED))
    _show(checkpoint, as_json=as_json, folder=out or settings.log_folder)


@log.command("status")
@book_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def status(database: str | None, book: str | None, *, as_json: bool) -> None:
    """Say how many entries are booked, written, signed and witnessed, how long the rest waits, and the last anchor."""
    settings = settings_for(database, book)
    opened = open_book(settings)
    standing = log_standing(opened, settings.log_folder, now=opened.clock.now())
    figures = {name: value for name, value in asdict(standing).items() if value is not None}
    figures["folder"] = str(settings.log_folder)
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo("\n".join(f"{name.replace('_', ' '):<18} {value}" for name, value in figures.items()))
    if standing.is_late:
        click.echo(f"ALARM: the oldest pending entry has waited for {standing.pending_seconds} seconds", err=True)
    if settings.tsa_url is not None and standing.anchor_is_late:
        click.echo(f"ALARM: nothing was anchored for {standing.anchor_seconds} seconds", err=True)


@log.command("anchor")
@book_options
@click.option("--json", "as_json", is_flag=True, help="Print what is anchored as JSON.")
def anchor(database: str | None, book: str | None, *, as_json: bool) -> None:
    """Have the published checkpoint stamped by the authority of BXL_TSA_URL, and enter the anchor; once a day."""
    from api.timestamps import authority_of  # noqa: PLC0415 -- only anchors need the client

    settings = settings_for(database, book)
    authority = authority_of(settings)
    opened = open_book(settings)
    key = daily_key(brussels_date(opened.clock.now()))
    anchored = anchor_checkpoint(opened, settings.log_folder, stamp=authority.stamp, check=authority.check, key=key)
    if anchored is None:
        click.echo(json.dumps({"anchored": False}) if as_json else "Today's checkpoint is anchored already.")
        return
    figures = {"anchored": True, "size": anchored.size, "time": anchored.stamped_at.isoformat(), "entry": anchored.n}
    line = f"Checkpoint of {anchored.size} entries, stamped at {anchored.stamped_at.isoformat()}: entry {anchored.n}"
    click.echo(json.dumps(figures) if as_json else line)


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
