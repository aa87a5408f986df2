"""Portfolios and loans in the JSON API."""

from datetime import date

from api.v1.schemas import (
    Cents,
    Code,
    Document,
    Line,
    Payment,
    PositiveCents,
    Rate,
    RequestBody,
    Resource,
    Sha256,
)
from contracts.loans.model import Ground


class Claim(Resource):
    """One claim of a lender: expected against received, with the tax withheld."""

    loan_id: str
    pledge_id: str
    title: str
    principal_cents: Cents
    outstanding_cents: Cents
    received_principal_cents: Cents
    received_interest_gross_cents: Cents
    withholding_cents: Cents
    received_net_cents: Cents
    expected_cents: Cents
    overdue_cents: Cents
    days_past_due: int
    state_label: str
    next_due_on: date | None
    next_due_cents: Cents
    lost_cents: Cents
    recovered_cents: Cents


class Totals(Resource):
    """The sums of the claims."""

    principal_cents: Cents
    outstanding_cents: Cents
    received_principal_cents: Cents
    received_interest_gross_cents: Cents
    withholding_cents: Cents
    received_net_cents: Cents
    expected_cents: Cents
    overdue_cents: Cents
    lost_cents: Cents
    recovered_cents: Cents


class Month(Resource):
    """Gross amounts due and received in one month, named by its first day."""

    month: date
    expected_cents: Cents
    received_cents: Cents


class Portfolio(Resource):
    """A lender's claims, late ones first."""

    claims: list[Claim]
    totals: Totals
    months: list[Month]


class Instalment(Resource):
    """One instalment of a loan."""

    n: int
    due_on: date
    interest_cents: Cents
    principal_cents: Cents
    total_cents: Cents
    outstanding_cents: Cents
    called: bool
    paid_on: date | None
    state: str


class Share(Resource):
    """The caller's own part of an instalment; `entry_key` names the journal entry that paid it."""

    n: int
    due_on: date
    interest_cents: Cents
    principal_cents: Cents
    withholding_cents: Cents
    net_cents: Cents
    paid_on: date | None
    entry_key: str | None


class Event(Resource):
    """Something that happened to the loan."""

    on: date
    event: str


class Lender(Resource):
    """A lender by number, never by name."""

    number: int
    principal_cents: Cents
    outstanding_cents: Cents
    lost_cents: Cents
    own: bool


class EarlyQuote(Resource):
    """What repaying everything costs until a day; `asked_on` is when the borrower asked for it, if she has."""

    loan_id: str
    n: int
    until_on: date
    days: int
    principal_cents: Cents
    interest_cents: Cents
    total_cents: Cents
    asked_on: date | None


class Recovery(Resource):
    """Money expected after the loss, by its structured communication, and what the lenders have of it."""

    n: int
    amount_cents: Cents
    expected_on: date
    communication: str
    received_on: date | None
    recovered_cents: Cents


class RecoveredComponent(Resource):
    """What was owed of a component before a recovery, and what the recovery paid of it."""

    component: str
    owed_cents: Cents
    paid_cents: Cents
    left_cents: Cents


class RecoveredPart(Resource):
    """A claim's part of a recovery, by the lender's number; `posted_cents` is what the entry of that key gave."""

    number: int
    lost_before_cents: Cents
    part_cents: Cents
    lost_after_cents: Cents
    posted_cents: Cents
    entry_key: str
    own: bool


class RecoveryFall(Resource):
    """One recovery: what came, what it paid in the order agreed, what went back, and each lender's part."""

    n: int
    received_on: date
    received_cents: Cents
    components: list[RecoveredComponent]
    sent_back_cents: Cents
    shared_cents: Cents
    is_shared_out: bool
    parts: list[RecoveredPart]


class Waterfall(Resource):
    """Every recovery of a lost loan; interest that was called and cancelled with the loss has no part in them."""

    loan_id: str
    title: str
    cancelled_interest_cents: Cents
    recoveries: list[RecoveryFall]


class Loan(Resource):
    """A loan in a list."""

    loan_id: str
    offer_id: str
    title: str
    borrower_name: str
    state: str
    state_label: str
    days_past_due: int
    overdue_cents: Cents
    principal_cents: Cents
    outstanding_cents: Cents
    lost_cents: Cents


class LoanInFull(Loan):
    """A loan with its schedule and history; `claims`, `shares` and `documents` are the caller's own."""

    rate_annual: Rate
    term_years: int
    every: str
    repayment: str
    agreed_on: date
    disbursed_on: date | None
    ends_on: date
    recovered_cents: Cents
    early_repayment: bool
    early_quote: EarlyQuote | None
    accelerated_on: date | None
    ground: Ground | None
    instalments: list[Instalment]
    recoveries: list[Recovery]
    events: list[Event]
    lenders: list[Lender]
    claims: list[Claim]
    shares: list[Share]
    documents: list[Document]


class Due(Resource):
    """A called instalment that its borrower has not paid, with the payment that settles it."""

    loan_id: str
    title: str
    n: int
    due_on: date
    interest_cents: Cents
    principal_cents: Cents
    total_cents: Cents
    days_past_due: int
    payment: Payment | None


class Evidence(RequestBody):
    """What proves a fact that staff records, and the fact's date if it is not today."""

    evidence: Sha256
    on: date | None = None


class EarlyRepayment(RequestBody):
    """The day to which everything was quoted, and the amount of the quote."""

    until_on: date
    amount_cents: PositiveCents


class Acceleration(RequestBody):
    """The notice by which everything is claimed: its ground (ordinance of 17 March 2023, art. 7), day and evidence."""

    ground: Ground
    on: date
    evidence: Sha256
    reason: Line


class ExpectedRecovery(RequestBody):
    """Money that a paper says will come after the loss, and why a colleague is asked."""

    amount_cents: PositiveCents
    evidence: Sha256
    reason: Line


class Reason(RequestBody):
    """Why a second pair of eyes is asked for."""

    reason: Line


class Release(RequestBody):
    """The approval that a colleague gave."""

    approval_id: Code
