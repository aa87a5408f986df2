"""`bxl witness`: to be a witness of somebody's log. Needs a folder, a key and the log's policy; no database."""

import signal
import threading
from pathlib import Path

import click

from api.cli.supervisor import end_with_parent
from api.settings import read_passphrase
from api.witnesses.server import WitnessServer
from ledger.clock import SystemClock
from ledger.log.cosignature import cosigner
from ledger.log.note import VerifierKey
from ledger.log.policy import parse_policy
from ledger.witness import Witness
from ledger.witnesskey import load_witness_key, make_witness_key

_STATE = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
state_option = click.option("--state", type=_STATE, required=True, help="The witness's own folder: key and memory.")


@click.group("witness")
def witness() -> None:
    """Cosign the checkpoints of a log that only grows, for all who must not be shown different logs."""


@witness.command("key")
@state_option
@click.option("--name", required=True, help="The witness's name, such as witness.example/w1; it is part of the key.")
@click.option("--ml-dsa", is_flag=True, help="A key for ML-DSA-44 in place of Ed25519.")
def key(state: Path, name: str, *, ml_dsa: bool) -> None:
    """Make the witness's key if there is none, and print its public side for policies.

    With BXL_KEY_PASSPHRASE set, the private key is encrypted at rest.
    """
    made = make_witness_key(state, name=name, ml_dsa=ml_dsa, passphrase=read_passphrase())
    click.echo(cosigner(made).vkey())


@witness.command("serve")
@state_option
@click.option("--policy", "policies", type=_FILE, multiple=True, help="A policy file of a log to witness.")
@click.option("--log", "vkeys", multiple=True, metavar="VKEY", help="A key of a log to witness; all given must sign.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=7380, show_default=True, help="Where to listen.")
def serve(state: Path, policies: tuple[Path, ...], vkeys: tuple[str, ...], host: str, port: int) -> None:
    """Serve as a witness until stopped."""
    keys = [key for policy in policies for key in parse_policy(policy.read_bytes()).log_keys]
    keys += [VerifierKey.parse(vkey) for vkey in vkeys]
    if not keys:
        raise click.UsageError("name the logs to witness with --policy or --log")
    logs = {key.name: tuple(k for k in dict.fromkeys(keys) if k.name == key.name) for key in keys}
    own = load_witness_key(state, passphrase=read_passphrase())
    server = WitnessServer(host, port, Witness(state, own, logs, SystemClock()))
    end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    click.echo(f"Witness {own.name} listens on http://{host}:{server.server_port} for {', '.join(logs)}")
    with server:
        server.serve_forever()
