"""One instalment split over the lenders of a loan, to the cent.

Interest and principal are split apart, each in proportion to the claims outstanding before the instalment, by largest
remainder; ties go to the holder that comes first in alphabetical order, so the order in which claims are given changes
nothing. A share of principal never exceeds its claim, and when the principal is all that is outstanding each claim goes
to exactly zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import InvariantError, Refusal
from ledger.money import allocate


@dataclass(frozen=True, slots=True)
class Claim:
    """What `holder` (a pledge or another stable token) has outstanding in the loan."""

    holder: str
    outstanding_cents: int


@dataclass(frozen=True, slots=True)
class LenderShare:
    """One holder's part of an instalment; `outstanding_cents` is the claim left after it."""

    holder: str
    interest_cents: int
    principal_cents: int
    outstanding_cents: int

    @property
    def gross_cents(self) -> int:
        """Interest and principal together, before tax."""
        return self.interest_cents + self.principal_cents


def shares(interest_cents: int, principal_cents: int, claims: Sequence[Claim]) -> list[LenderShare]:
    """The shares of all holders, in order of holder; refuses `principal-exceeds-claims` and `interest-without-claims`.

    Three lenders of 500.00, 250.00 and 250.01 EUR receive an instalment of 10.00 EUR interest and 100.00 EUR principal:

    >>> lenders = [Claim("p3", 25_001), Claim("p1", 50_000), Claim("p2", 25_000)]
    >>> for share in shares(1_000, 10_000, lenders):
    ...     print(share.holder, share.interest_cents, share.principal_cents, share.outstanding_cents)
    p1 500 5000 45000
    p2 250 2500 22500
    p3 250 2500 22501
    """
    ordered = sorted(claims, key=lambda claim: claim.holder)
    weights = [claim.outstanding_cents for claim in ordered]
    outstanding = sum(weights)
    if interest_cents < 0 or principal_cents < 0 or min(weights, default=0) < 0:
        raise InvariantError("an instalment and its claims are not negative")
    if len({claim.holder for claim in ordered}) != len(ordered):
        raise InvariantError("a holder has one claim in a loan")
    if principal_cents > outstanding:
        raise Refusal("principal-exceeds-claims", principal_cents=principal_cents, outstanding_cents=outstanding)
    if interest_cents and not outstanding:
        raise Refusal("interest-without-claims", interest_cents=interest_cents)
    interests, principals = allocate(interest_cents, weights), allocate(principal_cents, weights)
    split = [
        LenderShare(claim.holder, interest, principal, claim.outstanding_cents - principal)
        for claim, interest, principal in zip(ordered, interests, principals, strict=True)
    ]
    if min((share.outstanding_cents for share in split), default=0) < 0:
        raise InvariantError("a share of principal exceeds its claim")
    return split
