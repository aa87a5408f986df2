"""`bxl sandbox serve`: the payment sandbox as a process of its own."""

import signal
import threading
from pathlib import Path

import click

EXIT_UNAVAILABLE = 2


@click.group("sandbox")
def sandbox() -> None:
    """The payment sandbox, which plays the provider on this machine."""


@sandbox.command("serve")
@click.option("--port", type=click.IntRange(0, 65_535), default=8001, show_default=True, help="0 takes a free port.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="File that keeps its payments.")
def serve(port: int, state: Path | None) -> int:
    """Serve on 127.0.0.1 until told to stop; prints its address."""
    from api.rails.sandbox.server import SandboxServer  # noqa: PLC0415 -- only this command needs it

    try:
        server = SandboxServer(port, state=state)
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
