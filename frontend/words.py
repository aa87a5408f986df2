"""Which words and colours a state, an event, a rule or an account gets: lookups only, complete by a test."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from contracts.loans.queries import LoanEvent
from contracts.offers.model import OfferState
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import PledgeLine
from contracts.schemes.rules import Rule
from contracts.servicing.model import Label
from frontend.i18n import Tongue
from ledger.accounts import chart_row

LABEL_KINDS: Mapping[Label, str] = {
    Label.PERFORMING: "good",
    Label.LATE: "warn",
    Label.EARLY_WARNING: "bad",
    Label.DEFAULTED: "bad",
    Label.LOST: "bad",
    Label.REPAID: "brand",
}
_PLEDGE_KINDS: Mapping[PledgeState, str] = {
    PledgeState.PLEDGED: "warn",
    PledgeState.PAID: "brand",
    PledgeState.FIRM: "good",
    PledgeState.CONVERTED: "good",
    PledgeState.REFUND_FAILED: "bad",
    PledgeState.CHARGED_BACK: "bad",
}
_OFFER_KINDS: Mapping[OfferState, str] = {
    OfferState.DRAFT: "warn",
    OfferState.OPEN: "brand",
    OfferState.SUSPENDED: "warn",
    OfferState.FUNDED: "good",
}


def label_kind(label: Label) -> str:
    """The colour of a loan's word; the word itself says the same."""
    return LABEL_KINDS[label]


def pledge_kind(state: PledgeState) -> str:
    """The colour of a pledge's state; none for what is over."""
    return _PLEDGE_KINDS.get(state, "")


def pledge_words(tongue: Tongue, line: PledgeLine) -> str:
    """A pledge's state as a word; one that was for units of a bond became no loan."""
    is_issued = line.units is not None and line.state is PledgeState.CONVERTED
    return tongue.text("state.units-issued") if is_issued else tongue.text(f"state.pledge-{line.state}")


def offer_kind(state: OfferState) -> str:
    """The colour of an offer's state; none for what is over."""
    return _OFFER_KINDS.get(state, "")


def event_text(tongue: Tongue, event: LoanEvent) -> str:
    """An event of a loan as a sentence; amounts and dates among its facts are written out."""
    return tongue.text(event.text_key, **{name: _shown(tongue, name, value) for name, value in event.facts.items()})


def options(text: Callable[[str], str], beginning: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Values of a choice with their words, an empty one first so that nothing is chosen unseen."""
    return [("", "\u2013"), *((value, text(beginning + value)) for value in values)]


def rule_name(tongue: Tongue, rule: Rule) -> str:
    """What a dated rule is about."""
    return tongue.text(f"rules.param-{rule.param}")


def account_name(language: str, code: str) -> str:
    """The chart's name of an account."""
    return chart_row(code).names[language]


def _shown(tongue: Tongue, name: str, value: object) -> object:
    if name.endswith("_cents") and isinstance(value, int):
        return tongue.money(value)
    if name.endswith("_on") and isinstance(value, str):
        return tongue.day(date.fromisoformat(value))
    return value
