"""What each paper says, as frozen values: the renderers take these and nothing else.

The caller reads the figures from its own queries and freezes them here; a document never looks anything up. Amounts are
integer cents, dates are Brussels calendar dates. A paper is issued once: a later one supersedes it, none is edited.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from contracts.terms.schedule import Schedule, Terms

Language = Literal["fr", "nl", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "nl", "en")

AskTimestamp = Callable[[bytes], bytes]
"""A timestamp authority's answer to a query, both in DER (RFC 3161), after the answer was checked."""


class DocumentKind(StrEnum):
    """What a stored paper is."""

    AGREEMENT = "agreement"
    RECEIPT = "receipt"
    STATEMENT = "statement"
    MANDATE = "mandate"
    KEY_INFORMATION = "key-information"
    REHABILITATION = "rehabilitation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """A natural person on a paper: opaque `party` token, `name`, and the lines of the postal address."""

    party: str
    name: str
    address: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """A borrower on a paper. `enterprise_number` is written as the register does: `0123.456.749`."""

    party: str
    name: str
    enterprise_number: str
    address: tuple[str, ...]
    represented_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxCreditNote:
    """The tax credit as the rules stood on the day of the agreement; `provisional` rows are said to be so."""

    first_rate: Decimal
    first_periods: int
    later_rate: Decimal
    loss_rate: Decimal
    source: str
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementData:
    """One lender's agreement with one borrower: a subordinated proxi loan.

    `schedule` (with its terms) is this lender's own part; `loan_total_cents` is the whole loan it is a part of.
    `effective_rate` is the yearly cost as a fraction (`contracts.terms.taeg`). `rules` are the ids of the dated rows
    that were applied. `allocation_order` names the components a payment settles, first one first. The lender
    acknowledged the risk warnings on `risk_acknowledged_on` and could withdraw until the end of `reflection_ended_on`.
    """

    agreement_id: str
    loan_id: str
    agreed_on: date
    purpose: str
    lender: Addressee
    borrower: Enterprise
    schedule: Schedule
    term_years: int
    loan_total_cents: int
    effective_rate: Decimal
    scheme: str
    rules: tuple[str, ...]
    withheld_by: Literal["operator", "debtor"]
    withholding_rate: Decimal
    withholding_provisional: bool
    tax_credit: TaxCreditNote
    pledged_on: date
    reflection_ended_on: date
    risk_acknowledged_on: date
    licence_holder: str
    verify_address: str
    sandbox: bool
    early_repayment_allowed: bool = True
    allocation_order: tuple[Literal["interest", "principal"], ...] = ("interest", "principal")
    policy_sha256: str | None = None
    stamped: bool = False

    @property
    def terms(self) -> Terms:
        """What the schedule follows from."""
        return self.schedule.terms

    @property
    def principal_cents(self) -> int:
        """What this lender lends."""
        return self.terms.principal_cents

    @property
    def rate_annual(self) -> Decimal:
        """The nominal yearly rate as a fraction (0.025 is 2.5 %)."""
        return self.terms.rate_annual


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementClaim:
    """One claim of the holder at the beginning and the end of the period; `state_label` is in the paper's language.

    `cut_cents` is what plans cut from it and may still revive at the end.
    """

    loan_id: str
    title: str
    principal_cents: int
    opening_cents: int
    closing_cents: int
    overdue_cents: int
    lost_cents: int
    cut_cents: int
    state_label: str


class ClaimEvent(StrEnum):
    """What happened to a claim besides lending and repaying it; the value is the purpose of the journal entry."""

    WAIVED = "interest-waived"
    CAPITALISED = "interest-capitalised"
    REDUCED = "claim-reduced"
    CONVERTED = "claim-converted"
    REVIVED = "claim-revived"
    UNDONE = "capitalisation-undone"
    RELEASED = "claim-released"
    WRITTEN_OFF = "claim-written-off"
    RECOVERED = "recovery-distributed"

    @property
    def sign(self) -> int:
        """Whether it makes what is owed to the lender more (1), less (-1), or neither (0)."""
        if self in {ClaimEvent.CAPITALISED, ClaimEvent.REVIVED}:
            return 1
        return 0 if self in {ClaimEvent.WAIVED, ClaimEvent.RELEASED, ClaimEvent.RECOVERED} else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedClaim:
    """One change of a claim by a plan or a loss, or money that came after the loss; `entry` is its journal entry.

    `subject` is the loan's title on a lender's paper, and the lender's name on one of the loan.
    """

    on: date
    loan_id: str
    subject: str
    event: ClaimEvent
    amount_cents: int
    entry: int

    @property
    def claim_cents(self) -> int:
        """By how much what is owed to the lender grows."""
        return self.event.sign * self.amount_cents

    @property
    def received_cents(self) -> int:
        """What of it is money for the lender."""
        return self.amount_cents if self.event is ClaimEvent.RECOVERED else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFlow:
    """One due date of one claim in the period: what was expected, and what came, gross, withheld and net.

    `received_on` is None when nothing came. Net is principal plus gross interest less withholding.
    `entry` is the number of the journal entry that paid it out.
    """

    due_on: date
    loan_id: str
    title: str
    expected_cents: int
    received_on: date | None
    principal_cents: int
    interest_gross_cents: int
    withholding_cents: int
    net_cents: int
    entry: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementBalance:
    """Money held for the holder in one account at the end of the period; `label` is in the paper's language."""

    label: str
    account: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementData:
    """A holder's statement from `starts_on` to `ends_on`, both included, as the books stood after `known_at_entry`."""

    statement_id: str
    holder: Addressee
    starts_on: date
    ends_on: date
    issued_on: date
    known_at_entry: int
    claims: tuple[StatementClaim, ...]
    flows: tuple[StatementFlow, ...]
    changes: tuple[ChangedClaim, ...]
    balances: tuple[StatementBalance, ...]
    licence_holder: str
    verify_address: str
    sandbox: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTotals:
    """The holder's part in the totals of the period that ends on `until_on`: how many accounts, and their paths.

    `is_checked`: they led to the totals that `entry` of the signed log states, when the statement was made.
    """

    until_on: date
    entry: int
    accounts: int
    is_checked: bool
    paths: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptData:
    """A receipt for the holder's line of one journal entry; `happened` says in the paper's language what it was.

    `amount_cents` counts the smallest unit of `asset`, which has `scale` decimals; `side` is where the line stands on
    the holder's account.
    """

    receipt_id: str
    holder: Addressee
    happened: str
    entry_number: int
    effective_on: date
    booked_at: datetime
    account: str
    asset: str
    side: Literal["debit", "credit"]
    amount_cents: int
    origin: str
    checkpoint_size: int
    policy_sha256: str
    licence_holder: str
    verify_address: str
    sandbox: bool
    scale: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractLine:
    """One entry of the register: `units` came (positive), went, or only changed their state (0); `after` is held."""

    on: date
    happened: str
    units: int
    after: int
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractData:
    """An extract from the register of a bond series: what one holder has at the end of `as_of`, and by which entries.

    `units` are all she has; `pledged` and `frozen` are parts of them. `entry_number` is the newest of the entries: her
    line of it is proven by the attached files, under a checkpoint of `checkpoint_size` entries.
    """

    extract_id: str
    holder: Addressee
    series_id: str
    title: str
    issuer: str
    issued_on: date
    matures_on: date
    as_of: date
    nominal_cents: int
    units: int
    pledged: int
    frozen: int
    lines: tuple[ExtractLine, ...]
    entry_number: int
    origin: str
    checkpoint_size: int
    policy_sha256: str
    licence_holder: str
    verify_address: str
    sandbox: bool
