"""What the pages keep apart: other people's things, forms sent twice, ways out of the site, faults."""

import hashlib
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.bootstrap import Wiring
from api.mail.transport import KeptMail
from api.settings import read_settings
from contracts.parties import service as parties
from contracts.parties.model import Role, StaffIdentity
from contracts.servicing.accounts import account_of
from frontend.site import build_site
from ledger import approvals
from ledger.accounts import AccountRef
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.log.keys import create_log
from ledger.payments import transfers
from ledger.payments.bank import configure_bank
from ledger.payments.bank_refunds import failed
from ledger.payments.batches import batches
from ledger.payments.iso20022.model import Account
from ledger.payments.mandates import active_mandate
from ledger.payments.model import TransferDraft, TransferKind
from ledger.payments.payees import parked, record_check
from ledger.payments.rail import PayeeAnswer, PayeeMatch
from ledger.payments.references import printed_communication
from ledger.payments.repeats import REPEAT
from ledger.payments.rows import open_case
from ledger.years import request_year_close
from tests.camt_kit import Move
from tests.entries import entry, post
from tests.pages_kit import Enter
from tests.products_kit import DAY, Town
from tests.transfers_kit import client_of

OURS = Account("BXL Invest", "BE42096550100054", creditor_identifier="BE81ZZZ0801234549")
IBAN_OF_ADA = "BE38091215014572"


def filled(browser: TestClient, offer_id: str, **changes: str) -> dict[str, str]:
    form = browser.get(f"/fr/offers/{offer_id}/pledge").text
    once = re.search(r'name="once" value="([^"]+)"', form)
    assert once is not None
    return {"once": once[1], "amount": "500", "risk": "yes", "locked": "yes", "shareholding": "0"} | changes


def test_a_line_whose_entry_is_no_business_event_shows_the_purpose_it_was_imported_with(
    enter: Enter, sqlite_town: Town
) -> None:
    ada = sqlite_town.citizen("Ada")
    lines = (Posting(AccountRef("550100"), debit=100), Posting(AccountRef("489100", ada), credit=100))
    with sqlite_town.book.unit_of_work(actor="import") as uow:
        uow.post(JournalEntry("old:1", sqlite_town.today, "Reprise <2025>", lines))
    page = enter(ada).get("/fr/receipts")
    assert page.status_code == 200
    assert "Reprise &lt;2025&gt;" in page.text


def test_a_line_that_waits_for_its_signature_has_an_acknowledgement_for_its_holder_alone(
    enter: Enter, sqlite_town: Town, tmp_path: Path
) -> None:
    named = {"origin": "log.example/main", "receipt_certificate_sha256": None, "passphrase": None}
    create_log(tmp_path / "keys", tmp_path / "log", **named)
    ada, eve = sqlite_town.citizen("Ada"), sqlite_town.citizen("Eve")
    lines = (Posting(AccountRef("550100"), debit=100), Posting(AccountRef("489100", ada), credit=100))
    with sqlite_town.book.unit_of_work(actor="import") as uow:
        uow.post(JournalEntry("old:1", sqlite_town.today, "payment-received", lines))
    path = re.search(r'href="(/fr/receipts/\d+/2\.ack)"', enter(ada).get("/fr/receipts").text)[1]
    promise = enter(ada).get(path)
    assert (promise.status_code, promise.text.splitlines()[1]) == (200, "acknowledgement")
    assert enter(eve).get(path).status_code == 404


