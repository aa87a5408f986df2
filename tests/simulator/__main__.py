"""`make simulate`: as many simulated lives as asked for, each from a seed of its own, on both databases."""

import argparse
import itertools
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from ledger.storage.engine import open_engine
from tests.databases import administer, fresh_database, postgresql_server
from tests.simulator import writers
from tests.simulator.run import simulate

ROUNDS = 100


def main() -> None:
    """Live; the first thing that is not right ends it with a traceback, after the seed that leads there."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--lives", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first life; the next one has the next number")
    asked = parser.parse_args()
    struck: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, postgresql_server(durable=False) as server:
        for seed in range(asked.seed, asked.seed + asked.lives):
            for database in ("sqlite", "postgresql"):
                sys.stdout.write(f"seed {seed} on {database}\n")
                sys.stdout.flush()
                with _Databases(database, Path(folder), server) as make:
                    struck.update(simulate(make, seed).struck)
                    struck.update(writers.live(make(), seed, rounds=ROUNDS))
    sys.stdout.write(json.dumps({"lives": asked.lives, "databases": 2, "struck": struck}) + "\n")


class _Databases:
    """Makes engines on fresh databases, and removes them in the end."""

    numbers = itertools.count(1)

    def __init__(self, database: str, folder: Path, server: str) -> None:
        self.database, self.folder, self.server = database, folder, server
        self.engines: list[sa.Engine] = []

    def __enter__(self):
        return self.make

    def make(self) -> sa.Engine:
        name = f"life_{next(self.numbers)}"
        url = fresh_database(self.database, folder=self.folder, server=self.server, name=name)
        self.engines.append(open_engine(url))
        return self.engines[-1]

    def __exit__(self, *_: object) -> None:
        for engine in self.engines:
            engine.dispose()
            if self.database == "postgresql":
                administer(self.server, f"DROP DATABASE {engine.url.database} WITH (FORCE)")


if __name__ == "__main__":
    main()
