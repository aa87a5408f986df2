"""An open offer's sheet is amended: pledging stops, lenders are told what changed, and may withdraw, firm or not."""

from datetime import timedelta
from typing import Any

import pytest

from api.mail.render import render
from contracts import kiis
from contracts.bonds.model import SeriesState
from contracts.bonds.overview import subscribable
from contracts.documents.model import LANGUAGES
from contracts.loans import service as loans
from contracts.offers import service as offers
from contracts.offers.model import OfferState
from contracts.offers.owner import raised_here_cents
from contracts.offers.queries import open_offers
from contracts.pledges import queries as pledge_queries
from contracts.pledges import service as pledges
from contracts.pledges.amendments import cancel_uncorrected_offers
from contracts.pledges.model import PledgeState
from ledger import approvals
from tests.bonds_kit import bond_desk
from tests.pages_kit import Enter
from tests.products_kit import DAY, DESK, Town, refused
from tests.sheets_kit import sheet, texts

AMENDED = {"own_funds_cents": 700_050, "fees": texts("zero")}


def write(town: Town, offer_id: str, **changes: object) -> int:
    with town.book.unit_of_work(actor=town.maker) as uow:
        return kiis.write_sheet(uow, offer_id, sheet(**changes), on=town.today)


def amend(town: Town, offer_id: str) -> None:
    write(town, offer_id, **AMENDED)
    town.settle()


def publish_amended(town: Town, offer_id: str) -> None:
    kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)
    town.publish_as_informed(offer_id)
    town.settle()


def state_of(town: Town, offer_id: str) -> OfferState:
    return town.card(offer_id).state


def line(town: Town, pledge_id: str) -> pledge_queries.PledgeLine:
    with town.book.read() as connection:
        return pledge_queries.pledge_line(connection, town.book.book_id, pledge_id, town.today)


def told(town: Town, template: str) -> list[dict[str, Any]]:
    return [dict(body["facts"]) | {"to": body["to"]} for name, body in town.mails if name == template]


def test_a_new_version_suspends_pledging_until_two_people_publish_it(town: Town) -> None:
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    offer_id = town.open_offer(town.enterprise())
    firm = town.pay_pledge(offer_id, ada, 50_000)
    town.go_to(DAY + timedelta(days=5))
    unpaid = town.pledge(offer_id, bob, 60_000)
    assert (town.state(firm.pledge_id), line(town, firm.pledge_id).can_withdraw) == (PledgeState.FIRM, False)
    with refused(town, "reflection-over"):
        town.withdraw(firm.pledge_id)

    amend(town, offer_id)
    assert state_of(town, offer_id) is OfferState.SUSPENDED
    with town.book.read() as connection:
        assert open_offers(connection, town.book, town.today) == []
    assert {facts["to"] for facts in told(town, "offer-suspended")} == {ada, bob}
    with refused(town, "offer-suspended"):
        town.pledge(offer_id, town.maker, 50_000)
    with refused(town, "kiis-not-issued"):
        town.publish_as_informed(offer_id)
    assert line(town, firm.pledge_id).can_withdraw
    assert line(town, firm.pledge_id).withdraw_until is None

    publish_amended(town, offer_id)
    assert state_of(town, offer_id) is OfferState.OPEN
    until = town.today + timedelta(days=4)
    assert line(town, firm.pledge_id).withdraw_until == line(town, unpaid.pledge_id).withdraw_until == until
    for facts in told(town, "sheet-amended"):
        assert facts["until_on"] == until.isoformat()
        for language in LANGUAGES:
            told_changes = str(facts["changes"][language]).splitlines()
            assert len(told_changes) == 2
            assert told_changes[1].endswith(f"fees ({language}). → zero ({language}).")
    assert {facts["to"] for facts in told(town, "sheet-amended")} == {ada, bob}

    assert town.balance(f"489200:{ada}") == -50_000
    assert town.withdraw(firm.pledge_id) is not None
    assert town.state(firm.pledge_id) is PledgeState.REFUNDED
    assert [town.balance(f"{code}:{ada}") for code in ("489100", "489200", "489400")] == [0, 0, 0]
    assert town.withdraw(unpaid.pledge_id) is None
    card = town.card(offer_id)
    assert (card.committed_cents, card.received_cents, card.reflection_cents) == (0, 0, 0)


