"""The journal entries that a loan causes. Claims are counted in the loan's own asset, money in EUR; neither mixes.

| event | debit | credit | fact key |
|---|---|---|---|
| loan-issued | 489200 lender | 489500 borrower | issue:<loan>:<pledge> |
| | 020000 lender (claim) | 021000 borrower (claim) | |
| due-called | [030100 loan], [030200 loan] | [031100 loan], [031200 loan] | due:<loan>:<n>:called |
| due-settled | [031100 loan], [031200 loan] | [030100 loan], [030200 loan] | due:<loan>:<n>:settled |
| due-cancelled | [031100 loan], [031200 loan] | [030100 loan], [030200 loan] | due:<loan>:<n>:cancelled |
| instalment-distributed | 489600 loan | 489300 lender, [453000 borrower] | due:<loan>:<n>:<pledge> |
| | [021000 borrower (claim)] | [020000 lender (claim)] | |
| payment-unusable | 489600 loan | 489400 borrower | excess:<payment> |
| owed-repaid | 489600 loan | 416300 borrower | owed:<payment> |
| claim-written-off | 022000 lender (claim) | 020000 lender (claim) | wo:<loan>:<pledge> |
| recovery-distributed | 489600 loan | 489300 lender | rec:<recovery>:<pledge> |
| | 021000 borrower (claim) | 022000 lender (claim) | |
| claim-inherited | [020000 to (claim)], [022000 to (claim)], [023000 to (claim)] | [020000 lender (claim)], [022000 lender (claim)], [023000 lender (claim)] | pass:<loan>:<pledge> |
| claim-given | [020000 to (claim)], [022000 to (claim)], [023000 to (claim)] | [020000 lender (claim)], [022000 lender (claim)], [023000 lender (claim)] | pass:<loan>:<pledge> |
| estate-money-passed | 489300 lender | 489300 to | estate:<approval>:<to> |

What stands in brackets is left out where it is nothing: a due without principal, a payment without tax. Issue,
distribution and write-off have one entry for each lender. Paying out the loan and the lenders are transfer orders of
`ledger.payments`.
"""  # noqa: E501 -- a row of the table is one line

from collections.abc import Mapping
from datetime import date

from contracts.loans.model import ClaimShare, LenderClaim, Loan
from contracts.terms.schedule import Instalment
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.templates import DatedBy, Leg, Template, credit, debit

CLAIM = "claim"
"""The word for a loan's own asset, which is another for each loan."""
OWED_BY_BORROWER = "416300"
"""Code of the account of what a borrower's bank took back after the lenders had it."""


def _called() -> tuple[Leg, ...]:
    """A due, per component, in the accounts of what was called."""
    return (
        debit("030100", of="loan", amount="principal", optional=True),
        credit("031100", of="loan", amount="principal", optional=True),
        debit("030200", of="loan", amount="interest", optional=True),
        credit("031200", of="loan", amount="interest", optional=True),
    )


def _called_no_more() -> tuple[Leg, ...]:
    """The mirror of a call."""
    return (
        debit("031100", of="loan", amount="principal", optional=True),
        credit("030100", of="loan", amount="principal", optional=True),
        debit("031200", of="loan", amount="interest", optional=True),
        credit("030200", of="loan", amount="interest", optional=True),
    )


