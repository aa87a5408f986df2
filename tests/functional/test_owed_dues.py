"""What a borrower's bank takes back after the lenders had it: shown with amount, day and reason, and repaid."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from contracts.dispatch import BANK_HOOKS, HANDLERS
from contracts.documents.model import StatementFlow
from contracts.loans.books import loan_book
from contracts.loans.debits import distribute_parked
from contracts.loans.model import DocumentDesk
from contracts.loans.owed import OwedDue, ask_again, owed_dues
from contracts.statements import statement_data
from ledger.payments.bank import configure_bank
from ledger.payments.inbox import receive
from ledger.payments.iso20022.model import Account
from ledger.payments.model import RefundState
from ledger.payments.queries import open_cases, payments_for, refunds_of_payment
from ledger.payments.statements import import_statement_file
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.oracle import check_everything
from tests.pages_kit import Enter
from tests.products_kit import Town, refused


def running(town: Town) -> tuple[str, str, str]:
    """A loan whose first instalment was paid at the provider and distributed: borrower, loan, the payment there."""
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    levain = town.enterprise()
    loan_id = town.fund({town.citizen("Ada"): 100_000}, levain)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    assert town.balance(f"489600:{loan_id}") == 0
    return levain, loan_id, provider_id_of(town, f"due:{loan_id}:1")


def provider_id_of(town: Town, reference: str) -> str:
    """The provider's id of the last payment of a reference there."""
    with town.book.read() as connection:
        return [p.provider_id for p in payments_for(connection, "main", reference) if p.provider_id][-1]


def hear(town: Town, provider_id: str) -> None:
    with town.book.unit_of_work(actor="webhook") as uow:
        receive(uow, provider_id)
    town.settle()


def taken_back(town: Town, provider_id: str, cents: int | None = None) -> str:
    chargeback_id = town.rail.charge_back(provider_id, cents, reason="MD06")
    hear(town, provider_id)
    return chargeback_id


def owed(town: Town) -> Sequence[OwedDue]:
    with town.book.read() as connection:
        found = owed_dues(connection, "main")
    assert sum(each.owed_cents for each in found) == sum(
        town.balance(f"416300:{e}") for e in {x.borrower for x in found}
    )
    return found


def test_a_due_that_is_charged_back_after_its_distribution_is_shown_asked_again_and_repaid_by_transfer(
    sqlite_town: Town, enter: Enter
) -> None:
    town = sqlite_town
    levain, loan_id, provider_id = running(town)
    taken_back(town, provider_id)
    total = town.loan(loan_id).instalments[0].total_cents
    [each] = owed(town)
    assert (each.loan_id, each.n, each.owed_cents) == (loan_id, 1, total)
    assert (each.since_on, each.reason, each.is_asked) == (town.today, "MD06", True)
    [told] = [body for template, body in town.mails if template == "due-taken-back"]
    assert (told["to"], told["facts"]["amount_cents"]) == (levain, total)
    hers, desk = enter(levain), enter(town.maker)
    link = f'href="{each.payment.checkout_url}"'
    for page in (hers.get(f"/{language}/enterprise").text for language in ("fr", "nl", "en")):
        assert all(text in page for text in ("235,00", "MD06", link, CLIENT_IBAN[:4]))
    for page in (desk.get(f"/{language}/operations").text for language in ("fr", "nl", "en")):
        assert all(text in page for text in ("Boulangerie Levain", "235,00", "MD06"))
    again = f"/fr/operations/loans/{loan_id}/owed/1"
    assert again not in desk.get("/fr/operations").text  # a link waits for her

    town.rail.decide(each.payment.provider_id, "expired")
    hear(town, each.payment.provider_id)
    [each] = owed(town)
    assert not each.is_asked
    assert again in desk.get("/fr/operations").text
    assert desk.post(again).status_code == 303
    assert owed(town)[0].is_asked
    other = enter(town.enterprise("Imprimerie Sirius", number="0202.239.951"))
    hers_again = f"/fr/enterprise/owed/{loan_id}/1/payment"
    assert other.post(hers_again).status_code == 404
    assert hers.post(hers_again).status_code == 303
    assert len(owed(town)) == 1  # the link that waits is hers

    statement = Bank().statement(Move(total, ogm=each.transfer.structured_reference), day=town.today)
    import_statement_file(town.book, statement, hooks=BANK_HOOKS)
    town.settle()
    assert (owed(town), town.balance(f"416300:{levain}"), town.balance(f"489600:{loan_id}")) == ([], 0, 0)
    assert "MD06" not in hers.get("/fr/enterprise").text
    assert desk.post(again).status_code == 409
    with refused(town, "due-not-payable"), town.book.unit_of_work(actor=town.maker) as uow:
        ask_again(uow, loan_id, 1)
    check_everything(town.book)


def test_what_is_repaid_and_taken_back_again_is_owed_again_under_a_reference_of_its_own(sqlite_town: Town) -> None:
    town = sqlite_town
    levain, loan_id, provider_id = running(town)
    taken_back(town, provider_id)
    [first] = owed(town)
    town.pay(first.payment.payment_id)
    assert owed(town) == []
    taken_back(town, first.payment.provider_id)
    [second] = owed(town)
    assert (first.reference, second.reference) == (f"owed:{loan_id}:1", f"owed:{loan_id}:1:2")
    assert (second.owed_cents, second.taken_from) == (first.owed_cents, first.payment.payment_id)
    town.pay(second.payment.payment_id)
    paid = {"payment_id": second.payment.payment_id, "reference": second.reference, "account": f"489600:{loan_id}"}
    paid |= {"amount_cents": second.owed_cents, "paid_on": town.today.isoformat()}
    with town.book.unit_of_work(actor="relay") as uow:
        HANDLERS["payment.paid"](uow, paid)  # the same once more
    assert (owed(town), town.balance(f"416300:{levain}"), town.balance(f"489600:{loan_id}")) == ([], 0, 0)
    assert town.balance(f"489400:{levain}") == 0
    check_everything(town.book)


