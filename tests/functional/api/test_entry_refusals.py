"""Every no of the record over HTTP: its code, status and words in three languages, and nothing changed."""

import pytest

from api.refusals import LOCALES, catalogue, sentence
from api.v1 import examples
from ledger.errors import Refusal
from tests.api_kit import Desk
from tests.functional.api.refusal_cases import CASES, outcome_of, prepared, refusal_in, settled
from tests.record_kit import record_of
from tests.refusals_page import PAGE, page

UNREACHABLE = {
    "actor-malformed": "the actor is who is logged in",
    "entry-unknown": "an entry is remarked on by its number",
    "exchange-pair-incomplete": "no account of the chart is a trading account",
    "finding-malformed": "findings are made by the audit",
    "hold-is-not-plain": "a hold's body has no such fields",
    "hold-not-expired": "the timer ends holds",
    "period-already-closed": "periods are closed by command",
    "period-not-over": "periods are closed by command",
}


@pytest.mark.parametrize("code", CASES)
def test_a_refusal_says_why_in_three_languages_and_changes_nothing(record: Desk, code: str) -> None:
    case = prepared(record, CASES[code])
    before = record_of(record.wiring.book)
    answer = outcome_of(record, case)
    said = refusal_in(answer, code)
    assert (said["code"], said["status"]) == (code, catalogue()[code].status), answer.text
    place = examples.place_of(code)
    assert place is not None
    assert settled(said["facts"], record, case) == examples.refusals(place[0])[code]
    assert place[1] == (answer.status_code == 200)
    titles = {language: refusal_in(outcome_of(record, case, language=language), code) for language in LOCALES}
    for language, translated in titles.items():
        assert translated["title"] == sentence(Refusal(code, **said["facts"]), language)
    assert len({translated["title"] for translated in titles.values()}) == len(LOCALES)
    assert record_of(record.wiring.book) == before


def test_every_refusal_of_the_decision_has_a_request_that_provokes_it() -> None:
    from tests.architecture.test_refusals import raised

    decision = ("ledger/judge.py", "ledger/journal.py", "ledger/facts.py", "ledger/accounts.py")
    codes = {code for place, code, _ in raised() if place.partition(":")[0] in decision}
    assert sorted(codes - CASES.keys() - UNREACHABLE.keys()) == []
    assert sorted(CASES.keys() & UNREACHABLE.keys()) == []


def test_every_documented_refusal_has_a_request_and_every_request_is_documented() -> None:
    assert sorted(examples.documented()) == sorted(CASES)


def test_the_page_of_refusals_is_as_make_docs_writes_it() -> None:
    assert PAGE.read_text("utf-8") == page()
