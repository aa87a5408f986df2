"""`make lives`, `make chances`: as many lives as asked for, each with a seed of its own; every tenth on PostgreSQL."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from ledger.storage.engine import open_engine
from tests.databases import administer, fresh_database, postgresql_server
from tests.lives.chance import ChanceLife
from tests.lives.life import Life

POSTGRESQL_EVERY = 10
MEMORY = Path("/dev/shm")
KINDS = {"loans": Life, "chances": ChanceLife}


def main() -> None:
    """Live; the first thing that is not right ends it with a traceback, after the seed that leads there."""
    parser = argparse.ArgumentParser(prog="python -m tests.lives", description=__doc__)
    parser.add_argument("--lives", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first life; the next one has the next number")
    parser.add_argument("--of", choices=sorted(KINDS), default="loans")
    asked = parser.parse_args()
    steps = refused = 0
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder, postgresql_server(durable=False) as server:
        for seed in range(asked.seed, asked.seed + asked.lives):
            database = "sqlite" if seed % POSTGRESQL_EVERY else "postgresql"
            sys.stdout.write(f"seed {seed} on {database}\n")
            sys.stdout.flush()
            name = f"life_{seed}"
            engine = open_engine(fresh_database(database, folder=Path(folder), server=server, name=name))
            life = KINDS[asked.of](engine, seed)
            life.live()
            engine.dispose()
            if database == "postgresql":
                administer(server, f"DROP DATABASE {name}")
            for file in Path(folder).glob(f"{name}.*"):
                file.unlink()
            steps, refused = steps + life.steps, refused + life.refused
    sys.stdout.write(json.dumps({"lives": asked.lives, "steps": steps, "refused": refused}) + "\n")


if __name__ == "__main__":
    main()
