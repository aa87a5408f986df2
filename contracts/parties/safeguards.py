"""What Regulation (EU) 2020/1503 has a lender show before a pledge, and a project owner before an offer, as values.

Each is kept as a dated attribute, sealed under the party's own key, and never overwritten. What somebody earns or owns
is not among them: the loss simulation is computed in the browser, and of it only that its result was seen comes back
and, where the lender gives it, the result itself (Delegated Regulation (EU) 2022/2114, article 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ledger.errors import Refusal
from ledger.storage.base import JSON

_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class KnowledgeTest:
    """An entry knowledge test as it was taken (article 21(1)): `right` of `of` questions, by the `version` of these.

    `declared` is what the lender states of experience, objective and situation. A test that is not passed counts once
    the lender has `acknowledged` that lending here may not be appropriate (article 21(4)).
    """

    version: str
    answers: Mapping[str, str]
    declared: Mapping[str, str]
    right: int
    of: int
    is_passed: bool
    acknowledged: bool

    def to_json(self) -> JSON:
        """As it is kept."""
        return {
            "version": self.version,
            "answers": dict(self.answers),
            "declared": dict(self.declared),
            "right": self.right,
            "of": self.of,
            "is_passed": self.is_passed,
            "acknowledged": self.acknowledged,
        }

    @classmethod
    def from_json(cls, value: JSON) -> "KnowledgeTest":
        """As it was kept; refuses `attribute-value-malformed`."""
        match value:
            case {
                "version": str(version),
                "answers": Mapping() as answers,
                "declared": Mapping() as declared,
                "right": int(right),
                "of": int(of),
                "is_passed": bool(is_passed),
                "acknowledged": bool(acknowledged),
            } if _size(value) == len(cls.__slots__) and 0 <= right <= of:
                return cls(version, _words(answers), _words(declared), right, of, is_passed, acknowledged)
        raise Refusal("attribute-value-malformed", attribute="knowledge-test")


@dataclass(frozen=True, slots=True)
class LossSimulation:
    """That the result of a loss simulation was seen (article 21(5)); `bearable_loss_cents` if the lender gives it."""

    bearable_loss_cents: int | None

    def to_json(self) -> JSON:
        """As it is kept."""
        return {"bearable_loss_cents": self.bearable_loss_cents}

    @classmethod
    def from_json(cls, value: JSON) -> "LossSimulation":
        """As it was kept; refuses `attribute-value-malformed`."""
        match value:
            case {"bearable_loss_cents": None} if _size(value) == 1:
                return cls(None)
            case {"bearable_loss_cents": int(cents)} if _size(value) == 1 and _is_whole(cents):
                return cls(cents)
        raise Refusal("attribute-value-malformed", attribute="loss-simulation")


@dataclass(frozen=True, slots=True)
class WarningRecord:
    """One of the three records of a pledge above the threshold: of which pledge, and with what figures."""

    pledge_id: str
    amount_cents: int
    threshold_cents: int

    def to_json(self) -> JSON:
        """As it is kept."""
        return {
            "pledge_id": self.pledge_id,
            "amount_cents": self.amount_cents,
            "threshold_cents": self.threshold_cents,
        }

    @classmethod
    def from_json(cls, value: JSON, attribute: str) -> "WarningRecord":
        """As it was kept; refuses `attribute-value-malformed`."""
        match value:
            case {"pledge_id": str(pledge_id), "amount_cents": int(amount), "threshold_cents": int(threshold)} if (
                _size(value) == len(cls.__slots__) and _is_whole(amount) and _is_whole(threshold)
            ):
                return cls(pledge_id, amount, threshold)
        raise Refusal("attribute-value-malformed", attribute=attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerDeclaration:
    """What a project owner states, on papers that staff has seen (articles 1(2)(c), 5 and 8).

    `shareholding` is the fraction that it holds of the operator; `raised_elsewhere_cents` what it raised by
    crowdfunding on other platforms in the twelve months before.
    """

    shareholding: Decimal = Decimal(0)
    is_manager_or_employee: bool = False
    is_controlled: bool = False
    has_criminal_record: bool = False
    is_in_listed_country: bool = False
    raised_elsewhere_cents: int = 0

    def to_json(self) -> JSON:
        """As it is kept."""
        return {
            "shareholding": str(self.shareholding),
            "is_manager_or_employee": self.is_manager_or_employee,
            "is_controlled": self.is_controlled,
            "has_criminal_record": self.has_criminal_record,
            "is_in_listed_country": self.is_in_listed_country,
            "raised_elsewhere_cents": self.raised_elsewhere_cents,
        }

    @classmethod
    def from_json(cls, value: JSON) -> "OwnerDeclaration":
        """As it was kept; refuses `attribute-value-malformed`."""
        match value:
            case {
                "shareholding": str(share),
                "is_manager_or_employee": bool(manages),
                "is_controlled": bool(controlled),
                "has_criminal_record": bool(record),
                "is_in_listed_country": bool(listed),
                "raised_elsewhere_cents": int(raised),
            } if _size(value) == len(cls.__slots__) and _is_whole(raised) and (held := _fraction(share)) is not None:
                return cls(
                    shareholding=held,
                    is_manager_or_employee=manages,
                    is_controlled=controlled,
                    has_criminal_record=record,
                    is_in_listed_country=listed,
                    raised_elsewhere_cents=raised,
                )
        raise Refusal("attribute-value-malformed", attribute="owner-declaration")


def _words(values: Mapping[str, JSON]) -> dict[str, str]:
    return {str(name): str(value) for name, value in values.items()}


def _size(value: JSON) -> int:
    return len(value) if isinstance(value, Mapping) else 0


def _is_whole(value: int) -> bool:
    return not isinstance(value, bool) and 0 <= value < _LARGEST


def _fraction(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number <= 1 else None