def test_an_offer_ends_only_when_the_days_to_withdraw_are_over_and_then_as_any_other(sqlite_town: Town) -> None:
    town = sqlite_town
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise(), maximum_cents=100_000)
    town.pay_pledge(offer_id, ada, 100_000)
    town.go_to(DAY + timedelta(days=2))
    amend(town, offer_id)
    town.go_to(DAY + timedelta(days=12))
    assert state_of(town, offer_id) is OfferState.SUSPENDED, "its last day is over, and it waits for its sheet"
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        loans.close_offer(uow, offer_id, on=town.today)
    publish_amended(town, offer_id)
    until = town.today + timedelta(days=4)
    town.go_to(until)
    assert state_of(town, offer_id) is OfferState.OPEN
    early = refused(town, "offer-withdrawal-open", until_on=until.isoformat())
    with early, town.book.unit_of_work(actor=town.maker) as uow:
        loans.close_offer(uow, offer_id, on=town.today)
    town.go_to(until + timedelta(days=1))
    assert state_of(town, offer_id) is OfferState.FUNDED
    assert town.loan(town.loan_of(offer_id)).principal_cents == 100_000


def test_an_offer_that_is_not_corrected_in_thirty_days_is_cancelled_and_gives_all_back(sqlite_town: Town) -> None:
    town = sqlite_town
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise(), closes_on=DAY + timedelta(days=60))
    made = town.pay_pledge(offer_id, ada, 50_000)
    amend(town, offer_id)
    assert cancel_uncorrected_offers(town.book, DAY + timedelta(days=30)) == 0
    town.jump_to(DAY + timedelta(days=30))
    assert state_of(town, offer_id) is OfferState.SUSPENDED
    [facts] = told(town, "offer-suspended")
    assert facts["until_on"] == town.today.isoformat()
    town.jump_to(DAY + timedelta(days=31))
    assert state_of(town, offer_id) is OfferState.CANCELLED
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert town.balance(f"489400:{ada}") == 0


def test_a_sheet_that_comes_back_as_it_was_is_told_as_that(sqlite_town: Town) -> None:
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise())
    town.pledge(offer_id, town.citizen("Ada"), 50_000)
    with refused(town, "kiis-unchanged", version=1):
        write(town, offer_id)
    amend(town, offer_id)
    write(town, offer_id)
    publish_amended(town, offer_id)
    [facts] = told(town, "sheet-unchanged")
    assert told(town, "sheet-amended") == []
    assert state_of(town, offer_id) is OfferState.OPEN
    assert "2026" in render("sheet-unchanged", "nl", name="Ada", facts=facts | {"link": "x"}).body


def test_what_is_approved_is_the_amended_sheet_and_both_people_are_needed(sqlite_town: Town) -> None:
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise())
    amend(town, offer_id)
    kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = offers.request_publication(uow, offer_id, reason="corrected")
    with refused(town, "approval-not-given"), town.book.unit_of_work(actor=town.maker) as uow:
        offers.publish_offer(uow, offer_id, on=town.today, approval_id=approval_id)
    town.approve(approval_id)
    town.inform(offer_id, own_funds_cents=1)
    with refused(town, "approval-body-changed"), town.book.unit_of_work(actor=town.maker) as uow:
        offers.publish_offer(uow, offer_id, on=town.today, approval_id=approval_id)


def test_mails_say_what_changed_in_the_language_of_who_reads_them(sqlite_town: Town) -> None:
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise())
    town.pledge(offer_id, town.citizen("Ada"), 50_000)
    write(town, offer_id, contact="Rue du Four 2", activities=texts("x" * 400), figures=[])
    town.settle()
    publish_amended(town, offer_id)
    [facts] = told(town, "sheet-amended")
    body = render("sheet-amended", "fr", name="Ada", facts=facts | {"link": "x"}).body.replace("\u00a0", " ")
    assert "bonjour@levain.example → Rue du Four 2" in body
    assert "412 000,00 €" in body
    assert "jusqu'au 6 mars 2026 inclus" in body
    assert f"activities (fr). → {'x' * 300}…" in body
    assert "(nl)" not in body


