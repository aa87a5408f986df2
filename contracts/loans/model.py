"""A loan: one borrower, many lenders, one frozen schedule; and how each instalment is split over the lenders.

The loan's own life is short: agreed, paid out, running, and then repaid or lost. Whether it is late is not a state of
the loan but follows from its dues and the date (`contracts.servicing`). Every lender's share of every instalment
follows from the schedule and the principal of each claim alone, so that no order of arrival can change a cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from contracts.claims import claim_asset
from contracts.documents.model import AskTimestamp
from contracts.offers.model import OfferState
from contracts.servicing.model import Label
from contracts.terms.dates import MONTHS_A_YEAR
from contracts.terms.daycount import DayCount
from contracts.terms.distribution import Claim, LenderShare, shares
from contracts.terms.schedule import Every, Instalment, RepaymentKind, Terms
from ledger.errors import InvariantError
from ledger.money import Asset, allocate

DUE, EARLY, RECOVERY = "due:", "early:", "recovery:"
"""What the reference of a payment begins with: of an instalment, of all at once, of what comes after the loss."""

FICTIONAL_LEI = "969500BXLINVEST00060"
"""Well-formed, and nobody's."""
LOAN_REFERENCE = "loan:"
"""How the reference of the transfer that pays a loan out begins."""


class LoanState(StrEnum):
    """Where a loan's own life stands."""

    AGREED = "agreed"
    ORDERED = "ordered"
    RUNNING = "running"
    ACCELERATED = "accelerated"
    REPAID = "repaid"
    BANKRUPT = "bankrupt"
    WRITTEN_OFF = "written_off"


class Ground(StrEnum):
    """Why a lender may claim all at once (ordinance of the Brussels-Capital Region of 17 March 2023, art. 7)."""

    BANKRUPTCY = "bankruptcy"
    INSOLVENCY = "insolvency"
    DISSOLUTION = "dissolution"
    ACTIVITY_ENDED = "activity-ended"
    PROVISIONAL_ADMINISTRATION = "provisional-administration"
    ARREARS = "arrears"
    DEREGISTRATION = "deregistration"
    DEATH = "death"


