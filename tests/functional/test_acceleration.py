"""All is claimed at once on a ground of the ordinance: two people, a dated notice, evidence; and what follows."""

from datetime import date, timedelta

import pytest

from contracts.loans import acceleration, books, service
from contracts.loans.early import ask_early_repayment
from contracts.loans.model import Ground, LoanState
from contracts.loans.quotes import quote
from contracts.servicing.model import Label
from contracts.statistics import queries
from contracts.statistics.defaults import Ground as DefaultGround
from contracts.statistics.defaults import spells
from contracts.terms.dates import add_months
from ledger import approvals
from ledger.payments.queries import payments_for, still_to_pay
from tests.oracle import check_everything
from tests.pages_kit import Enter
from tests.products_kit import EVIDENCE, Town, refused

NOTICE = date(2027, 9, 2)
"""175 days by 30E/360 after the first due date, 7 March 2027."""


def running(town: Town) -> tuple[str, str, list[str]]:
    """A loan of 1,500.00 at 3.5 %, linear over five years, whose first instalment is paid: borrower, loan, lenders."""
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob"), town.enterprise()
    loan_id = town.fund({ada: 100_000, bob: 50_000}, borrower)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    return borrower, loan_id, [ada, bob]


def request(
    town: Town, loan_id: str, on: date, *, ground: Ground = Ground.DISSOLUTION, evidence: str = EVIDENCE
) -> str:
    with town.book.unit_of_work(actor=town.maker) as uow:
        return acceleration.request_acceleration(
            uow, loan_id, ground=ground, on=on, evidence=evidence, reason="notice sent"
        )


def accelerate(town: Town, loan_id: str, approval_id: str) -> None:
    with town.book.unit_of_work(actor=town.maker) as uow:
        acceleration.accelerate(uow, loan_id, approval_id=approval_id)
    town.settle()


def accelerated(town: Town, loan_id: str, on: date, ground: Ground = Ground.DISSOLUTION) -> None:
    approval_id = request(town, loan_id, on, ground=ground)
    town.approve(approval_id)
    accelerate(town, loan_id, approval_id)


def pay_all(town: Town, loan_id: str, n: int) -> None:
    with town.book.read() as connection:
        asked = still_to_pay(payments_for(connection, town.book.book_id, f"due:{loan_id}:{n}:all"), by_transfer=False)
    assert asked is not None
    town.pay(asked.payment_id)


def test_a_notice_makes_everything_due_and_days_past_due_run_from_it(town: Town) -> None:
    borrower, loan_id, [ada, bob] = running(town)
    town.jump_to(NOTICE + timedelta(days=3))
    accelerated(town, loan_id, NOTICE)
    page = town.loan(loan_id, ada)
    assert (page.state, page.state_label, page.days_past_due) == (LoanState.ACCELERATED, Label.DEFAULTED, 3)
    assert (page.accelerated_on, page.ground) == (NOTICE, Ground.DISSOLUTION)
    assert [(row.n, row.due_on, row.principal_cents, row.interest_cents) for row in page.instalments][1:] == [
        (2, NOTICE, 120_000, 2_042)
    ]
    assert page.overdue_cents == 122_042
    assert (town.balance(f"030100:{loan_id}"), town.balance(f"030200:{loan_id}")) == (120_000, 2_042)
    told = [(name, body["to"], body["facts"]["amount_cents"]) for name, body in town.mails if "accelerated" in name]
    lenders = [("loan-accelerated-lender", ada, 80_000), ("loan-accelerated-lender", bob, 40_000)]
    assert sorted(told) == sorted([("loan-accelerated", borrower, 120_000), *lenders])
    with town.book.read() as connection:
        book = books.loan_book(connection, town.book.book_id, loan_id)
    assert book.position.label(NOTICE - timedelta(days=1)) is Label.PERFORMING
    assert book.position.label(NOTICE) is Label.DEFAULTED
    assert [town.portfolio(each).claims[0].state_label for each in (ada, bob)] == [Label.DEFAULTED] * 2
    town.jump_to(date(2028, 3, 7))
    assert town.balance(f"030100:{loan_id}") == 120_000  # nothing else is called
    pay_all(town, loan_id, 2)
    assert (town.loan(loan_id).state, town.loan(loan_id).outstanding_cents) == (LoanState.REPAID, 0)
    assert [town.balance(f"{code}:{loan_id}") for code in ("030100", "031100", "489600")] == [0, 0, 0]
    check_everything(town.book)