def test_what_is_won_back_is_owed_no_more_and_what_was_paid_for_it_goes_back(sqlite_town: Town) -> None:
    town = sqlite_town
    levain, loan_id, provider_id = running(town)
    chargeback_id = taken_back(town, provider_id)
    [each] = owed(town)
    town.rail.win_back(chargeback_id)
    hear(town, provider_id)
    assert (owed(town), town.balance(f"416300:{levain}")) == ([], 0)
    town.pay(each.payment.payment_id)  # the link was open still
    assert town.balance(f"489600:{loan_id}") == 0
    assert refunds(town, each.payment.payment_id) == [each.owed_cents]
    assert (town.balance(f"416300:{levain}"), town.balance(f"489400:{levain}")) == (0, 0)
    check_everything(town.book)


def test_what_is_won_back_after_it_was_repaid_goes_back_to_the_borrower(sqlite_town: Town) -> None:
    town = sqlite_town
    levain, loan_id, provider_id = running(town)
    chargeback_id = taken_back(town, provider_id)
    [each] = owed(town)
    town.pay(each.payment.payment_id)
    town.rail.win_back(chargeback_id)
    hear(town, provider_id)
    assert refunds(town, each.taken_from) == [each.owed_cents]
    assert (owed(town), town.balance(f"416300:{levain}"), town.balance(f"489600:{loan_id}")) == ([], 0, 0)
    check_everything(town.book)


def test_two_parts_of_one_payment_that_are_taken_back_are_two_debts(sqlite_town: Town) -> None:
    town = sqlite_town
    levain, loan_id, provider_id = running(town)
    first, second = taken_back(town, provider_id, 10_000), taken_back(town, provider_id, 5_000)
    assert [(each.reference, each.owed_cents) for each in owed(town)] == [
        (f"owed:{loan_id}:1", 10_000),
        (f"owed:{loan_id}:1:2", 5_000),
    ]
    assert first != second
    for each in owed(town):
        town.pay(each.payment.payment_id)
    assert (owed(town), town.balance(f"416300:{levain}")) == ([], 0)
    check_everything(town.book)


def test_what_waits_again_before_it_was_distributed_is_a_case_again_and_is_distributed_in_the_end(
    sqlite_town: Town,
) -> None:
    town = sqlite_town
    levain, loan_id, provider_id = running(town)
    taken_back(town, provider_id)
    town.jump_to(town.loan(loan_id).instalments[1].due_on)
    town.pay_due(loan_id, 2)
    [first] = owed(town)
    town.pay(first.payment.payment_id)
    assert distribute_parked(town.book, town.today) == 1
    town.rail.charge_back(first.payment.provider_id)
    with town.book.unit_of_work(actor="webhook") as uow:
        receive(uow, first.payment.provider_id)
    town.process_only()  # the lenders' turn comes after it
    town.settle()
    second_due = town.loan(loan_id).instalments[1].total_cents
    assert town.balance(f"489600:{loan_id}") == -second_due
    assert "cash-rule-not-met" in cases(town)
    [second] = owed(town)
    town.pay(second.payment.payment_id)
    town.jump_to(town.today + timedelta(days=1))
    assert (town.balance(f"489600:{loan_id}"), town.balance(f"416300:{levain}")) == (0, 0)
    assert "cash-rule-not-met" not in cases(town)
    check_everything(town.book)


def test_a_statement_counts_what_waits_for_cover_when_the_lender_has_it_and_not_before(
    sqlite_town: Town, tmp_path: Path
) -> None:
    town = sqlite_town
    _, loan_id, provider_id = running(town)
    taken_back(town, provider_id)
    town.jump_to(town.loan(loan_id).instalments[1].due_on)
    town.pay_due(loan_id, 2)
    desk = DocumentDesk(keys_dir=tmp_path, licence_holder="BXL Invest", verify_address="/verify", sandbox=True)

    def flow(year: int) -> StatementFlow:
        with town.book.read() as connection:
            [ada] = loan_book(connection, "main", loan_id).lenders
            stated = statement_data(connection, town.book, ada, year=year, today=town.today, language="fr", desk=desk)
        [found] = (each for each in stated.flows if each.due_on.year == 2028)
        return found

    waits = flow(2028)
    assert (waits.expected_cents, waits.received_on, waits.net_cents, waits.entry) == (22_800, None, 0, None)
    town.jump_to(town.today.replace(year=2029, month=1, day=15))
    [each] = owed(town)
    town.pay(each.payment.payment_id)
    assert distribute_parked(town.book, town.today) == 1
    town.settle()
    assert flow(2028) == waits
    came = flow(2029)
    assert (came.expected_cents, came.received_on, came.net_cents) == (0, town.today, 22_800 - 840)


def cases(town: Town) -> list[str]:
    with town.book.read() as connection:
        return [case.code for case in open_cases(connection, "main")]


def refunds(town: Town, payment_id: str) -> list[int]:
    with town.book.read() as connection:
        found = refunds_of_payment(connection, "main", payment_id)
    return [each.amount_cents for each in found if each.state not in {RefundState.FAILED, RefundState.REJECTED}]
