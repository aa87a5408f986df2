"""`make fuzz`: as many random changes of bank files as asked for, from a seed that leads there again."""

import argparse
import json
import sys

from tests.fuzz.bankfiles import fuzz


def main() -> None:
    """Change, read, judge; the first outcome that is neither a refusal nor the same money ends it with a traceback."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    outcomes = fuzz(asked.mutations, seed=asked.seed)
    sys.stdout.write(json.dumps({"mutations": asked.mutations, "seed": asked.seed, "outcomes": outcomes}) + "\n")


if __name__ == "__main__":
    main()
