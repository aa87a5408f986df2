"""Dues that were called, what was paid on them, and in which order money is put against them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.terms.amortisation import Instalment
from ledger.errors import Refusal


class Component(StrEnum):
    """What a debt consists of. A simulation charges no costs and no late interest: no event of it makes any."""

    COSTS = "costs"
    LATE_INTEREST = "late-interest"
    INTEREST = "interest"
    PRINCIPAL = "principal"


Allocation = tuple[Component, ...]
LAWFUL: Allocation = tuple(Component)
"""The usual order: costs, late interest, interest, principal; the oldest of each first."""


def allocation(text: str) -> Allocation:
    """The order that `text` names, the components parted by commas; refuses `allocation-unknown`.

    >>> allocation("costs, late_interest, principal, interest")[2:]
    (<Component.PRINCIPAL: 'principal'>, <Component.INTEREST: 'interest'>)
    """
    names = [name.strip().replace("_", "-") for name in text.split(",")]
    known = {component.value: component for component in Component}
    order = tuple(known[name] for name in names if name in known)
    if len(order) != len(names) or len(set(order)) != len(order) or not {*LAWFUL[2:]} <= set(order):
        raise Refusal("allocation-unknown", allocation=text[:80], components=[each.value for each in Component])
    return order


@dataclass(slots=True)
class CalledDue:
    """One instalment that was called: what is asked of it, and what was paid. Amounts in cents."""

    row: Instalment
    interest: int
    principal: int
    paid_interest: int = 0
    paid_principal: int = 0

    def unpaid(self, component: Component) -> int:
        """What is asked and not paid."""
        if component is Component.INTEREST:
            return self.interest - self.paid_interest
        return self.principal - self.paid_principal if component is Component.PRINCIPAL else 0

    @property
    def is_open(self) -> bool:
        """Whether anything of it is unpaid."""
        return self.interest > self.paid_interest or self.principal > self.paid_principal

    def pay(self, component: Component, cents: int) -> None:
        """Put money against it."""
        if component is Component.INTEREST:
            self.paid_interest += cents
        else:
            self.paid_principal += cents

    def ask_less(self, component: Component, cents: int) -> None:
        """What was asked is asked no more: waived, lost, or put off."""
        if component is Component.INTEREST:
            self.interest -= cents
        else:
            self.principal -= cents


@dataclass(frozen=True, slots=True)
class Part:
    """What one due takes of an amount."""

    due: CalledDue
    interest: int = 0
    principal: int = 0


def parts(dues: Sequence[CalledDue], order: Iterable[Component], cents: int) -> list[Part]:
    """What each due would take of `cents`: component after component, the oldest due first; nothing is changed.

    What no due takes is left over: `cents` less the sum of the parts.
    """
    taken: dict[int, dict[Component, int]] = {}
    for component in order:
        for number, due in enumerate(dues):
            part = min(cents, due.unpaid(component))
            if part:
                taken.setdefault(number, {})[component] = part
                cents -= part
    return [
        Part(dues[number], found.get(Component.INTEREST, 0), found.get(Component.PRINCIPAL, 0))
        for number, found in sorted(taken.items())
    ]


def unpaid(dues: Iterable[CalledDue], component: Component) -> int:
    """What is unpaid over all."""
    return sum(due.unpaid(component) for due in dues)
