"""`make bonds-run`: so many random bonds, on each of which this project and QuantLib must say the same.

Dates, accrued interest, coupons, price, durations and yield are compared (`tests/bond_prices_kit.py`); the first
difference ends the run and names the bond. Printed is how many were compared and how far apart the two were at most.
"""

import argparse
import json
import sys
from dataclasses import asdict

from tests.bond_prices_kit import Comparison, compare, random_cases


def main() -> None:
    """Draw, compare, print the largest differences."""
    parser = argparse.ArgumentParser(prog="python -m tests.bonds_run", description=__doc__)
    parser.add_argument("--bonds", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    compared = Comparison()
    for case in random_cases(asked.bonds, seed=asked.seed):
        compare(case, compared)
    sys.stdout.write(json.dumps({"seed": asked.seed, **asdict(compared)}) + "\n")


if __name__ == "__main__":
    main()