def test_other_peoples_things_do_not_exist(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    ada, bob, eve = town.citizen("Ada"), town.citizen("Bob"), town.citizen("Eve")
    loan_id = town.fund({ada: 60_000, bob: 60_000}, town.enterprise())
    offer_id = town.open_offer(town.enterprise("Roue Libre", number="0202.239.951"))
    pledge_id = town.pledge(offer_id, ada, 20_000).pledge_id
    assert enter(ada).get(f"/fr/loans/{loan_id}").status_code == 200
    assert enter(ada).get(f"/fr/pledges/{pledge_id}").status_code == 200
    stranger = enter(eve)
    for path in (f"loans/{loan_id}", f"pledges/{pledge_id}", "documents/d00000000", "receipts/3/1", "receipts/3/1.ack"):
        assert stranger.get(f"/fr/{path}").status_code == 404, path
    assert stranger.post(f"/fr/pledges/{pledge_id}/withdraw").status_code == 404
    assert town.state(pledge_id) == "pledged"


def test_a_lender_sees_the_others_by_number_and_never_by_name(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    ada, bob = town.citizen("Ada"), town.citizen("Boudewijn")
    loan_id = town.fund({ada: 60_000, bob: 60_000}, town.enterprise())
    page = enter(ada).get(f"/fr/loans/{loan_id}").text
    assert "Prêteur n° 2" in page
    assert "Boudewijn" not in page
    assert bob not in page


def test_a_draft_is_seen_by_its_maker_and_by_staff_only(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    maker = town.enterprise()
    offer_id = town.draft_offer(maker)
    shown = {who: enter(who).get(f"/fr/offers/{offer_id}").status_code for who in (maker, town.checker)}
    assert shown == {maker: 200, town.checker: 200}
    assert enter().get(f"/fr/offers/{offer_id}").status_code == 404
    assert enter(town.citizen("Ada")).get(f"/fr/offers/{offer_id}/pledge").status_code == 404


def test_a_button_pressed_twice_pledges_once(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    browser = enter(town.citizen("Ada"))
    offer_id = town.open_offer(town.enterprise())
    form = filled(browser, offer_id)
    first = browser.post(f"/fr/offers/{offer_id}/pledge", data=form)
    second = browser.post(f"/fr/offers/{offer_id}/pledge", data=form)
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert town.card(offer_id).committed_cents == 50_000


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"amount": "50"}, 422),
        ({"amount": "999999"}, 409),
        ({"is_employee": "yes"}, 403),
        ({"shareholding": "10,5"}, 403),
    ],
    ids=["too little", "beyond the maximum", "an employee", "a large shareholder"],
)
def test_a_refused_pledge_keeps_what_was_typed_and_changes_nothing(
    enter: Enter, sqlite_town: Town, changes: dict[str, str], status: int
) -> None:
    town = sqlite_town
    browser = enter(town.citizen("Ada"))
    offer_id = town.open_offer(town.enterprise())
    answer = browser.post(f"/fr/offers/{offer_id}/pledge", data=filled(browser, offer_id, **changes))
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert f'value="{changes.get("amount", "500")}"' in answer.text
    assert town.card(offer_id).committed_cents == 0


def test_a_form_of_another_site_is_refused_on_a_page(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    browser = enter(town.citizen("Ada"))
    answer = browser.post("/fr/logout", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert "<h1>" in answer.text
    assert browser.get("/fr/portfolio").status_code == 200


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "/v1/offers", "/fr\\..\\x"])
def test_a_log_in_leads_to_our_own_pages_only(enter: Enter, sqlite_town: Town, target: str) -> None:
    with sqlite_town.book.unit_of_work(actor="test") as uow:
        identity = StaffIdentity("Ida Peeters", "ida@audit.example", "nl", Role.AUDITOR)
        parties.register_staff(uow, identity)
    browser = enter()
    browser.post("/nl/log-in", data={"email": "ida@audit.example", "next": target})
    link = re.search(r"/nl/log-in/([\w-]{20,})", browser.get("/nl/mailbox").text)
    assert link is not None
    answer = browser.post(link[0])
    assert answer.headers["location"] == "/nl/audit"
    assert browser.post(link[0]).status_code == 410


def test_the_mailbox_and_its_strip_exist_in_a_sandbox_only(sqlite_town: Town, tmp_path: Path) -> None:
    live = read_settings(
        {"BXL_DATA": str(tmp_path), "BXL_MOLLIE_KEY": "live_" + "x" * 30, "BXL_ORIGIN": "https://invest.example"}
    )
    browser = TestClient(build_site(Wiring(live, sqlite_town.book, sqlite_town.rail, KeptMail(), None)), live.origin)
    assert browser.get("/fr/mailbox").status_code == 404
    assert 'class="sandbox"' not in browser.get("/fr/").text


