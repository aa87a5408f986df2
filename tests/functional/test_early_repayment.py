"""Early repayment: quoted to a day that both sides see, once and in full, where the deed allows it; else refused."""

from datetime import date, timedelta

import pytest

from contracts.dispatch import BANK_HOOKS
from contracts.loans import service
from contracts.loans.books import loan_book
from contracts.loans.debits import announce_debits
from contracts.loans.early import ask_early_repayment
from contracts.loans.model import EarlyQuote, LoanState
from contracts.loans.queries import BorrowerEarly, borrower_page
from contracts.loans.quotes import quote
from contracts.servicing.model import Label
from frontend.i18n import tongue
from ledger.payments.bank import configure_bank
from ledger.payments.inbox import receive
from ledger.payments.iso20022.model import Account
from ledger.payments.mandates import DebitScheme, record_mandate
from ledger.payments.queries import payments_for
from ledger.payments.statements import import_statement_file
from tests.camt_kit import CLIENT_IBAN, Bank, Move, belgian_iban
from tests.oracle import check_everything
from tests.pages_kit import Enter
from tests.products_kit import EVIDENCE, Town, refused

DAY_OF_QUOTE = date(2027, 9, 2)
"""175 days by 30E/360 after the first due date, 7 March 2027."""


def running(town: Town, *, early_repayment: bool = True, bank: bool = False) -> tuple[str, str, list[str]]:
    """A loan of 1,500.00 at 3.5 %, linear over five years, whose first instalment is paid: borrower, loan, lenders."""
    if bank:
        with town.book.unit_of_work(actor="system") as uow:
            configure_bank(uow, Account("BXL Invest", CLIENT_IBAN, creditor_identifier="BE68ZZZ0123456789"))
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob"), town.enterprise()
    loan_id = town.fund({ada: 100_000, bob: 50_000}, borrower, early_repayment=early_repayment)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    return borrower, loan_id, [ada, bob]


def quoted(town: Town, loan_id: str, on: date) -> EarlyQuote:
    with town.book.read() as connection:
        return quote(loan_book(connection, town.book.book_id, loan_id), on, today=town.today)


def ask(town: Town, loan_id: str, on: date, cents: int) -> str:
    with town.book.unit_of_work(actor="borrower") as uow:
        payment_id = ask_early_repayment(uow, loan_id, on=on, amount_cents=cents)
    town.settle()
    return payment_id


def own_early(town: Town, borrower: str) -> list[BorrowerEarly]:
    with town.book.read() as connection:
        return borrower_page(connection, town.book, borrower, town.today).early


def test_everything_is_repaid_early_by_one_payment_and_the_rest_falls_away(town: Town) -> None:
    borrower, loan_id, [ada, bob] = running(town)
    asset = f"LOAN-{loan_id.upper()}"
    town.jump_to(date(2027, 8, 20))
    told = quoted(town, loan_id, DAY_OF_QUOTE)
    assert (told.n, told.days, told.principal_cents, told.interest_cents) == (2, 175, 120_000, 2_042)
    payment_id = ask(town, loan_id, DAY_OF_QUOTE, 122_042)
    assert ask(town, loan_id, DAY_OF_QUOTE, 122_042) == payment_id
    [own] = own_early(town, borrower)
    seen = town.loan(loan_id, ada).early_quote
    assert own.quote == seen
    assert seen is not None
    assert (seen.until_on, seen.total_cents, seen.asked_on) == (DAY_OF_QUOTE, 122_042, town.today)
    assert own.payment is not None
    assert own.payment.payment_id == payment_id
    mailed = [body["to"] for name, body in town.mails if name == "early-repayment-asked"]
    assert sorted(mailed) == sorted([borrower, ada, bob])
    before = -town.balance(f"489300:{ada}")
    town.jump_to(date(2027, 8, 30))
    town.pay(payment_id)
    page = town.loan(loan_id, ada)
    assert (page.state, page.state_label, page.outstanding_cents) == (LoanState.REPAID, Label.REPAID, 0)
    assert [(row.n, row.total_cents, row.state, row.paid_on) for row in page.instalments][1:] == [
        (2, 122_042, "settled", date(2027, 8, 30))
    ]
    assert -town.balance(f"489300:{ada}") - before == 80_000 + 1_361 - 408
    assert [town.balance(f"020000:{each}", asset) for each in (ada, bob)] == [0, 0]
    assert town.balance(f"021000:{borrower}", asset) == town.balance(f"489600:{loan_id}") == 0
    assert [event.event for event in page.events][-3:] == ["repaid-early", "repaid", "settled"]
    assert page.early_quote is None
    assert own_early(town, borrower) == []
    town.jump_to(date(2028, 3, 7))
    assert [town.balance(f"{code}:{loan_id}") for code in ("030100", "030200", "489600")] == [0, 0, 0]
    check_everything(town.book)


