"""What a party is, and the checks on the identifiers that come with one.

A party is an opaque token (`c…` citizen, `e…` enterprise, `s…` staff) and apart from any log-in. Who stands behind it,
its *identity*, is encrypted under the party's own key, as are its attributes and account numbers; the ledger knows the
token only. A national register number is never asked, kept or hashed (law of 8 August 1983, art. 8).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import assert_never

from stdnum import iban as stdnum_iban
from stdnum.be import vat as stdnum_kbo
from stdnum.exceptions import ValidationError

from contracts.parties.safeguards import KnowledgeTest, LossSimulation, OwnerDeclaration, WarningRecord
from contracts.schemes.withholding import HolderKind
from ledger.errors import Refusal
from ledger.storage.base import JSON

LANGUAGES = ("fr", "nl", "en")
_EMAIL = re.compile(r"[^@\s\x00-\x1f<>(),;:\"\[\]]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_TEXT_LIMIT = 120
_EVIDENCE_LIMIT = 200


class PartyKind(StrEnum):
    """What a party is; the value is also how pages and log-ins call its part."""

    NATURAL = "natural"
    LEGAL = "legal"
    STAFF = "staff"

    @property
    def prefix(self) -> str:
        """The first letter of the token."""
        return {"natural": "c", "legal": "e", "staff": "s"}[self.value]


class Role(StrEnum):
    """In which part someone uses the system."""

    CITIZEN = "citizen"
    ENTREPRENEUR = "entrepreneur"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class NaturalIdentity:
    """A citizen."""

    given_name: str
    family_name: str
    email: str
    language: str


@dataclass(frozen=True, slots=True)
class LegalIdentity:
    """An enterprise: a company, or a person who trades under an enterprise number.

    `representative` is the name of who signs for it.
    """

    name: str
    legal_form: str
    enterprise_number: str
    representative: str
    email: str
    language: str


@dataclass(frozen=True, slots=True)
class StaffIdentity:
    """Someone who works for the operator, or audits it; `role` is `operator` or `auditor`."""

    name: str
    email: str
    language: str
    role: Role


Identity = NaturalIdentity | LegalIdentity | StaffIdentity


@dataclass(frozen=True, slots=True)
class Party:
    """A party with its identity opened."""

    party_id: str
    kind: PartyKind
    identity: Identity

    @property
    def name(self) -> str:
        """How it is called on pages and papers."""
        identity = self.identity
        if isinstance(identity, NaturalIdentity):
            return f"{identity.given_name} {identity.family_name}"
        return identity.name

    @property
    def email(self) -> str:
        """Where its mail goes."""
        return self.identity.email

    @property
    def language(self) -> str:
        """The language it is written to in: fr, nl or en."""
        return self.identity.language

    @property
    def role(self) -> Role:
        """In which part it logs in."""
        match self.identity:
            case NaturalIdentity():
                return Role.CITIZEN
            case LegalIdentity():
                return Role.ENTREPRENEUR
            case StaffIdentity(role=role):
                return role
            case _:
                assert_never(self.identity)


class Attribute(StrEnum):
    """What rules read of a party: dated, with evidence, never overwritten."""

    TAX_RESIDENCE = "tax-residence"
    """Where the lender pays income tax: `BE-BRU`, `BE-VLG`, `BE-WAL`, `abroad`."""
    COMMUNE = "commune"
    """The commune of residence or of the establishment, by name."""
    HOLDER_KIND = "holder-kind"
    """How interest is taxed: a `HolderKind`."""
    SOPHISTICATION = "sophistication"
    """`non-sophisticated` or `sophisticated` (Regulation (EU) 2020/1503, annex II)."""
    EXCLUSIONS = "exclusions"
    """What a lender declares about the borrower it lends to: a `LenderDeclaration`."""
    ELSEWHERE = "elsewhere"
    """What a lender declares to have in proxi loans on other platforms: an `Elsewhere`."""
    KNOWLEDGE_TEST = "knowledge-test"
    """An entry knowledge test that a lender took: a `KnowledgeTest`."""
    LOSS_SIMULATION = "loss-simulation"
    """That a lender saw what loss she can bear: a `LossSimulation`."""
    RISK_WARNING = "risk-warning"
    """That a lender was warned of a pledge above her threshold: a `WarningRecord`."""
    RISK_CONSENT = "risk-consent"
    """That she consented to it all the same: a `WarningRecord`."""
    RISK_UNDERSTANDING = "risk-understanding"
    """That she has shown to understand its risks: a `WarningRecord`."""
    SECOND_CHANCE_CONSENT = "second-chance-consent"
    """Whether a lender agrees to fund enterprises that begin again after a failure: `yes` or `no`."""
    OWNER_DECLARATION = "owner-declaration"
    """What a project owner states of itself and the operator: an `OwnerDeclaration`."""
    EXEMPLARY = "exemplary"
    """Whether a borrower is exemplary (ordinance of 17 March 2023, art. 9): `yes` or `no`."""


_WORDS: Mapping[Attribute, frozenset[str]] = {
    Attribute.TAX_RESIDENCE: frozenset({"BE-BRU", "BE-VLG", "BE-WAL", "abroad"}),
    Attribute.HOLDER_KIND: frozenset(kind.value for kind in HolderKind),
    Attribute.SOPHISTICATION: frozenset({"non-sophisticated", "sophisticated"}),
    Attribute.EXEMPLARY: frozenset({"yes", "no"}),
    Attribute.SECOND_CHANCE_CONSENT: frozenset({"yes", "no"}),
}


@dataclass(frozen=True, slots=True)
class LenderDeclaration:
    """A lender's own statement on its ties to one borrower; `shareholding` is a fraction, with that of the spouse."""

    is_employee: bool = False
    is_spouse_or_cohabitant: bool = False
    is_director: bool = False
    acts_in_trade: bool = False
    shareholding: Decimal = Decimal(0)

    def to_json(self) -> JSON:
        """As it is kept."""
        return {
            "acts_in_trade": self.acts_in_trade,
            "is_director": self.is_director,
            "is_employee": self.is_employee,
            "is_spouse_or_cohabitant": self.is_spouse_or_cohabitant,
            "shareholding": str(self.shareholding),
        }

    @classmethod
    def from_json(cls, value: JSON) -> "LenderDeclaration":
        """As it was kept; refuses `attribute-value-malformed`."""
        flags = ("is_employee", "is_spouse_or_cohabitant", "is_director", "acts_in_trade")
        fields = value if isinstance(value, Mapping) else {}
        share = _fraction(fields.get("shareholding"))
        if set(fields) != {*flags, "shareholding"} or share is None or not all(type(fields[f]) is bool for f in flags):
            raise Refusal("attribute-value-malformed", attribute=Attribute.EXCLUSIONS.value)
        return cls(**{flag: fields[flag] is True for flag in flags}, shareholding=share)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A lender's own statement on proxi loans outside this book: concluded in `year`, and outstanding; in cents."""

    year: int
    concluded_cents: int = 0
    outstanding_cents: int = 0
    is_proxi_borrower: bool = False

    def to_json(self) -> JSON:
        """As it is kept."""
        return {
            "concluded_cents": self.concluded_cents,
            "is_proxi_borrower": self.is_proxi_borrower,
            "outstanding_cents": self.outstanding_cents,
            "year": self.year,
        }

    @classmethod
    def from_json(cls, value: JSON) -> "Elsewhere":
        """As it was kept; refuses `attribute-value-malformed`."""
        fields = value if isinstance(value, Mapping) else {}
        amounts = [_whole(fields.get(name)) for name in ("year", "concluded_cents", "outstanding_cents")]
        year, concluded, outstanding = amounts
        borrower = fields.get("is_proxi_borrower")
        known = {"year", "concluded_cents", "outstanding_cents", "is_proxi_borrower"}
        if (
            set(fields) != known
            or year is None
            or concluded is None
            or outstanding is None
            or type(borrower) is not bool
        ):
            raise Refusal("attribute-value-malformed", attribute=Attribute.ELSEWHERE.value)
        return cls(year, concluded, outstanding, borrower)


