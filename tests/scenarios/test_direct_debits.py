"""Direct debits of entrepreneurs: announced, collected, given back, and what that does to coupons."""

import hashlib
import warnings
from datetime import date, timedelta

import pytest

from contracts.dispatch import debit_moved
from contracts.loans.acceleration import accelerate, request_acceleration
from contracts.loans.books import loan_book
from contracts.loans.cash import owed_cents
from contracts.loans.model import DocumentDesk, Ground, InstalmentState, LoanState
from contracts.mandates import give_mandate
from ledger import approvals
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.payments import batches, debits, mandates, queries
from ledger.payments.bank import configure_bank
from ledger.payments.debit_files import make_debit_file
from ledger.payments.iso20022.model import Account, OrderAnswer, StatementLine
from ledger.payments.iso20022.totals import read_totals
from ledger.payments.mandates import DebitScheme
from ledger.payments.model import Batch, DebitState, MandateState, PaymentState
from tests.payments_kit import FakeRail
from tests.products_kit import DAY, Town, make_town, refused

EVIDENCE = hashlib.sha256(b"a line of a statement").hexdigest()
OURS = Account("BXL Invest", "BE42096550100054", creditor_identifier="BE81ZZZ0801234549")
THEIRS = Account("Boulangerie Levain", "BE71096123456769")


def town_on(book: Book, clock) -> Town:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        town = make_town(book, clock, FakeRail())
    with book.unit_of_work(actor="system") as unit:
        configure_bank(unit, OURS)
    return town


@pytest.fixture
def town(book: Book, clock) -> Town:
    return town_on(book, clock)


def sign(town: Town, borrower: str, scheme: DebitScheme = DebitScheme.CORE) -> str:
    with town.book.unit_of_work(actor=borrower) as unit:
        return mandates.record_mandate(unit, debtor=borrower, account=THEIRS, scheme=scheme, signed_on=town.today)


def file_of(town: Town, scheme: DebitScheme = DebitScheme.CORE) -> tuple[Batch, bytes]:
    with town.book.unit_of_work(actor=town.maker) as unit:
        made = make_debit_file(unit, scheme)
        approval_id = batches.request_release(unit, made.batch_id, reason="instalments")
    with town.book.unit_of_work(actor=town.checker) as unit:
        approvals.approve(unit, approval_id)
        batches.release_batch(unit, made.batch_id, approval_id=approval_id)
    with town.book.unit_of_work(actor="worker") as unit:
        batches.mark_submitted(unit, made.batch_id)
        return made, batches.file_of(unit.connection, unit, made.batch_id)


def line(town: Town, debit_id: str, cents: int, reason: str | None = None) -> None:
    """The statement of today shows it."""
    stated = StatementLine(
        f"k{debit_id}{cents}", cents, town.today, town.today, "PMNT", "ref", debit_id, return_reason=reason
    )
    with town.book.unit_of_work(actor="bank") as unit:
        debit_moved(unit, debit_id, stated, EVIDENCE)
    town.settle()


def the_debit(town: Town, loan_id: str, n: int) -> debits.Debit:
    with town.book.read() as connection:
        return debits.debits_for(connection, "main", f"due:{loan_id}:{n}")[-1]


def due_state(town: Town, loan_id: str, n: int) -> InstalmentState:
    with town.book.read() as connection:
        return loan_book(connection, "main", loan_id).instalment_state(n)


def mandate_state(town: Town, mandate_id: str) -> MandateState:
    with town.book.read() as connection:
        return mandates.mandate(connection, "main", mandate_id).state


def others_money(town: Town, cents: int) -> int:
    """What somebody else has at the same bank."""
    lines = (Posting(AccountRef("550100"), debit=cents), Posting(AccountRef("489100", "cother0000"), credit=cents))
    with town.book.unit_of_work(actor="test") as unit:
        unit.post(JournalEntry("others", DAY, "opening", lines))
    return cents


