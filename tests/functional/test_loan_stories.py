"""Stories of a loan: repaid to the cent, paid late, paid twice, lost; and every way in which a step is refused."""

import hashlib
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding

from contracts import payouts
from contracts.agreements import write_due_agreements
from contracts.dispatch import HANDLERS
from contracts.documents.authority import root_certificate
from contracts.documents.service import open_document
from contracts.documents.verify import verify_pdf_signatures
from contracts.loans import books, dues, queries, service, steps
from contracts.loans.model import DocumentDesk, LoanState, distribution
from contracts.offers.model import OfferState
from contracts.pledges.model import PledgeState
from contracts.servicing.model import Label
from contracts.terms.schedule import Every, RepaymentKind
from ledger.errors import Refusal
from ledger.payments.inbox import receive
from ledger.payments.queries import payments_for
from ledger.storage.tables import outbox
from tests.papers import OFFERED
from tests.products_kit import DAY, EVIDENCE, refused

PROOF = hashlib.sha256(b"closure of the liquidation").hexdigest()
SEVEN = [10_001, 33_333, 50_000, 14_285, 99_999, 25_000, 17_382]


def test_a_loan_lives_from_its_draft_to_its_last_instalment(town):
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=150_000)
    for lender, amount in ((ada, 100_000), (bob, 50_000)):
        town.pay_pledge(offer_id, lender, amount)
    town.go_to(DAY + timedelta(days=5))
    loan_id = town.loan_of(offer_id)
    asset = f"LOAN-{loan_id.upper()}"
    assert (town.card(offer_id).state, town.loan(loan_id).state) == (OfferState.FUNDED, LoanState.AGREED)
    assert (town.balance(f"020000:{ada}", asset), town.balance(f"021000:{borrower}", asset)) == (100_000, -150_000)
    assert (town.balance(f"489200:{ada}"), town.balance(f"489500:{borrower}")) == (0, -150_000)

    town.disburse(loan_id)
    assert (town.loan(loan_id).state, town.loan(loan_id).disbursed_on) == (LoanState.RUNNING, town.today)
    assert [town.balance(a) for a in (f"489500:{borrower}", "550100", "580100", "580400")] == [0, 0, 0, 0]

    for n in range(1, 6):
        town.jump_to(date(2026 + n, 3, 7))
        [due] = borrower_page(town, borrower).dues
        assert (due.n, due.payment.amount_cents) == (n, due.total_cents)
        town.pay_due(loan_id, n)
    page = town.loan(loan_id, ada)
    assert (page.state, page.state_label, page.outstanding_cents) == (LoanState.REPAID, Label.REPAID, 0)
    assert {row.state for row in page.instalments} == {"settled"}
    [claim] = town.portfolio(ada).claims
    assert claim.received_principal_cents == claim.principal_cents == 100_000
    assert claim.received_interest_gross_cents == 3_500 + 2_800 + 2_100 + 1_400 + 700
    assert claim.withholding_cents == 3_150
    assert claim.received_net_cents == 100_000 + 10_500 - 3_150 == -town.balance(f"489300:{ada}")
    assert claim.expected_cents == claim.received_principal_cents + claim.received_interest_gross_cents
    assert town.balance(f"453000:{borrower}") == -(3_150 + 1_575)
    assert (town.balance(f"020000:{ada}", asset), town.balance(f"021000:{borrower}", asset)) == (0, 0)
    assert [town.balance(f"{a}:{loan_id}") for a in ("030100", "030200", "031100", "031200", "489600")] == [0] * 5

    assert len(town.pay_out()) == 2
    assert (town.balance(f"489300:{ada}"), town.balance("580400")) == (0, 0)
    assert town.balance("550100") == 3_150 + 1_575  # the withholding tax, until it is paid to the State
    assert [e.event for e in page.events][:4] == ["agreed", "disbursement-ordered", "disbursed", "called"]


