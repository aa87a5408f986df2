"""`bxl bench`: measure this machine and a database, so that a figure of ours can be repeated."""

import json
from dataclasses import asdict

import click

from api import migrations
from api.bench.posting import measure_posting
from ledger.storage.engine import open_engine


@click.group("bench")
def bench() -> None:
    """Measure what the ledger does on this machine."""


@bench.command("posting")
@click.option("--database", metavar="URL", required=True, help="A database of its own: what is posted stays in it.")
@click.option("--seconds", type=click.IntRange(1, 60), default=2, show_default=True, help="How long each round takes.")
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="The figures are medians.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def posting(database: str, seconds: int, rounds: int, *, as_json: bool) -> None:
    """Post alone, in batches and by 32 callers at once, beside the driver's bare insert of the same rows.

    Makes the schema where it is missing, and a new book, which stays. Prints `single_per_s`, `single_p50_ms`,
    `batch500_per_s`, `hot32_per_s`, `raw500_per_s`, and `server_cpu_us_per_entry` (null on SQLite, and where the
    server's process can't be seen).
    """
    engine = open_engine(database)
    migrations.upgrade(engine)
    rates = measure_posting(engine, rounds=rounds, seconds=seconds)
    engine.dispose()
    if as_json:
        click.echo(json.dumps(asdict(rates)))
        return
    for name, value in asdict(rates).items():
        click.echo(f"{name:<24} {'-' if value is None else value}")
