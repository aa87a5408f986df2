"""The invariants of money movement, each a function that gives what breaks it: a sentence for a person who looks.

They read rows and stop nothing; I3, I11 and I14 are tried by doing: a replay, a second sweep, a change of the record.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from ledger import balances
from ledger.balances import AccountBalance
from ledger.book import Book
from ledger.payments import tables as t
from ledger.payments.model import ChargebackState, PaymentState, RefundState
from ledger.payments.postings import PAYMENT_RECEIVED
from ledger.storage import tables

Invariant = Callable[[sa.Connection, str], Iterator[str]]
_CLIENT_MONEY = ("489", "499100", "453")
_WHERE_IT_IS = ("550100", "580100", "580200", "580300", "580400", "499200", "416")
_PLATFORM = ("550200", "657000", "658000", "757000", "704000", "411000", "642000")
_MEMO = "0"


def broken(book: Book) -> list[str]:
    """What breaks an invariant in the book as it stands, each with the invariant's number."""
    with book.read() as connection:
        return [f"{name}: {text}" for name, check in CHECKS.items() for text in check(connection, book.book_id)]


def every_entry_balances(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I1: every entry sums to zero in each asset."""
    p, a = tables.posting.c, tables.account.c
    joined = tables.posting.join(tables.account, (p.book_id == a.book_id) & (p.account_id == a.account_id))
    total = sa.func.sum(p.debit - p.credit)
    query = sa.select(p.n, a.asset).select_from(joined).where(p.book_id == book_id)
    for n, asset in connection.execute(query.group_by(p.n, a.asset).having(total != 0)):
        yield f"entry {n} does not balance in {asset}"


def every_account_together_is_nothing(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I2: all accounts sum to zero in each asset."""
    sums: dict[str, int] = defaultdict(int)
    for each in balances.trial_balance(connection, book_id):
        sums[each.account.asset] += each.signed
    yield from (f"{asset} sums to {cents}" for asset, cents in sums.items() if cents)


def every_fact_key_is_one(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I3: no fact is entered twice."""
    e = tables.entry.c
    query = sa.select(e.fact_key).where(e.book_id == book_id, e.fact_key.is_not(None))
    for key in connection.execute(query.group_by(e.fact_key).having(sa.func.count() > 1)).scalars():
        yield f"{key} stands twice"


def client_money_is_somewhere(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I4: what clients are owed is at the bank or the provider, on its way, claimed, or the platform's to make good."""
    money = [each for each in balances.trial_balance(connection, book_id) if each.account.asset == "EUR"]
    owed, held, platform = (_sum(money, codes) for codes in (_CLIENT_MONEY, _WHERE_IT_IS, _PLATFORM))
    if owed + held + platform:
        yield f"clients are owed {-owed}, {held} is there, and the platform's part is {platform}"


def no_payment_goes_back_twice(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I5: refunds and chargebacks less reversals are at most what was paid; what is more is claimed on 416200."""
    left = _left_by_payment(connection, book_id)
    o, p = t.payment_outflow.c, t.payment.c
    joined = t.payment_outflow.join(t.payment, (o.book_id == p.book_id) & (o.payment_id == p.payment_id))
    excess: dict[str, int] = defaultdict(int)
    query = sa.select(o.payment_id, o.left_cents, o.excess_cents, p.amount_cents, p.payer).select_from(joined)
    for row in connection.execute(query.where(o.book_id == book_id)):
        excess[row.payer] += row.excess_cents
        if row.left_cents != left.get(row.payment_id, 0):
            yield f"{row.payment_id}: {row.left_cents} is counted, {left.get(row.payment_id, 0)} has left"
    claimed = balances.balances(connection, book_id, code_prefix="416200")
    stands = {each.account.owner: each.signed for each in claimed if each.signed}
    if stands != (wanted := {owner: cents for owner, cents in excess.items() if cents}):
        yield f"416200 holds {stands}, and {wanted} went back twice"


def one_receipt_a_reference(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I6: of the payments of one reference at most one was received; every other is on its way back."""
    e, p = tables.entry.c, t.payment.c
    key = sa.literal("pay:") + p.provider_id + sa.literal(":paid")
    joined = t.payment.join(tables.entry, (p.book_id == e.book_id) & (e.fact_key == key))
    query = sa.select(p.reference).select_from(joined)
    query = query.where(p.book_id == book_id, e.purpose == PAYMENT_RECEIVED.purpose)
    for reference in connection.execute(query.group_by(p.reference).having(sa.func.count() > 1)).scalars():
        yield f"{reference} was received twice"


def what_is_issued_was_paid(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I7: claims and units issued are worth what was credited to their borrower."""
    issued = _sums(connection, book_id, "loan-issued")
    if issued["020000"] + issued["489500"]:
        yield f"{issued['020000']} was issued for {-issued['489500']}"


def what_is_distributed_adds_up(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I8: the gross of an instalment or coupon is its net and its withholding."""
    shared = _sums(connection, book_id, "instalment-distributed")
    if shared["489600"] + shared["489300"] + shared["453000"]:
        yield f"{shared['489600']} was distributed as {-shared['489300']} and {-shared['453000']}"


def no_order_without_cash(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I9: orders that the bank has not booked yet are covered by what it has."""
    booked, ordered = (_sum(_money(connection, book_id), (code,)) for code in ("550100", "580400"))
    if booked + ordered < 0:
        yield f"orders of {-ordered} stand against {booked}"


def the_provider_agrees(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I10: where every movement of the provider's is explained, 580100 is their sum."""
    m = t.provider_movement.c
    query = sa.select(sa.func.count(), sa.func.sum(m.result_cents)).where(m.book_id == book_id)
    found, total = connection.execute(query).one()
    waiting = connection.execute(query.where(m.state == "waiting")).one()[0]
    stands = _sum(_money(connection, book_id), ("580100",))
    if found and not waiting and not _unread_payments(connection, book_id) and int(total) != stands:
        yield f"the provider holds {int(total)}, the ledger {stands}"


def no_test_among_the_living(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I12: every payment was asked in the mode of its book."""
    terms = sa.select(t.payment_terms.c.mode).where(t.payment_terms.c.book_id == book_id)
    mode = connection.execute(terms).scalar_one_or_none()
    c = t.provider_call.c
    query = sa.select(c.call_id, c.body).where(c.book_id == book_id, c.kind == "create-payment")
    for call_id, body in connection.execute(query):
        if json.loads(body)["metadata"]["env"] != mode:
            yield f"{call_id} was asked in another mode than {mode}"


def every_amount_is_whole_cents(connection: sa.Connection, book_id: str) -> Iterator[str]:
    """I13: amounts are integers, whatever the database would take."""
    for table in (t.payment, t.refund, t.chargeback, t.payment_outflow, t.provider_movement, t.provider_settlement):
        names = [column.name for column in table.columns if column.name.endswith("_cents")]
        for row in connection.execute(sa.select(*(table.c[name] for name in names)).where(table.c.book_id == book_id)):
            if any(type(value) is not int for value in row):
                yield f"{table.name} holds {tuple(row)}"


CHECKS: dict[str, Invariant] = {
    "I1": every_entry_balances,
    "I2": every_account_together_is_nothing,
    "I3": every_fact_key_is_one,
    "I4": client_money_is_somewhere,
    "I5": no_payment_goes_back_twice,
    "I6": one_receipt_a_reference,
    "I7": what_is_issued_was_paid,
    "I8": what_is_distributed_adds_up,
    "I9": no_order_without_cash,
    "I10": the_provider_agrees,
    "I12": no_test_among_the_living,
    "I13": every_amount_is_whole_cents,
}


def _left_by_payment(connection: sa.Connection, book_id: str) -> dict[str, int]:
    r, c = t.refund.c, t.chargeback.c
    gone = (RefundState.SENT.value, RefundState.REFUNDED.value)
    left: dict[str, int] = defaultdict(int)
    for column, amount, where in (
        (r.payment_id, r.amount_cents, (r.book_id == book_id, r.state.in_(gone))),
        (c.payment_id, c.amount_cents, (c.book_id == book_id, c.state == ChargebackState.RECEIVED.value)),
    ):
        for payment_id, cents in connection.execute(sa.select(column, amount).where(*where)):
            left[payment_id] += int(cents)
    return left


def _unread_payments(connection: sa.Connection, book_id: str) -> bool:
    """Whether a payment, refund or chargeback is posted whose movement was not read yet."""
    m, p, r, c = t.provider_movement.c, t.payment.c, t.refund.c, t.chargeback.c
    known = sa.select(m.subject).where(m.book_id == book_id, m.subject.is_not(None))  # NOT IN knows no null
    back = known.where(m.kind.in_(("returned-refund", "chargeback-reversal")))
    came_back = (r.state.not_in((RefundState.SENT.value, RefundState.REFUNDED.value)), r.provider_id.not_in(back))
    unread = (
        sa.select(p.payment_id).where(
            p.book_id == book_id, p.state == PaymentState.PAID.value, p.provider_id.not_in(known)
        ),
        sa.select(r.refund_id).where(r.book_id == book_id, r.sent_on.is_not(None), r.provider_id.not_in(known)),
        sa.select(r.refund_id).where(r.book_id == book_id, r.sent_on.is_not(None), *came_back),
        sa.select(c.provider_id).where(c.book_id == book_id, c.provider_id.not_in(known)),
        sa.select(c.provider_id).where(
            c.book_id == book_id, c.state == ChargebackState.REVERSED.value, c.provider_id.not_in(back)
        ),
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in unread)


def _money(connection: sa.Connection, book_id: str) -> list[AccountBalance]:
    return [each for each in balances.trial_balance(connection, book_id) if each.account.asset == "EUR"]


def _sum(money: list[AccountBalance], codes: tuple[str, ...]) -> int:
    return sum(each.signed for each in money if each.account.code.startswith(codes))


def _sums(connection: sa.Connection, book_id: str, purpose: str) -> dict[str, int]:
    """Debit less credit of every entry of one purpose, by account code."""
    p, a, e = tables.posting.c, tables.account.c, tables.entry.c
    joined = tables.posting.join(tables.account, (p.book_id == a.book_id) & (p.account_id == a.account_id))
    joined = joined.join(tables.entry, (p.book_id == e.book_id) & (p.n == e.n))
    query: sa.Select[Any] = sa.select(a.code, sa.func.sum(p.debit - p.credit)).select_from(joined)
    query = query.where(p.book_id == book_id, e.purpose == purpose).group_by(a.code)
    return defaultdict(int, {code: int(cents) for code, cents in connection.execute(query)})