LOAN_ISSUED = Template(
    "loan-issued",
    key="issue:<loan>:<pledge>",
    dated_by=DatedBy.AGREEMENT,
    legs=(
        debit("489200", of="lender", amount="principal"),
        credit("489500", of="borrower", amount="principal"),
        debit("020000", of="lender", amount="principal", asset=CLAIM),
        credit("021000", of="borrower", amount="principal", asset=CLAIM),
    ),
)
DUE_CALLED = Template("due-called", key="due:<loan>:<n>:called", dated_by=DatedBy.AGREEMENT, legs=_called())
DUE_SETTLED = Template("due-settled", key="due:<loan>:<n>:settled", dated_by=DatedBy.CAUSE, legs=_called_no_more())
DUE_CANCELLED = Template(
    "due-cancelled", key="due:<loan>:<n>:cancelled", dated_by=DatedBy.CAUSE, legs=_called_no_more()
)
INSTALMENT_DISTRIBUTED = Template(
    "instalment-distributed",
    key="due:<loan>:<n>:<pledge>",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit("489600", of="loan", amount="gross"),
        credit("489300", of="lender", amount="net"),
        credit("453000", of="borrower", amount="tax", optional=True),
        debit("021000", of="borrower", amount="principal", asset=CLAIM, optional=True),
        credit("020000", of="lender", amount="principal", asset=CLAIM, optional=True),
    ),
)
PAYMENT_UNUSABLE = Template(
    "payment-unusable",
    key="excess:<payment>",
    dated_by=DatedBy.CAUSE,
    legs=(debit("489600", of="loan"), credit("489400", of="borrower")),
)
OWED_REPAID = Template(
    "owed-repaid",
    key="owed:<payment>",
    dated_by=DatedBy.CAUSE,
    legs=(debit("489600", of="loan"), credit("416300", of="borrower")),
)
CLAIM_WRITTEN_OFF = Template(
    "claim-written-off",
    key="wo:<loan>:<pledge>",
    dated_by=DatedBy.OUTSIDE,
    legs=(
        debit("022000", of="lender", amount="lost", asset=CLAIM),
        credit("020000", of="lender", amount="lost", asset=CLAIM),
    ),
)
RECOVERY_DISTRIBUTED = Template(
    "recovery-distributed",
    key="rec:<recovery>:<pledge>",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit("489600", of="loan", amount="recovered"),
        credit("489300", of="lender", amount="recovered"),
        debit("021000", of="borrower", amount="recovered", asset=CLAIM),
        credit("022000", of="lender", amount="recovered", asset=CLAIM),
    ),
)


def _passed() -> tuple[Leg, ...]:
    """A claim from who had it to who has it now: what is owed, what is lost, and what a plan has cut."""
    codes = {"020000": "principal", "022000": "lost", "023000": "cut"}
    return tuple(
        leg
        for code, amount in codes.items()
        for leg in (
            debit(code, of="to", amount=amount, asset=CLAIM, optional=True),
            credit(code, of="lender", amount=amount, asset=CLAIM, optional=True),
        )
    )


CLAIM_INHERITED = Template("claim-inherited", key="pass:<loan>:<pledge>", dated_by=DatedBy.OUTSIDE, legs=_passed())
CLAIM_GIVEN = Template("claim-given", key="pass:<loan>:<pledge>", dated_by=DatedBy.OUTSIDE, legs=_passed())
ESTATE_MONEY_PASSED = Template(
    "estate-money-passed",
    key="estate:<approval>:<to>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("489300", of="lender"), credit("489300", of="to")),
)
TEMPLATES = (
    LOAN_ISSUED,
    DUE_CALLED,
    DUE_SETTLED,
    DUE_CANCELLED,
    INSTALMENT_DISTRIBUTED,
    PAYMENT_UNUSABLE,
    OWED_REPAID,
    CLAIM_WRITTEN_OFF,
    RECOVERY_DISTRIBUTED,
    CLAIM_INHERITED,
    CLAIM_GIVEN,
    ESTATE_MONEY_PASSED,
)


def proceeds(borrower: str) -> AccountRef:
    """Money of issued loans that is to be paid out to the borrower."""
    return AccountRef("489500", borrower)


def collected(loan_id: str) -> AccountRef:
    """Instalments that have arrived and are to be distributed."""
    return AccountRef("489600", loan_id)


def loan_issued(loan: Loan, lent: LenderClaim, *, actor: str) -> JournalEntry:
    """One lender's firm money becomes the borrower's proceeds, and her claim on the borrower."""
    return LOAN_ISSUED.entry(
        on=loan.agreed_on,
        actor=actor,
        ids={"loan": loan.loan_id, "pledge": lent.pledge_id, "lender": lent.lender, "borrower": loan.borrower},
        amounts={"principal": lent.principal_cents},
        assets={CLAIM: loan.asset.code},
    )


def due_called(loan: Loan, due: Instalment, *, actor: str) -> JournalEntry:
    """An instalment falls due and is called, per component."""
    return _memo(DUE_CALLED, loan, due, due.due_on, actor)


def due_settled(loan: Loan, due: Instalment, *, on: date, actor: str) -> JournalEntry:
    """A called instalment has been paid: the mirror of its call."""
    return _memo(DUE_SETTLED, loan, due, on, actor)


