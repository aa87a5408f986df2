"""The default rate: its vector, windows and their edges, each ground, what counts and what does not."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from contracts.servicing.model import Due, Position, Standing
from contracts.statistics.defaults import Concession, Ground, Spell, spells
from contracts.statistics.figures import LoanFacts, assess, calendar_windows, rate_of
from contracts.statistics.rate import Window, WindowRate, average, outcomes, tally, windows_since

PAID_OUT = date(2023, 6, 1)
YEARS = [Window(date(year, 1, 1), date(year, 12, 31)) for year in (2024, 2025, 2026)]
END = date(2026, 12, 31)


def due(on: date, settled_on: date | None = None, cents: int = 100) -> Due:
    return Due(n=1, due_on=on, interest_cents=0, principal_cents=cents, settled_on=settled_on)


def debt(*dues: Due, **standing: date) -> Position:
    known = Standing(**({"disbursed_on": PAID_OUT} | standing))
    return Position(principal_cents=sum(each.principal_cents for each in dues), dues=dues, standing=known)


def paid(year: int, *more: Due) -> tuple[Due, ...]:
    """An instalment of that year, paid on its day, and more of them."""
    return (due(date(year, 7, 1), date(year, 7, 1)), *more)


def counted(position: Position, *concessions: Concession, on: date = END) -> dict[int, Ground | None]:
    found = outcomes(position, spells(position, concessions, on), YEARS)
    return {window.starts_on.year: ground for window, ground in found.items()}


def test_the_published_rate_is_the_mean_of_the_windows_and_not_their_pool() -> None:
    """40 loans with 4 defaults, 50 with none, 60 with 3: the mean of 10, 0 and 5 percent, where a pool has 4.67."""
    loans: list[Position] = []
    for year, running, defaulting in ((2024, 40, 4), (2025, 50, 0), (2026, 60, 3)):
        start = {"disbursed_on": date(year - 1, 6, 1)}
        loans += [debt(due(date(year, 2, 1)), lost_on=date(year, 12, 1), **start)] * defaulting
        loans += [debt(due(date(year, 2, 1), date(year, 2, 1)), repaid_on=date(year, 2, 1), **start)] * (
            running - defaulting
        )
    windows = tally(YEARS, (outcomes(each, spells(each, (), END), YEARS) for each in loans))
    assert [(each.loans, each.defaults) for each in windows] == [(40, 4), (50, 0), (60, 3)]
    assert average(windows) == Fraction(5, 100)
    assert Fraction(sum(w.defaults for w in windows), sum(w.loans for w in windows)) == Fraction(7, 150)


def test_a_window_without_loans_has_no_rate_and_no_weight() -> None:
    none, one = WindowRate(YEARS[0], 0, {}), WindowRate(YEARS[1], 4, {Ground.LOSS: 1})
    assert (none.rate, average([none, one]), average([none])) == (None, Fraction(1, 4), None)


@pytest.mark.parametrize(
    ("settled_on", "spell"),
    [
        (date(2024, 5, 31), None),  # 90 days late and then paid
        (date(2024, 6, 1), None),  # paid on the 91st day, before it ends
        (date(2024, 6, 2), Spell(date(2024, 6, 1), Ground.PAST_DUE, date(2024, 6, 2))),
        (None, Spell(date(2024, 6, 1), Ground.PAST_DUE, None)),
    ],
)
def test_a_default_begins_when_a_due_is_more_than_ninety_days_late(
    settled_on: date | None, spell: Spell | None
) -> None:
    position = debt(due(date(2024, 3, 2), settled_on))
    found = spells(position, (), END)
    assert list(found) == ([] if spell is None else [spell])
    for day in (date(2024, 5, 31) + timedelta(days=n) for n in range(4)):
        assert any(each.covers(day) for each in found) == (position.days_past_due(day) > 90)


def test_what_falls_due_meanwhile_lengthens_a_default_and_begins_no_other() -> None:
    first, second = due(date(2024, 1, 1), date(2024, 6, 1)), due(date(2024, 2, 1), date(2024, 9, 1))
    [spell] = spells(debt(first, second), (), END)
    assert (spell.starts_on, spell.until) == (date(2024, 4, 1), date(2024, 9, 1))
    apart = due(date(2025, 2, 1), date(2025, 9, 1))
    assert [each.starts_on for each in spells(debt(first, apart), (), END)] == [date(2024, 4, 1), date(2025, 5, 3)]


def test_a_default_that_has_not_begun_by_the_day_is_not_known() -> None:
    position = debt(due(date(2024, 3, 2)), insolvent_on=date(2025, 1, 1))
    assert spells(position, (), date(2024, 5, 31)) == ()
    assert [each.ground for each in spells(position, (), date(2024, 6, 1))] == [Ground.PAST_DUE]
    assert spells(debt(due(date(2024, 3, 2)), disbursed_on=date(2025, 1, 1)), (), date(2024, 12, 31)) == ()


def test_each_ground_enters_the_numerator_once() -> None:
    dues = paid(2024, *paid(2025), *paid(2026))
    assert counted(debt(*dues)) == {2024: None, 2025: None, 2026: None}
    assert counted(debt(*dues, insolvent_on=date(2025, 3, 1))) == {2024: None, 2025: Ground.INSOLVENCY}
    assert counted(debt(*dues, lost_on=date(2025, 3, 1))) == {2024: None, 2025: Ground.LOSS}
    both = debt(*paid(2024, due(date(2025, 1, 1))), insolvent_on=date(2025, 6, 1), lost_on=date(2025, 9, 1))
    assert counted(both) == {2024: None, 2025: Ground.PAST_DUE}


def test_a_concession_is_a_default_unless_the_agreement_gave_the_right_to_it() -> None:
    position = debt(*paid(2024), *paid(2025), *paid(2026))
    assert counted(position, Concession(date(2025, 5, 1))) == {2024: None, 2025: Ground.CONCESSION}
    asked = Concession(date(2025, 5, 1), by_contract=True)
    assert counted(position, asked) == {2024: None, 2025: None, 2026: None}
    [spell] = spells(position, [Concession(date(2025, 5, 1)), asked], END)
    assert (spell.starts_on, spell.until) == (date(2025, 5, 1), date(2026, 5, 1))


def test_the_first_and_the_last_day_belong_to_the_window() -> None:
    dues = paid(2024, *paid(2025), *paid(2026))
    assert counted(debt(*dues, insolvent_on=date(2024, 12, 31)))[2024] is Ground.INSOLVENCY
    found = counted(debt(*dues, insolvent_on=date(2025, 1, 1)))
    assert (found[2024], found[2025], 2026 in found) == (None, Ground.INSOLVENCY, False)


def test_a_loan_counts_only_where_it_runs_from_the_first_day() -> None:
    dues = paid(2024, *paid(2025))
    assert set(counted(debt(*dues, disbursed_on=date(2023, 12, 31)))) == {2024, 2025}
    assert set(counted(debt(*dues, disbursed_on=date(2024, 1, 1)))) == {2025}
    assert set(counted(debt(*dues, repaid_on=date(2024, 12, 31)))) == {2024}
    assert set(counted(debt(*dues, repaid_on=date(2025, 1, 1)))) == {2024, 2025}


def test_a_loan_with_nothing_to_pay_in_a_window_is_no_part_of_it() -> None:
    assert set(counted(debt(*paid(2024), *paid(2026)))) == {2024, 2026}
    nothing = due(date(2025, 7, 1), cents=0)  # a period of grace
    assert set(counted(debt(*paid(2024), nothing, *paid(2026)))) == {2024, 2026}


def test_what_is_late_at_the_beginning_is_still_to_be_paid() -> None:
    """A last instalment that fell due in November defaults in February, in a year for which nothing is scheduled."""
    assert counted(debt(due(date(2024, 11, 10)))) == {2024: None, 2025: Ground.PAST_DUE}


def test_a_loan_that_left_default_counts_again_from_the_next_window() -> None:
    late = due(date(2024, 3, 2), date(2024, 8, 1))
    assert counted(debt(late, *paid(2025), *paid(2026))) == {2024: Ground.PAST_DUE, 2025: None, 2026: None}


def test_windows_follow_one_another_without_a_gap() -> None:
    found = windows_since(date(2023, 7, 1), date(2026, 6, 30))
    assert [each.starts_on.year for each in found] == [2023, 2024, 2025]
    assert all(b.starts_on - a.ends_on == timedelta(days=1) for a, b in pairwise(found))
    assert windows_since(date(2023, 7, 1), date(2024, 6, 29)) == []


def test_the_year_that_is_not_over_is_no_part_of_the_average() -> None:
    on = date(2026, 8, 1)
    windows = calendar_windows(PAID_OUT, on)
    loan = LoanFacts(loan_id="l1", position=debt(*paid(2024), *paid(2025), due(date(2026, 2, 1))))
    rate = rate_of([assess(loan, windows, on)], windows, on)
    assert [(each.window.starts_on.year, each.loans) for each in rate.windows] == [(2023, 0), (2024, 1), (2025, 1)]
    assert (rate.rate, rate.running.window.ends_on, rate.running.rate) == (0, on, 1)
    last = calendar_windows(PAID_OUT, END)
    assert rate_of([], last, END).running is None
    assert calendar_windows(None, END) == calendar_windows(END, PAID_OUT) == []
