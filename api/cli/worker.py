"""`bxl worker`: everything that happens after a request, in one loop."""

import signal
import threading

import click

from api.cli.options import book_options, settings_for


@click.command("worker")
@book_options
@click.option("--once", is_flag=True, help="Work until nothing is due, then end.")
def worker(database: str | None, book: str | None, *, once: bool) -> int:
    """Deliver the outbox, call the provider, run dated jobs, send mail, publish the log; until told to stop."""
    from api.bootstrap import wire  # noqa: PLC0415 -- slow imports that only this command needs
    from api.diagnostics import configure_diagnostics  # noqa: PLC0415 -- the same
    from api.worker.loop import run_loop, run_until_idle  # noqa: PLC0415 -- the same
    from api.worker.steps import steps  # noqa: PLC0415 -- the same

    configure_diagnostics()
    doing = steps(wire(settings_for(database, book)))
    if once:
        run_until_idle(doing)
        return 0
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run_loop(doing, stop)
    return 0