def due_cancelled(loan: Loan, due: Instalment, *, on: date, actor: str) -> JournalEntry:
    """A called instalment will never be paid, its loan being lost or repaid as a whole: the mirror of its call."""
    return _memo(DUE_CANCELLED, loan, due, on, actor)


def instalment_distributed(
    loan: Loan, n: int, share: ClaimShare, *, withheld_cents: int, on: date, actor: str
) -> JournalEntry:
    """One lender's part of a paid instalment: net to her, the tax kept, her claim reduced by the principal."""
    gross = share.interest_cents + share.principal_cents
    ids = {"loan": loan.loan_id, "n": str(n), "pledge": share.pledge_id}
    return INSTALMENT_DISTRIBUTED.entry(
        on=on,
        actor=actor,
        ids=ids | {"lender": share.lender, "borrower": loan.borrower},
        amounts={
            "gross": gross,
            "net": gross - withheld_cents,
            "tax": withheld_cents,
            "principal": share.principal_cents,
        },
        assets={CLAIM: loan.asset.code},
    )


def payment_unusable(loan: Loan, *, payment_id: str, amount_cents: int, on: date, actor: str) -> JournalEntry:
    """Money booked to the loan that no due could take is to be sent back to the borrower."""
    ids = {"payment": payment_id, "loan": loan.loan_id, "borrower": loan.borrower}
    return PAYMENT_UNUSABLE.entry(on=on, actor=actor, ids=ids, amounts={"amount": amount_cents})


def owed_repaid(loan: Loan, *, payment_id: str, amount_cents: int, on: date, actor: str) -> JournalEntry:
    """The borrower has paid what her bank had taken back after the lenders had it."""
    ids = {"loan": loan.loan_id, "borrower": loan.borrower, "payment": payment_id}
    return OWED_REPAID.entry(on=on, actor=actor, ids=ids, amounts={"amount": amount_cents})


def claim_written_off(
    loan: Loan, lent: LenderClaim, *, lost_cents: int, on: date, evidence: str, actor: str
) -> JournalEntry:
    """What one lender has definitively lost, on the proof whose SHA-256 is `evidence`."""
    return CLAIM_WRITTEN_OFF.entry(
        on=on,
        actor=actor,
        ids={"loan": loan.loan_id, "pledge": lent.pledge_id, "lender": lent.lender},
        amounts={"lost": lost_cents},
        assets={CLAIM: loan.asset.code},
        evidence=evidence,
    )


def recovery_distributed(
    loan: Loan, lent: LenderClaim, *, recovery_id: str, recovered_cents: int, on: date, actor: str
) -> JournalEntry:
    """One lender's part of money that comes after her claim was written off: principal, so nothing is withheld."""
    return RECOVERY_DISTRIBUTED.entry(
        on=on,
        actor=actor,
        ids={
            "recovery": recovery_id,
            "pledge": lent.pledge_id,
            "loan": loan.loan_id,
            "lender": lent.lender,
            "borrower": loan.borrower,
        },
        amounts={"recovered": recovered_cents},
        assets={CLAIM: loan.asset.code},
    )


def claim_passed(
    template: Template,
    loan: Loan,
    came: LenderClaim,
    *,
    lender: str,
    amounts: Mapping[str, int],
    on: date,
    evidence: str,
    actor: str,
) -> JournalEntry:
    """What an heir, or one to whom it is given, has of a claim of `lender`: `principal`, `lost` and `cut`, in cents."""
    return template.entry(
        on=on,
        actor=actor,
        ids={"loan": loan.loan_id, "pledge": came.pledge_id, "lender": lender, "to": came.lender},
        amounts=amounts,
        assets={CLAIM: loan.asset.code},
        evidence=evidence,
    )


def estate_money_passed(
    *, approval_id: str, lender: str, to: str, amount_cents: int, on: date, evidence: str, actor: str
) -> JournalEntry:
    """Money that stood to a lender who died is an heir's."""
    ids = {"approval": approval_id, "lender": lender, "to": to}
    return ESTATE_MONEY_PASSED.entry(on=on, actor=actor, ids=ids, amounts={"amount": amount_cents}, evidence=evidence)


def _memo(template: Template, loan: Loan, due: Instalment, on: date, actor: str) -> JournalEntry:
    ids = {"loan": loan.loan_id, "n": str(due.n)}
    amounts = {"principal": due.principal_cents, "interest": due.interest_cents}
    return template.entry(on=on, actor=actor, ids=ids, amounts=amounts)