def collected_and_paid_out(town: Town, loan_id: str, n: int) -> debits.Debit:
    """An instalment is announced, put into a file, collected and shared out, as the statement says twice."""
    due = town.loan(loan_id).instalments[n - 1]
    town.jump_to(due.due_on - timedelta(days=14))
    ordered = the_debit(town, loan_id, n)
    assert (ordered.amount_cents, ordered.collect_on >= due.due_on) == (due.total_cents, True)
    town.jump_to(due.due_on - timedelta(days=2))
    batch, file = file_of(town)
    assert (batch.count, read_totals(file).total_cents) == (1, due.total_cents)
    assert f"<MndtId>{ordered.mandate_id}</MndtId>".encode() in file
    town.jump_to(ordered.collect_on)
    assert due_state(town, loan_id, n) is InstalmentState.CALLED
    for _ in range(2):
        line(town, ordered.debit_id, due.total_cents)
    assert due_state(town, loan_id, n) is InstalmentState.SETTLED
    return ordered


def test_22_a_paid_instalment_with_coupons_paid_out_that_is_given_back_on_day_55_blocks_the_next_coupon_only(town):
    """DD instalment paid, coupons paid out, MD06 on day 55: 416300, next coupon blocked by the cash rule, other issuers
    untouched.
    """
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    levain, other = town.enterprise(), town.enterprise("Imprimerie Sirius", number="0202.239.951")
    loan_id, other_loan = town.fund({ada: 100_000}, levain), town.fund({bob: 100_000}, other)
    mandate_id = sign(town, levain)
    first, second = (town.loan(loan_id).instalments[n] for n in (0, 1))

    ordered = collected_and_paid_out(town, loan_id, 1)
    [announced] = [body for template, body in town.mails if template == "debit-announced"]
    assert (announced["to"], announced["facts"]["mandate"]) == (levain, mandate_id)
    town.jump_to(town.loan(other_loan).instalments[0].due_on)
    town.pay_due(other_loan, 1)
    town.pay_out()
    assert (town.balance(f"489300:{ada}"), town.balance(f"489300:{bob}")) == (0, 0)

    others = others_money(town, 60_000)

    town.jump_to(ordered.collect_on + timedelta(days=55))
    for _ in range(2):
        line(town, ordered.debit_id, -first.total_cents, "MD06")
    assert town.balance(f"416300:{levain}") == first.total_cents
    assert mandate_state(town, mandate_id) is MandateState.BLOCKED
    assert due_state(town, loan_id, 1) is InstalmentState.SETTLED
    assert [b["to"] for t, b in town.mails if t == "debit-failed"] == [levain]

    town.jump_to(town.loan(other_loan).instalments[1].due_on)
    town.pay_due(loan_id, 2)
    town.pay_due(other_loan, 2)
    town.bank_provider_money()
    assert due_state(town, loan_id, 2) is InstalmentState.SETTLED
    assert (town.balance(f"489300:{ada}"), town.balance(f"489600:{loan_id}")) == (0, -second.total_cents)
    assert town.balance(f"489300:{bob}") < 0
    town.pay_out()
    assert town.balance(f"489300:{bob}") == 0
    with town.book.read() as connection:
        assert [case.code for case in queries.open_cases(connection, "main")] == ["cash-rule-not-met"]
        asked = queries.still_to_pay(queries.payments_for(connection, "main", f"owed:{loan_id}:1"), by_transfer=False)
    assert asked is not None

    town.pay(asked.payment_id)
    assert town.balance(f"416300:{levain}") == 0
    town.jump_to(town.today + timedelta(days=1))
    assert town.balance(f"489600:{loan_id}") == 0
    assert town.balance(f"489300:{ada}") < 0
    town.pay_out()
    tax = -town.balance(f"453000:{levain}") - town.balance(f"453000:{other}")
    assert (town.balance(f"489300:{ada}"), town.balance("550100")) == (0, others + tax)