@pytest.mark.parametrize("kind", OFFERED)
@pytest.mark.parametrize("every", [Every.QUARTER, Every.YEAR])
def test_the_cents_of_seven_lenders_tie_on_every_instalment(sqlite_town, kind, every):
    town = sqlite_town
    lenders = {town.citizen(f"Lender{n}"): amount for n, amount in enumerate(SEVEN)}
    loan_id = town.fund(lenders, town.enterprise(), kind=kind, every=every)
    page = town.loan(loan_id)
    for due in page.instalments:
        town.jump_to(due.due_on)
        before = {lender: claim_of(town, lender) for lender in lenders}
        booked = {lender: town.balance(f"489300:{lender}") for lender in lenders}
        withheld = town.balance(f"453000:{page.borrower}")
        town.pay_due(loan_id, due.n)
        after = {lender: claim_of(town, lender) for lender in lenders}
        gained = {
            name: sum(getattr(after[lender], name) - getattr(before[lender], name) for lender in lenders)
            for name in ("received_principal_cents", "received_interest_gross_cents", "withholding_cents")
        }
        assert gained["received_principal_cents"] == due.principal_cents
        assert gained["received_interest_gross_cents"] == due.interest_cents
        assert withheld - town.balance(f"453000:{page.borrower}") == gained["withholding_cents"]
        for lender in lenders:
            net = after[lender].received_net_cents - before[lender].received_net_cents
            assert booked[lender] - town.balance(f"489300:{lender}") == net
            outstanding = town.balance(f"020000:{lender}", f"LOAN-{loan_id.upper()}")
            assert outstanding == after[lender].outstanding_cents
        assert town.balance(f"489600:{loan_id}") == 0
    assert town.loan(loan_id).state is LoanState.REPAID
    assert sum(claim_of(town, lender).received_principal_cents for lender in lenders) == sum(SEVEN)


def test_a_loan_is_repaid_only_when_what_waited_for_cover_is_with_its_lenders_too(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    dues = town.loan(loan_id).instalments
    for due in dues[:3]:
        town.jump_to(due.due_on)
        town.pay_due(loan_id, due.n)
    [taken] = [p for p in payments_of(town, loan_id, 1) if p.provider_id]
    chargeback_id = town.rail.charge_back(taken.provider_id)
    hear(town, taken.provider_id)
    town.jump_to(dues[3].due_on)
    town.pay_due(loan_id, 4)
    assert town.balance(f"489600:{loan_id}") == -dues[3].total_cents
    town.jump_to(dues[4].due_on)
    town.rail.win_back(chargeback_id)
    hear(town, taken.provider_id)
    town.pay_due(loan_id, 5)
    assert town.balance(f"489600:{loan_id}") == -dues[3].total_cents
    assert town.loan(loan_id).state is LoanState.RUNNING, "the fourth due is not with its lenders"
    town.go_to(town.today + timedelta(days=1))
    assert town.loan(loan_id).state is LoanState.REPAID
    assert [town.balance(a) for a in (f"489600:{loan_id}", f"416300:{borrower}")] == [0, 0]
    assert town.balance(f"020000:{ada}", f"LOAN-{loan_id.upper()}") == 0
    assert len([name for name, _ in town.mails if name == "loan-repaid"]) == 2


def test_two_pledges_of_one_lender_are_two_claims_on_one_account(sqlite_town):
    town = sqlite_town
    ada, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=100_001)
    town.pay_pledge(offer_id, ada, 60_000)
    town.pay_pledge(offer_id, ada, 40_001)
    town.go_to(DAY + timedelta(days=5))
    loan_id = town.loan_of(offer_id)
    town.disburse(loan_id)
    for due in town.loan(loan_id).instalments:
        town.jump_to(due.due_on)
        town.pay_due(loan_id, due.n)
    assert [claim.outstanding_cents for claim in town.portfolio(ada).claims] == [0, 0]
    assert town.portfolio(ada).totals.received_principal_cents == 100_001
    assert town.balance(f"020000:{ada}", f"LOAN-{loan_id.upper()}") == 0


