"""Before an instalment falls due its borrower hears of it, once each time; and not where it is asked for already."""

from datetime import timedelta

from contracts.loans import service
from contracts.loans.debits import announce_debits
from contracts.loans.notices import announce_dues
from contracts.terms.schedule import Every
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.payments.mandates import DebitScheme, record_mandate
from tests.camt_kit import CLIENT_IBAN, belgian_iban
from tests.products_kit import EVIDENCE, Town


def notices(town: Town) -> list[tuple[str, int, int, int]]:
    told = [body for name, body in town.mails if name == "due-announced"]
    facts = [(body["to"], body["facts"]) for body in told]
    return [(to, fact["n"], fact["days"], fact["amount_cents"]) for to, fact in facts]


def asked(town: Town) -> list[int]:
    return [body["facts"]["n"] for name, body in town.mails if name == "due-called"]


def test_a_borrower_hears_two_weeks_and_three_days_before_and_is_asked_on_the_day(town: Town) -> None:
    levain = town.enterprise()
    loan_id = town.fund({town.citizen("Ada"): 100_000}, levain, every=Every.MONTH)
    first, second = town.loan(loan_id).instalments[:2]
    heard = []
    while town.today < first.due_on:
        town.go_to(town.today + timedelta(days=1))
        if len(notices(town)) > len(heard):
            heard.append((first.due_on - town.today).days)
    assert heard == [14, 3]
    assert notices(town) == [(levain, 1, days, first.total_cents) for days in (14, 3)]
    assert asked(town) == [1]
    town.pay_due(loan_id, 1)
    town.go_to(second.due_on - timedelta(days=3))
    assert [(n, days) for _, n, days, _ in notices(town)] == [(1, 14), (1, 3), (2, 14), (2, 3)]
    announce_dues(town.book, town.today)
    town.settle()
    assert len(notices(town)) == 4


def test_what_a_direct_debit_announces_is_announced_by_nothing_else(sqlite_town: Town) -> None:
    town = sqlite_town
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN, creditor_identifier="BE68ZZZ0123456789"))
    levain = town.enterprise()
    loan_id = town.fund({town.citizen("Ada"): 100_000}, levain)
    due = town.loan(loan_id).instalments[0].due_on
    town.jump_to(due - timedelta(days=20))
    theirs = Account("Boulangerie Levain", belgian_iban(7))
    with town.book.unit_of_work(actor=levain) as uow:
        record_mandate(uow, debtor=levain, account=theirs, scheme=DebitScheme.CORE, signed_on=town.today)
    town.go_to(due)
    assert announce_debits(town.book, town.today) == 0
    assert [name for name, body in town.mails if body["to"] == levain and name.startswith(("due-", "debit-"))] == [
        "debit-announced"
    ]


def test_nobody_hears_of_an_instalment_of_a_loan_that_does_not_run(sqlite_town: Town) -> None:
    town = sqlite_town
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    due = town.loan(loan_id).instalments[0].due_on
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    for days in (14, 3):
        town.jump_to(due - timedelta(days=days))
    assert notices(town) == []
