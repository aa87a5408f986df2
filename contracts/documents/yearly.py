"""What the papers of a year's end say, as frozen values: the proof to the Fund, the certificate, the return.

Amounts are integer cents, dates are Brussels calendar dates. `known_at_entry` is the last entry of the books that they
stand on. A balance of 1 January is that of the day's beginning, one of 31 December that of the day's end.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from contracts.documents.model import Addressee, ChangedClaim, ClaimEvent, Enterprise
from contracts.schemes.credit import ZeroGround
from contracts.schemes.form_codes import Stated
from contracts.schemes.loss import NoLossGround
from contracts.schemes.withholding import HolderKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every paper of a year's end names: itself, its year, who keeps the books, and what it stands on."""

    paper_id: str
    year: int
    made_on: date
    known_at_entry: int
    licence_holder: str
    verify_address: str
    sandbox: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenLender:
    """One lender of a loan in the proof to the Fund: opening + lent - repaid - lost + changed + passed is closing.

    `changed_cents` is what plans made of the claim; `cut_cents` is what they cut and may still revive at the end.
    """

    party: str
    name: str
    opening_cents: int
    lent_cents: int
    repaid_cents: int
    lost_cents: int
    changed_cents: int
    closing_cents: int
    cut_cents: int
    interest_cents: int
    passed_cents: int = 0
    """Came from another lender by inheritance or gift; below zero, went to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenDue:
    """One due of the year, or one that reached the lenders in it.

    `shared_on` is the last day on which lenders had their shares, `principal_cents` and `interest_cents` what they had.
    """

    n: int
    due_on: date
    due_cents: int
    shared_on: date | None
    principal_cents: int
    interest_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanStanding:
    """How a loan stands at the end of the year. `label` is a word of `contracts.servicing`.

    `arrears_beyond_limit`: principal or interest is in arrears for longer than `arrears_limit_months`, a ground on
    which lenders may call the loan; the limit is None where no dated row of the scheme holds one. The books hold a
    bankruptcy and a loss; of a call they hold none but what a bankruptcy brings about, and of a striking from the
    register none.
    """

    label: str
    days_past_due: int
    overdue_cents: int
    arrears_limit_months: int | None
    arrears_beyond_limit: bool
    bankrupt_on: date | None
    lost_on: date | None
    repaid_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundProofData:
    """The yearly proof of one loan to the Fund that keeps the register of proxi loans."""

    frame: Frame
    loan_id: str
    title: str
    scheme: str
    borrower: Enterprise
    agreed_on: date
    disbursed_on: date | None
    ends_on: date
    principal_cents: int
    rate_annual: Decimal
    lenders: tuple[ProvenLender, ...]
    changes: tuple[ChangedClaim, ...]
    dues: tuple[ProvenDue, ...]
    standing: LoanStanding
    recovered_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedLoan:
    """One loan of the tax period: what of it is lent and not repaid, lost principal included, and what it brings.

    `at_first_rate`: it started in the period or in one of those before it that earn the higher rate. `ground` says
    why it brings nothing; then `ground_on` is the day of what stopped it, where a day did. `lost_cents` is principal
    whose loss was proven, or whose cut by a court-homologated plan became final, in the period; `cut_cents` is what
    such a plan cut and may still revive: it is in the closing balance meanwhile. `exemplary` is what the books hold of
    the borrower, None where they hold nothing.
    """

    loan_id: str
    title: str
    scheme: str
    borrower: Enterprise
    started_on: date
    ends_on: date
    principal_cents: int
    opening_cents: int
    closing_cents: int
    at_first_rate: bool
    ground: ZeroGround | None
    ground_on: date | None
    credit_cents: int
    lost_cents: int
    cut_cents: int
    exemplary: bool | None
    loss_ground: NoLossGround | None
    loss_credit_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedBox:
    """One box of the tax return: its codes, of the first and the second taxpayer, none where they are not known."""

    stated: Stated
    of_first_year: bool
    codes: tuple[str, ...]
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateData:
    """One lender's certificate for the tax credit of a tax period.

    `tax_residence` is what the books hold for 31 December, None where they hold nothing: the credit is then stated on
    condition. `rules` are the dated rows it follows from; `provisional` says that one of them is.
    """

    frame: Frame
    holder: Addressee
    tax_residence: str | None
    loans: tuple[CertifiedLoan, ...]
    base_first_cents: int
    base_later_cents: int
    credit_cents: int
    first_rate: Decimal
    later_rate: Decimal
    base_cap_cents: int
    loss_base_cents: int
    loss_credit_cents: int
    changes: tuple[ChangedClaim, ...]
    boxes: tuple[CertifiedBox, ...]
    rules: tuple[str, ...]
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishedLoss:
    """Principal that was lost on a day: proven, or cut by a plan; `final_on` is since when a cut can't revive."""

    on: date
    is_cut: bool
    amount_cents: int
    final_on: date | None
    evidence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCertificateData:
    """One lender's certificate of what was definitively lost of one loan in a tax period (ordinance, art. 13).

    `unpaid_cents` is what was lent, not repaid and not turned into shares, which no sum of losses exceeds. `losses` are
    all that were established up to the end of the period, `base_cents` what counts in it, never interest.
    `credit_cents` is the credit of this loan alone; `ground` says why there is none. `exemplary` and `tax_residence`
    are None where the books hold nothing. `recovered_cents` came back by the end of the period.
    """

    frame: Frame
    holder: Addressee
    tax_residence: str | None
    loan_id: str
    title: str
    scheme: str
    borrower: Enterprise
    concluded_on: date
    term_ends_on: date
    lent_cents: int
    repaid_cents: int
    unpaid_cents: int
    insolvent_on: date | None
    called_on: date | None
    losses: tuple[EstablishedLoss, ...]
    recovered_cents: int
    base_cents: int
    rate: Decimal
    exemplary: bool | None
    credit_cents: int
    ground: NoLossGround | None
    rules: tuple[str, ...]
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldRow:
    """Interest that a borrower attributed on one day to lenders who are taxed alike.

    `holder_kind` and `rate` are None for lenders who were erased. `pay_by_on` is None where no rule says it.
    """

    attributed_on: date
    holder_kind: HolderKind | None
    rate: Decimal | None
    lenders: int
    gross_cents: int
    tax_cents: int
    net_cents: int
    pay_by_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedInterest:
    """Called interest that a plan gave up or made principal, or called again: none of it was attributed or taxed."""

    on: date
    loan_id: str
    title: str
    event: ClaimEvent
    lenders: int
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithholdingData:
    """One borrower's return of the tax withheld on interest in a year.

    `paid_in_cents` is what left 453000 in the year, `unpaid_cents` what it held at the end, tax of years before
    included. `rules` are the dated rows that name rates and terms.
    """

    frame: Frame
    borrower: Enterprise
    loans: tuple[str, ...]
    rows: tuple[WithheldRow, ...]
    changes: tuple[ChangedInterest, ...]
    paid_in_cents: int
    unpaid_cents: int
    rules: tuple[str, ...]
    provisional: bool

    @property
    def gross_cents(self) -> int:
        """Interest before tax, of all days."""
        return sum(row.gross_cents for row in self.rows)

    @property
    def tax_cents(self) -> int:
        """Tax of all days."""
        return sum(row.tax_cents for row in self.rows)

    @property
    def net_cents(self) -> int:
        """Interest after tax, of all days."""
        return sum(row.net_cents for row in self.rows)
