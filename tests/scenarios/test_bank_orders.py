"""Orders to the bank, as the scenarios of money movement tell them."""

import hashlib
import warnings
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice, permutations

import pytest
import sqlalchemy as sa

from contracts import payouts
from contracts.parties import service as parties
from contracts.pledges.model import PledgeState
from contracts.schemes.withholding import HolderKind, withholding
from contracts.servicing import accounts, bank_refunds
from contracts.terms.distribution import Claim, shares
from contracts.terms.schedule import RepaymentKind
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.payments import bank_refunds as ledger_refunds
from ledger.payments import batches, payees, queries, transfers
from ledger.payments import tables as t
from ledger.payments.bank import configure_bank
from ledger.payments.inbox import receive
from ledger.payments.iso20022.model import Account, OrderAnswer
from ledger.payments.iso20022.totals import read_totals
from ledger.payments.model import Batch, BatchState, TransferDraft, TransferKind, TransferState
from ledger.payments.rail import PayeeAnswer, PayeeMatch
from ledger.payments.transfer_files import make_transfer_file
from ledger.storage.keys import BOOK_OWNER
from tests.payments_kit import DAY, FakeRail, Shop
from tests.products_kit import Town, make_town, refused

EVIDENCE = hashlib.sha256(b"a bank's paper").hexdigest()
OURS = Account("BXL Invest", "BE42096550100054", creditor_identifier="BE81ZZZ0801234549")
LENDERS = {
    "c1": Account("Ada Peeters", "BE71096123456769"),
    "c2": Account("Bob Janssens", "BE38091215014572"),
    "c3": Account("Chloé Dupont", "BE60096900000070"),
}


@dataclass
class NamesAtTheBank:
    """A bank that knows under which names accounts are held; one that it doesn't know can't be checked."""

    held: dict[str, str]

    def check_payee(self, *, iban: str, name: str) -> PayeeAnswer:
        known = self.held.get(iban)
        match = PayeeMatch.MATCH if known == name else PayeeMatch.NO_MATCH if known else PayeeMatch.NOT_POSSIBLE
        return PayeeAnswer(iban, name, match)


class EveryNameFits:
    """A bank that finds every name to be that of the account."""

    def check_payee(self, *, iban: str, name: str) -> PayeeAnswer:
        return PayeeAnswer(iban, name, PayeeMatch.MATCH)


@dataclass
class Office(Shop):
    """A book with coupons to pay, and two officers."""

    def owe(self, *cents: int) -> None:
        """The bank holds what belongs to the lenders, as much for each as is said."""
        with self.book.unit_of_work(actor="test") as unit:
            configure_bank(unit, OURS)
            lines = [Posting(AccountRef("489300", f"c{n}"), credit=each) for n, each in enumerate(cents, 1)]
            debit = Posting(AccountRef("550100"), debit=sum(cents))
            unit.post(JournalEntry("coupon", DAY, "opening", (debit, *lines)))

    def order(self, *cents: int) -> list[str]:
        """Coupons that two people let go."""
        kind = TransferKind.PAYOUT
        drafts = [
            TransferDraft(f"payout:c{n}", f"c{n}", each, AccountRef("489300", f"c{n}"), kind)
            for n, each in enumerate(cents, 1)
        ]
        approval_id = self.approve(transfers.APPROVAL_ACTION, transfers.approval_body(drafts))
        with self.book.unit_of_work(actor="s1") as unit:
            return transfers.order_transfers(unit, drafts, approval_id=approval_id)

    def approve(self, action: str, body: object, *, by: Sequence[str] = ("s1", "s2")) -> str:
        with self.book.unit_of_work(actor=by[0]) as unit:
            approval_id = approvals.request(unit, action=action, body=body, reason="coupons")
        with self.book.unit_of_work(actor=by[1]) as unit:
            approvals.approve(unit, approval_id)
        return approval_id

    def check(self, names: dict[str, str] | None = None) -> int:
        held = {each.iban: each.name for each in LENDERS.values()} if names is None else names
        return payees.check_payees(self.book, NamesAtTheBank(held), accounts_of)

    def make(self, actor: str = "s1") -> Batch:
        with self.book.unit_of_work(actor=actor) as unit:
            return make_transfer_file(unit, accounts_of)

    def file(self, batch: Batch) -> bytes:
        with self.book.read() as connection:
            return batches.file_of(connection, self.book, batch.batch_id)

    def release(self, batch: Batch, *, by: Sequence[str] = ("s1", "s2")) -> None:
        with self.book.unit_of_work(actor=by[0]) as unit:
            approval_id = batches.request_release(unit, batch.batch_id, reason="coupons")
        with self.book.unit_of_work(actor=by[1]) as unit:
            approvals.approve(unit, approval_id)
            batches.release_batch(unit, batch.batch_id, approval_id=approval_id)

    def hand_in(self) -> list[bytes]:
        with self.book.read() as connection:
            released = batches.released_batches(connection, self.book)
        for batch, _ in released:
            with self.book.unit_of_work(actor="worker") as unit:
                batches.mark_submitted(unit, batch.batch_id)
        return [file for _, file in released]

    def answer(self, *answers: OrderAnswer) -> int:
        with self.book.unit_of_work(actor="worker") as unit:
            return batches.apply_answers(unit, answers, evidence=EVIDENCE)

    def states(self) -> dict[str, TransferState]:
        with self.book.read() as connection:
            return {each.payee: each.state for each in queries.transfer_orders(connection, "main")}

    def replace_file(self, batch: Batch, file: bytes) -> None:
        """What nobody can do through the program: other bytes in the place of a file's."""
        c = t.order_batch.c
        with self.book.unit_of_work(actor="test") as unit:
            sealed = unit.keys.seal_personal(unit, BOOK_OWNER, file)
            row = {"file": sealed, "sha256": hashlib.sha256(file).hexdigest()}
            unit.connection.execute(t.order_batch.update().where(c.batch_id == batch.batch_id).values(**row))


