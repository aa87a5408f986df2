"""`make terms-run`: schedules of so many random terms, with every option, that must foot to the cent.

The terms are those of `tests/property/test_terms.py`, drawn by Hypothesis; the first that does not foot is made as
small as it can be, printed, and ends the run. Terms that make no schedule (a constant total below a period's interest)
are counted apart.
"""

import argparse
import json
import sys
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings

from contracts.terms.schedule import Terms, schedule
from ledger.errors import Refusal
from tests.footing import check_footing
from tests.property.test_terms import with_options


def main() -> None:
    """Draw, check, count."""
    parser = argparse.ArgumentParser(prog="python -m tests.terms_run", description=__doc__)
    parser.add_argument("--terms", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counted: Counter[str] = Counter()

    @seed(asked.seed)
    @settings(
        max_examples=asked.terms,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(with_options())
    def foots(terms: Terms) -> None:
        try:
            plan = schedule(terms)
        except Refusal as refusal:
            if refusal.code != "annuity-below-interest":
                raise
            counted["refused"] += 1
            return
        check_footing(plan)
        counted["footed"] += 1
        counted["instalments"] += len(plan.instalments)

    foots()
    sys.stdout.write(json.dumps({"terms": asked.terms, **counted}) + "\n")


if __name__ == "__main__":
    main()
