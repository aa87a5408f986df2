"""A repayment schedule as a table of a paper, and how a loan comes back in words."""

from contracts.documents.model import Language
from contracts.documents.paper import Column, Table
from contracts.documents.text import figure, long_date, number, short_date, wording
from contracts.terms.schedule import Every, RepaymentKind, Schedule, Terms

_EVERY_KEY = {Every.MONTH: "month", Every.QUARTER: "quarter", Every.HALF_YEAR: "half_year", Every.YEAR: "year"}


def schedule_table(schedule: Schedule, language: Language) -> Table:
    """One row an instalment, with the sums of interest, principal and total."""
    say = wording(language).say
    rows = tuple(
        (
            str(row.n),
            short_date(row.due_on),
            number(row.days, language),
            figure(row.interest_cents, language),
            figure(row.principal_cents, language),
            figure(row.total_cents, language),
            figure(row.outstanding_cents, language),
        )
        for row in schedule.instalments
    )
    totals = schedule.totals
    return Table(
        columns=(
            Column(say("agreement.column_n"), 5, figures=True),
            Column(say("agreement.column_due"), 13, figures=True),
            Column(say("agreement.column_days"), 8, figures=True),
            Column(say("agreement.column_interest"), 15, figures=True),
            Column(say("agreement.column_principal"), 17, figures=True),
            Column(say("agreement.column_total"), 17, figures=True),
            Column(say("agreement.column_outstanding"), 18, figures=True),
        ),
        rows=rows,
        total=(
            "",
            say("agreement.total"),
            "",
            figure(totals.interest_cents, language),
            figure(totals.principal_cents, language),
            figure(totals.total_cents, language),
            "",
        ),
    )


def repayment_in_words(terms: Terms, language: Language) -> str:
    """`20 quarterly instalments of a constant total, the first on 2 June 2026`."""
    say = wording(language).say
    first, ends = long_date(terms.first_due_on, language), long_date(terms.ends_on, language)
    every, count = say(f"agreement.every_{_EVERY_KEY[terms.every]}"), str(terms.instalments)
    if terms.kind is RepaymentKind.BULLET:
        return say("agreement.kind_bullet", count=count, every=every, first=first, ends=ends)
    return say(f"agreement.kind_{terms.kind.value}", count=count, every=every, first=first)
