"""The journal entries of a plan, one a lender. Claims are counted in the loan's own asset, called interest in EUR.

| event | debit | credit | fact key |
|---|---|---|---|
| interest-waived | 031200 loan | 030200 loan | plan:<loan>:<plan>:<pledge>:waived |
| interest-capitalised | 031200 loan | 030200 loan | plan:<loan>:<plan>:<pledge>:capitalised |
| | 020000 lender (claim) | 021000 borrower (claim) | |
| claim-reduced | 023000 lender (claim) | 020000 lender (claim) | plan:<loan>:<plan>:<pledge>:reduced |
| claim-converted | 021000 borrower (claim) | 020000 lender (claim) | plan:<loan>:<plan>:<pledge>:converted |
| claim-revived | 020000 lender (claim) | 023000 lender (claim) | plan:<loan>:<plan>:<pledge>:revived |
| capitalisation-undone | 021000 borrower (claim) | 020000 lender (claim) | plan:<loan>:<plan>:<pledge>:undone |
| claim-released | 021000 borrower (claim) | 023000 lender (claim) | plan:<loan>:<plan>:<pledge>:released |

What is cut stays on 023000, and the borrower still owes it on 021000, until nothing can revive it: the plan was
performed and no clause of better fortune runs. Then it is released. What becomes shares is owed no more at once.
"""

from datetime import date

from contracts.loans.model import LenderClaim, Loan
from contracts.loans.postings import CLAIM
from ledger.journal import JournalEntry
from ledger.templates import DatedBy, Template, credit, debit

INTEREST_WAIVED = Template(
    "interest-waived",
    key="plan:<loan>:<plan>:<pledge>:waived",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("031200", of="loan"), credit("030200", of="loan")),
)
INTEREST_CAPITALISED = Template(
    "interest-capitalised",
    key="plan:<loan>:<plan>:<pledge>:capitalised",
    dated_by=DatedBy.OUTSIDE,
    legs=(
        debit("031200", of="loan"),
        credit("030200", of="loan"),
        debit("020000", of="lender", asset=CLAIM),
        credit("021000", of="borrower", asset=CLAIM),
    ),
)
CLAIM_REDUCED = Template(
    "claim-reduced",
    key="plan:<loan>:<plan>:<pledge>:reduced",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("023000", of="lender", asset=CLAIM), credit("020000", of="lender", asset=CLAIM)),
)
CLAIM_CONVERTED = Template(
    "claim-converted",
    key="plan:<loan>:<plan>:<pledge>:converted",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("021000", of="borrower", asset=CLAIM), credit("020000", of="lender", asset=CLAIM)),
)
CLAIM_REVIVED = Template(
    "claim-revived",
    key="plan:<loan>:<plan>:<pledge>:revived",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("020000", of="lender", asset=CLAIM), credit("023000", of="lender", asset=CLAIM)),
)
CAPITALISATION_UNDONE = Template(
    "capitalisation-undone",
    key="plan:<loan>:<plan>:<pledge>:undone",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("021000", of="borrower", asset=CLAIM), credit("020000", of="lender", asset=CLAIM)),
)
CLAIM_RELEASED = Template(
    "claim-released",
    key="plan:<loan>:<plan>:<pledge>:released",
    dated_by=DatedBy.AGREEMENT,
    legs=(debit("021000", of="borrower", asset=CLAIM), credit("023000", of="lender", asset=CLAIM)),
)
TEMPLATES = (
    INTEREST_WAIVED,
    INTEREST_CAPITALISED,
    CLAIM_REDUCED,
    CLAIM_CONVERTED,
    CLAIM_REVIVED,
    CAPITALISATION_UNDONE,
    CLAIM_RELEASED,
)


def of_plan(
    template: Template, loan: Loan, lent: LenderClaim, plan: int, cents: int, *, on: date, actor: str, evidence: str
) -> JournalEntry:
    """One lender's entry of plan number `plan`; `evidence` is the SHA-256 of the paper that it rests on."""
    words = _words(loan, lent, plan)
    owners = {"loan": loan.loan_id, "lender": lent.lender, "borrower": loan.borrower}
    return template.entry(
        on=on,
        actor=actor,
        ids=words | {leg.owner: owners[leg.owner] for leg in template.legs},
        amounts={"amount": cents},
        assets={CLAIM: loan.asset.code} if CLAIM in template.assets else {},
        evidence=evidence,
    )


def plan_key(template: Template, loan: Loan, lent: LenderClaim, plan: int) -> str:
    """The fact key of one lender's entry of plan number `plan`."""
    return template.fact_key(_words(loan, lent, plan))


def _words(loan: Loan, lent: LenderClaim, plan: int) -> dict[str, str]:
    return {"loan": loan.loan_id, "plan": str(plan), "pledge": lent.pledge_id}
