"""`bxl demo`: the demo's book, made on the first start and kept afterwards."""

import json
import logging
import signal
import sys
from datetime import datetime

import click

from api.cli.options import settings_for


@click.group("demo")
def demo() -> None:
    """The demonstration: fictional enterprises and citizens, driven through the real services."""


@demo.command("prepare")
def prepare() -> int:
    """Make the demo's book if there is none, and print ready log-ins as JSON."""
    from api.demo import log_ins, make  # noqa: PLC0415 -- slow imports that only this command needs
    from api.diagnostics import configure_diagnostics  # noqa: PLC0415 -- the same

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    configure_diagnostics(logging.WARNING)
    settings = settings_for(None, None)
    wiring = make.prepare(settings, say=lambda line: click.echo(line, err=True))
    click.echo(json.dumps(log_ins.ready(wiring)))
    return 0


@demo.command("date")
@click.argument("to_on", type=click.DateTime(formats=["%Y-%m-%d"]), metavar="DATE")
def move_date(to_on: datetime) -> int:
    """Ask the running worker to move the business date to DATE."""
    from api.bootstrap import open_book  # noqa: PLC0415 -- slow imports that only this command needs
    from api.worker.dates import request_move  # noqa: PLC0415 -- the same

    with open_book(settings_for(None, None)).unit_of_work(actor="operator") as uow:
        request_move(uow, to_on.date())
    click.echo(f"The worker lives through every day until {to_on.date().isoformat()}.")
    return 0