def test_a_late_borrower_is_counted_in_days_reminded_twice_and_the_lenders_are_told(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower, every=Every.MONTH)
    first, second = town.loan(loan_id).instalments[:2]
    town.go_to(first.due_on)
    assert labels(town, loan_id) == (Label.PERFORMING, 0, 0)
    town.mails.clear()
    town.go_to(first.due_on + timedelta(days=1))
    assert labels(town, loan_id) == (Label.LATE, 1, first.total_cents)
    town.go_to(first.due_on + timedelta(days=30))
    assert late_mails(town) == [("loan-late", borrower, 3), ("loan-late", borrower, 10)]
    assert labels(town, loan_id) == (Label.LATE, 30, first.total_cents)
    town.go_to(first.due_on + timedelta(days=32))
    assert late_mails(town)[2:] == [("loan-late-lender", ada, 31)]
    assert labels(town, loan_id) == (Label.EARLY_WARNING, 32, first.total_cents + second.total_cents)
    assert town.portfolio(ada).claims[0].overdue_cents == first.total_cents + second.total_cents
    overview = loans_overview(town)
    assert (overview[0].days_past_due, overview[0].state_label) == (32, Label.EARLY_WARNING)
    assert town.run_jobs() == 0

    town.pay_due(loan_id, first.n)  # an overdue instalment stays payable
    assert labels(town, loan_id) == (Label.LATE, 2, second.total_cents)
    town.pay_due(loan_id, second.n)
    assert labels(town, loan_id) == (Label.PERFORMING, 0, 0)
    assert town.portfolio(ada).claims[0].expected_cents == first.total_cents + second.total_cents


def test_a_worker_that_slept_reminds_once_and_tells_the_lenders_once(sqlite_town):
    town = sqlite_town
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    due_on = town.loan(loan_id).instalments[0].due_on
    town.jump_to(due_on)
    town.mails.clear()
    town.jump_to(due_on + timedelta(days=95))
    assert late_mails(town) == [("loan-late-lender", ada, 95), ("loan-late", borrower, 95)]
    assert labels(town, loan_id)[0] is Label.DEFAULTED
    town.go_to(due_on + timedelta(days=97))
    assert len(late_mails(town)) == 2


def test_instalments_may_be_paid_out_of_order_without_a_cent_moving(sqlite_town):
    town = sqlite_town
    lenders = {town.citizen(f"Lender{n}"): amount for n, amount in enumerate(SEVEN)}
    loan_id = town.fund(lenders, town.enterprise(), every=Every.YEAR, kind=RepaymentKind.ANNUITY)
    dues = town.loan(loan_id).instalments
    for due in dues:
        town.jump_to(due.due_on)
    for due in reversed(dues):
        town.pay_due(loan_id, due.n)
    assert town.loan(loan_id).state is LoanState.REPAID
    for lender, amount in lenders.items():
        assert town.balance(f"020000:{lender}", f"LOAN-{loan_id.upper()}") == 0
        assert claim_of(town, lender).received_principal_cents == amount


