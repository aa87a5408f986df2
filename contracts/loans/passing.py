"""A claim that passes to others: to the heirs of a lender who died, or by gift. Pure; `LoanBook` reads it from here.

A claim that passes stands at nothing from that day, and each of those it passes to has a claim of her own, numbered
after all others, with her share of what was lent and of what is still owed. The agreed claims together are split as
if nothing had passed, and what a claim that passed would have of an instalment is split over those it passed to, so
that no cent of anybody else ever moves. Instalments that were paid before stay as they were given.

    claim 2, 600.00 owed  ──passes on a day──>  claim 2: 0.00, claim 15: 300.00, claim 16: 300.00
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fractions import Fraction
from math import lcm

from contracts.loans.model import ClaimChange, ClaimShare, Distribution, LenderClaim, Rebase
from contracts.servicing.model import Due
from contracts.terms.distribution import Claim, shares
from ledger.errors import InvariantError
from ledger.money import allocate


class Cause(StrEnum):
    """Why a claim passes."""

    DEATH = "death"
    GIFT = "gift"


@dataclass(frozen=True, slots=True)
class PassedPart:
    """What one claim has of one that passed: cents of principal still owed (or lost), and of what a plan had cut."""

    number: int
    cents: int
    cut_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """Claim `number` passed on a day. `settled` are the instalments paid by then; it may be a lost one."""

    cause: Cause
    on: date
    number: int
    to: tuple[PassedPart, ...]
    settled: frozenset[int]
    is_lost: bool

    @property
    def cents(self) -> int:
        """All that passed."""
        return sum(part.cents for part in self.to)


Step = Rebase | Passing | int
"""What changes who holds a claim or what it is, in the order of the record; a number is a recovery of so many cents."""


@dataclass(frozen=True, slots=True)
class Held:
    """Shares by instalment and claim; `dropped` are those that a claim would have had, had it not passed, by its number
    and the instalment's.
    """

    plan: Distribution
    dropped: Mapping[int, Mapping[int, ClaimShare]]


def parts_of(total: int, fractions: Sequence[Fraction]) -> list[int]:
    """Cents in proportion to shares that make a whole, to the cent, by largest remainder; ties go to the first.

    >>> parts_of(100, [Fraction(1, 3)] * 3)
    [34, 33, 33]
    """
    common = lcm(*(each.denominator for each in fractions))
    return allocate(total, [each.numerator * (common // each.denominator) for each in fractions])


def roots(claims: Sequence[LenderClaim], passings: Iterable[Passing]) -> dict[int, int]:
    """The agreed claim that each claim comes from, by number."""
    root = {claim.number: claim.number for claim in claims}
    for passing in passings:
        root |= {part.number: root[passing.number] for part in passing.to}
    return root


def causes(passings: Sequence[Passing], number: int) -> frozenset[Cause]:
    """Every way in which a claim ever passed until it came to its holder; none for one of the agreement."""
    came = next((each for each in passings if any(part.number == number for part in each.to)), None)
    return frozenset() if came is None else causes(passings, came.number) | {came.cause}


def agreed_rebases(rebases: Sequence[Rebase], root: Mapping[int, int], agreed: int) -> tuple[Rebase, ...]:
    """The changes of terms as the agreed claims bear them, each with all that came of it."""
    return tuple(replace(each, changes=tuple(_summed(each, root, n) for n in range(1, agreed + 1))) for each in rebases)


def held_plan(agreed: Distribution, claims: tuple[LenderClaim, ...], steps: tuple[Step, ...], instalments: int) -> Held:
    """Every claim's share of every instalment, those of passed claims split over who held them when it was paid.

    `agreed` are the shares of the agreed claims, as if none had passed.
    """
    root = roots(claims, [step for step in steps if isinstance(step, Passing)])
    plan = [{share: _nothing(claims[share]) for share in range(len(claims))} for _ in range(instalments)]
    dropped: dict[int, Mapping[int, ClaimShare]] = {}
    for number in sorted(set(root.values())):
        family = _Family(
            [claim for claim in claims if root[claim.number] == number], [row[number - 1] for row in agreed]
        )
        family.run(steps)
        dropped |= family.dropped
        for n, row in family.rows.items():
            plan[n - 1] |= {m - 1: share for m, share in row.items()}
    return Held(tuple(tuple(row[i] for i in range(len(claims))) for row in plan), dropped)


def held_recoveries(
    agreed: Sequence[Mapping[str, int]],
    lost: Mapping[int, int],
    claims: Sequence[LenderClaim],
    steps: Sequence[Step],
) -> list[dict[str, int]]:
    """What each claim has of each recovery, by pledge: the agreed claims' parts, split by what their holders had lost.

    `lost` is principal in cents by number, as it stood when the loss was stated.
    """
    left, found = dict(lost), list[dict[str, int]]()
    root = roots(claims, [step for step in steps if isinstance(step, Passing)])
    named = {claim.number: claim.pledge_id for claim in claims}
    for step in steps:
        if isinstance(step, Passing) and step.is_lost:
            left[step.number] -= step.cents
            left |= {part.number: part.cents for part in step.to}
        elif isinstance(step, int):
            came = dict.fromkeys(named.values(), 0)
            for number in sorted(set(root.values())):
                family = [m for m in named if root[m] == number]
                cents = allocate(agreed[len(found)][named[number]], [left[m] for m in family])
                left |= {m: left[m] - part for m, part in zip(family, cents, strict=True)}
                came |= {named[m]: part for m, part in zip(family, cents, strict=True)}
            found.append(came)
    return found


def dues_held(
    dues: Iterable[Due], dropped: Mapping[int, ClaimShare], left: Passing | None, came: Passing | None
) -> tuple[Due, ...]:
    """The dues of a claim that passed (`left`) or `came` by passing: those before it, and those since."""
    found = []
    for due in dues:
        if left and due.n in dropped:
            gone = dropped[due.n]
            interest, principal = gone.interest_cents, gone.principal_cents
            found.append(
                replace(due, interest_cents=interest, principal_cents=principal, settled_on=None, dropped_on=left.on)
            )
        elif came and due.total_cents:
            settled_on = None if due.settled_on is None else max(due.settled_on, came.on)
            found.append(replace(due, asked_from=max(due.asked_from or came.on, came.on), settled_on=settled_on))
        elif due.total_cents:
            found.append(due)
    return tuple(found)


def borne(claims: Sequence[LenderClaim], steps: Iterable[Step]) -> list[tuple[int, tuple[ClaimChange, ...]]]:
    """What the plans that have not fallen changed, each with its number among all changes of terms, as the holders of
    the claims bear it after the steps; in the order of the claims.
    """
    number, plans = 0, dict[int, dict[int, ClaimChange]]()
    for step in steps:
        if isinstance(step, Rebase):
            number += 1
            changes = {claim.number: change_of(step, claim.number) for claim in claims}
            plans = {} if step.is_revival else plans | {number: changes}
        elif isinstance(step, Passing):
            _hand_on(plans.values(), step)
    return [(plan, tuple(changes[claim.number] for claim in claims)) for plan, changes in plans.items()]


def _hand_on(plans: Iterable[dict[int, ClaimChange]], passing: Passing) -> None:
    """Split what each plan changed of a claim that passes; what they cut of it is together what was passed of it."""
    weights, cut_left = [part.cents for part in passing.to], [part.cut_cents for part in passing.to]
    for changes in plans:
        made = changes[passing.number]
        cuts = allocate(made.cut_cents if any(cut_left) else 0, cut_left)  # what was released before is cut no more
        cut_left = [left - cut for left, cut in zip(cut_left, cuts, strict=True)]
        capitalised, converted = (allocate(cents, weights) for cents in (made.capitalised_cents, made.converted_cents))
        for part, added, cut, turned in zip(passing.to, capitalised, cuts, converted, strict=True):
            changes[part.number] = ClaimChange(capitalised_cents=added, cut_cents=cut, converted_cents=turned)
        changes[passing.number] = ClaimChange()


def change_of(rebase: Rebase, number: int) -> ClaimChange:
    """What a plan changed of a claim; nothing of one that came after it."""
    return rebase.changes[number - 1] if number <= len(rebase.changes) else ClaimChange()


class _Family:
    """One agreed claim and those that came of it, followed through what happened."""

    def __init__(self, members: Sequence[LenderClaim], agreed: Sequence[ClaimShare]) -> None:
        self._members = {claim.number: claim for claim in members}
        self._agreed = agreed
        first = members[0]
        self._held = {claim.number: 0 for claim in members} | {first.number: first.principal_cents}
        self._heirs: dict[int, list[int]] = {}
        self.rows: dict[int, dict[int, ClaimShare]] = {}
        self.dropped: dict[int, Mapping[int, ClaimShare]] = {}

    def run(self, steps: Sequence[Step]) -> None:
        """Follow every step: what is to come is spread anew after a change of terms, and handed on after a passing."""
        starts = [step.first_n for step in steps if isinstance(step, Rebase)]
        ends = [*starts, len(self._agreed) + 1]
        coming = list(range(1, ends[0]))
        self._spread(coming)
        for step in steps:
            if isinstance(step, Rebase):
                self._pay([n for n in coming if n not in step.dropped])
                for number in self._held:
                    self._held[number] += change_of(step, number).cents
                coming = list(range(step.first_n, next((end for end in ends if end > step.first_n), step.first_n)))
                self._spread(coming)
            elif isinstance(step, Passing) and step.number in self._held and not step.is_lost:
                self._pay([n for n in coming if n in step.settled])
                coming = [n for n in coming if n not in step.settled]
                self._pass(step, coming)

    def _pass(self, step: Passing, coming: Sequence[int]) -> None:
        if self._held[step.number] != step.cents:
            raise InvariantError("a claim does not pass to the cent")
        self._held |= {step.number: 0} | {part.number: part.cents for part in step.to}
        self._heirs[step.number] = [part.number for part in step.to]
        gone = {n: self.rows[n][step.number] for n in coming}
        left = dict(self._held)
        for n, share in gone.items():
            self.rows[n][step.number] = _nothing(self._members[step.number])
            self._divide(n, step.number, share.interest_cents, share.principal_cents, left)
        self.dropped[step.number] = gone

    def _pay(self, numbers: Iterable[int]) -> None:
        for n in numbers:
            for number, share in self.rows[n].items():
                self._held[number] -= share.principal_cents

    def _spread(self, numbers: Iterable[int]) -> None:
        left = dict(self._held)
        root = min(self._members)
        for n in numbers:
            whole = self._agreed[n - 1]
            self.rows[n] = {number: _nothing(claim) for number, claim in self._members.items()}
            self._divide(n, root, whole.interest_cents, whole.principal_cents, left)

    def _divide(self, n: int, number: int, interest_cents: int, principal_cents: int, left: dict[int, int]) -> None:
        """Give a claim its part of an instalment; one that passed hands it on to those it passed to, and no others."""
        heirs = self._heirs.get(number)
        if heirs is None:
            left[number] -= principal_cents
            self.rows[n][number] = replace(
                self.rows[n][number],
                interest_cents=interest_cents,
                principal_cents=principal_cents,
                outstanding_cents=left[number],
            )
            return
        holders = [Claim(str(heir), self._total(heir, left)) for heir in heirs]
        for share in shares(interest_cents, principal_cents, [each for each in holders if each.outstanding_cents]):
            self._divide(n, int(share.holder), share.interest_cents, share.principal_cents, left)

    def _total(self, number: int, left: Mapping[int, int]) -> int:
        return left[number] + sum(self._total(heir, left) for heir in self._heirs.get(number, ()))


def _summed(rebase: Rebase, root: Mapping[int, int], number: int) -> ClaimChange:
    own = [change_of(rebase, m) for m, first in root.items() if first == number]
    return ClaimChange(
        capitalised_cents=sum(each.capitalised_cents for each in own),
        cut_cents=sum(each.cut_cents for each in own),
        converted_cents=sum(each.converted_cents for each in own),
    )


def _nothing(claim: LenderClaim) -> ClaimShare:
    return ClaimShare(
        pledge_id=claim.pledge_id, lender=claim.lender, interest_cents=0, principal_cents=0, outstanding_cents=0
    )