def accounts_of(
    _connection: sa.Connection, _keeper: payees.Keeper, wanted: Collection[str], _on: date
) -> dict[str, Account]:
    return {payee: LENDERS[payee] for payee in wanted}


@pytest.fixture
def office(book: Book, clock) -> Office:
    return Office(book, None, clock)


def test_26_a_file_asked_for_twice_at_once_and_after_a_crash_has_one_id_and_the_ledgers_totals_or_is_refused(office):
    """Batch file requested twice, by two officers at once, and after a crash: identical bytes, one MsgId, totals =
    ledger; a doubled control sum is refused.
    """
    office.owe(3_000, 2_000, 1_000)
    office.order(3_000, 2_000, 1_000)
    office.check()
    lost = []
    with pytest.raises(ZeroDivisionError), office.book.unit_of_work(actor="s1") as unit:
        made = make_transfer_file(unit, accounts_of)
        lost.append(batches.file_of(unit.connection, unit, made.batch_id))
        raise ZeroDivisionError  # the process dies before the commit
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(office.make, ["s1", "s2"])
    again = office.make("s3")
    assert first == second == again
    assert {office.file(each) for each in (first, second, again)} == set(lost)
    totals = read_totals(office.file(first))
    assert (totals.message_id, totals.count, totals.total_cents) == (first.batch_id, 3, -office.balance("580400"))

    good = office.file(first)
    doubled = good.replace(b"<CtrlSum>60.00<", b"<CtrlSum>120.00<")
    assert doubled != good
    office.replace_file(first, doubled)
    with pytest.raises(Refusal, match="order-file-totals-differ"):
        office.release(first, by=("s3", "s4"))
    lines = [line for line in good.splitlines(keepends=True) if line.startswith(b"<CdtTrfTxInf>")]
    exported_twice = good.replace(lines[0], lines[0] + lines[0])
    office.replace_file(first, exported_twice)
    with pytest.raises(Refusal, match="order-file-repeats-order"):
        office.release(first, by=("s3", "s4"))
    order_id = read_id(lines[0])
    added = lines[0].replace(order_id, b"tsomebody0")
    amount = b"".join(added.split(b'Ccy="EUR">')[1].split(b"<")[:1])
    more = good.replace(lines[0], lines[0] + added).replace(b"<NbOfTxs>3<", b"<NbOfTxs>4<")
    total = f"{60 + int(amount.split(b'.')[0])}.00".encode()
    office.replace_file(first, more.replace(b"<CtrlSum>60.00<", b"<CtrlSum>" + total + b"<"))
    with pytest.raises(Refusal, match="batch-totals-differ"):
        office.release(first, by=("s3", "s4"))
    office.replace_file(first, good)
    with pytest.raises(Refusal, match="releaser-made-the-file"):
        office.release(first, by=("s2", first.made_by) if first.made_by != "s2" else ("s1", "s2"))
    office.release(first, by=("s3", "s4"))
    assert office.hand_in() == [good]
    assert office.hand_in() == []


