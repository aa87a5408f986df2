"""Money after the loss: expected by two people, brought by the bank, shared out by what each has lost, and no more."""

import pytest

from contracts.dispatch import HANDLERS, resolve_credits
from contracts.loans import service, steps
from contracts.loans.debits import distribute_parked
from contracts.loans.recoveries import awaited_recoveries
from contracts.servicing.model import Label
from ledger import approvals
from ledger.payments import inbox, suspense
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.payments.queries import open_cases, payments_for
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.oracle import check_everything
from tests.pages_kit import Enter
from tests.products_kit import EVIDENCE, Town, refused
from tests.recovery_kit import digits, expect, expected, lost_loan, receive, request
from tests.transfers_kit import Client


def lost(town: Town, lender: str) -> tuple[int, int, int]:
    [claim] = town.portfolio(lender).claims
    return claim.lost_cents, claim.recovered_cents, claim.received_principal_cents


def hear(town: Town, provider_id: str) -> None:
    with town.book.unit_of_work(actor="webhook") as uow:
        inbox.receive(uow, provider_id)
    town.settle()


def told(town: Town) -> list[tuple[str, int, int]]:
    mails = [body for name, body in town.mails if name == "recovery-distributed"]
    return [(body["to"], body["facts"]["amount_cents"], body["facts"]["lost_cents"]) for body in mails]


def test_a_dividend_of_the_liquidation_reaches_each_lender_by_what_she_lost(town: Town) -> None:
    borrower, loan_id, [ada, bob] = lost_loan(town, 100_000, 50_000)
    asset, bank = f"LOAN-{loan_id.upper()}", Bank()
    line = expected(town, loan_id, 50_001)
    assert (line.n, line.amount_cents, line.expected_on, line.received_on) == (1, 50_001, town.today, None)
    with town.book.read() as connection:
        [(book, awaited)] = awaited_recoveries(connection, town.book.book_id)
    assert (book.loan.loan_id, awaited) == (loan_id, line)
    receive(town, bank, Move(50_001, ogm=digits(line), name="Maître Curateur"))
    assert (lost(town, ada), lost(town, bob)) == ((66_666, 33_334, 33_334), (33_333, 16_667, 16_667))
    assert [town.balance(f"489300:{each}") for each in (ada, bob)] == [-33_334, -16_667]
    assert [town.balance(f"022000:{each}", asset) for each in (ada, bob)] == [66_666, 33_333]
    assert town.balance(f"021000:{borrower}", asset) == -99_999
    assert town.balance(f"489600:{loan_id}") == town.balance(f"453000:{borrower}") == 0
    assert sorted(told(town)) == sorted([(ada, 33_334, 66_666), (bob, 16_667, 33_333)])
    page = town.loan(loan_id, ada)
    assert (page.state_label, page.lost_cents, page.recovered_cents) == (Label.LOST, 99_999, 50_001)
    [done] = page.recoveries
    assert (done.received_on, done.recovered_cents) == (town.today, 50_001)
    assert [event.event for event in page.events if event.event.startswith("recover")] == [
        "recovery-expected",
        "recovered",
    ]
    totals, [flow] = town.portfolio(ada).totals, [m for m in town.portfolio(ada).months if m.received_cents]
    assert (totals.lost_cents, totals.recovered_cents, totals.received_net_cents) == (66_666, 33_334, 33_334)
    assert flow.received_cents == 33_334
    assert len(town.pay_out()) == 2
    rest = expected(town, loan_id, 99_999)
    receive(town, bank, Move(99_999, ogm=digits(rest)))
    assert (lost(town, ada), lost(town, bob)) == ((0, 100_000, 100_000), (0, 50_000, 50_000))
    assert town.balance(f"021000:{borrower}", asset) == 0
    check_everything(town.book)


def test_a_recovery_that_came_without_its_communication_is_assigned_from_suspense(sqlite_town: Town) -> None:
    town = sqlite_town
    borrower, loan_id, [ada] = lost_loan(town, 100_000)
    expected(town, loan_id, 30_000)
    receive(town, Bank(), Move(30_000, text="dividende faillite", name="Maître Curateur"))
    client = Client(town, borrower, "")
    [item] = client.suspended()
    with town.book.read() as connection:
        [asked] = payments_for(connection, town.book.book_id, f"recovery:{loan_id}:1")
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = suspense.request_assignment(uow, item.item_id, [asked.payment_id], reason="as announced")
    with town.book.unit_of_work(actor=town.checker) as uow:
        approvals.approve(uow, approval_id)
        suspense.do_approved(uow, approval_id, resolve_credits=resolve_credits)
    town.settle()
    assert lost(town, ada) == (70_000, 30_000, 30_000)


def test_no_lender_has_more_than_she_lost_and_the_rest_goes_back(sqlite_town: Town) -> None:
    town = sqlite_town
    borrower, loan_id, [ada] = lost_loan(town, 100_000)
    bank, lines = Bank(), [expected(town, loan_id, 60_000) for _ in range(3)]
    receive(town, bank, *(Move(60_000, ogm=digits(line)) for line in lines[:2]))
    assert lost(town, ada) == (0, 100_000, 100_000)
    assert town.balance(f"489400:{borrower}") == -20_000
    receive(town, bank, Move(60_000, ogm=digits(lines[2])))
    assert town.balance(f"489400:{borrower}") == -80_000
    assert [line.recovered_cents for line in town.loan(loan_id).recoveries] == [60_000, 40_000, 0]
    assert town.balance(f"489600:{loan_id}") == 0
    check_everything(town.book)


