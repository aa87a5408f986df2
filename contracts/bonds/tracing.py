"""Which citizen's euro paid which expense: a rule that gives every cent of an issue one place, and one only.

Money in one account has no names on it. So that each euro can be followed all the same, the rule is fixed in advance:
**first in, first out**. Payments stand in a line in the order in which they became units. An allocation takes the
money at the head of the line and puts it at the end of the project's own line; an expense takes what is at the head of
the project's line. What a project releases is taken from the end of its line and goes back to the head of the first
one. Every step moves whole cents, so nothing is rounded: what leaves one place arrives in another, and what was
attributed to an expense stays with it, whatever comes later.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.bonds.projects import Use, UseKind
from ledger.errors import InvariantError

RULE = "first-in-first-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What a subscriber paid for her units, by the number of its allotment."""

    number: int
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """So many cents of one payment, and where they are.

    `expense` is the number of the entry of the expense that they paid; without one they are cash of `project_id`, and
    without a project they are not allocated, or on their way to the issuer before the first use.
    """

    number: int
    cents: int
    project_id: str = ""
    expense: int | None = None


class _Line:
    """Money in a row: pieces of payments, taken from the head or from the end."""

    def __init__(self) -> None:
        self.pieces: deque[tuple[int, int]] = deque()

    def put(self, pieces: Iterable[tuple[int, int]]) -> None:
        """At the end."""
        self.pieces.extend(pieces)

    def put_back(self, pieces: Sequence[tuple[int, int]]) -> None:
        """At the head, in their order."""
        self.pieces.extendleft(reversed(pieces))

    def take(self, cents: int) -> list[tuple[int, int]]:
        """From the head."""
        taken = []
        while cents:
            number, there = self._pop()
            if there > cents:
                self.pieces.appendleft((number, there - cents))
            taken.append((number, min(there, cents)))
            cents -= min(there, cents)
        return taken

    def take_last(self, cents: int) -> list[tuple[int, int]]:
        """From the end, in the order in which they stand."""
        self.pieces.reverse()
        taken = self.take(cents)
        self.pieces.reverse()
        return taken[::-1]

    def _pop(self) -> tuple[int, int]:
        if not self.pieces:
            raise InvariantError("more was used of the proceeds than was there")
        return self.pieces.popleft()


def flows(payments: Sequence[Paid], uses: Sequence[Use]) -> list[Flow]:
    """Where every cent of every payment is, in order of payment, project and expense; they add up to the payments.

    >>> paid = [Paid(number=1, cents=500), Paid(number=2, cents=300)]
    >>> [(each.number, each.cents, each.project_id) for each in flows(paid, [])]
    [(1, 500, ''), (2, 300, '')]
    """
    pool, projects = _Line(), dict[str, _Line]()
    pool.put((each.number, each.cents) for each in payments if each.cents)
    spent: list[Flow] = []
    for use in uses:
        line = projects.setdefault(use.project_id, _Line())
        if use.kind is UseKind.ALLOCATED:
            line.put(pool.take(use.amount_cents))
        elif use.kind is UseKind.RELEASED:
            pool.put_back(line.take_last(use.amount_cents))
        elif use.kind is UseKind.SPENT:
            taken = line.take(use.amount_cents)
            spent += [Flow(number=n, cents=cents, project_id=use.project_id, expense=use.n) for n, cents in taken]
    cash = [
        Flow(number=n, cents=cents, project_id=project_id)
        for project_id, line in (("", pool), *projects.items())
        for n, cents in line.pieces
    ]
    return _joined([*spent, *cash])


def _joined(found: Iterable[Flow]) -> list[Flow]:
    """Pieces of one payment in one place made one."""
    sums: dict[tuple[int, str, int], int] = {}
    for each in found:
        place = (each.number, each.project_id, each.expense or 0)
        sums[place] = sums.get(place, 0) + each.cents
    return [
        Flow(number=number, cents=cents, project_id=project_id, expense=expense or None)
        for (number, project_id, expense), cents in sorted(sums.items())
    ]