def test_what_was_late_stays_late_from_its_own_day_and_is_paid_apart(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, _ = running(town)
    second = town.loan(loan_id).instalments[1].due_on
    town.jump_to(second)
    notice = add_months(second, 3) + timedelta(days=1)
    town.jump_to(notice - timedelta(days=1))
    with refused(town, "acceleration-ground-not-met", months=3, since_on=second.isoformat()):
        request(town, loan_id, town.today, ground=Ground.ARREARS)
    town.jump_to(notice)
    accelerated(town, loan_id, notice, Ground.ARREARS)
    page = town.loan(loan_id)
    assert page.days_past_due == (notice - second).days
    assert [row.state for row in page.instalments] == ["settled", "late", "called"]
    assert page.instalments[2].principal_cents == 90_000
    pay_all(town, loan_id, 3)
    assert town.loan(loan_id).state is LoanState.ACCELERATED
    town.pay_due(loan_id, 2)
    assert town.loan(loan_id).state is LoanState.REPAID
    check_everything(town.book)


def test_a_claimed_loan_is_lost_on_proof_with_or_without_a_bankruptcy(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, [ada, _] = running(town)
    accelerated(town, loan_id, town.today)
    with refused(town, "date-too-early"), town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=town.today - timedelta(days=1), evidence=EVIDENCE)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    assert (town.loan(loan_id).state, town.portfolio(ada).totals.lost_cents) == (LoanState.WRITTEN_OFF, 80_000)
    assert [town.balance(f"{code}:{loan_id}") for code in ("030100", "030200", "031100", "489600")] == [0] * 4
    check_everything(town.book)


def test_a_bankrupt_borrowers_loan_is_claimed_by_a_notice_that_calls_nothing(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, _ = running(town)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    accelerated(town, loan_id, town.today, Ground.BANKRUPTCY)
    page = town.loan(loan_id)
    assert (page.state, page.accelerated_on, page.overdue_cents) == (LoanState.BANKRUPT, town.today, 0)
    assert len(page.instalments) == 5
    with refused(town, "move-not-allowed"):
        request(town, loan_id, town.today)


def test_everything_is_claimed_by_two_people_with_evidence_and_on_a_day_that_fits(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, _ = running(town)
    with refused(town, "evidence-malformed"):
        request(town, loan_id, town.today, evidence="letter.pdf")
    with refused(town, "date-not-reached"):
        request(town, loan_id, town.today + timedelta(days=1))
    with refused(town, "date-too-early"):
        request(town, loan_id, town.today - timedelta(days=1))  # before the last due date
    with refused(town, "acceleration-ground-not-met"):
        request(town, loan_id, town.today, ground=Ground.ARREARS)
    with refused(town, "loan-not-known"):
        request(town, "lnothing", town.today)
    approval_id = request(town, loan_id, town.today)
    with refused(town, "approval-not-given"):
        accelerate(town, loan_id, approval_id)
    with refused(town, "approver-is-requester"), town.book.unit_of_work(actor=town.maker) as uow:
        approvals.approve(uow, approval_id)
    town.approve(approval_id)
    with refused(town, "approval-body-changed"):
        accelerate(town, "lother", approval_id)
    accelerate(town, loan_id, approval_id)
    with refused(town, "move-not-allowed"):
        accelerate(town, loan_id, approval_id)


def test_statistics_count_what_was_claimed_as_a_default_and_what_was_repaid_early_as_repaid(sqlite_town: Town) -> None:
    town = sqlite_town
    velo = town.enterprise("Vélo Cargo", number="0403.201.185")
    early_id = town.fund({town.citizen("Cleo"): 200_000}, velo, early_repayment=True)
    _, loan_id, _ = running(town)
    town.pay_due(early_id, 1)
    on = town.today + timedelta(days=5)
    with town.book.unit_of_work(actor="borrower") as uow:
        told = quote(books.loan_book(uow.connection, town.book.book_id, early_id), on, today=town.today)
        payment_id = ask_early_repayment(uow, early_id, on=on, amount_cents=told.total_cents)
    town.settle()
    town.pay(payment_id)
    accelerated(town, loan_id, town.today)
    with town.book.read() as connection:
        totals = queries.publish(connection, town.book, town.today).statistics.totals
    with town.book.read() as connection:
        claimed = books.loan_book(connection, town.book.book_id, loan_id).position
    assert (totals.lent_cents, totals.repaid_cents, totals.outstanding_cents) == (350_000, 230_000, 120_000)
    assert (totals.running, totals.in_default, totals.in_default_cents) == (1, 1, 120_000)
    assert [spell.ground for spell in spells(claimed, [], town.today)] == [DefaultGround.ACCELERATION]


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_the_desk_claims_everything_and_a_colleague_agrees(sqlite_town: Town, enter: Enter, language: str) -> None:
    town = sqlite_town
    _, loan_id, [ada, _] = running(town)
    desk, path = enter(town.maker), f"/{language}/operations/loans/{loan_id}/acceleration"
    assert path in desk.get(f"/{language}/operations").text
    day, paper = f"{town.today:%d/%m/%Y}", {"evidence": ("notice.pdf", b"the notice")}
    assert desk.post(path, data={"ground": "whim", "on": day}, files=paper).status_code == 404
    assert desk.post(path, data={"ground": "dissolution", "on": "?"}, files=paper).status_code == 422
    assert desk.post(path, data={"ground": "arrears", "on": day}, files=paper).status_code == 409
    assert desk.post(path, data={"ground": "dissolution", "on": day}, files=paper).status_code == 303
    with town.book.read() as connection:
        [asked] = approvals.pending(connection, town.book.book_id)
    assert enter(town.checker).post(f"/{language}/operations/approvals/{asked.approval_id}").status_code == 303
    said = {"fr": "dissolution ou liquidation", "nl": "ontbinding of vereffening", "en": "dissolution or liquidation"}
    assert said[language] in enter(ada).get(f"/{language}/loans/{loan_id}").text
