"""`bxl run`: the whole demo on one machine, from an empty folder to ready log-ins, and again later with the same book.

    bxl run ── sandbox serve            plays the payment provider
            ── demo prepare             once at each start: schema, book, keys; the first time the demo's story too
            ── serve, worker, signer    until Ctrl-C
            ── witness serve            three, for a book whose policy names them

The parent imports little and opens no database: it only starts, watches and ends the others.
"""

import fcntl
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from api.cli.supervisor import ChildGone, Stopped, Supervisor
from api.demo.files import SANDBOX_STATE, clear_unfinished
from api.demo.witnesses import witness_folders
from api.rails.sandbox.stamps import ROOT, STAMPS
from api.settings import SANDBOX_KEY, Settings, SettingsError, read_settings
from api.witnesses.addresses import write_addresses
from ledger.signing import newest_policy_file

EXIT_UNAVAILABLE = 2
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LAST_PORT = 65_535


@click.command("run")
def run() -> int:
    """Start the demo: payment sandbox, web, worker, signer and witnesses; the first time with a seeded book."""
    try:
        settings = read_settings()
    except SettingsError as error:
        return _unavailable("\n".join(error.faults))
    if settings.mollie_key != SANDBOX_KEY:
        return _unavailable(
            "`bxl run` is the demo and plays the provider itself: unset BXL_MOLLIE_KEY, or use serve and worker."
        )
    if not is_free(settings.host, settings.port):
        other = settings.port + 1 if settings.port < _LAST_PORT else _LAST_PORT - 1
        return _unavailable(
            f"Port {settings.port} is taken: stop what uses it, or choose another with BXL_PORT={other}."
        )
    settings.data.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.data) as is_only_one:
        if not is_only_one:
            return _unavailable(
                f"Another `bxl run` uses {settings.data}: stop it, or choose another folder with BXL_DATA."
            )
        return _run_all(settings)


def is_free(host: str, port: int) -> bool:
    """Whether nothing listens on the port, asked as uvicorn will ask it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _run_all(settings: Settings) -> int:
    if not clear_unfinished(settings):
        return _unavailable(
            "The demo's book was interrupted while it was made: empty the database of BXL_DATABASE first."
        )
    sandbox_port = _sandbox_port(settings)
    sandbox_url = f"http://127.0.0.1:{sandbox_port}"
    supervisor = Supervisor({"BXL_SANDBOX": sandbox_url}, say=_say)
    supervisor.stop_on_signals()
    try:
        state = settings.data / SANDBOX_STATE
        arguments = ("sandbox", "serve", "--port", str(sandbox_port), "--state", str(state))
        supervisor.start("payment sandbox", *arguments, quiet=True)
        _await_answer(supervisor, f"{sandbox_url}/health")
        if settings.tsa_url is None:
            supervisor.environment |= _timestamps(settings, sandbox_url)
        log_ins = json.loads(supervisor.run_once("preparation of the book", "demo", "prepare"))
        _start_witnesses(settings, supervisor)
        supervisor.start("web", "serve")
        supervisor.start("worker", "worker")
        supervisor.start("signer", "signer")
        _await_answer(supervisor, f"{settings.origin}/health")
        _welcome(settings, log_ins)
        supervisor.watch()
    except Stopped:
        return 0
    except ChildGone as gone:
        return _unavailable(str(gone))
    finally:
        supervisor.end()
    return 0


def _welcome(settings: Settings, log_ins: list[dict[str, str]]) -> None:
    width = max(len(person["role"]) for person in log_ins)
    name_width = max(len(person["name"]) for person in log_ins)
    _say(f"\n  BXL Invest  {settings.origin}\n")
    for person in log_ins:
        _say(f"  {person['role']:<{width}}  {person['name']:<{name_width}}  {person['link']}")
    _say(f"\n  A link works once, for 15 minutes. For more, see the mailbox: {settings.origin}/en/mailbox")
    _say("  Ctrl-C stops everything; the book is kept.\n")


def _timestamps(settings: Settings, sandbox_url: str) -> dict[str, str]:
    """The sandbox as timestamp authority, its root kept in a file: the demo's signatures carry stamps."""
    root = settings.data / "sandbox-timestamps.pem"
    with urllib.request.urlopen(f"{sandbox_url}{ROOT}", timeout=_READY_SECONDS) as answer:  # noqa: S310 -- our own address
        root.write_bytes(answer.read())
    return {"BXL_TSA_URL": f"{sandbox_url}{STAMPS}", "BXL_TSA_CERTIFICATE": str(root)}


def _start_witnesses(settings: Settings, supervisor: Supervisor) -> None:
    """Each at any free port, which the signer finds in a file: the policy names keys, not places."""
    addresses = {}
    policy = newest_policy_file(settings.log_folder)  # a new name of the log waits for its first cosignatures there
    for name, folder in witness_folders(settings).items():
        port = _any_port()
        where = ("--state", str(folder), "--policy", str(policy), "--port", str(port))
        supervisor.start(f"witness {name}", "witness", "serve", *where, quiet=True)
        addresses[name] = f"http://127.0.0.1:{port}"
    if addresses:
        write_addresses(settings.witness_addresses, addresses)


def _sandbox_port(settings: Settings) -> int:
    """The same port at every run, so that payment links already given stay good; another where it is taken."""
    note = settings.data / "sandbox.port"
    kept = note.read_text("ascii").strip() if note.exists() else ""
    candidates = [int(kept)] if kept.isdecimal() else []
    candidates += [settings.port + 1] if settings.port < _LAST_PORT else []
    usable = (p for p in candidates if p != settings.port and is_free("127.0.0.1", p))
    port = next(usable, 0) or _any_port()
    note.write_text(f"{port}\n", "ascii")
    return port


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _only_one(data: Path) -> Iterator[bool]:
    """Whether this is the only `bxl run` of the folder; the lock falls with the process."""
    with (data / "run.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _await_answer(supervisor: Supervisor, address: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        supervisor.check()
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 -- our own loopback address
                answer.read()
        except (urllib.error.URLError, OSError):
            if supervisor.stopping.wait(_POLL_SECONDS):
                raise Stopped from None
        else:
            return
    raise ChildGone(f"{address} did not answer within {_READY_SECONDS:.0f} seconds; stopping.")


def _say(line: str) -> None:
    click.echo(line)


def _unavailable(line: str) -> int:
    click.echo(line, err=True)
    return EXIT_UNAVAILABLE