def test_a_due_paid_twice_is_distributed_once_and_the_second_payment_goes_back_to_the_borrower(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    due = town.loan(loan_id).instalments[0]
    town.jump_to(due.due_on)
    first = due_payments(town, loan_id, due.n)[0]
    town.rail.decide(first.provider_id, "expired")
    town.settle()
    with town.book.unit_of_work(actor=borrower) as uow:
        second = dues.request_due_payment(uow, loan_id, due.n)
        assert dues.request_due_payment(uow, loan_id, due.n) == second
    town.pay(second)
    paid_out = town.balance(f"489300:{ada}")
    town.pay(first.payment_id)
    assert town.balance(f"489300:{ada}") == paid_out
    assert [town.balance(a) for a in (f"489600:{loan_id}", f"489400:{borrower}")] == [0, 0]
    assert town.balance("580100") == due.total_cents
    assert len(town.rail.refunds_by_id) == 1
    for n in (due.n, 0, 6):
        with refused(town, "due-not-payable", n=n), town.book.unit_of_work(actor=borrower) as uow:
            dues.request_due_payment(uow, loan_id, n)


def test_two_payments_of_a_due_that_are_booked_before_either_is_handled(sqlite_town):
    town = sqlite_town
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    due = town.loan(loan_id).instalments[0]
    town.jump_to(due.due_on)
    first = due_payments(town, loan_id, due.n)[0]
    body = {
        "payment_id": first.payment_id,
        "reference": first.reference,
        "amount_cents": due.total_cents,
        "paid_on": town.today.isoformat(),
        "account": f"489600:{loan_id}",
    }
    town.pay(first.payment_id)
    before = town.entries()
    with town.book.unit_of_work(actor="relay") as uow:
        HANDLERS["payment.paid"](uow, body)
    assert town.entries() == before


def test_a_bankrupt_borrowers_loan_is_called_no_more_and_every_lenders_loss_is_stated(town):
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob"), town.enterprise()
    loan_id = town.fund({ada: 100_000, bob: 50_000}, borrower)
    asset = f"LOAN-{loan_id.upper()}"
    dues = town.loan(loan_id).instalments
    town.jump_to(dues[0].due_on)
    town.pay_due(loan_id, 1)
    town.jump_to(dues[1].due_on)
    on = dues[1].due_on + timedelta(days=20)
    town.jump_to(on)
    with refused(town, "evidence-malformed"), town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=on, evidence="judgment.pdf")
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=on, evidence=PROOF)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=on, evidence=EVIDENCE)
    town.settle()
    assert labels(town, loan_id)[0] is Label.DEFAULTED
    assert sorted(told(town, "loan-bankrupt")) == sorted([(ada, 80_000), (bob, 40_000)])
    assert claim_of(town, ada).next_due_on is None

    town.jump_to(dues[2].due_on)
    assert [row.state for row in town.loan(loan_id).instalments] == ["settled", "late", *["scheduled"] * 3]
    assert town.balance(f"030100:{loan_id}") == 30_000

    with town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=town.today, evidence=PROOF)
    town.settle()
    assert sorted(told(town, "loan-written-off")) == sorted([(ada, 80_000), (bob, 40_000)])
    page = town.loan(loan_id, ada)
    assert (page.state, page.state_label, page.lost_cents) == (LoanState.WRITTEN_OFF, Label.LOST, 120_000)
    assert sorted(row.lost_cents for row in page.lenders) == [40_000, 80_000]
    assert [row.state for row in page.instalments] == ["settled", *["cancelled"] * 4]
    claim = claim_of(town, ada)
    assert (claim.lost_cents, claim.outstanding_cents, claim.overdue_cents, claim.state_label) == (80_000, 0, 0, "lost")
    assert claim.received_principal_cents == 20_000
    assert [town.balance(f"{code}:{ada}", asset) for code in ("020000", "022000")] == [0, 80_000]
    assert town.balance(f"021000:{borrower}", asset) == -120_000  # what the borrower owes does not end with the loss
    assert [town.balance(f"{a}:{loan_id}") for a in ("030100", "030200", "031100", "031200")] == [0] * 4
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=town.today, evidence=PROOF)


def test_money_that_comes_after_the_loss_goes_back_to_the_borrower(sqlite_town):
    town = sqlite_town
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=town.today, evidence=PROOF)
    town.pay_due(loan_id, 1)
    assert [town.balance(a) for a in (f"489600:{loan_id}", f"489400:{borrower}", "580100")] == [0, 0, 0]
    assert claim_of(town, ada).lost_cents == 100_000