def test_a_fault_is_said_with_a_number_and_nothing_else(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("frontend.pages.public.open_offers", broken)
    answer = enter().get("/nl/offers")
    assert answer.status_code == 500
    assert re.search(r"[0-9a-f]{8}", answer.text)
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_the_front_door_and_the_api_speak_to_whom_they_are_for(enter: Enter) -> None:
    browser = enter()
    assert browser.get("/").headers["location"] == "/fr/"
    assert browser.get("/v1/nothing").headers["content-type"] == "application/problem+json"
    assert browser.get("/fr/nothing").headers["content-type"].startswith("text/html")


def test_a_refund_that_failed_is_sent_again_from_the_desk(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    ada = town.citizen("Ada")
    made = town.pay_pledge(town.open_offer(town.enterprise()), ada, 50_000)
    town.withdraw(made.pledge_id)
    [refund_id] = town.rail.refunds_by_id
    town.rail.set_refund(refund_id, "failed")
    town.settle()
    desk = enter(town.maker)
    again = f"/fr/operations/refunds/{made.pledge_id}"
    assert again in desk.get("/fr/operations").text
    assert enter(ada).post(again).status_code == 403
    assert town.state(made.pledge_id) == "refund_failed"
    assert desk.post(again).status_code == 303
    town.settle()
    assert (town.state(made.pledge_id), town.balance(f"489400:{ada}")) == ("refunded", 0)
    assert desk.post(again).status_code == 409
    assert again not in desk.get("/fr/operations").text


def test_a_refund_that_nobody_can_find_is_made_anew_by_two_people_at_the_desk(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    ada = town.citizen("Ada")
    made = town.pay_pledge(town.open_offer(town.enterprise()), ada, 50_000)
    town.rail.faults.append("lost-before")
    refund_id = town.withdraw(made.pledge_id)
    town.clock.instant += timedelta(minutes=70)
    town.settle()
    desk, ask = enter(town.maker), f"/fr/operations/calls/{refund_id}/repetition"
    assert ask in desk.get("/fr/operations").text
    single_handed = desk.post(f"/fr/operations/refunds/{made.pledge_id}")
    assert (single_handed.status_code, "deux personnes doivent décider" in single_handed.text) == (409, True)
    assert desk.post(ask, data={"reason": ""}).status_code == 422
    assert enter(ada).post(ask, data={"reason": "x"}).status_code == 403
    assert desk.post(ask, data={"reason": "rien chez le prestataire"}).status_code == 303
    page = desk.get("/fr/operations").text
    assert ask not in page
    assert "Refaire un remboursement ou un prélèvement" in page
    [waiting] = [a for a in pending_of(town) if a.action == REPEAT]
    deed = f"/fr/operations/approvals/{waiting.approval_id}"
    assert enter(town.maker).post(deed).status_code == 403
    assert town.rail.refunds_by_id == {}
    assert enter(town.checker).post(deed).status_code == 303
    town.settle()
    assert (town.state(made.pledge_id), len(town.rail.refunds_by_id)) == ("refunded", 1)
    assert refund_id not in desk.get("/fr/operations").text


def pending_of(town: Town) -> list[approvals.Approval]:
    with town.book.read() as connection:
        return approvals.pending(connection, town.book.book_id)


def test_a_payment_case_is_closed_with_a_word_on_how(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    with town.book.unit_of_work(actor="system") as uow:
        open_case(uow, "ytest", Refusal("payment-mode-differs", stated="live", asked="test"), payment_id=None)
    desk = enter(town.maker)
    assert "ytest" in desk.get("/fr/operations").text
    form = {"subject": "ytest", "code": "payment-mode-differs", "reason": ""}
    silent = desk.post("/fr/operations/cases", data=form)
    assert (silent.status_code, "Écrivez comment le cas a été traité." in silent.text) == (422, True)
    assert desk.post("/fr/operations/cases", data=form | {"reason": "renvoyé au payeur"}).status_code == 303
    assert "ytest" not in desk.get("/fr/operations").text
    assert desk.post("/fr/operations/cases", data=form | {"reason": "encore"}).status_code == 404


def test_the_desk_shows_the_year_that_waits_to_be_closed_and_closes_it(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    post(town.book, entry("fee", ("550200", 123_45, 0), ("704000", 0, 123_45), on=date(2025, 6, 1)))
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = request_year_close(uow, ends_on=date(2025, 12, 31), reason="ready")
    page = re.sub(r"\s+", " ", enter(town.checker).get("/nl/operations").text)
    for shown in ("Het boekjaar afsluiten", "31 december 2025", "123,45"):
        assert shown in page
    deed = f"/fr/operations/approvals/{approval_id}"
    assert enter(town.maker).post(deed).status_code == 403
    assert town.balance("704000") == -123_45
    assert enter(town.checker).post(deed).status_code == 303
    assert (town.balance("704000"), town.balance("139000")) == (0, -123_45)


def test_the_desk_says_how_far_the_log_is_and_when_somebody_must_look(
    enter: Enter, sqlite_town: Town, clock: FixedClock, tmp_path: Path
) -> None:
    clock.instant += timedelta(minutes=11)
    page = enter(sqlite_town.checker).get("/en/operations").text
    assert "An entry has waited 11 minutes for its signature." in page
    (tmp_path / "log").mkdir(exist_ok=True)
    for file in ("policy", "checkpoint"):
        (tmp_path / "log" / file).write_text("nothing\n")
    assert "The published checkpoint cannot be read" in enter(sqlite_town.checker).get("/en/operations").text


def test_a_receipt_is_checked_at_an_address_that_opens_in_the_readers_language(enter: Enter, tmp_path: Path) -> None:
    browser = enter()
    for accepted, language in (("nl-BE", "nl"), ("en", "en"), ("de", "fr")):
        answer = browser.get("/verify", headers={"Accept-Language": accepted})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/{language}/verify")
        page = browser.get(f"/{language}/verify")
        assert page.status_code == 200
        assert page.text.count("<script") == 1
    assert 'data-policies=""' in page.text
    folder = tmp_path / "log" / "policies"
    folder.mkdir(parents=True)
    for name in ("f" * 64, "0" * 64, "17.json", "F" * 64):
        (folder / name).touch()
    assert f'data-policies="{"0" * 64} {"f" * 64}"' in browser.get("/fr/verify").text
    script = browser.get("/static/js/verify/page.js")
    assert script.headers["content-type"].partition(";")[0] in {"text/javascript", "application/javascript"}


def test_the_pledge_page_says_how_to_pay_by_transfer_and_the_desk_places_what_came(
    enter: Enter, sqlite_town: Town
) -> None:
    town, client = sqlite_town, client_of(sqlite_town)
    ada = town.citizen("Ada")
    ogm = client.pledge(ada, 20_000)
    page = enter(ada).get(f"/nl/pledges/{client.pledges[0]}").text
    assert printed_communication(ogm) in page

    desk, other = enter(town.maker), enter(town.checker)
    file = client.bank.statement(Move(20_000, text="<b>Ada</b>", iban=IBAN_OF_ADA, name="Ada"), day=town.today)
    bank = "/fr/operations/bank"
    assert enter(ada).post(f"{bank}/statements", files={"file": file}).status_code == 403
    assert desk.post(f"{bank}/statements").status_code == 422
    assert "autre compte" in desk.post(f"{bank}/statements", files={"file": file.replace(b"BE", b"BF", 1)}).text
    for _ in range(2):
        assert desk.post(f"{bank}/statements", files={"file": file}).status_code == 303
    [item] = client.suspended()
    assert "1 montant en attente" in desk.get("/fr/operations").text
    shown = desk.get(bank).text
    assert all(
        text in shown
        for text in (item.item_id, "&lt;b&gt;Ada&lt;/b&gt;", "compte connu", f"pledge:{client.pledges[0]}")
    )
    deed = f"/nl/operations/bank/suspense/{item.item_id}"
    assert "1.234,50" in desk.post(f"{deed}/parts", data={"parts": "1,234.50"}).text
    assert desk.post(f"{deed}/parts", data={"parts": "199,00 + 2,00"}).status_code == 422
    assert desk.post(f"{deed}/assignment", data={"payments": " "}).status_code == 422
    assert desk.post(f"{deed}/assignment", data={"payments": item.proposal[0].payment_id}).status_code == 303
    with town.book.read() as connection:
        [waiting] = approvals.pending(connection, "main")
    approve = f"/fr/operations/approvals/{waiting.approval_id}"
    assert desk.post(approve).status_code == 403
    assert "Attribuer un montant en attente" in other.get("/fr/operations").text
    assert other.post(approve).status_code == 303
    town.settle()
    assert client.states() == ["paid"]
    assert item.item_id not in desk.get(bank).text
    assert "montant en attente<" not in desk.get("/fr/operations").text


def test_what_is_late_in_suspense_is_said_and_split_joined_or_sent_back(enter: Enter, sqlite_town: Town) -> None:
    town, client = sqlite_town, client_of(sqlite_town)
    client.receive(Move(500, text="?", iban=IBAN_OF_ADA, name="Ada"), Move(700, text="?"))
    bank = "/en/operations/bank"
    for days, said in ((0, "In suspense"), (3, "2 payers have waited"), (11, "2 amounts should have been sent back")):
        town.jump_to(DAY + timedelta(days=days))
        assert said in enter(town.maker).get(bank).text
    desk, other = enter(town.maker), enter(town.checker)
    items = {item.amount_cents: item.item_id for item in client.suspended()}
    for form, data in (
        (f"suspense/{items[700]}/parts", {"parts": "1,00 + 6,00"}),
        (f"suspense/{items[500]}/return", {}),
    ):
        assert desk.post(f"{bank}/{form}", data=data).status_code == 303
        with town.book.read() as connection:
            [waiting] = approvals.pending(connection, "main")
        assert other.post(f"/en/operations/approvals/{waiting.approval_id}").status_code == 303
    assert sorted(item.amount_cents for item in client.suspended()) == [100, 600]
    both = [item.item_id for item in client.suspended()]
    assert desk.post(f"{bank}/suspense/joined", data={"items": both}).status_code == 303
    assert desk.post(f"{bank}/suspense/{both[0]}/return").status_code == 409
    assert town.balance("580400") == -500


def approved(enter: Enter, town: Town) -> None:
    """The other officer approves what waits, on the desk."""
    with town.book.read() as connection:
        [waiting] = approvals.pending(connection, "main")
    desk = f"/fr/operations/approvals/{waiting.approval_id}"
    assert enter(town.maker).post(desk).status_code == 403
    assert enter(town.checker).get("/nl/operations").status_code == 200
    assert enter(town.checker).post(desk).status_code == 303


def order(town: Town, payee: str) -> None:
    """One transfer of what a lender is owed, which two people have released."""
    cents, owed = -town.balance(f"489300:{payee}"), AccountRef("489300", payee)
    draft = TransferDraft("single", payee, cents, owed, TransferKind.PAYOUT)
    with town.book.unit_of_work(actor=town.maker) as uow:
        body = transfers.approval_body([draft])
        asked = approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason="due")
    town.approve(asked)
    with town.book.unit_of_work(actor=town.maker) as uow:
        transfers.order_transfers(uow, [draft], approval_id=asked)


def test_the_desk_makes_an_order_file_which_a_second_person_releases_and_lets_a_held_payee_go(
    enter: Enter, sqlite_town: Town
) -> None:
    town, page = sqlite_town, "/fr/operations/orders"
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, OURS)
    ada, levain = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, levain)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    town.bank_provider_money()
    desk = enter(town.maker)
    assert enter(ada).get(page).status_code == 403
    assert desk.post(f"{page}/files").status_code == 409  # nothing to be put into a file
    order(town, ada)
    assert "vérification en cours" in desk.get(page).text
    with town.book.unit_of_work(actor="bank") as uow:
        account = account_of(uow.connection, uow, ada, town.today)
        record_check(uow, ada, PayeeAnswer(account.iban, account.name, PayeeMatch.CLOSE_MATCH, "A. <Peeters>"))
        [held] = parked(uow.connection, uow, now=uow.now())
    shown = desk.get(page).text
    assert all(text in shown for text in ("retenu", "nom proche", "A. &lt;Peeters&gt;"))
    override = f"{page}/payees/{ada}/{held.account}"
    assert desk.post(override, data={"reason": " "}).status_code == 422
    assert desk.post(override, data={"reason": "vu sur la carte"}).status_code == 303
    approved(enter, town)
    assert desk.post(f"{page}/files").status_code == 303
    approved(enter, town)
    with town.book.read() as connection:
        [file] = batches(connection, "main")
    for path in (page, page.replace("fr", "nl"), page.replace("fr", "en")):
        assert file.batch_id in desk.get(path).text
    downloads = [desk.get(f"{page}/files/{file.batch_id}") for _ in range(2)]
    assert {hashlib.sha256(each.content).hexdigest() for each in downloads} == {file.sha256}
    assert enter(ada).get(f"{page}/files/{file.batch_id}").status_code == 403
    assert desk.post(f"{page}/files/{file.batch_id}/discard").status_code == 409


def test_a_refund_that_failed_is_sent_by_bank_from_the_desk(enter: Enter, sqlite_town: Town) -> None:
    town, page = sqlite_town, "/en/operations/orders"
    ada = town.citizen("Ada")
    made = town.pay_pledge(town.open_offer(town.enterprise()), ada, 50_000)
    town.bank_provider_money()
    town.withdraw(made.pledge_id)
    [refund_id] = town.rail.refunds_by_id
    town.rail.set_refund(refund_id, "failed")
    town.settle()
    town.bank_provider_money()
    desk = enter(town.maker)
    assert "failed at the provider" in desk.get(page).text
    with town.book.read() as connection:
        [refund] = failed(connection, "main")
    assert desk.post(f"{page}/refunds").status_code == 409
    assert desk.post(f"{page}/refunds/{refund.refund_id}").status_code == 303
    assert desk.post(f"{page}/refunds").status_code == 303
    approved(enter, town)
    assert town.balance("580400") == -50_000


def test_an_entrepreneur_signs_a_mandate_reads_it_and_takes_it_back(enter: Enter, sqlite_town: Town) -> None:
    town = sqlite_town
    levain = town.enterprise()
    browser = enter(levain)
    assert "enterprise/mandate" not in browser.get("/fr/enterprise").text  # there is no account to collect to
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account(OURS.name, OURS.iban))
    assert browser.post("/fr/enterprise/mandate").status_code == 409
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, OURS)
    for language, scheme in (("fr", "core"), ("nl", "b2b"), ("en", "core")):
        assert browser.post(f"/{language}/enterprise/mandate", data={"scheme": scheme}).status_code == 303
        with town.book.read() as connection:
            mandate = active_mandate(connection, "main", levain)
        assert mandate is not None
        assert mandate.scheme.value.lower() == scheme
        page = browser.get(f"/{language}/enterprise").text
        assert mandate.mandate_id in page
        pdf = browser.get(f"/{language}/documents/{mandate.document_id}").content
        assert pdf.startswith(b"%PDF")
        assert b"/ByteRange" in pdf  # signed
        assert browser.post(f"/{language}/enterprise/mandate").status_code == 409
        assert mandate.mandate_id in enter(town.maker).get(f"/{language}/operations/orders").text
        assert browser.post(f"/{language}/enterprise/mandate/revocation").status_code == 303
    assert browser.post("/fr/enterprise/mandate/revocation").status_code == 409