def test_what_is_not_all_of_it_or_not_allowed_or_not_in_time_is_refused(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, _ = running(town)
    due = town.loan(loan_id).instalments[1].due_on
    soon = town.today + timedelta(days=14)
    total = quoted(town, loan_id, soon).total_cents
    for cents in (total - 1, total + 1, 60_000):
        with refused(town, "early-repayment-not-in-full", amount_cents=cents, total_cents=total):
            ask(town, loan_id, soon, cents)
    with refused(town, "early-repayment-quote-expired"):
        ask(town, loan_id, town.today - timedelta(days=1), total)
    with refused(town, "early-repayment-day-unfit", due_on=due.isoformat()):
        ask(town, loan_id, due, total)
    with refused(town, "loan-not-known"):
        ask(town, "lnothing", soon, total)
    town.jump_to(due)
    with refused(town, "early-repayment-dues-open", n=2):
        ask(town, loan_id, town.today + timedelta(days=5), total)
    assert town.loan(loan_id).early_quote is None
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    with refused(town, "move-not-allowed"):
        ask(town, loan_id, town.today, total)


def test_a_deed_that_excludes_it_allows_no_early_repayment(sqlite_town: Town) -> None:
    town = sqlite_town
    borrower, loan_id, _ = running(town, early_repayment=False)
    with refused(town, "early-repayment-not-allowed"):
        ask(town, loan_id, town.today + timedelta(days=5), 1)
    assert (town.loan(loan_id).early_quote, own_early(town, borrower)) == (None, [])


def test_money_after_the_last_day_of_the_quote_goes_back(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, [ada, _] = running(town)
    until = town.today + timedelta(days=5)
    payment_id = ask(town, loan_id, until, quoted(town, loan_id, until).total_cents)
    town.jump_to(until + timedelta(days=1))
    soon = town.loan(loan_id, ada).early_quote
    assert soon is not None
    assert soon.asked_on is None
    town.pay(payment_id)
    page = town.loan(loan_id)
    assert (page.state, page.outstanding_cents, len(page.instalments)) == (LoanState.RUNNING, 120_000, 5)
    assert (town.balance(f"489600:{loan_id}"), town.balance("580100") >= 0) == (0, True)
    assert any(name == "payment-sent-back" for name, _ in town.mails)
    again = quoted(town, loan_id, town.today)
    town.pay(ask(town, loan_id, town.today, again.total_cents))
    assert town.loan(loan_id).state is LoanState.REPAID
    check_everything(town.book)


def test_a_transfer_booked_in_time_and_heard_of_after_the_due_date_counts(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, [ada, _] = running(town, bank=True)
    due = town.loan(loan_id).instalments[1].due_on
    until = due - timedelta(days=1)
    town.jump_to(until)
    cents = quoted(town, loan_id, until).total_cents
    ask(town, loan_id, until, cents)
    with town.book.read() as connection:
        payments = payments_for(connection, town.book.book_id, f"early:{loan_id}:2:1")
    [ogm] = [each.structured_reference for each in payments if each.structured_reference]
    file = Bank().statement(Move(cents, ogm=ogm), day=until)
    town.jump_to(due + timedelta(days=1))
    assert town.balance(f"030100:{loan_id}") == 30_000
    import_statement_file(town.book, file, hooks=BANK_HOOKS)
    town.settle()
    page = town.loan(loan_id, ada)
    assert (page.state, page.instalments[-1].paid_on) == (LoanState.REPAID, until)
    assert [town.balance(f"{code}:{loan_id}") for code in ("030100", "030200", "031100", "489600")] == [0] * 4
    check_everything(town.book)


def test_while_everything_is_asked_for_no_debit_is_announced_and_while_one_is_nothing_is_asked(
    sqlite_town: Town,
) -> None:
    town = sqlite_town
    levain, loan_id, _ = running(town, bank=True)
    theirs = Account("Boulangerie Levain", belgian_iban(7))
    with town.book.unit_of_work(actor=levain) as uow:
        record_mandate(uow, debtor=levain, account=theirs, scheme=DebitScheme.CORE, signed_on=town.today)
    due = town.loan(loan_id).instalments[1].due_on
    town.jump_to(due - timedelta(days=16))
    until = due - timedelta(days=10)
    ask(town, loan_id, until, quoted(town, loan_id, until).total_cents)
    town.jump_to(due - timedelta(days=13))
    assert announce_debits(town.book, town.today) == 0
    town.jump_to(until + timedelta(days=1))
    assert [body["facts"]["n"] for name, body in town.mails if name == "debit-announced"] == [2]
    last = due - timedelta(days=1)
    with refused(town, "early-repayment-dues-open", n=2):
        ask(town, loan_id, last, quoted(town, loan_id, last).total_cents)


def test_what_the_bank_takes_back_of_an_early_repayment_is_owed(sqlite_town: Town) -> None:
    town = sqlite_town
    borrower, loan_id, _ = running(town)
    told = quoted(town, loan_id, town.today + timedelta(days=5))
    payment_id = ask(town, loan_id, told.until_on, told.total_cents)
    town.pay(payment_id)
    with town.book.read() as connection:
        payments = payments_for(connection, town.book.book_id, f"early:{loan_id}:2:1")
    [where] = [each.provider_id for each in payments if each.provider_id]
    town.rail.charge_back(where)
    with town.book.unit_of_work(actor="webhook") as uow:
        receive(uow, where)
    town.settle()
    assert town.balance(f"416300:{borrower}") == told.total_cents
    assert [body["facts"]["n"] for name, body in town.mails if name == "due-taken-back"] == [2]


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_the_borrower_asks_on_her_page_and_the_lenders_see_the_same(
    sqlite_town: Town, enter: Enter, language: str
) -> None:
    town = sqlite_town
    borrower, loan_id, [ada, _] = running(town)
    page, path = enter(borrower), f"/{language}/enterprise/loans/{loan_id}/early-repayment"
    assert path in page.get(f"/{language}/enterprise").text
    until = town.today + timedelta(days=14)
    total = quoted(town, loan_id, until).total_cents
    body = {"until_on": until.isoformat(), "amount_cents": str(total)}
    assert enter(ada).post(path, data=body).status_code == 403
    assert page.post(path, data=body | {"amount_cents": "1"}).status_code == 422
    assert page.post(path, data=body).status_code == 303
    assert tongue(language).money(total) in enter(ada).get(f"/{language}/loans/{loan_id}").text
    said = {"fr": "à tout rembourser", "nl": "om alles ten laatste", "en": "to repay everything by"}[language]
    assert said in enter(ada).get(f"/{language}/loans/{loan_id}").text
    assert path not in page.get(f"/{language}/enterprise").text
