"""The asset in which a loan's claims are counted: its word for a loan, and the loan for its word."""

from ledger.money import Asset

_PREFIX = "LOAN-"


def claim_asset(loan_id: str) -> Asset:
    """The asset of a loan's claims; scale 2, since a claim is counted in cents."""
    return Asset(f"{_PREFIX}{loan_id.upper()}", 2)


def loan_of(asset: str) -> str | None:
    """The loan whose claims are counted in the asset of that code; None for euro or a bond's units.

    >>> loan_of(claim_asset("l2a7b3c4d5").code), loan_of("EUR")
    ('l2a7b3c4d5', None)
    """
    return asset.removeprefix(_PREFIX).lower() if asset.startswith(_PREFIX) else None