class InstalmentState(StrEnum):
    """Where one instalment stands."""

    SCHEDULED = "scheduled"
    CALLED = "called"
    SETTLED = "settled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """A loan as it was agreed. `title` is the offer's; `early_repayment` is whether its deed allows one in full."""

    loan_id: str
    offer_id: str
    borrower: str
    title: str
    principal_cents: int
    rate_annual: Decimal
    term_years: int
    every: Every
    kind: RepaymentKind
    day_count: DayCount
    scheme: str
    agreed_on: date
    first_due_on: date
    early_repayment: bool = False

    @property
    def asset(self) -> Asset:
        """What a claim on this loan is counted in: cents of its principal."""
        return claim_asset(self.loan_id)

    @property
    def terms(self) -> Terms:
        """What its schedule was drawn from."""
        return Terms(
            principal_cents=self.principal_cents,
            rate_annual=self.rate_annual,
            starts_on=self.agreed_on,
            first_due_on=self.first_due_on,
            instalments=self.term_years * MONTHS_A_YEAR // self.every.months,
            every=self.every,
            kind=self.kind,
            day_count=self.day_count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderClaim:
    """One pledge that became a claim; `number` is its place in the loan's fixed order, and its name towards others."""

    number: int
    pledge_id: str
    lender: str
    principal_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimShare:
    """What one claim receives of one instalment, before tax."""

    pledge_id: str
    lender: str
    interest_cents: int
    principal_cents: int
    outstanding_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferClosed:
    """The answer to closing an offer: its outcome, and the loan if it was funded."""

    state: OfferState
    loan_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDesk:
    """What the wiring hands over to have agreements written: where the signing keys are, and what the papers name.

    `lei` is the operator's legal entity identifier (ISO 17442), with which the identifiers of its offers begin.
    `ask_timestamp` is the port to a timestamp authority; None where there is none, and then signatures carry no stamp.
    """

    keys_dir: Path
    licence_holder: str
    verify_address: str
    sandbox: bool
    lei: str = FICTIONAL_LEI
    policy_sha256: str | None = None
    passphrase: bytes | None = None
    ask_timestamp: AskTimestamp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLine:
    """One claim of a lender.

    `expected_cents` is what the schedule had due to her by the date, before tax, as is what is overdue and next due.
    `received_net_cents` is principal and interest received, less the tax withheld; `recovered_cents` is the part of the
    principal that came after the claim was lost, and what is lost is less by it.
    """

    loan_id: str
    pledge_id: str
    title: str
    principal_cents: int
    outstanding_cents: int
    received_principal_cents: int
    received_interest_gross_cents: int
    withholding_cents: int
    received_net_cents: int
    expected_cents: int
    overdue_cents: int
    days_past_due: int
    state_label: Label
    next_due_on: date | None
    next_due_cents: int
    lost_cents: int
    recovered_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioTotals:
    """The sums of the claims' columns."""

    principal_cents: int
    outstanding_cents: int
    received_principal_cents: int
    received_interest_gross_cents: int
    withholding_cents: int
    received_net_cents: int
    expected_cents: int
    overdue_cents: int
    lost_cents: int
    recovered_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthFlow:
    """One month, named by its first day: gross amounts due in it by the schedules, and gross amounts received in it."""

    month: date
    expected_cents: int
    received_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """A lender's claims, late ones first, their totals, and expected against received month by month."""

    claims: list[ClaimLine]
    totals: PortfolioTotals
    months: list[MonthFlow]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalmentLine:
    """One instalment of the loan. `state` is scheduled, called, late, settled or cancelled."""

    n: int
    due_on: date
    interest_cents: int
    principal_cents: int
    total_cents: int
    outstanding_cents: int
    called: bool
    paid_on: date | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLine:
    """One lender's part of an instalment; the tax is known once it is paid, and estimated by today's rule before."""

    n: int
    due_on: date
    interest_cents: int
    principal_cents: int
    withholding_cents: int
    net_cents: int
    paid_on: date | None
    entry_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderLine:
    """A lender, by number and never by name."""

    number: int
    principal_cents: int
    outstanding_cents: int
    lost_cents: int
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyQuote:
    """What repaying everything costs until a day, in place of instalment `n` and all after it; `asked_on` if it was."""

    loan_id: str
    n: int
    until_on: date
    days: int
    principal_cents: int
    interest_cents: int
    asked_on: date | None
    reference: str | None

    @property
    def total_cents(self) -> int:
        """Principal and interest together."""
        return self.principal_cents + self.interest_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryLine:
    """Money that is expected after the loss: asked for on a day, recognised by its communication, and what came of it.

    `recovered_cents` is what the lenders have of it; what was more than their loss has gone back.
    """

    n: int
    amount_cents: int
    expected_on: date
    communication: str
    received_on: date | None
    recovered_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanOverview:
    """A loan in a list of the operator or of its borrower."""

    loan_id: str
    offer_id: str
    title: str
    borrower: str
    borrower_name: str
    state: LoanState
    state_label: Label
    days_past_due: int
    overdue_cents: int
    principal_cents: int
    outstanding_cents: int
    lost_cents: int
    lenders: int
    agreed_on: date
    next_due_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChange:
    """What a plan changes of one claim, in cents of principal: interest added to it, cut from it, turned into shares.

    Where a plan falls, what it added and cut is below zero: it is undone.
    """

    capitalised_cents: int = 0
    cut_cents: int = 0
    converted_cents: int = 0

    @property
    def cents(self) -> int:
        """By how much the claim grows."""
        return self.capitalised_cents - self.cut_cents - self.converted_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebase:
    """Other terms from a day on: instalments from number `first_n` take the place of those that are dropped.

    `changes` are in the order of the claims. The old schedule stays on record beside the new. `is_revival`: the plan
    before it fell. `waived_cents` of called interest were given up of each claim; empty where none were.
    """

    on: date
    first_n: int
    dropped: tuple[int, ...]
    changes: tuple[ClaimChange, ...]
    is_revival: bool = False
    amortisation: str | None = None
    """Where it left what was not called yet (`Amortisation.to_state`), as text; None where that was not kept."""
    waived_cents: tuple[int, ...] = ()

    @property
    def total(self) -> ClaimChange:
        """What it changes of all claims together."""
        return ClaimChange(
            capitalised_cents=sum(each.capitalised_cents for each in self.changes),
            cut_cents=sum(each.cut_cents for each in self.changes),
            converted_cents=sum(each.converted_cents for each in self.changes),
        )


Numbered = tuple[int, Rebase]
"""A change of terms with its number among all of a loan."""


def in_force(rebases: Sequence[Rebase]) -> list[Numbered]:
    """The plans that have not fallen."""
    numbered = list(enumerate(rebases, 1))
    fallen = max((number for number, each in numbered if each.is_revival), default=0)
    return numbered[fallen:]


Distribution = tuple[tuple[ClaimShare, ...], ...]
"""Shares by instalment, then by claim."""


def distribution(instalments: Sequence[Instalment], claims: Sequence[LenderClaim]) -> Distribution:
    """Every claim's share of every instalment, in the order of both; each claim ends at exactly zero.

    `outstanding_cents` of a share is the claim after that instalment.
    """
    outstanding = {claim.pledge_id: claim.principal_cents for claim in claims}
    plan: list[tuple[ClaimShare, ...]] = []
    for instalment in instalments:
        split = _split(instalment, outstanding)
        plan.append(tuple(_share(claim, split[claim.pledge_id]) for claim in claims))
        outstanding = {pledge_id: share.outstanding_cents for pledge_id, share in split.items()}
    if any(outstanding.values()):
        raise InvariantError("a claim is not repaid to the cent by the last instalment")
    return tuple(plan)


def recovery_shares(lost: Mapping[str, int], recoveries: Iterable[int]) -> list[dict[str, int]]:
    """What each claim has of each recovery, in order: in proportion to what it has still lost, by largest remainder.

    `lost` is principal in cents by pledge; ties go to the first pledge in alphabetical order. No claim ever has more
    than it has lost, as long as the recoveries together are no more than the loss.

    >>> recovery_shares({"p2": 5_000, "p1": 10_000}, [100, 14_900])
    [{'p1': 67, 'p2': 33}, {'p1': 9933, 'p2': 4967}]
    """
    left = dict(sorted(lost.items()))
    split: list[dict[str, int]] = []
    for cents in recoveries:
        split.append(dict(zip(left, allocate(cents, list(left.values())), strict=True)))
        left = {pledge_id: left[pledge_id] - part for pledge_id, part in split[-1].items()}
    return split


def distribution_over(
    instalments: Sequence[Instalment], claims: Sequence[LenderClaim], rebases: Sequence[Rebase]
) -> Distribution:
    """Every claim's share of every instalment, dropped ones as they were; a plan begins with the claims of its day."""
    plan: list[tuple[ClaimShare, ...]] = []
    held = list(claims)
    starts = [1, *(each.first_n for each in rebases)]
    ends = [*(each.first_n for each in rebases), len(instalments) + 1]
    for k, (first, end) in enumerate(zip(starts, ends, strict=True)):
        plan += distribution(instalments[first - 1 : end - 1], held)
        if k == len(rebases):
            break
        paid = [plan[n - 1] for n in range(first, end) if n not in rebases[k].dropped]
        held = [
            replace(
                claim,
                principal_cents=claim.principal_cents
                + rebases[k].changes[i].cents
                - sum(row[i].principal_cents for row in paid),
            )
            for i, claim in enumerate(held)
        ]
    return tuple(plan)


def asked_from(rebases: Sequence[Rebase], n: int) -> date | None:
    """Since when an instalment is asked for; None for those of the agreement."""
    return max((each.on for each in rebases if each.first_n <= n), default=None)


def dropped_on(rebases: Sequence[Rebase], n: int) -> date | None:
    """When others took the place of an instalment, if they did."""
    return next((each.on for each in rebases if n in each.dropped), None)


def _split(instalment: Instalment, outstanding: Mapping[str, int]) -> dict[str, LenderShare]:
    holders = [Claim(pledge_id, cents) for pledge_id, cents in outstanding.items()]
    split = shares(instalment.interest_cents, instalment.principal_cents, holders)
    return {share.holder: share for share in split}


def _share(claim: LenderClaim, share: LenderShare) -> ClaimShare:
    return ClaimShare(
        pledge_id=claim.pledge_id,
        lender=claim.lender,
        interest_cents=share.interest_cents,
        principal_cents=share.principal_cents,
        outstanding_cents=share.outstanding_cents,
    )


def share_key(loan_id: str, n: int, pledge_id: str) -> str:
    """The fact key under which a claim's share of a due is given to its lender."""
    return f"due:{loan_id}:{n}:{pledge_id}"


def due_of(reference: str) -> tuple[str, int]:
    """The loan and the number that a payment's reference names, whatever comes after them.

    >>> due_of("due:l1:3"), due_of("owed:l1:3:2")
    (('l1', 3), ('l1', 3))
    """
    _, loan_id, n = reference.split(":")[:3]
    return loan_id, int(n)