def test_a_debit_that_comes_back_before_it_is_distributed_takes_the_loans_money_and_the_due_stays_payable(
    sqlite_book, clock
):
    town = town_on(sqlite_book, clock)
    ada, levain = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, levain)
    sign(town, levain, DebitScheme.B2B)
    first = town.loan(loan_id).instalments[0]
    town.jump_to(first.due_on - timedelta(days=14))
    ordered = the_debit(town, loan_id, 1)
    town.jump_to(ordered.collect_on - timedelta(days=1))
    file_of(town, DebitScheme.B2B)
    town.jump_to(ordered.collect_on)
    stated = {"evidence": EVIDENCE, "on": town.today}
    from contracts.dispatch import resolve_credit
    from contracts.loans.debits import taken_from

    with town.book.unit_of_work(actor="bank") as unit:
        debits.record_collected(unit, ordered.debit_id, resolve_credit, **stated)
    with town.book.unit_of_work(actor="bank") as unit:  # before anybody heard of the first
        debits.record_returned(unit, ordered.debit_id, taken_from, reason="AM04", **stated)
    town.settle()
    assert (town.balance(f"489600:{loan_id}"), town.balance(f"416300:{levain}")) == (0, 0)
    assert town.balance("550100") == 0
    assert due_state(town, loan_id, 1) is InstalmentState.CALLED
    town.pay_due(loan_id, 1)
    assert due_state(town, loan_id, 1) is InstalmentState.SETTLED


@pytest.mark.parametrize(
    ("reason", "state", "attempts", "cases"),
    [
        ("AM04", MandateState.ACTIVE, 2, []),
        ("MD01", MandateState.BLOCKED, 1, []),
        ("MS03", MandateState.ACTIVE, 1, ["debit-failed"]),
    ],
)
def test_a_reason_code_says_whether_a_debit_is_tried_again_or_its_mandate_is_used_no_more(
    sqlite_book, clock, reason, state, attempts, cases
):
    town = town_on(sqlite_book, clock)
    ada, levain = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, levain)
    mandate_id = sign(town, levain)
    first = town.loan(loan_id).instalments[0]
    town.jump_to(first.due_on - timedelta(days=14))
    ordered = the_debit(town, loan_id, 1)
    town.jump_to(ordered.collect_on - timedelta(days=1))
    batch, _ = file_of(town)
    town.jump_to(ordered.collect_on)
    answer = OrderAnswer(batch.batch_id, "RJCT", end_to_end_id=ordered.debit_id, reason=reason)
    for expected in (1, 0):
        with town.book.unit_of_work(actor="worker") as unit:
            assert batches.apply_answers(unit, [answer], evidence=EVIDENCE) == expected
    town.settle()
    assert mandate_state(town, mandate_id) is state
    with town.book.read() as connection:
        tried = debits.debits_for(connection, "main", ordered.reference)
        asked = queries.payments_for(connection, "main", ordered.reference)
        assert [case.code for case in queries.open_cases(connection, "main")] == cases
    assert len(tried) == attempts
    asked.sort(key=lambda each: each.payment_id != ordered.payment_id)
    assert asked[0].state is PaymentState.FAILED
    others = asked[1:]
    assert bool(others)  # announced again, or asked for in another way
    if attempts == 2:
        assert tried[1].collect_on >= tried[1].announced_on + timedelta(days=14)
        assert tried[1].state is DebitState.ORDERED