def read_id(line: bytes) -> bytes:
    return line.split(b"<EndToEndId>")[1].split(b"<")[0]


def test_29_a_payee_check_without_a_match_or_not_possible_parks_the_coupon_and_an_override_is_logged_with_names(office):
    office.owe(3_000, 2_000, 1_000)
    office.order(3_000, 2_000, 1_000)
    with pytest.raises(Refusal, match="nothing-to-batch"):
        office.make()  # nobody was checked yet
    assert office.check({LENDERS["c1"].iban: "Ada Peeters", LENDERS["c2"].iban: "Somebody Else"}) == 3
    assert office.check() == 0
    first = office.make()
    assert (first.count, first.total_cents) == (1, 3_000)
    with office.book.read() as connection:
        held = {each.payee: each for each in payees.parked(connection, office.book, now=office.clock.now())}
    assert {payee: each.result for payee, each in held.items()} == {"c2": "no-match", "c3": "not-possible"}

    account = held["c2"].account
    with office.book.unit_of_work(actor="s1") as unit:
        asked = payees.request_override(unit, "c2", account, reason="maiden name, seen on her card")
    with pytest.raises(Refusal, match="approver-is-requester"), office.book.unit_of_work(actor="s1") as unit:
        approvals.approve(unit, asked)
    with office.book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, asked)
        payees.override(unit, "c2", account, approval_id=asked)
    second = office.make()
    assert (second.count, second.total_cents) == (1, 2_000)
    with office.book.read() as connection:
        check = payees.last_check(connection, office.book, "c2", account)
    assert check is not None
    assert (check.overridden_by, check.override_reason) == ("s1 s2", "maiden name, seen on her card")
    assert office.states()["c3"] is TransferState.ORDERED  # it waits
    assert office.balance("489300:c3") == 0


@pytest.fixture
def town(book: Book, clock) -> Town:
    return town_on(book, clock)


def town_on(book: Book, clock) -> Town:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        town = make_town(book, clock, FakeRail())
    with book.unit_of_work(actor="system") as unit:
        configure_bank(unit, OURS)
    return town


def made_by(town: Town) -> Batch:
    with town.book.unit_of_work(actor=town.maker) as unit:
        return make_transfer_file(unit, accounts.accounts_of)


def ordered_refunds(town: Town) -> list[str]:
    with town.book.unit_of_work(actor=town.maker) as unit:
        approval_id = bank_refunds.request_refunds(unit, reason="the window is past")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as unit:
        return bank_refunds.order_refunds(unit, approval_id=approval_id)


def test_17_a_refund_after_181_days_on_bancontact_goes_by_bank_with_payee_check(town):
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise(), closes_on=DAY + timedelta(days=181))
    made = town.pledge(offer_id, ada, 50_000)
    town.settle()
    [(provider_id, asked)] = town.rail.payments_by_id.items()
    town.rail.payments_by_id[provider_id] = replace(asked, method="bancontact")
    town.pay(made.payment_id)
    town.jump_to(DAY + timedelta(days=5))
    town.bank_provider_money()
    town.jump_to(DAY + timedelta(days=182))  # the campaign has failed
    assert town.rail.refunds_by_id == {}
    assert (town.state(made.pledge_id), town.balance(f"489400:{ada}")) == (PledgeState.RETURNED, -50_000)
    with refused(town, "approval-unknown"), town.book.unit_of_work(actor=town.maker) as unit:
        bank_refunds.order_refunds(unit, approval_id="anothing")

    [order_id] = ordered_refunds(town)
    with refused(town, "nothing-to-pay-out"):
        ordered_refunds(town)
    with refused(town, "nothing-to-batch"):
        made_by(town)  # her account was not checked yet
    names = NamesAtTheBank({"BE38091215014572": "Ada Peeters"})
    assert payees.check_payees(town.book, names, accounts.accounts_of) == 1
    assert made_by(town).total_cents == 50_000
    town.confirm(order_id)
    assert (town.state(made.pledge_id), town.balance(f"489400:{ada}")) == (PledgeState.REFUNDED, 0)
    assert (town.balance("550100"), town.balance("580400"), town.balance("580100")) == (0, 0, 0)
    assert [body["to"] for template, body in town.mails if template == "refund-sent"] == [ada]


