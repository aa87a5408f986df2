"""Money out by bank transfer under four eyes and against booked cash only; money in from the provider's settlements."""

from datetime import date

import pytest
import sqlalchemy as sa

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.payments import queries, transfers
from ledger.payments.model import TransferDraft, TransferKind, TransferState
from ledger.storage.tables import outbox
from tests.payments_kit import DAY, Shop

EVIDENCE = "ab" * 32


@pytest.mark.parametrize("name", ["ordered", "open"])
def test_orders_are_found_by_their_references_and_summed_in_an_index_alone(sqlite_book, name):
    """Otherwise planning and releasing a run would read every transfer that is open."""
    statements = []
    with sqlite_book.unit_of_work(actor="s1") as unit:
        driver = unit.connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        if name == "ordered":
            transfers.ordered(unit.connection, unit.book_id, ["loan:l1"])
        else:
            transfers.refuse_uncovered(unit, 0)
        driver.set_trace_callback(None)
        [asked] = [each for each in statements if "transfer_order" in each]
        steps = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {asked}")]
    index = {"ordered": "INDEX transfer_order_reference", "open": "COVERING INDEX transfer_order_state"}[name]
    assert [index in step for step in steps if "SEARCH transfer_order" in step] == [True]


@pytest.fixture
def office(book, clock):
    """A book with 1,000.00 at the bank, which belongs to a borrower, and 200.00 at the provider."""
    with book.unit_of_work(actor="test") as unit:
        for key, debit, owed, cents in (("a", "550100", "489500:e1", 100_000), ("b", "580100", "489100:c1", 20_000)):
            lines = (Posting(AccountRef(debit), debit=cents), Posting(AccountRef.parse(owed), credit=cents))
            unit.post(JournalEntry(key, DAY, "opening", lines))
    return Shop(book, None, clock)


def draft(reference="loan:l1", cents=60_000, debit="489500:e1", **more):
    return TransferDraft(reference, "e1", cents, AccountRef.parse(debit), **more)


def approved(office, *drafts):
    """An approval that two people gave."""
    body = transfers.approval_body(drafts)
    with office.book.unit_of_work(actor="s1") as unit:
        approval_id = approvals.request(unit, action=transfers.APPROVAL_ACTION, body=body, reason="release")
    with office.book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
    return approval_id


def order(office, *drafts, approval_id=None):
    given = approval_id or approved(office, *drafts)
    with office.book.unit_of_work(actor="s1") as unit:
        return transfers.order_transfers(unit, drafts, approval_id=given, on=DAY)


def orders(office):
    with office.book.read() as connection:
        return queries.transfer_orders(connection, "main")


def failures(office):
    """The orders that products were told of as failed."""
    told = sa.select(outbox.c.body).where(outbox.c.topic == transfers.TRANSFER_FAILED)
    with office.book.read() as connection:
        return [body["order_id"] for body in connection.execute(told).scalars()]


def test_a_transfer_is_released_under_four_eyes_and_booked_from_the_statement(office):
    [order_id] = order(office, draft(iban_last4="6769"))
    assert (office.balance("489500:e1"), office.balance("580400")) == (-40_000, -60_000)
    [listed] = orders(office)
    assert (listed.state, listed.iban_last4, listed.kind) == (
        TransferState.ORDERED,
        "6769",
        TransferKind.DISBURSEMENT,
    )
    office.clock.business_date = date(2026, 3, 4)
    for _ in range(2):  # confirming twice changes nothing
        with office.book.unit_of_work(actor="s1") as unit:
            transfers.confirm_booked(
                unit, order_id, statement_reference="2026/61", evidence=EVIDENCE, on=date(2026, 3, 4)
            )
    assert (office.balance("580400"), office.balance("550100")) == (0, 40_000)
    [listed] = orders(office)
    assert (listed.state, listed.booked_on) == (TransferState.BOOKED, date(2026, 3, 4))
    assert office.entries()["transfer-booked"] == 1


def test_one_transfer_is_ordered_by_its_own_call_too(office):
    one = draft(cents=100)
    approval_id = approved(office, one)
    with office.book.unit_of_work(actor="s1") as unit:
        order_id = transfers.order_transfer(
            unit, reference="loan:l1", payee="e1", amount_cents=100, debit=one.debit, approval_id=approval_id
        )
    assert [o.order_id for o in orders(office)] == [order_id]


def test_open_orders_count_against_the_booked_cash_and_money_at_the_provider_does_not(office):
    order(office, draft())
    second = draft("loan:l2", 40_001)
    approval_id = approved(office, second)
    with pytest.raises(Refusal) as refused:
        order(office, second, approval_id=approval_id)
    assert refused.value == Refusal("cash-rule-not-met", amount_cents=40_001, missing_cents=1)
    assert len(orders(office)) == 1
    assert office.balance("580400") == -60_000
    order(office, draft("loan:l3", 40_000))
    assert office.balance("489500:e1") == 0


def test_the_orders_of_one_release_count_together(office):
    with office.book.unit_of_work(actor="test") as unit:
        lines = (
            Posting(AccountRef("489500", "e1"), debit=100_000),
            Posting(AccountRef("489300", "c1"), credit=100_000),
        )
        unit.post(JournalEntry("c", DAY, "opening", lines))
    lenders = {"debit": "489300:c1", "kind": TransferKind.PAYOUT}
    both = (draft("payout:1", 60_000, **lenders), draft("payout:2", 40_001, **lenders))
    with pytest.raises(Refusal, match="cash-rule-not-met"):
        order(office, *both)
    assert orders(office) == []
    order(office, both[0], draft("payout:2", 40_000, **lenders))
    assert office.entries()["payout-ordered"] == 2