def test_a_mandate_lapses_36_months_after_its_last_use_and_can_be_taken_back(sqlite_book, clock):
    town = town_on(sqlite_book, clock)
    levain = town.enterprise()
    mandate_id = sign(town, levain)
    with refused(town, "mandate-active"):
        sign(town, levain)
    town.jump_to(date(DAY.year + 3, DAY.month, DAY.day) - timedelta(days=1))
    assert mandate_state(town, mandate_id) is MandateState.ACTIVE
    town.jump_to(date(DAY.year + 3, DAY.month, DAY.day))
    assert mandate_state(town, mandate_id) is MandateState.LAPSED
    second = sign(town, levain)
    with town.book.unit_of_work(actor=levain) as unit:
        mandates.revoke_mandate(unit, levain)
    with refused(town, "mandate-missing"), town.book.unit_of_work(actor=levain) as unit:
        mandates.revoke_mandate(unit, levain)
    with town.book.read() as connection:
        known = mandates.mandate(connection, "main", second)
        assert owed_cents(connection, "main", levain) == 0
    with refused(town, "mandate-not-active"), town.book.unit_of_work(actor="system") as unit:
        debits.order_debit(unit, known, reference="due:l1:1", amount_cents=1, credit=None, due_on=town.today)


def test_a_debit_whose_mandate_is_taken_back_before_the_file_goes_no_more(sqlite_book, clock):
    town = town_on(sqlite_book, clock)
    ada, levain = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, levain)
    sign(town, levain)
    first = town.loan(loan_id).instalments[0]
    town.jump_to(first.due_on - timedelta(days=14))
    ordered = the_debit(town, loan_id, 1)
    with refused(town, "nothing-to-batch"), town.book.unit_of_work(actor=town.maker) as unit:
        make_debit_file(unit, DebitScheme.CORE)  # it is too early
    with town.book.unit_of_work(actor=levain) as unit:
        mandates.revoke_mandate(unit, levain)
    town.jump_to(ordered.collect_on - timedelta(days=1))
    with pytest.raises(Refusal, match="nothing-to-batch"), town.book.unit_of_work(actor=town.maker) as unit:
        make_debit_file(unit, DebitScheme.CORE)
    assert the_debit(town, loan_id, 1).state is DebitState.ORDERED


def test_without_a_creditor_identifier_nobody_can_give_a_mandate(sqlite_book, clock, tmp_path):
    town = town_on(sqlite_book, clock)
    levain = town.enterprise()
    desk = DocumentDesk(keys_dir=tmp_path, licence_holder="O", verify_address="https://town.example", sandbox=True)
    with town.book.unit_of_work(actor="system") as unit:
        configure_bank(unit, Account(OURS.name, OURS.iban))
    with refused(town, "creditor-identifier-missing"):
        give_mandate(town.book, desk, levain, DebitScheme.CORE, "fr")


def test_a_debit_announced_before_everything_was_claimed_pays_none_of_it_and_goes_back(town):
    levain = town.enterprise()
    loan_id = town.fund({town.citizen("Ada"): 100_000}, levain)
    sign(town, levain)
    due = town.loan(loan_id).instalments[0]
    town.jump_to(due.due_on - timedelta(days=14))
    ordered = the_debit(town, loan_id, 1)
    town.jump_to(due.due_on - timedelta(days=2))
    file_of(town)
    with town.book.unit_of_work(actor=town.maker) as unit:
        approval_id = request_acceleration(
            unit, loan_id, ground=Ground.DISSOLUTION, on=town.today, evidence=EVIDENCE, reason="notice sent"
        )
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as unit:
        accelerate(unit, loan_id, approval_id=approval_id)
    town.jump_to(ordered.collect_on)
    line(town, ordered.debit_id, due.total_cents)
    assert due_state(town, loan_id, 1) is InstalmentState.CALLED
    assert (town.balance(f"489400:{levain}"), town.balance(f"489600:{loan_id}")) == (-due.total_cents, 0)
    with town.book.read() as connection:
        asked = queries.payments_for(connection, "main", f"due:{loan_id}:1:all")
    claimed = queries.still_to_pay(asked, by_transfer=False)
    assert claimed is not None
    town.pay(claimed.payment_id)
    assert town.loan(loan_id).state is LoanState.REPAID
