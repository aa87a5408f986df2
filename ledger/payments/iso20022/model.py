"""What the bank's files say, as frozen values. Amounts are cents of EUR; a date is the bank's own."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One booked movement, batches split into their details; `amount_cents` is signed, money in is positive.

    `key` is the account, the statement, the servicer's reference and the index of the detail: the same line in another
    file has the same key. `structured_reference` are the twelve digits of a valid Belgian structured communication or
    an ISO 11649 reference, whether it stood in its own field or in free text (`remittance`, kept as it came).
    """

    key: str
    amount_cents: int
    booked_on: date
    value_on: date
    bank_code: str
    servicer_reference: str
    end_to_end_id: str | None = None
    mandate_reference: str | None = None
    structured_reference: str | None = None
    remittance: str = ""
    counterparty_name: str | None = None
    counterparty_iban: str | None = None
    return_reason: str | None = None
    is_reversal: bool = False
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of one account: `opening_cents` and the lines give `closing_cents`; pending lines are not in it."""

    iban: str
    statement_id: str
    sequence: int | None
    opened_on: date
    closed_on: date
    opening_cents: int
    closing_cents: int
    message: str
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A structured address; unstructured ones are no longer allowed (EPC, from 15 November 2026)."""

    town: str
    country: str
    street: str | None = None
    building: str | None = None
    postcode: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who holds an account, and which. `creditor_identifier` is asked of whoever collects direct debits."""

    name: str
    iban: str
    bic: str | None = None
    address: Address | None = None
    creditor_identifier: str | None = None


@dataclass(frozen=True, slots=True)
class CreditTransfer:
    """One transfer of a file: to whom, how much, and why (`structured_reference` or `text`, not both)."""

    end_to_end_id: str
    amount_cents: int
    creditor: Account
    structured_reference: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class DirectDebit:
    """One debit of a file under a signed mandate; `scheme` is CORE or B2B, `sequence_type` FRST, RCUR, OOFF or FNAL."""

    end_to_end_id: str
    amount_cents: int
    debtor: Account
    mandate_reference: str
    mandate_signed_on: date
    scheme: str
    sequence_type: str
    structured_reference: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What the bytes of an order file add up to, read back from them."""

    message_id: str
    count: int
    total_cents: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """What the bank answers (pain.002): status and reason of a file, of a batch in it, or of one order in that."""

    message_id: str
    status: str
    end_to_end_id: str | None = None
    reason: str | None = None
    batch_id: str | None = None