def test_a_called_due_that_is_paid_after_the_bankruptcy_still_reaches_the_lenders(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    loan_id = town.fund({ada: 100_000}, town.enterprise())
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.pay_due(loan_id, 1)
    assert claim_of(town, ada).received_principal_cents == 20_000


def test_the_last_called_due_paid_after_the_bankruptcy_ends_the_loan_repaid(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    loan_id = town.fund({ada: 100_000}, town.enterprise())
    for due in town.loan(loan_id).instalments:
        town.jump_to(due.due_on)
    for n in range(1, 5):
        town.pay_due(loan_id, n)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.pay_due(loan_id, 5)
    assert (town.loan(loan_id).state, claim_of(town, ada).state_label) == (LoanState.REPAID, Label.REPAID)
    assert claim_of(town, ada).received_principal_cents == 100_000


def test_a_loan_is_paid_out_under_four_eyes_and_against_money_at_the_bank_only(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=100_000)
    town.pay_pledge(offer_id, ada, 100_000)
    town.go_to(DAY + timedelta(days=5))
    loan_id = town.loan_of(offer_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = service.request_disbursement(uow, loan_id, on=town.today, reason="agreed")

    def order():
        with town.book.unit_of_work(actor=town.maker) as uow:
            return service.order_disbursement(uow, loan_id, approval_id=approval_id, on=town.today)

    with refused(town, "approval-not-given"):
        order()
    town.approve(approval_id)
    with refused(town, "cash-rule-not-met", missing_cents=100_000):
        order()  # the money still stands at the provider
    town.bank_provider_money()
    order_id = order()
    assert town.loan(loan_id).state is LoanState.ORDERED
    with refused(town, "move-not-allowed"):
        order()
    town.confirm(order_id)
    town.confirm(order_id)
    assert town.loan(loan_id).state is LoanState.RUNNING
    assert {body["to"] for template, body in town.mails if template == "loan-disbursed"} == {ada, borrower}
    with refused(town, "transfer-not-known"):
        town.confirm("tnothing")


def test_an_offer_is_not_closed_before_its_end_nor_while_a_pledge_can_change(sqlite_town):
    town = sqlite_town
    ada, bob, offer_id = town.citizen("Ada"), town.citizen("Bob"), town.open_offer(town.enterprise())

    def close():
        with town.book.unit_of_work(actor=town.maker) as uow:
            return service.close_offer(uow, offer_id, on=town.today)

    with refused(town, "offer-still-open"):
        close()
    town.go_to(DAY + timedelta(days=10))
    town.pay_pledge(offer_id, ada, 100_000)
    town.pledge(offer_id, bob, 20_000)
    town.clock.instant += timedelta(days=1)
    with refused(town, "offer-has-open-pledges", committed_cents=20_000, in_reflection_cents=100_000):
        close()
    town.go_to(DAY + timedelta(days=18))
    with refused(town, "move-not-allowed"):
        close()
    assert town.card(offer_id).state is OfferState.FUNDED


def test_an_offer_that_no_known_rule_lets_close_stays_open_and_holds_nothing_else_up(sqlite_town):
    """The legal rate of 2027 is published in January 2027: until its row is there, nothing is concluded."""
    town = sqlite_town
    ada = town.citizen("Ada")
    town.jump_to(date(2026, 12, 20))
    stuck = town.open_offer(town.enterprise(), closes_on=date(2026, 12, 31))
    failing = town.open_offer(
        town.enterprise("Vélo Cargo", number="0403.201.185"), closes_on=date(2026, 12, 31), minimum_cents=900_000
    )
    town.jump_to(date(2026, 12, 31))
    town.pay_pledge(stuck, ada, 100_000)
    town.pay_pledge(failing, ada, 100_000)
    town.go_to(date(2027, 1, 6))
    assert (town.card(stuck).state, town.card(failing).state) == (OfferState.OPEN, OfferState.FAILED)
    with town.book.read() as connection:
        rows = connection.execute(sa.select(outbox.c.body).where(outbox.c.topic == "offer.not-closed")).scalars().all()
    assert [(row["offer_id"], row["code"]) for row in rows] == [(stuck, "no-rule-for-date")]
    assert town.balance(f"489200:{ada}") == -100_000


def test_payouts_go_to_verified_accounts_only_and_as_they_were_approved(town):
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob", iban=False), town.enterprise()
    with refused(town, "nothing-to-pay-out"), town.book.unit_of_work(actor=town.maker) as uow:
        payouts.request_payouts(uow, on=town.today, reason="run")
    loan_id = town.fund({ada: 100_000, bob: 50_000}, borrower)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    town.bank_provider_money()
    with town.book.unit_of_work(actor=town.maker) as uow:
        [page] = payouts.payout_pages(uow, on=town.today)
        stale = payouts.request_payouts(uow, on=town.today, reason="run")
    assert [(wanted.payee, wanted.amount_cents) for wanted in page.wanted] == [(ada, 20_000 + 2_450)]
    assert [(parked.payee, parked.reason) for parked in page.parked] == [(bob, "no-account")]
    town.approve(stale)
    town.give_iban(bob)
    with town.book.unit_of_work(actor=town.maker) as uow:
        fresh = payouts.request_payouts(uow, on=town.today, reason="run again")
    with refused(town, "move-not-allowed", state="discarded"), town.book.unit_of_work(actor=town.maker) as uow:
        payouts.order_payouts(uow, approval_id=stale, on=town.today)
    town.approve(fresh)
    with town.book.unit_of_work(actor=town.maker) as uow:
        order_ids = payouts.order_payouts(uow, approval_id=fresh, on=town.today)
    for order_id in order_ids:
        town.confirm(order_id)
    assert [town.balance(f"489300:{lender}") for lender in (ada, bob)] == [0, 0]
    assert town.balance("550100") == -town.balance(f"453000:{borrower}")
    with refused(town, "move-not-allowed", state="ordered"), town.book.unit_of_work(actor=town.maker) as uow:
        payouts.order_payouts(uow, approval_id=fresh, on=town.today)


def test_a_run_over_many_lenders_goes_on_in_chunks(sqlite_town, monkeypatch):
    town = sqlite_town
    monkeypatch.setattr(steps, "CHUNK", 3)
    lenders = {town.citizen(f"Lender{n}"): amount for n, amount in enumerate(SEVEN)}
    offer_id = town.open_offer(town.enterprise(), maximum_cents=sum(SEVEN))
    for lender, amount in lenders.items():
        town.pay_pledge(offer_id, lender, amount)
    town.clock.instant += timedelta(days=5)
    for job in (service.pledges.firm_up_pledges, service.close_due_offers):
        job(town.book, town.today)
    loan_id = town.loan_of(offer_id)
    page = town.loan(loan_id)
    issued = -town.balance(f"021000:{page.borrower}", f"LOAN-{loan_id.upper()}")
    assert issued == sum(row.principal_cents for row in page.lenders[:3])
    with (
        refused(town, "loan-not-fully-issued"),
        town.book.unit_of_work(actor=town.maker) as uow,
    ):
        service.order_disbursement(uow, loan_id, approval_id="anone", on=town.today)
    town.settle()
    town.disburse(loan_id)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    assert town.balance(f"489600:{loan_id}") == 0
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
        service.write_off(uow, loan_id, on=town.today, evidence=PROOF)
    town.settle()
    outstanding = [town.balance(f"020000:{lender}", f"LOAN-{loan_id.upper()}") for lender in lenders]
    assert outstanding == [0] * 7
    assert len(told(town, "loan-written-off")) == 7


def test_a_failed_campaign_with_many_pledges_is_given_back_in_chunks(sqlite_town, monkeypatch):
    town = sqlite_town
    monkeypatch.setattr(service.pledges, "CHUNK", 3)
    offer_id = town.open_offer(town.enterprise(), minimum_cents=900_000)
    made = [town.pay_pledge(offer_id, town.citizen(f"Lender{n}"), 20_000) for n in range(7)]
    town.go_to(DAY + timedelta(days=11))
    assert {town.state(each.pledge_id) for each in made} == {PledgeState.REFUNDED}
    assert town.balance("580100") == 0


def test_every_lender_finds_an_agreement_that_both_parties_have_signed(sqlite_town, tmp_path):
    town = sqlite_town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    loan_id = town.fund({ada: 100_000, bob: 33_333}, town.enterprise(), kind=RepaymentKind.ANNUITY)
    desk = DocumentDesk(
        keys_dir=tmp_path, licence_holder="The Operator", verify_address="https://town.example/verify", sandbox=True
    )
    assert write_due_agreements(town.book, desk) == 2
    assert write_due_agreements(town.book, desk) == 0
    town.settle()
    assert sorted(told(town, "loan-agreed")) == sorted([(ada, 100_000), (bob, 33_333)])
    [paper] = town.loan(loan_id, bob).documents
    with town.book.read() as connection:
        pdf = open_document(town.book, connection, paper.document_id)
    assert hashlib.sha256(pdf).hexdigest() == paper.sha256
    signed = verify_pdf_signatures(pdf, roots_der=[root_certificate(tmp_path).public_bytes(Encoding.DER)])
    assert [signature.field for signature in signed] == ["borrower", "lender"]
    assert town.loan(loan_id, ada).documents != town.loan(loan_id, bob).documents
    assert town.loan(loan_id).documents == []


def test_a_schedule_of_a_claim_is_its_part_of_the_distribution_to_the_last_cent(sqlite_town):
    town = sqlite_town
    lenders = {town.citizen(f"Lender{n}"): amount for n, amount in enumerate(SEVEN)}
    loan_id = town.fund(lenders, town.enterprise(), kind=RepaymentKind.ANNUITY, every=Every.QUARTER)
    with town.book.read() as connection:
        book = books.loan_book(connection, town.book.book_id, loan_id)
    plan = distribution(book.instalments, book.claims)
    for instalment, shares in zip(book.instalments, plan, strict=True):
        assert sum(share.interest_cents for share in shares) == instalment.interest_cents
        assert sum(share.principal_cents for share in shares) == instalment.principal_cents
        assert sum(share.outstanding_cents for share in shares) == instalment.outstanding_cents
    shuffled = distribution(book.instalments, tuple(reversed(book.claims)))
    assert [tuple(reversed(row)) for row in shuffled] == [tuple(row) for row in plan]
    assert [share.outstanding_cents for share in plan[-1]] == [0] * 7


def test_an_unknown_loan_is_said_to_be_unknown(sqlite_town):
    town = sqlite_town
    with refused(town, "loan-not-known"), town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, "lnothing", on=DAY, evidence=EVIDENCE)
    with pytest.raises(Refusal, match="loan-not-known"), town.book.read() as connection:
        queries.loan_page(connection, town.book, "lnothing", DAY)


def test_the_months_of_a_portfolio_set_what_was_expected_beside_what_came(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    loan_id = town.fund({ada: 120_000}, town.enterprise(), every=Every.MONTH, rate_annual=Decimal("0.0300"))
    first, second = town.loan(loan_id).instalments[:2]
    town.go_to(first.due_on)
    town.pay_due(loan_id, 1)
    town.go_to(second.due_on + timedelta(days=5))
    months = town.portfolio(ada).months
    assert len(months) == 60
    assert (months[0].expected_cents, months[0].received_cents) == (first.total_cents, first.total_cents)
    assert (months[1].expected_cents, months[1].received_cents) == (second.total_cents, 0)
    assert sum(month.expected_cents for month in months) == sum(i.total_cents for i in town.loan(loan_id).instalments)
    earlier = queries_at(town, ada, first.due_on - timedelta(days=1))
    assert (earlier.totals.received_principal_cents, earlier.totals.expected_cents) == (0, 0)


def queries_at(town, lender, on):
    with town.book.read() as connection:
        return queries.portfolio(connection, town.book, lender, on)


def claim_of(town, lender):
    [claim] = town.portfolio(lender).claims
    return claim


def labels(town, loan_id):
    page = town.loan(loan_id)
    return page.state_label, page.days_past_due, page.overdue_cents


def late_mails(town):
    late = [(template, body) for template, body in town.mails if template.startswith("loan-late")]
    return [(template, body["to"], body["facts"]["days"]) for template, body in late]


def told(town, template):
    return [(body["to"], body["facts"]["amount_cents"]) for name, body in town.mails if name == template]


def borrower_page(town, borrower):
    with town.book.read() as connection:
        return queries.borrower_page(connection, town.book, borrower, town.today)


def loans_overview(town):
    with town.book.read() as connection:
        return queries.loans_overview(connection, town.book, town.today)


def due_payments(town, loan_id, n):
    with town.book.read() as connection:
        return payments_for(connection, town.book.book_id, f"due:{loan_id}:{n}")


def payments_of(town, loan_id, n):
    with town.book.read() as connection:
        return payments_for(connection, town.book.book_id, f"due:{loan_id}:{n}")


def hear(town, provider_id):
    with town.book.unit_of_work(actor="webhook") as uow:
        receive(uow, provider_id)
    town.settle()