def test_a_refund_by_bank_that_comes_back_waits_for_another_account(town):
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise())
    made = town.pay_pledge(offer_id, ada, 50_000)
    town.bank_provider_money()
    town.withdraw(made.pledge_id)  # at the provider, where it fails
    [refund_id] = town.rail.refunds_by_id
    town.rail.set_refund(refund_id, "failed")
    [payment_id] = town.rail.payments_by_id
    with town.book.unit_of_work(actor="webhook") as unit:
        receive(unit, payment_id)
    town.settle()
    town.bank_provider_money()
    with refused(town, "refund-not-known"), town.book.unit_of_work(actor=town.maker) as unit:
        ledger_refunds.send_by_bank(unit, "rnothing")
    with town.book.read() as connection:
        [refund] = queries.refunds_for(connection, "main", f"pledge:{made.pledge_id}")
    with town.book.unit_of_work(actor=town.maker) as unit:
        ledger_refunds.send_by_bank(unit, refund.refund_id)
    [order_id] = ordered_refunds(town)
    town.confirm(order_id)
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    with town.book.unit_of_work(actor="bank") as unit:
        returned = {"reason": "AC04", "statement_reference": "S2", "evidence": EVIDENCE, "on": town.today}
        transfers.record_returned(unit, order_id, **returned)
    town.settle()
    assert town.state(made.pledge_id) is PledgeState.REFUND_FAILED
    assert (town.balance(f"489400:{ada}"), town.balance("550100")) == (-50_000, 50_000)
    assert [body["to"] for template, body in town.mails if template == "transfer-failed"] == [ada]
    assert len(ordered_refunds(town)) == 1
    with refused(town, "nothing-to-batch"):
        made_by(town)  # to an account that gave it back
    with town.book.unit_of_work(actor=town.maker) as unit:
        change = {"valid_from": town.today, "evidence": "card"}
        seq = parties.change_iban(unit, ada, "BE60096900000070", **change)
    with town.book.unit_of_work(actor=town.checker) as unit:
        parties.verify_iban(unit, ada, seq, evidence="card")
    with refused(town, "nothing-to-batch"):
        made_by(town)


SEVEN = {"Ada": 50_000, "Bob": 10_001, "Chloe": 10_003, "Dirk": 33_333, "Emma": 16_683, "Finn": 24_999, "Gust": 25_001}


def test_27_a_coupon_of_42_505_over_seven_holders_with_withholding_adds_up_whatever_their_order(sqlite_book, clock):
    town = town_on(sqlite_book, clock)
    lenders = {name: town.citizen(name) for name in SEVEN}
    terms = {"rate_annual": Decimal("0.0250"), "kind": RepaymentKind.BULLET}
    loan_id = town.fund({lenders[name]: cents for name, cents in SEVEN.items()}, town.enterprise(), **terms)
    page = town.loan(loan_id)
    first = page.instalments[0]
    assert Decimal(sum(SEVEN.values())) * Decimal("0.0250") == Decimal("4250.5")
    assert (first.interest_cents, first.principal_cents) == (4_251, 0)  # half a cent goes up, once, for all
    town.jump_to(first.due_on)
    town.pay_due(loan_id, 1)

    net = {name: -town.balance(f"489300:{lender}") for name, lender in lenders.items()}
    withheld = -town.balance(f"453000:{page.borrower}")
    assert sum(net.values()) + withheld == 4_251
    for order in islice(permutations(SEVEN.items()), 0, 5_040, 97):
        split = shares(4_251, 0, [Claim(name, cents) for name, cents in order])
        gross = {share.holder: share.interest_cents for share in split}
        assert sum(gross.values()) == 4_251
        taxed = {
            name: withholding(cents, HolderKind.RESIDENT_INDIVIDUAL, first.due_on).net_cents
            for name, cents in gross.items()
        }
        assert taxed == net

    town.bank_provider_money()
    with town.book.unit_of_work(actor=town.maker) as unit:
        approval_id = payouts.request_payouts(unit, on=town.today, reason="coupons")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as unit:
        payouts.order_payouts(unit, approval_id=approval_id, on=town.today)
        run_id = payouts.run_of(unit.connection, unit.book_id, approval_id)
    payees.check_payees(town.book, EveryNameFits(), accounts.accounts_of)
    [made] = payouts.file_payouts(town.book, run_id, actor=town.maker)
    assert made.total_cents == sum(net.values()) == -town.balance("580400")