@dataclass(frozen=True, slots=True)
class DatedIban:
    """One account number of a party; payouts wait until it is verified."""

    iban: str
    seq: int
    valid_from: date
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class IbanToVerify:
    """An account number that waits for somebody other than `recorded_by` to find that it is the party's own."""

    party_id: str
    seq: int
    iban: str
    valid_from: date
    recorded_by: str


def checked_attribute(attribute: Attribute, value: JSON) -> JSON:
    """The value if the attribute can have it; refuses `attribute-value-malformed`."""
    match attribute:
        case Attribute.EXCLUSIONS:
            return LenderDeclaration.from_json(value).to_json()
        case Attribute.ELSEWHERE:
            return Elsewhere.from_json(value).to_json()
        case Attribute.KNOWLEDGE_TEST:
            return KnowledgeTest.from_json(value).to_json()
        case Attribute.LOSS_SIMULATION:
            return LossSimulation.from_json(value).to_json()
        case Attribute.RISK_WARNING | Attribute.RISK_CONSENT | Attribute.RISK_UNDERSTANDING:
            return WarningRecord.from_json(value, attribute.value).to_json()
        case Attribute.OWNER_DECLARATION:
            return OwnerDeclaration.from_json(value).to_json()
        case Attribute.COMMUNE:
            return checked_text(value, "commune")
        case (
            Attribute.TAX_RESIDENCE
            | Attribute.HOLDER_KIND
            | Attribute.SOPHISTICATION
            | Attribute.EXEMPLARY
            | Attribute.SECOND_CHANCE_CONSENT
        ):
            if value not in _WORDS[attribute]:
                raise Refusal("attribute-value-malformed", attribute=attribute.value)
            return value
        case _:
            assert_never(attribute)


