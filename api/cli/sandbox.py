"""`bxl sandbox`: the payment sandbox as a process of its own, and what happened in it."""

import json
import signal
import tempfile
import threading
from pathlib import Path

import click

from api.cli.main import EXIT_REFUSED

EXIT_UNAVAILABLE = 2


@click.group("sandbox")
def sandbox() -> None:
    """The payment sandbox, which plays the provider on this machine."""


@sandbox.command("serve")
@click.option("--port", type=click.IntRange(0, 65_535), default=8001, show_default=True, help="0 takes a free port.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="File that keeps its payments.")
@click.option("--seed", help="Makes its ids the same in every run.")
@click.option("--token", envvar="BXL_SANDBOX_TOKEN", help="What control calls must show; nothing unless given.")
def serve(port: int, state: Path | None, seed: str | None, token: str | None) -> int:
    """Serve on 127.0.0.1 until told to stop; prints its address."""
    from api.rails.sandbox.server import SandboxServer  # noqa: PLC0415 -- only this command needs it

    try:
        server = SandboxServer(port, state=state, seed=seed, control_token=token)
    except OSError as error:
        click.echo(f"The sandbox can't listen on port {port}: {error.strerror}. Choose another with --port.", err=True)
        return EXIT_UNAVAILABLE
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    click.echo(server.base)
    stop.wait()
    server.close()
    return 0


@sandbox.command("timeline")
@click.option("--url", envvar="BXL_SANDBOX", default="http://127.0.0.1:8001", show_default=True, help="Its address.")
@click.option("--token", envvar="BXL_SANDBOX_TOKEN", default="none", help="Its token, if it has one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def timeline(url: str, token: str, *, as_json: bool) -> int:
    """Print what happened in a running sandbox since its start, one line an event."""
    from api.rails.sandbox.control import SandboxControl  # noqa: PLC0415 -- only this command needs it
    from api.rails.sandbox.timeline import line_of  # noqa: PLC0415 -- the same

    try:
        events = SandboxControl(url, token).timeline()
    except OSError as error:
        click.echo(f"No sandbox answers at {url}: {error}. Start one with `bxl sandbox serve`.", err=True)
        return EXIT_UNAVAILABLE
    if as_json:
        click.echo(json.dumps({"events": events}))
    for event in () if as_json else events:
        click.echo(line_of(event))
    return 0


@sandbox.command("storm")
@click.option("--seed", type=int, default=1, show_default=True, help="Of everything that happens.")
@click.option("--intents", type=click.IntRange(1), default=100, show_default=True, help="Payments that are asked for.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def storm(seed: int, intents: int, *, as_json: bool) -> int:
    """Let everything go wrong on a book of its own, and compare ledger, provider and bank to the cent.

    Ends with 1 on any difference, anything that a second sweep posts, and any invariant that does not hold.
    """
    from api.reconcile.storm import run_storm  # noqa: PLC0415 -- only this command needs it

    with tempfile.TemporaryDirectory(prefix="bxl-storm-") as folder:
        outcome = run_storm(seed, intents, Path(folder))
    figures = outcome.figures()
    click.echo(json.dumps(figures) if as_json else "\n".join(f"{name:24}{value}" for name, value in figures.items()))
    for text in outcome.broken:
        click.echo(text, err=True)
    return 0 if outcome.agrees else EXIT_REFUSED