@pytest.mark.parametrize(
    ("made_at", "executed_on"),
    [
        (datetime(2026, 12, 24, 11, tzinfo=UTC), date(2026, 12, 24)),
        (datetime(2026, 12, 24, 23, 30, tzinfo=UTC), date(2026, 12, 28)),  # Christmas has begun in Brussels
        (datetime(2026, 12, 25, 11, tzinfo=UTC), date(2026, 12, 28)),
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), date(2026, 3, 30)),  # the second before the clocks go forward
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), date(2026, 10, 26)),  # the hour that happens twice
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 4)),  # the new year, which begins with a weekend
    ],
)
def test_32_clock_jumps_dst_nights_target_holidays_and_new_year_give_the_right_value_dates(
    sqlite_book, clock, made_at, executed_on
):
    office = Office(sqlite_book, None, clock)
    office.owe(3_000)
    clock.instant, clock.business_date = made_at, None
    [order_id] = office.order(3_000)
    office.check()
    batch = office.make()
    assert batch.execute_on == executed_on
    assert f"<Dt>{executed_on.isoformat()}</Dt>".encode() in office.file(batch)
    clock.instant = made_at - timedelta(hours=2)  # the machine's clock is set back
    office.release(batch)
    assert office.hand_in() == [office.file(batch)]
    clock.instant = datetime(executed_on.year, executed_on.month, executed_on.day, 20, tzinfo=UTC)
    with office.book.unit_of_work(actor="bank") as unit:
        booked = {"statement_reference": "2026/61", "evidence": EVIDENCE, "on": executed_on}
        transfers.confirm_booked(unit, order_id, **booked)
    with office.book.read() as connection:
        [entry] = [e for e in balances.entries(connection, "main") if e.purpose == "payout-booked"]
    assert entry.effective_on == executed_on


def test_the_banks_answers_are_applied_once_and_rejected_orders_give_their_money_back(office):
    office.owe(3_000, 2_000, 1_000)
    _, second, _ = sorted(office.order(3_000, 2_000, 1_000))
    office.check()
    batch = office.make()
    rejected = OrderAnswer(batch.batch_id, "RJCT", end_to_end_id=second, reason="AC04")
    assert office.answer(rejected) == 0  # it is not at the bank
    assert office.cases() == ["bank-answer-unexpected"]
    office.release(batch)
    office.hand_in()
    answers = (OrderAnswer(batch.batch_id, "PART"), rejected, OrderAnswer(batch.batch_id, "ACSP", end_to_end_id="x"))
    assert office.answer(*answers) == 2
    assert office.answer(*answers) == 0
    assert sorted(office.states().values()) == [TransferState.ORDERED, TransferState.ORDERED, TransferState.REJECTED]
    with office.book.read() as connection:
        assert batches.batch(connection, "main", batch.batch_id).state is BatchState.ACCEPTED
        [gone] = [o for o in queries.transfer_orders(connection, "main") if o.state is TransferState.REJECTED]
    assert (gone.order_id, gone.reason) == (second, "AC04")
    assert office.balance(f"489300:{gone.payee}") == -gone.amount_cents
    assert office.answer(OrderAnswer("bnothere", "RJCT")) == 0


def test_a_file_that_the_bank_rejects_gives_all_its_money_back(office):
    office.owe(3_000, 2_000)
    office.order(3_000, 2_000)
    office.check()
    batch = office.make()
    office.release(batch)  # handed in, and the word of it was lost
    assert office.answer(OrderAnswer(batch.batch_id, "RJCT", reason="AM05")) == 3
    assert set(office.states().values()) == {TransferState.REJECTED}
    assert (office.balance("580400"), office.balance("489300:c1")) == (0, -3_000)
    office.order(3_000, 2_000)
    assert office.make().batch_id != batch.batch_id


def test_a_file_is_given_up_before_its_release_only_and_stored_bytes_are_held_against_their_hash(office):
    office.owe(3_000)
    office.order(3_000)
    office.check()
    batch = office.make()
    with office.book.unit_of_work(actor="s1") as unit:
        batches.discard_batch(unit, batch.batch_id)
    other = office.make()
    assert (other.batch_id != batch.batch_id, other.total_cents) == (True, 3_000)
    office.release(other)
    with pytest.raises(Refusal, match="move-not-allowed"), office.book.unit_of_work(actor="s1") as unit:
        batches.discard_batch(unit, other.batch_id)
    with pytest.raises(Refusal, match="batch-not-known"), office.book.unit_of_work(actor="s1") as unit:
        batches.discard_batch(unit, "bnothere")
    with office.book.unit_of_work(actor="test") as unit:
        sealed = unit.keys.seal_personal(unit, BOOK_OWNER, b"<other/>")
        unit.connection.execute(t.order_batch.update().values(file=sealed))
    with pytest.raises(Refusal, match="batch-altered"):
        office.file(other)
