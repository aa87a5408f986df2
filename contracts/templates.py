"""Every business event of the programme, by the part that declares it: what `bxl templates` lists."""

from collections.abc import Mapping

from contracts.bonds import postings as bonds
from contracts.loans import postings as loans
from contracts.offers import postings as offers
from contracts.pledges import postings as pledges
from contracts.secondchance import postings as secondchance
from ledger import years
from ledger.payments import debit_postings as debits
from ledger.payments import postings as payments
from ledger.payments import statement_postings as statements
from ledger.templates import Template, purposes_never_late

BY_PART: Mapping[str, tuple[Template, ...]] = {
    "payments": payments.TEMPLATES,
    "statements": statements.TEMPLATES,
    "debits": debits.TEMPLATES,
    "offers": offers.TEMPLATES,
    "pledges": pledges.TEMPLATES,
    "loans": loans.TEMPLATES,
    "secondchance": secondchance.TEMPLATES,
    "bonds": bonds.TEMPLATES,
    "years": years.TEMPLATES,
}
NEVER_LATE = purposes_never_late(template for templates in BY_PART.values() for template in templates)
"""Purposes whose entries may not be dated in a closed period."""


def lateness_refused(purpose: str) -> bool:
    """Whether an entry of this purpose may not be dated in a closed period; a purpose without a template may.

    >>> lateness_refused("payout-ordered"), lateness_refused("payment-received"), lateness_refused("opening")
    (True, False, False)
    """
    return purpose in NEVER_LATE
