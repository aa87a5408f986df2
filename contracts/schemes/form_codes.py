"""Under which codes of the tax return a lender states her loans: dated rows, and none where none is known.

The return has two columns, for the first and the second taxpayer of a household; a row holds both codes. Loans of 2020
had codes of their own in the one return whose codes were found.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from contracts.schemes.rules import Rule, find_rule

_FIRST_YEAR = 2020


class Stated(StrEnum):
    """What the return asks for."""

    OPENING = "opening"
    CLOSING = "closing"
    LOSS = "loss"


@dataclass(frozen=True, slots=True)
class FormCode:
    """One box of the return; no `rule` where its code for the tax period is not known."""

    stated: Stated
    of_first_year: bool
    rule: Rule | None

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of both columns; none where they are not known."""
        return tuple(str(code) for code in self.rule.members()) if self.rule else ()


def form_code(scheme: str, stated: Stated, tax_period: int, *, started_on: date) -> FormCode:
    """The box for a loan of `scheme` that started then; losses of all years share one.

    >>> form_code("proxi.A", Stated.CLOSING, 2023, started_on=date(2021, 4, 1)).codes
    ('3392', '4392')
    >>> form_code("proxi.B", Stated.CLOSING, 2026, started_on=date(2026, 4, 1)).codes
    ()
    """
    apart = stated is not Stated.LOSS and started_on.year == _FIRST_YEAR
    param = f"form_codes_{stated.value}" + (f"_of_{_FIRST_YEAR}" if apart else "")
    return FormCode(stated, apart, find_rule(scheme, param, date(tax_period, 12, 31)))