def test_everybody_sees_the_versions_that_were_published_and_the_difference(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise())
    made = town.pledge(offer_id, ada, 50_000)
    page, paper = f"/en/offers/{offer_id}", f"/en/offers/{offer_id}/kiis.pdf"
    first = enter().get(paper).content
    assert "Published versions" not in enter().get(page).text
    amend(town, offer_id)
    kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)
    assert "The offer is suspended" in enter().get(page).text
    assert enter().get(paper).content == first
    assert enter().get(f"{paper}?version=2").status_code == 409, "it is issued, and nobody has approved it"
    second = enter(town.maker).get(f"{paper}?version=2")
    assert (second.status_code, enter(town.maker).get(paper).content) == (200, first)
    assert "its key information sheet is being corrected" in enter(ada).get(f"/en/pledges/{made.pledge_id}").text
    desk = enter(town.checker).get("/en/operations").text
    assert f"/en/operations/offers/{offer_id}/publication" in desk

    asked = enter(town.maker).post(f"/en/operations/offers/{offer_id}/publication")
    assert asked.status_code == 303
    action = enter(town.checker).get("/en/operations").text.partition('action="/en/operations/approvals/')[2]
    assert enter(town.checker).post(f"/en/operations/approvals/{action.partition(chr(34))[0]}").status_code == 303
    assert state_of(town, offer_id) is OfferState.OPEN
    shown = enter().get(page).text
    for words in ("Published versions", "What version 2 changed", "<ins>zero (en).</ins>", f"{paper}?version=1"):
        assert words in shown
    assert enter().get(paper).content == second.content
    assert enter().get(f"{paper}?version=1").content == first
    assert "has changed" in enter(ada).get(f"/en/pledges/{made.pledge_id}").text
    assert enter(ada).post(f"/en/pledges/{made.pledge_id}/withdraw").status_code == 303
    assert town.state(made.pledge_id) is PledgeState.WITHDRAWN


def test_more_lenders_than_a_chunk_are_told_once_each(sqlite_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town = sqlite_town
    monkeypatch.setattr("contracts.pledges.amendments.CHUNK", 2)
    offer_id = town.open_offer(town.enterprise())
    lenders = [town.citizen(name) for name in ("Ada", "Bob", "Cas", "Dua", "Eve")]
    for lender in lenders:
        town.pledge(offer_id, lender, 10_000)
    amend(town, offer_id)
    assert sorted(str(facts["to"]) for facts in told(town, "offer-suspended")) == sorted(lenders)


def test_what_a_suspended_offer_may_still_raise_counts_towards_its_owners_cap(sqlite_town: Town) -> None:
    town = sqlite_town
    owner = town.enterprise()
    offer_id = town.open_offer(owner)
    amend(town, offer_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        assert raised_here_cents(uow, owner, town.today) == 1_000_000
    publish_amended(town, offer_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        assert raised_here_cents(uow, owner, town.today) == 1_000_000


def test_a_series_is_suspended_opened_again_and_fails_where_its_sheet_is_not_corrected(sqlite_town: Town) -> None:
    town = sqlite_town
    desk = bond_desk(town)
    series_id = desk.opened(
        "cooperative",
        closes_on=(DAY + timedelta(days=60)).isoformat(),
        issued_on=(DAY + timedelta(days=70)).isoformat(),
    )
    offer_id = desk.record(series_id).series.offer_id
    pledge_id = desk.subscribe(series_id, town.citizen("Ada"), 10)
    amend(town, offer_id)
    with town.book.read() as connection:
        assert subscribable(connection, town.book, town.today) == []
    publish_amended(town, offer_id)
    assert (state_of(town, offer_id), line(town, pledge_id).withdraw_until) == (
        OfferState.OPEN,
        DAY + timedelta(days=4),
    )
    write(town, offer_id)
    town.jump_to(DAY + timedelta(days=31))
    assert (state_of(town, offer_id), desk.record(series_id).state) == (OfferState.CANCELLED, SeriesState.FAILED)
    assert town.state(pledge_id) is PledgeState.REFUNDED


def test_a_series_fails_where_two_people_cancel_its_offer(sqlite_town: Town) -> None:
    town = sqlite_town
    desk = bond_desk(town)
    series_id = desk.opened("cooperative")
    offer_id = desk.record(series_id).series.offer_id
    pledge_id = desk.subscribe(series_id, town.citizen("Ada"), 10)
    with town.book.unit_of_work(actor=town.maker) as uow:
        asked = offers.request_cancellation(uow, offer_id, reason="the issuer withdraws")
    with town.book.unit_of_work(actor=town.checker) as uow:
        approvals.approve(uow, asked)
    with town.book.unit_of_work(actor=town.maker) as uow:
        pledges.cancel_offer(uow, offer_id, on=town.today, approval_id=asked)
    town.jump_to(town.today + timedelta(days=1))
    assert (state_of(town, offer_id), desk.record(series_id).state) == (OfferState.CANCELLED, SeriesState.FAILED)
    assert town.state(pledge_id) is PledgeState.REFUNDED
