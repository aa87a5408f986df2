"""`bxl signer`: the process that signs what the log's files hold. It opens no database."""

import signal
import threading
from concurrent.futures import Future
from functools import partial

import click

from api.cli.options import book_options, settings_for
from api.cli.supervisor import end_with_parent
from api.keys.pkcs11 import token_keys
from api.refusals import sentence
from api.settings import Settings
from api.witnesses.addresses import read_addresses
from api.witnesses.client import HttpWitnesses
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.tiles import POLICY, LogFolder
from ledger.signer import Signer, sign_until
from ledger.signing import KeysInForce, policy_in_force
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
    arguments = (stop, witnessing, interval, beside)
    threading.Thread(target=_witness, args=arguments, name="witnessing", daemon=True).start()
    sign_until(stop, own, interval_seconds=interval, say=_say)
    if beside.done():
        beside.result()


def signer_of(settings: Settings) -> Signer:
    """The signer of an installation, with the keys in force; refuses `log-keys-missing` and what loading them does."""
    _refuse_no_policy(settings)
    keys = KeysInForce(
        settings.log_folder,
        settings.keys_folder,
        passphrase=settings.key_passphrase,
        tokens=token_keys(settings.log_key_uris, settings.log_key_pin),
    )
    clock = SystemClock()
    size = LogFolder(settings.log_folder).position()
    keys(clock.now().date(), size)  # what is missing is said at once, not at the first entry
    return Signer(settings.log_folder, settings.signer_state, keys, clock)


def witnessing_of(settings: Settings) -> Witnessing:
    """What asks the witnesses that the policy of an installation names, if it names any."""
    _refuse_no_policy(settings)
    return Witnessing(
        settings.log_folder,
        partial(policy_in_force, settings.log_folder),
        HttpWitnesses(),
        lock_file=settings.publish_lock,
        addresses=lambda: read_addresses(settings.witness_addresses),
    )


def _refuse_no_policy(settings: Settings) -> None:
    if not (settings.log_folder / POLICY).exists():
        raise Refusal("log-keys-missing", folder=str(settings.keys_folder))


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
