"""`bxl signer`: the process that signs what the log's files hold. It opens no database."""

import signal
import threading

import click

from api.cli.options import book_options, settings_for
from api.cli.supervisor import end_with_parent
from api.refusals import sentence
from api.settings import Settings
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.keys import load_keys
from ledger.log.policy import parse_policy
from ledger.log.tiles import POLICY
from ledger.signer import Signer, sign_until


@click.command("signer")
@book_options
@click.option("--interval", type=click.IntRange(1, 3600), default=1, show_default=True, help="Seconds between rounds.")
def signer(database: str | None, book: str | None, interval: int) -> None:
    """Sign what is written to the log's files, until stopped."""
    settings = settings_for(database, book)
    end_with_parent()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sign_until(stop, signer_of(settings), interval_seconds=interval, say=_say)


def signer_of(settings: Settings) -> Signer:
    """The signer of an installation, with its keys; refuses `log-keys-missing` and what `load_keys` refuses."""
    try:
        policy = parse_policy((settings.log_folder / POLICY).read_bytes())
    except FileNotFoundError as error:
        raise Refusal("log-keys-missing", folder=str(settings.keys_folder)) from error
    keys = load_keys(settings.keys_folder, policy, passphrase=settings.key_passphrase)
    return Signer(settings.log_folder, settings.signer_state, keys, SystemClock())


def _say(news: Checkpoint | Refusal) -> None:
    """Refusals only: a checkpoint every few seconds is no news."""
    if isinstance(news, Refusal):
        click.echo(f"Not signed: {sentence(news, 'en')}", err=True)
