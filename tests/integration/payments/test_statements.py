"""Statements on the client account: what every kind of line posts, and what two people do with money in suspense."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.refusals import sentence
from contracts.dispatch import BANK_HOOKS, resolve_credits
from contracts.loans.model import LoanState
from contracts.pledges.model import PledgeState
from ledger import approvals
from ledger.accounts import AccountRef
from ledger.balances import standings
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.payments import statements, suspense, transfers
from ledger.payments.bank import configure_bank
from ledger.payments.bookings import BankHooks
from ledger.payments.iso20022.model import Account
from ledger.payments.model import TransferState
from ledger.payments.queries import open_cases, payment, payments_for, transfer_orders
from ledger.payments.receiving import request_transfer
from ledger.payments.statements import import_statement_file, receive_statement_files
from tests.camt_kit import CLIENT_IBAN, Bank, Move, belgian_iban
from tests.erasure_kit import come_and_go, erased
from tests.functional.conftest import sqlite_town as sqlite_town
from tests.functional.conftest import town as town
from tests.oracle import check_everything
from tests.products_kit import DAY, Town
from tests.transfers_kit import Client, client_of

PAYER = belgian_iban(77)


def test_an_instalment_that_the_borrower_transfers_is_settled_and_distributed(town: Town) -> None:
    client, ada = client_of(town, maximum_cents=100_000), town.citizen("Ada")
    client.receive(Move(100_000, ogm=client.pledge(ada, 100_000)))
    town.go_to(DAY.replace(day=DAY.day + 5))
    loan_id = town.loan_of(client.offer_id)
    order_id = order_disbursement(town, loan_id)
    client.receive(Move(-100_000, end_to_end_id=order_id, code="PMNT-ICDT-ESCT"))
    assert (town.loan(loan_id).state, town.balance("550100"), town.balance("580400")) == (LoanState.RUNNING, 0, 0)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    with town.book.read() as connection:
        payments = payments_for(connection, "main", f"due:{loan_id}:1")
    [ogm] = [each.structured_reference for each in payments if each.structured_reference]
    total = payments[0].amount_cents
    client.receive(Move(total, ogm=ogm, iban=PAYER, name="the owner's mother"))
    assert {town.loan(loan_id).instalments[0].state} == {"settled"}
    assert town.balance(f"489600:{loan_id}") == 0
    assert -town.balance(f"489300:{ada}") - town.balance(f"453000:{client.borrower}") == total


def test_a_transfer_of_ours_that_comes_back_in_the_same_statement_stands_where_it_was(sqlite_town: Town) -> None:
    town, client = sqlite_town, client_of(sqlite_town, maximum_cents=100_000)
    client.receive(Move(100_000, ogm=client.pledge(town.citizen("Ada"), 100_000)))
    town.go_to(DAY.replace(day=DAY.day + 5))
    loan_id = town.loan_of(client.offer_id)
    order_id = order_disbursement(town, loan_id)
    client.receive(
        Move(100_000, end_to_end_id=order_id, reason="AC04"),
        Move(-100_000, end_to_end_id=order_id, code="PMNT-ICDT-ESCT"),
    )
    with town.book.read() as connection:
        [order] = transfer_orders(connection, "main")
    assert (order.state, order.reason) == (TransferState.RETURNED, "AC04")
    assert (town.balance(f"489500:{client.borrower}"), town.balance("550100")) == (-100_000, 100_000)


def order_disbursement(town: Town, loan_id: str) -> str:
    from contracts.loans import service as loans

    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = loans.request_disbursement(uow, loan_id, on=town.today, reason="agreed")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        return loans.order_disbursement(uow, loan_id, approval_id=approval_id, on=town.today)


def test_charges_and_debits_that_nobody_ordered_are_booked_and_shown(sqlite_town: Town) -> None:
    town, client = sqlite_town, client_of(sqlite_town)
    client.receive(
        Move(-350, code="ACMT-MDOP-CHRG"),
        Move(-1_200, text="what is this"),
        Move(10_000, ogm=client.pledge(town.citizen("Ada"), 10_000)),
    )
    assert client.cases() == ["bank-debit-unknown", "client-account-charged"]
    assert (town.balance("657000"), town.balance("499200"), town.balance("550100")) == (350, 1_200, 8_450)


def test_an_account_that_the_bank_shows_overdrawn_is_booked_so_until_the_operator_has_paid_in(town: Town) -> None:
    client = client_of(town)
    ogm = client.pledge(town.citizen("Ada"), 10_000)
    client.receive(Move(10_000, ogm=ogm))
    assert floor(town) == 0
    taken = client.bank.statement(Move(-350, code="ACMT-MDOP-CHRG"), Move(-12_000, text="seized"), day=DAY)
    assert (client.take(taken).lines, town.balance("550100"), client.bank.balance_cents) == (2, -2_350, -2_350)
    assert floor(town) is None
    with town.book.read() as connection:
        [case] = [each for each in open_cases(connection, "main") if each.code == "client-account-overdrawn"]
    stated = {name: case.facts[name] for name in ("statement", "closing_cents")}
    assert stated == {"statement": "S2026-0002", "closing_cents": -2_350}
    assert "S2026-0002" in sentence(Refusal(case.code, **case.facts), "fr")
    town.jump_to(DAY.replace(day=DAY.day + 5))
    with pytest.raises(Refusal, match="cash-rule-not-met"), town.book.unit_of_work(actor="system") as uow:
        transfers.refuse_uncovered(uow, 1)  # nothing leaves meanwhile

    client.receive(Move(-100, code="ACMT-MDOP-CHRG"))  # it may fall further
    assert client.take(taken).known_statements == 1
    client.receive(Move(2_449, text="one cent is missing"))
    assert (town.balance("550100"), floor(town)) == (-1, None)
    client.receive(Move(1, text="?"))
    assert (town.balance("550100"), floor(town)) == (0, 0)
    assert "client-account-overdrawn" not in client.cases()
    assert client.receive(Move(-5, text="?"), Move(3, text="?")).lines == 2  # another day, another case
    assert (client.cases().count("client-account-overdrawn"), town.balance("550100")) == (1, -2)
    check_everything(town.book)


def floor(town: Town) -> int | None:
    with town.book.read() as connection:
        [standing] = standings(connection, "main", AccountRef("550100"))
    return standing.minimum


def test_no_other_account_goes_below_its_floor_by_a_statement(
    sqlite_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(sqlite_town)
    entries = sqlite_town.entries()
    refusal = Refusal("floor-breached", account="489100:c1", asset="EUR", rule="", missing_cents=1)

    def refuse(*_: object, **__: object) -> None:
        raise refusal

    monkeypatch.setattr(statements, "import_statement", refuse)
    with pytest.raises(Refusal) as refused:
        client.receive(Move(-5, text="?"))
    assert (refused.value, sqlite_town.entries()) == (refusal, entries)


def test_a_file_of_the_bank_that_is_refused_is_a_case_and_the_next_one_is_taken(sqlite_town: Town) -> None:
    town, client = sqlite_town, client_of(sqlite_town)
    good = client.bank.statement(Move(500, text="?"), day=DAY)
    future = client.bank.statement(Move(500, text="?"), day=DAY.replace(day=9))
    both = client.bank.file(1, 2)
    with pytest.raises(Refusal, match="date-not-reached"):
        client.take(both)
    assert town.balance("550100") == 0  # a file is taken whole or not at all
    assert receive_statement_files(town.book, [b"<nothing/>", future, good], hooks=BANK_HOOKS) == 1
    assert client.cases() == ["bank-file-kind-unknown", "date-not-reached"]
    assert town.balance("550100") == 500
    town.jump_to(DAY.replace(day=9))
    assert receive_statement_files(town.book, [future, both], hooks=BANK_HOOKS) == 1
    assert (client.cases(), town.balance("550100")) == (["bank-file-kind-unknown"], 1_000)


def test_without_a_client_account_nobody_is_asked_for_a_transfer_and_no_statement_is_taken(sqlite_town: Town) -> None:
    town = sqlite_town
    made = town.pledge(town.open_offer(town.enterprise()), town.citizen("Ada"), 10_000)
    with town.book.read() as connection:
        assert [p.structured_reference for p in payments_for(connection, "main", f"pledge:{made.pledge_id}")] == [None]
    with pytest.raises(Refusal, match="bank-account-not-configured"):
        import_statement_file(town.book, Client(town, "", "").bank.statement(day=DAY), hooks=BANK_HOOKS)
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    with pytest.raises(Refusal, match="payment-amount-not-positive"), town.book.unit_of_work(actor="system") as uow:
        request_transfer(uow, reference="pledge:p", payer="c1", amount_cents=0, credit=AccountRef("489100", "c1"))


def test_a_pledge_that_was_withdrawn_owes_the_transfer_back_that_comes_afterwards(sqlite_town: Town) -> None:
    town, client, ada = sqlite_town, client_of(sqlite_town), sqlite_town.citizen("Ada")
    ogm = client.pledge(ada, 20_000)
    town.withdraw(client.pledges[0])
    client.receive(Move(20_000, ogm=ogm))
    assert (town.balance(f"489100:{ada}"), town.balance(f"489400:{ada}")) == (0, -20_000)
    assert client.states() == [PledgeState.WITHDRAWN]


def test_a_pledge_paid_at_the_provider_and_by_transfer_goes_back_once(sqlite_town: Town) -> None:
    town, client, ada = sqlite_town, client_of(sqlite_town), sqlite_town.citizen("Ada")
    made = town.pledge(client.offer_id, ada, 20_000)
    client.pledges.append(made.pledge_id)
    ogm = client.ogm(made.pledge_id)
    town.pay(made.payment_id)
    client.receive(Move(20_000, ogm=ogm))
    assert (town.balance(f"489100:{ada}"), town.balance(f"489400:{ada}")) == (-20_000, -20_000)
    assert client.states() == [PledgeState.PAID]


def test_suspense_is_split_and_joined_and_no_cent_is_lost(sqlite_town: Town) -> None:
    town, client = sqlite_town, client_of(sqlite_town)
    ogm = client.pledge(town.citizen("Ada"), 20_000)
    client.receive(Move(19_999, ogm=ogm, iban=PAYER), Move(101, text="the rest and more", iban=PAYER, name="Ada"))
    short, rest = sorted(client.suspended(), key=lambda item: -item.amount_cents)
    with pytest.raises(Refusal, match="suspense-parts-unfit"):
        do(town, suspense.request_split, rest.item_id, [1, 99])
    do(town, suspense.request_split, rest.item_id, [1, 100])
    one, hundred = sorted((i for i in client.suspended() if i.item_id != short.item_id), key=lambda i: i.amount_cents)
    assert (one.amount_cents, hundred.payers[0].name) == (1, "Ada")
    with pytest.raises(Refusal, match="suspense-items-too-few"):
        do(town, suspense.request_join, [one.item_id])
    do(town, suspense.request_join, [one.item_id, short.item_id])
    joined = next(item for item in client.suspended() if item.amount_cents == 20_000)
    with town.book.read() as connection:
        [wanted] = [
            p.payment_id
            for p in payments_for(connection, "main", f"pledge:{client.pledges[0]}")
            if p.structured_reference
        ]
    with pytest.raises(Refusal, match="payment-not-open"):
        do(town, suspense.request_assignment, joined.item_id, ["y0"])
    do(town, suspense.request_assignment, joined.item_id, [wanted])
    town.settle()
    assert client.states() == [PledgeState.PAID]
    assert [town.balance(f"499100:{i.item_id}") for i in (short, rest, one, joined, hundred)] == [0, 0, 0, 0, -100]


def test_a_deed_on_suspense_takes_two_people_and_exactly_what_they_saw(sqlite_town: Town) -> None:
    town, client = sqlite_town, client_of(sqlite_town)
    client.receive(Move(500, text="?", iban=PAYER, name="Zoé"))
    [item] = client.suspended()
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = suspense.request_split(uow, item.item_id, [200, 300], reason="two things")
    with pytest.raises(Refusal, match="approver-is-requester"), town.book.unit_of_work(actor=town.maker) as uow:
        approvals.approve(uow, approval_id)
    with pytest.raises(Refusal, match="approval-not-given"), town.book.unit_of_work(actor=town.maker) as uow:
        suspense.do_approved(uow, approval_id, resolve_credits=resolve_credits)
    with pytest.raises(Refusal, match="approval-unknown"), town.book.unit_of_work(actor=town.maker) as uow:
        suspense.do_approved(uow, "a0", resolve_credits=resolve_credits)
    assert [each.amount_cents for each in client.suspended()] == [500]


def test_suspense_goes_back_to_the_account_it_came_from(town: Town) -> None:
    client = client_of(town)
    client.receive(Move(500, text="?", iban=PAYER, name="Zoé"), Move(700, text="cash at the counter"))
    item, unknown = client.suspended()
    if item.amount_cents == 700:
        item, unknown = unknown, item
    with pytest.raises(Refusal, match="suspense-payer-unknown"), town.book.unit_of_work(actor=town.maker) as uow:
        suspense.request_return(uow, unknown.item_id, reason="nobody's")
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = suspense.request_return(uow, item.item_id, reason="nobody's")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        order_id = suspense.send_back(uow, item.item_id, approval_id=approval_id)
    assert (town.balance(f"489400:{item.item_id}"), town.balance("580400")) == (0, -500)
    with town.book.read() as connection:
        assert suspense.payer_account(connection, town.book, item.item_id) == Account("Zoé", PAYER)
    client.receive(Move(-500, end_to_end_id=order_id))
    assert (town.balance("550100"), town.balance("580400"), client.suspended()) == (700, 0, [unknown])
    client.receive(Move(500, end_to_end_id=order_id, reason="AC04"))
    assert (town.balance(f"489400:{item.item_id}"), client.cases()) == (-500, ["suspense-return-failed"])
    with pytest.raises(Refusal, match="suspense-item-not-open"), town.book.unit_of_work(actor=town.maker) as uow:
        suspense.request_return(uow, item.item_id, reason="again")
    assert transfers.APPROVAL_ACTION == "order-transfers"


def test_two_imports_of_one_file_at_the_same_time_import_it_once(town: Town) -> None:
    client = client_of(town)
    file = client.bank.statement(*(Move(100 + n, text="?") for n in range(20)), day=DAY)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: import_statement_file(town.book, file, hooks=BANK_HOOKS), range(2)))
    assert sorted((each.statements, each.known_statements) for each in done) == [(0, 1), (1, 0)]
    assert town.balance("550100") == client.bank.balance_cents == sum(item.amount_cents for item in client.suspended())


def test_money_of_an_erased_payer_is_in_suspense_like_a_strangers(book: Book, clock: FixedClock) -> None:
    bank, credit = Bank(), AccountRef("489100", "c17")
    with book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
        payment_id = request_transfer(uow, reference="pledge:p", payer="c17", amount_cents=700, credit=credit)
    with book.read() as connection:
        view = payment(connection, "main", str(payment_id))
    assert view is not None
    come_and_go(book, clock)
    erased(book)
    file = bank.statement(Move(700, ogm=view.structured_reference), day=clock.today())
    assert import_statement_file(book, file, hooks=BankHooks()).suspended == 1
    with book.read() as connection:
        [item] = suspense.open_items(book, connection)
    assert (item.reason, item.proposal) == ("not-identified", ())


def do(town: Town, ask, *what) -> None:
    """One officer asks, the other one agrees, and it is done."""
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = ask(uow, *what, reason="seen")
    with town.book.unit_of_work(actor=town.checker) as uow:
        approvals.approve(uow, approval_id)
        suspense.do_approved(uow, approval_id, resolve_credits=resolve_credits)
