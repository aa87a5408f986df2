"""The key information sheet on its pages: drawn up by its owner or staff, issued, read by everybody once published."""

import pytest

from contracts.offers import sheets
from frontend.i18n import LANGUAGES
from tests.pages_kit import Enter
from tests.sheets_kit import sheet


def filled(**changes: str) -> dict[str, str]:
    answers = sheet()
    [year] = answers.pop("figures")
    form = {"year-1": str(year.pop("year"))} | {f"{name}-1": f"{cents / 100:.2f}" for name, cents in year.items()}
    form = {name: text.replace(".", ",") for name, text in form.items()}
    for key, answer in answers.items():
        if isinstance(answer, dict):
            form |= {f"{key}-{language}": text for language, text in answer.items()}
        else:
            form[key] = str(answer // 100 if key.endswith("_cents") else answer)
    return form | changes


def test_the_owner_answers_the_items_and_issues_the_sheet(enter: Enter, sqlite_town) -> None:
    town = sqlite_town
    owner = town.enterprise()
    offer_id = town.draft_offer(owner)
    browser, path = enter(owner), f"/fr/offers/{offer_id}/kiis"
    assert "Il manque 17 rubriques" in browser.get(path).text
    assert browser.post(path, data=filled(**{"fees-en": ""})).status_code == 303
    page = browser.get(path).text
    assert "Il manque 1 rubrique" in page
    assert 'href="#fees-en"' in page
    assert browser.post(f"{path}/issue").status_code == 409
    assert browser.post(path, data=filled()).status_code == 303
    page = browser.get(path).text
    assert "<ins>fees (en).</ins>" in page
    assert 'value="-3100"' in page
    assert browser.post(f"{path}/issue").status_code == 303
    with town.book.read() as connection:
        issued = sheets.issued_sheet(connection, town.book.book_id, offer_id)
        assert issued is not None
        expected = sheet()
        assert dict(issued.sheet) == expected | {"figures": expected["figures"]}
    assert "Version 2" in browser.get(path).text


def test_everybody_reads_the_paper_in_the_language_of_the_page_once_the_offer_is_published(
    enter: Enter, sqlite_town
) -> None:
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    town.inform(offer_id)
    assert enter().get(f"/fr/offers/{offer_id}/kiis.pdf").status_code == 404
    assert enter(town.maker).get(f"/fr/offers/{offer_id}/kiis.pdf").status_code == 200
    town.publish(offer_id)
    assert f"/nl/offers/{offer_id}/kiis.pdf" in enter().get(f"/nl/offers/{offer_id}").text
    papers = {enter().get(f"/{language}/offers/{offer_id}/kiis.pdf").content[-40:] for language in LANGUAGES}
    assert len(papers) == 3


def test_a_sheet_is_nobody_elses_to_see_or_write(enter: Enter, sqlite_town) -> None:
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    other = town.enterprise("Vélo Cargo", number="0403.201.185")
    path = f"/fr/offers/{offer_id}/kiis"
    assert enter(other).get(path).status_code == 404
    assert enter(other).post(path, data=filled()).status_code == 404
    assert enter(town.citizen("Ada")).post(f"{path}/issue").status_code == 404
    town.publish(offer_id)
    answer = enter(town.maker).post(path, data=filled())
    assert (answer.status_code, "Rien n&#39;a changé" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("field", "typed"), [("own_funds_cents", "1,234.50"), ("offers_completed", "1,5"), ("year-1", "MMXXV")]
)
def test_what_cannot_be_read_is_said_at_its_field_and_nothing_is_kept(
    enter: Enter, sqlite_town, field: str, typed: str
) -> None:
    town = sqlite_town
    owner = town.enterprise()
    offer_id = town.draft_offer(owner)
    answer = enter(owner).post(f"/fr/offers/{offer_id}/kiis", data=filled(**{field: typed}))
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'value="{typed}"' in answer.text
    linked = enter(owner).post(f"/fr/offers/{offer_id}/kiis", data=filled(information_link="ftp://x"))
    assert 'id="information_link-error"' in linked.text
    with town.book.read() as connection:
        assert sheets.sheet_versions(connection, town.book.book_id, offer_id) == []