def test_without_a_second_pair_of_eyes_nothing_is_released(office):
    body = transfers.approval_body([draft()])
    with office.book.unit_of_work(actor="s1") as unit:
        asked = approvals.request(unit, action=transfers.APPROVAL_ACTION, body=body, reason="release")
    with pytest.raises(Refusal, match="approval-not-given"):
        order(office, draft(), approval_id=asked)
    with pytest.raises(Refusal, match="approval-body-changed"):
        order(office, draft(cents=70_000), approval_id=approved(office, draft()))
    assert orders(office) == []
    assert office.balance("580400") == 0


def test_one_reference_is_transferred_once(office):
    approval_id = approved(office, draft())
    [order_id] = order(office, draft(), approval_id=approval_id)
    with pytest.raises(Refusal) as refused:
        order(office, draft(), approval_id=approval_id)
    assert refused.value == Refusal("transfer-already-ordered", reference="loan:l1", order_id=order_id)
    assert office.balance("580400") == -60_000


def test_a_transfer_of_nothing_is_refused(office):
    with pytest.raises(Refusal, match="payment-amount-not-positive"):
        order(office, draft(cents=0))
    assert orders(office) == []


def test_a_transfer_is_booked_from_one_statement_only(office):
    [order_id] = order(office, draft())
    booked = {"evidence": EVIDENCE, "on": DAY}
    with office.book.unit_of_work(actor="s1") as unit:
        transfers.confirm_booked(unit, order_id, statement_reference="2026/61", **booked)
    with pytest.raises(Refusal, match="transfer-already-booked"), office.book.unit_of_work(actor="s1") as unit:
        transfers.confirm_booked(unit, order_id, statement_reference="2026/62", **booked)
    with pytest.raises(Refusal, match="transfer-not-known"), office.book.unit_of_work(actor="s1") as unit:
        transfers.confirm_booked(unit, "tnothere00", statement_reference="2026/62", **booked)
    assert office.balance("550100") == 40_000


def test_a_rejected_order_gives_its_money_back_and_may_be_ordered_again(office):
    [order_id] = order(office, draft())
    for fresh in (True, False):
        with office.book.unit_of_work(actor="bank") as unit:
            assert transfers.record_rejected(unit, order_id, reason="AC04", evidence=EVIDENCE, on=DAY) is fresh
    assert (office.balance("489500:e1"), office.balance("580400")) == (-100_000, 0)
    [listed] = orders(office)
    assert (listed.state, listed.reason) == (TransferState.REJECTED, "AC04")
    assert failures(office) == [order_id]
    with pytest.raises(Refusal, match="move-not-allowed"), office.book.unit_of_work(actor="s1") as unit:
        transfers.confirm_booked(unit, order_id, statement_reference="2026/61", evidence=EVIDENCE, on=DAY)
    [again] = order(office, draft())
    assert (office.balance("489500:e1"), office.balance("580400")) == (-40_000, -60_000)
    with office.book.read() as connection:
        assert set(queries.orders_by_id(connection, "main", [order_id, again, "tnothere00"])) == {order_id, again}


def test_a_booked_transfer_that_comes_back_stands_where_it_stood(office):
    [order_id] = order(office, draft())
    back = {"reason": "AC04", "statement_reference": "2026/61", "evidence": EVIDENCE, "on": DAY}
    for fresh in (True, False):  # the statement shows both at once: it left and came back
        with office.book.unit_of_work(actor="bank") as unit:
            assert transfers.record_returned(unit, order_id, **back) is fresh
    balances = [office.balance(account) for account in ("489500:e1", "580400", "550100")]
    assert balances == [-100_000, 0, 100_000]
    assert office.entries()["transfer-returned"] == 1
    assert failures(office) == [order_id]


def settlement(office, *, reference="1234567.2603.01", cents=15_000):
    with office.book.unit_of_work(actor="s1") as unit:
        transfers.record_settlement(unit, reference=reference, amount_cents=cents, evidence=EVIDENCE, on=DAY)


def test_a_settlement_of_the_provider_moves_its_balance_to_the_bank_once(office):
    for _ in range(2):
        settlement(office)
    assert (office.balance("580100"), office.balance("550100")) == (5_000, 115_000)
    with pytest.raises(Refusal):  # the same reference with another amount is another fact
        settlement(office, cents=1_000)
    assert office.balance("580100") == 5_000


def test_no_more_is_settled_than_stands_at_the_provider(office):
    with pytest.raises(Refusal) as refused:
        settlement(office, cents=20_001)
    assert refused.value == Refusal("settlement-exceeds-provider-balance", amount_cents=20_001, standing_cents=20_000)
    with pytest.raises(Refusal, match="payment-amount-not-positive"):
        settlement(office, cents=0)
    assert office.balance("550100") == 100_000


def test_two_releases_at_once_never_spend_the_same_cash(office):
    from concurrent.futures import ThreadPoolExecutor

    drafts = [draft(f"loan:l{n}", 40_000) for n in range(6)]
    given = [approved(office, one) for one in drafts]

    def release(n):
        try:
            return order(office, drafts[n], approval_id=given[n])
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(release, range(6)))
    assert results.count("cash-rule-not-met") == 4
    assert office.balance("580400") == -80_000
