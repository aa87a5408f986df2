"""Staff leads a death, the heirs' deed and a gift through the pages, a step at a time and two people at each."""

from datetime import date
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger import approvals
from tests.estates_kit import book_of, check_claims
from tests.pages_kit import Enter
from tests.products_kit import Town, snapshot

PAPER = {"evidence": ("deed.pdf", b"%PDF deed", "application/pdf")}
AT = "/en/operations/estates"


@pytest.fixture
def lent(sqlite_town: Town) -> tuple[Town, str, str, str]:
    town = sqlite_town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    return town, town.fund({ada: 100_000, bob: 50_000}, town.enterprise()), ada, bob


def approve_next(town: Town, checker: TestClient) -> None:
    with town.book.read() as connection:
        [waiting] = approvals.pending(connection, town.book.book_id, now=town.book.clock.now())
    done = checker.post(f"/en/operations/approvals/{waiting.approval_id}")
    assert done.status_code == 303, done.text
    town.settle()


def heirs(**shares: str) -> dict[str, Any]:
    rows = {"on": "2026-03-08"}
    for row, (email, share) in enumerate(shares.items(), 1):
        rows |= {f"email-{row}": email, f"share-{row}": share}
    return rows


def test_a_death_and_its_heirs_go_step_by_step_under_four_eyes(lent, enter: Enter) -> None:
    town, loan_id, ada, _ = lent
    town.go_to(date(2026, 3, 8))
    maker, checker = enter(town.maker), enter(town.checker)
    cem = town.citizen("Cem")
    found = maker.post(AT, data={"email": "Ada1@citizens.example"})
    assert (found.status_code, found.headers["location"]) == (303, f"{AT}/{ada}")
    page = maker.get(f"{AT}/{ada}")
    assert "Step 1" in page.text
    assert "No claim" not in page.text
    missing = maker.post(f"{AT}/{ada}/death", data={"on": "2026-03-08"})
    assert (missing.status_code, 'id="death-evidence-error"' in missing.text) == (422, True)
    assert maker.post(f"{AT}/{ada}/death", data={"on": "2026-03-08"}, files=PAPER).status_code == 303
    assert "Record a death" in maker.get("/en/operations").text
    approve_next(town, checker)
    assert "Step 2" in maker.get(f"{AT}/{ada}").text
    before = snapshot(town.book)
    wrong = maker.post(f"{AT}/{ada}/heirs", data=heirs(**{"cem3@citizens.example": "half", "x": "1/2"}), files=PAPER)
    assert wrong.status_code == 422
    assert 'id="heirs-share-1-error"' in wrong.text
    assert 'id="heirs-email-2-error"' in wrong.text
    half = maker.post(f"{AT}/{ada}/heirs", data=heirs(**{"cem3@citizens.example": "50 %"}), files=PAPER)
    assert (half.status_code, "come to 1/2" in half.text) == (422, True)
    assert snapshot(town.book) == before
    both = heirs(**{"cem3@citizens.example": "2/3", "bob2@citizens.example": "1/3"})
    assert maker.post(f"{AT}/{ada}/heirs", data=both, files=PAPER).status_code == 303
    assert "Cem Peeters: 2/3" in checker.get(f"{AT}/{ada}").text
    approve_next(town, checker)
    held = {claim.lender: claim.principal_cents for claim in book_of(town, loan_id).held_claims}
    assert held[cem] == 66_667
    check_claims(town, loan_id)
    assert "Done" in maker.get(f"{AT}/{ada}").text
    for language in ("fr", "nl", "en"):
        assert maker.get(f"/{language}/operations/estates").status_code == 200
        assert maker.get(f"/{language}/operations/estates/{ada}").status_code == 200


def test_a_gift_is_asked_for_on_the_page_and_strangers_have_no_page(lent, enter: Enter) -> None:
    town, loan_id, ada, bob = lent
    town.go_to(date(2026, 3, 8))
    maker, checker = enter(town.maker), enter(town.checker)
    number = next(claim.number for claim in book_of(town, loan_id).claims if claim.lender == ada)
    gift = f"{AT}/{ada}/claims/{loan_id}.{number}/gift"
    assert maker.post(gift, data=heirs(**{"bob2@citizens.example": "1"}), files=PAPER).status_code == 303
    approve_next(town, checker)
    assert {claim.lender for claim in book_of(town, loan_id).held_claims} == {bob}
    assert maker.post(AT, data={"email": "nobody@citizens.example"}).status_code == 404
    assert maker.post(AT, data={"email": "no address"}).status_code == 422
    assert maker.get(f"{AT}/{town.loan(loan_id).borrower}").status_code == 422
    assert enter(bob).get(AT).status_code == 403


def test_a_death_recorded_wrongly_is_withdrawn_on_the_page(lent, enter: Enter) -> None:
    town, _, ada, _ = lent
    maker, checker = enter(town.maker), enter(town.checker)
    assert maker.post(f"{AT}/{ada}/death", data={"on": "2026-03-07"}, files=PAPER).status_code == 303
    approve_next(town, checker)
    assert maker.post(f"{AT}/{ada}/withdrawal", files=PAPER).status_code == 303
    approve_next(town, checker)
    assert "Step 1" in maker.get(f"{AT}/{ada}").text
