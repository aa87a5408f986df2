"""The same load on the same PostgreSQL server, ours and another Python ledger's in turn, in random order.

django-hordak has what is best for it: `bulk_create` for batches, a connection for each caller. What it does not do,
and the figures do not show: no idempotency or fact key, no floors or ceilings, no gapless order, no balance kept (it is
summed when read), no hash, no seal, no log. A posted transaction can be changed and deleted. What ours does not do:
32 callers of one process share its one writer, and a book is written by one writer at a time.
"""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from api.bench import posting as ours
from ledger.book import Book
from ledger.storage.engine import open_engine
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section

_PYTHON = Path(".venv-peers/bin/python")
_SCRIPT = Path(__file__).parent / "peers" / "hordak_load.py"
_LOCK = Path(__file__).parent / "peers.lock"
_LOADS = {"single": "one caller", "batch500": "batches of 500", "hot32": "32 callers, hot account"}


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Rounds of every load on both sides, shuffled."""
    engine = open_engine(databases.make("postgresql", "ours"))
    book = ours.new_book(engine)
    ours.open_accounts(book)
    theirs = databases.make("postgresql", "hordak", schema=False)
    _hordak("prepare", theirs, scale.seconds)
    rates: dict[tuple[str, str], list[float]] = {(side, load): [] for side in ("ours", "hordak") for load in _LOADS}
    costs: dict[str, list[float]] = {"ours": [], "hordak": []}
    chance = random.Random()
    for number_ in range(scale.rounds):
        turns = list(rates)
        chance.shuffle(turns)
        for side, load in turns:
            if side == "ours":
                rate, cost = _OURS[load](book, scale.seconds, 1_000 + number_)
            else:
                answer = _hordak(load, theirs, scale.seconds)
                rate, cost = answer["per_s"], answer.get("server_cpu_us")
            rates[side, load].append(rate)
            costs[side] += [] if cost is None else [cost]
    engine.dispose()
    _tell(findings, rates, costs)
    for name in ("ours", "hordak"):
        databases.drop("postgresql", name)


def _tell(findings: Findings, rates: dict[tuple[str, str], list[float]], costs: dict[str, list[float]]) -> None:
    findings.lines += ["", f"Versions: {', '.join(_versions())}."]
    findings.table("load", "ours, entries/s", "django-hordak, entries/s", "ours / theirs")
    for load, name in _LOADS.items():
        mine, theirs = median(rates["ours", load]), median(rates["hordak", load])
        findings.measured[f"peer.{load}"] = mine / theirs
        findings.row(name, number(mine), number(theirs), f"{mine / theirs:.2f}")
    if costs["ours"] and costs["hordak"]:
        mine, theirs = median(costs["ours"]), median(costs["hordak"])
        findings.row(
            "batches of 500: server's processor time an entry, µs", number(mine), number(theirs), f"{mine / theirs:.2f}"
        )


def _ours_single(book: Book, seconds: int, seed: int) -> tuple[float, float | None]:
    return ours._single(book, seconds=seconds, seed=seed)[0], None


def _ours_batches(book: Book, seconds: int, seed: int) -> tuple[float, float | None]:
    rate, _, _, micros = ours._batches(book, seconds=seconds, seed=seed)
    return rate, micros


def _ours_callers(book: Book, seconds: int, seed: int) -> tuple[float, float | None]:
    return ours._callers(book, seconds=seconds, seed=seed), None


_OURS: dict[str, Callable[[Book, int, int], tuple[float, float | None]]] = {
    "single": _ours_single,
    "batch500": _ours_batches,
    "hot32": _ours_callers,
}


def _hordak(load: str, url: str, seconds: int) -> dict[str, float]:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    command = [str(_PYTHON), str(_SCRIPT), load, "--database", plain, "--seconds", str(seconds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.stdout else {}


def _versions() -> list[str]:
    wanted = ("django-hordak==", "django==", "psycopg==")
    lines = _LOCK.read_text("ascii").splitlines()
    return [line.split(" ")[0].replace("==", " ") for line in lines if line.startswith(wanted)]


SECTION = Section("Beside django-hordak", 3, __doc__ or "", run)
