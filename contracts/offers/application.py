"""An entrepreneur's application as data: what the scheme asks of a borrower, what is missing, and how it goes on.

    draft ── written ──> draft ── submitted ──> submitted ── accepted ──> accepted    staff drafted an offer from it
      ^                    │                        │ │
      │                    └── withdrawn ──> withdrawn <── withdrawn
      └──────────────── returned ───────────────────┘ └── declined ──> declined       with the reason given

Terms, texts and declarations are answered in any order; an answer left open is None. Dates are staff's to set.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from contracts.offers.model import LANGUAGES
from contracts.parties.safeguards import OwnerDeclaration
from contracts.schemes.conditions import BorrowerFacts
from contracts.terms.schedule import Every, RepaymentKind
from ledger.errors import Refusal
from ledger.statemachine import Machine, Transition
from ledger.storage.base import JSON

WRITTEN, SUBMITTED, RETURNED, WITHDRAWN = "written", "submitted", "returned", "withdrawn"
ACCEPTED, DECLINED = "accepted", "declined"
LONGEST_LINE, LONGEST_TEXT = 120, 4_000
_MOST_YEARS = 30
_LARGEST = 2**53


class ApplicationState(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


_S = ApplicationState
MACHINE = Machine(
    "application",
    ApplicationState,
    ApplicationState.DRAFT,
    (
        Transition(_S.DRAFT, WRITTEN, _S.DRAFT),
        Transition(_S.DRAFT, SUBMITTED, _S.SUBMITTED),
        Transition(_S.DRAFT, WITHDRAWN, _S.WITHDRAWN),
        Transition(_S.SUBMITTED, RETURNED, _S.DRAFT),
        Transition(_S.SUBMITTED, WITHDRAWN, _S.WITHDRAWN),
        Transition(_S.SUBMITTED, ACCEPTED, _S.ACCEPTED),
        Transition(_S.SUBMITTED, DECLINED, _S.DECLINED),
    ),
)

LINES = ("title", "commune", "sector")
TEXTS = ("pitch", "use_of_funds", "risks")
AMOUNTS = ("minimum_cents", "maximum_cents", "pledge_minimum_cents", "raised_elsewhere_cents")
FRACTIONS = ("rate_annual", "shareholding")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "every": tuple(each.value for each in (Every.MONTH, Every.QUARTER, Every.HALF_YEAR, Every.YEAR)),
    "kind": (RepaymentKind.ANNUITY.value, RepaymentKind.LINEAR.value, RepaymentKind.BULLET.value),
}
BORROWER_FACTS = tuple(BorrowerFacts.__slots__)
"""What the scheme asks of the enterprise (`contracts.schemes.conditions.BorrowerFacts`), by yes or no."""
OWNER_FACTS = ("is_manager_or_employee", "is_controlled", "has_criminal_record", "is_in_listed_country")
"""What the European regulation asks of a project owner, by yes or no."""
FLAGS = (*BORROWER_FACTS, *OWNER_FACTS)
ITEMS = (*LINES, *TEXTS, "term_years", *CHOICES, *FRACTIONS, *AMOUNTS, *FLAGS)
Answers = Mapping[str, JSON]


def checked_answers(values: Answers) -> dict[str, JSON]:
    """The answers in their one form, those left open dropped; refuses `application-item-malformed`.

    >>> checked_answers({"title": " Un four ", "is_sme": True, "pitch": {"fr": "", "nl": "", "en": ""}})
    {'title': 'Un four', 'is_sme': True}
    """
    unknown = sorted(set(values) - set(ITEMS))
    if unknown:
        raise Refusal("application-item-malformed", item=unknown[0][:40])
    answers: dict[str, JSON] = {}
    for name in ITEMS:
        value = values.get(name)
        if value is None or value == "":
            continue
        if not _is_readable(name, value):
            raise Refusal("application-item-malformed", item=name)
        answers[name] = _in_one_form(value)
    return {name: answer for name, answer in answers.items() if answer not in ("", {})}


def missing_answers(answers: Answers) -> tuple[str, ...]:
    """Every item without its answer, in the order of the form; a text's language is named after a hyphen.

    >>> missing_answers({name: "x" for name in ITEMS} | {"pitch": {"fr": "x", "nl": "x"}, "risks": {}})[:4]
    ('pitch-en', 'use_of_funds-fr', 'use_of_funds-nl', 'use_of_funds-en')
    """
    missing: list[str] = []
    for name in ITEMS:
        if name in TEXTS:
            texts = answers.get(name)
            told = texts if isinstance(texts, Mapping) else {}
            missing += [f"{name}-{language}" for language in LANGUAGES if not told.get(language)]
        elif answers.get(name) is None:
            missing.append(name)
    return tuple(missing)


def borrower_facts(answers: Answers) -> BorrowerFacts:
    """What the scheme judges the enterprise by, of a complete application."""
    return BorrowerFacts(**{name: answers[name] is True for name in BORROWER_FACTS})


def owner_declaration(answers: Answers) -> OwnerDeclaration:
    """What the owner declares of itself and the operator, of a complete application."""
    raised = answers["raised_elsewhere_cents"]
    assert isinstance(raised, int), "a complete application has its amounts"
    return OwnerDeclaration(
        shareholding=Decimal(str(answers["shareholding"])),
        raised_elsewhere_cents=raised,
        **{name: answers[name] is True for name in OWNER_FACTS},
    )


def _is_readable(name: str, value: JSON) -> bool:
    if name in LINES:
        return isinstance(value, str) and len(value) <= LONGEST_LINE and value.isprintable()
    if name in TEXTS:
        return isinstance(value, Mapping) and set(value) <= set(LANGUAGES) and all(map(_is_text, value.values()))
    if name in FLAGS:
        return isinstance(value, bool)
    if name in CHOICES:
        return value in CHOICES[name]
    if name in FRACTIONS:
        return isinstance(value, str) and _is_fraction(value)
    most = _MOST_YEARS if name == "term_years" else _LARGEST
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _in_one_form(value: JSON) -> JSON:
    if isinstance(value, Mapping):
        return {
            language: str(value[language]).strip() for language in LANGUAGES if str(value.get(language, "")).strip()
        }
    return value.strip() if isinstance(value, str) else value


def _is_text(value: JSON) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_fraction(text: str) -> bool:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and 0 <= number <= 1
