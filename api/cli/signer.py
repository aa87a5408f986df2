"""`bxl signer`: the process that signs what the log's files hold. It opens no database."""

import signal
import threading
from concurrent.futures import Future

import click

from api.cli.options import book_options, settings_for
from api.cli.supervisor import end_with_parent
from api.refusals import sentence
from api.settings import Settings
from api.witnesses.addresses import read_addresses
from api.witnesses.client import HttpWitnesses
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.keys import load_keys
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import POLICY
from ledger.signer import Signer, sign_until
from ledger.witnessing import Witnessing, witness_until


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
    own, witnessing = signer_of(settings), witnessing_of(settings)
    beside: Future[None] = Future()
    if witnessing is not None:
        arguments = (stop, witnessing, interval, beside)
        threading.Thread(target=_witness, args=arguments, name="witnessing", daemon=True).start()
    sign_until(stop, own, interval_seconds=interval, say=_say)
    if beside.done():
        beside.result()


def signer_of(settings: Settings) -> Signer:
    """The signer of an installation, with its keys; refuses `log-keys-missing` and what `load_keys` refuses."""
    policy = _policy_of(settings)
    keys = load_keys(settings.keys_folder, policy, passphrase=settings.key_passphrase)
    return Signer(settings.log_folder, settings.signer_state, keys, SystemClock(), witnessed=policy.is_witnessed)


def witnessing_of(settings: Settings) -> Witnessing | None:
    """What asks the witnesses of an installation; None where its policy asks for none."""
    policy = _policy_of(settings)
    if not policy.is_witnessed:
        return None
    return Witnessing(
        settings.log_folder,
        policy,
        HttpWitnesses(),
        lock_file=settings.publish_lock,
        addresses=lambda: read_addresses(settings.witness_addresses),
    )


def _policy_of(settings: Settings) -> Policy:
    try:
        return parse_policy((settings.log_folder / POLICY).read_bytes())
    except FileNotFoundError as error:
        raise Refusal("log-keys-missing", folder=str(settings.keys_folder)) from error


def _witness(stop: threading.Event, witnessing: Witnessing, interval: int, outcome: "Future[None]") -> None:
    """Rounds of the witnesses, beside those of the signer; a defect here ends both, and is raised by the process."""
    try:
        witness_until(stop, witnessing, SystemClock(), interval_seconds=interval, say=_say_of_witnesses)
    except Exception as defect:  # noqa: BLE001 -- raised again by the main thread
        outcome.set_exception(defect)
        stop.set()


def _say_of_witnesses(refusal: Refusal) -> None:
    click.echo(f"Not witnessed: {sentence(refusal, 'en')}", err=True)


def _say(news: Checkpoint | Refusal) -> None:
    """Refusals only: a checkpoint every few seconds is no news."""
    if isinstance(news, Refusal):
        click.echo(f"Not signed: {sentence(news, 'en')}", err=True)