def checked_email(text: str) -> str:
    """An e-mail address in lower case; refuses `email-malformed`.

    >>> checked_email(" Anne.Dubois@Example.BE ")
    'anne.dubois@example.be'
    """
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise Refusal("email-malformed")
    return email


def checked_enterprise_number(text: str) -> str:
    """Ten digits of the Crossroads Bank for Enterprises; refuses `enterprise-number-invalid`.

    Establishment units, whose numbers begin with 2 to 8, are no enterprises.

    >>> checked_enterprise_number("BE 0403.199.702"), checked_enterprise_number("1000.000.021")
    ('0403199702', '1000000021')
    """
    try:
        number: str = stdnum_kbo.validate(text)
    except ValidationError as error:
        raise Refusal("enterprise-number-invalid", number=text[:40]) from error
    if number[0] not in "01":
        raise Refusal("enterprise-number-invalid", number=text[:40])
    return number


def shown_enterprise_number(number: str) -> str:
    """The number as it is printed.

    >>> shown_enterprise_number("0403199702")
    '0403.199.702'
    """
    return f"{number[:4]}.{number[4:7]}.{number[7:]}"


def checked_iban(text: str) -> str:
    """An account number without spaces, its check digits and its country's own rule verified; refuses `iban-invalid`.

    >>> checked_iban("be71 0961 2345 6769")
    'BE71096123456769'
    """
    try:
        number: str = stdnum_iban.validate(text)
    except ValidationError as error:
        raise Refusal("iban-invalid") from error
    return number


def checked_language(text: str) -> str:
    """A language of the system; refuses `language-unknown`."""
    if text not in LANGUAGES:
        raise Refusal("language-unknown", language=text[:16], allowed=LANGUAGES)
    return text


def checked_text(value: object, name: str) -> str:
    """A name or other short line of text, without control characters; refuses `text-malformed`."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _TEXT_LIMIT or not text.isprintable():
        raise Refusal("text-malformed", field=name, limit=_TEXT_LIMIT)
    return text


def checked_evidence(text: str) -> str:
    """A reference to what proves a fact; refuses `evidence-missing`."""
    if not text.strip() or len(text) > _EVIDENCE_LIMIT or not text.isprintable():
        raise Refusal("evidence-missing")
    return text


def _fraction(value: JSON) -> Decimal | None:
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and 0 <= number <= 1 else None


def _whole(value: JSON) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