def test_a_recovery_is_asked_for_by_two_people_with_a_paper_and_up_to_the_loss(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, _ = lost_loan(town, 100_000)
    with refused(town, "evidence-malformed"):
        request(town, loan_id, 1_000, evidence="letter.pdf")
    for cents in (0, 100_001):
        with refused(town, "recovery-exceeds-loss", amount_cents=cents, limit_cents=100_000):
            request(town, loan_id, cents)
    with refused(town, "loan-not-known"):
        request(town, "lnothing", 1_000)
    approval_id = request(town, loan_id, 1_000)
    with refused(town, "approval-not-given"):
        expect(town, loan_id, approval_id)
    with refused(town, "approver-is-requester"), town.book.unit_of_work(actor=town.maker) as uow:
        approvals.approve(uow, approval_id)
    town.approve(approval_id)
    with refused(town, "approval-unknown"):
        expect(town, loan_id, "anone")
    with refused(town, "approval-body-changed"):
        expect(town, "lother", approval_id)
    assert expect(town, loan_id, approval_id) == expect(town, loan_id, approval_id)
    assert len(town.loan(loan_id).recoveries) == 1


def test_nothing_is_recovered_of_a_loan_that_is_not_lost(sqlite_town: Town) -> None:
    town = sqlite_town
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    with refused(town, "move-not-allowed"):
        request(town, loan_id, 1_000)


def test_without_an_account_at_a_bank_no_transfer_is_asked_for(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, _ = lost_loan(town, 100_000, bank=False)
    approval_id = request(town, loan_id, 1_000)
    town.approve(approval_id)
    with refused(town, "bank-account-not-configured"):
        expect(town, loan_id, approval_id)


def test_the_same_payment_told_twice_is_shared_out_once_and_in_chunks(
    sqlite_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = sqlite_town
    monkeypatch.setattr(steps, "CHUNK", 2)
    _, loan_id, lenders = lost_loan(town, 40_000, 30_000, 20_000, 10_001, 33_333)
    line = expected(town, loan_id, 77_777)
    receive(town, Bank(), Move(77_777, ogm=digits(line)))
    assert sum(-town.balance(f"489300:{each}") for each in lenders) == 77_777
    assert sum(lost(town, each)[0] for each in lenders) == 133_334 - 77_777
    with town.book.read() as connection:
        [paid] = payments_for(connection, town.book.book_id, f"recovery:{loan_id}:1")
    entries = town.entries()
    body = {
        "reference": paid.reference,
        "payment_id": paid.payment_id,
        "amount_cents": paid.amount_cents,
        "paid_on": str(paid.paid_on),
        "account": f"489600:{loan_id}",
    }
    with town.book.unit_of_work(actor="relay") as uow:
        HANDLERS["payment.paid"](uow, body)
    assert town.entries() == entries


def test_a_recovery_waits_while_the_client_account_lacks_the_borrowers_money(sqlite_town: Town) -> None:
    town = sqlite_town
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    with town.book.read() as connection:
        payments = payments_for(connection, town.book.book_id, f"due:{loan_id}:1")
    [where] = [each.provider_id for each in payments if each.provider_id]
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
        service.write_off(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    chargeback_id = town.rail.charge_back(where)
    hear(town, where)
    line = expected(town, loan_id, 10_000)
    receive(town, Bank(), Move(10_000, ogm=digits(line)))
    assert town.balance(f"489600:{loan_id}") == -10_000
    with town.book.read() as connection:
        assert f"recovery:{loan_id}:1" in {case.subject for case in open_cases(connection, town.book.book_id)}
    assert distribute_parked(town.book, town.today) == 0
    town.rail.win_back(chargeback_id)
    hear(town, where)
    assert distribute_parked(town.book, town.today) == 1
    town.settle()
    assert (town.balance(f"489600:{loan_id}"), lost(town, ada)) == (0, (70_000, 10_000, 30_000))


def test_the_desk_announces_a_recovery_and_a_colleague_agrees(sqlite_town: Town, enter: Enter) -> None:
    town = sqlite_town
    _, loan_id, [ada] = lost_loan(town, 100_000)
    desk, path = enter(town.maker), f"/fr/operations/loans/{loan_id}/recovery"
    assert path in desk.get("/fr/operations").text
    paper = {"evidence": ("lettre.pdf", b"the letter")}
    wrong = desk.post(path, data={"amount": "?"}, files=paper)
    assert (wrong.status_code, "Écrivez un montant" in wrong.text) == (422, True)
    too_much = desk.post(path, data={"amount": "1.000,01"}, files=paper)
    assert (too_much.status_code, "dépasse ce qui est perdu" in too_much.text) == (422, True)
    assert desk.post(path, data={"amount": "250,00"}, files=paper).status_code == 303
    with town.book.read() as connection:
        [asked] = approvals.pending(connection, town.book.book_id)
    agreed = enter(town.checker).post(f"/fr/operations/approvals/{asked.approval_id}")
    assert agreed.status_code == 303
    [line] = town.loan(loan_id).recoveries
    page = desk.get("/fr/operations").text
    assert line.communication in page
    receive(town, Bank(), Move(25_000, ogm=digits(line)))
    assert line.communication not in desk.get("/fr/operations").text
    for language, words in (
        ("fr", "Recouvré après la perte"),
        ("nl", "Na het verlies geïnd"),
        ("en", "Recovered after"),
    ):
        assert words in enter(ada).get(f"/{language}/loans/{loan_id}").text
