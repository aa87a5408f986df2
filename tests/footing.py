"""What is true of every schedule, however unusual its terms."""

from itertools import pairwise

from contracts.terms.schedule import Schedule


def check_footing(plan: Schedule) -> None:
    """Rows in order, columns that sum, and nothing left or lost."""
    rows, terms = plan.instalments, plan.terms
    assert [row.n for row in rows] == list(range(1, terms.instalments + 1))
    assert (rows[0].due_on, rows[-1].due_on) == (terms.paid_on(1), terms.paid_on(terms.instalments))
    for earlier, later in pairwise(rows):
        assert earlier.due_on < later.due_on
    repaid = 0
    for row in rows:
        assert min(row.interest_cents, row.principal_cents, row.days) >= 0
        assert row.total_cents == row.interest_cents + row.principal_cents
        repaid += row.principal_cents
        closes_on = row.due_on if terms.adjusted else terms.due_on(row.n)  # rolling alone moves no interest
        paid_out = sum(part.amount_cents for part in terms.paid_out if part.on < closes_on or row is rows[-1])
        assert row.outstanding_cents == paid_out - repaid >= 0
    assert rows[-1].outstanding_cents == 0
    assert plan.totals.principal_cents == terms.principal_cents == repaid
    assert plan.totals.interest_cents == sum(row.interest_cents for row in rows)
    assert plan.totals.total_cents == sum(row.total_cents for row in rows)
