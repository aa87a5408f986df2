"""Whatever is ordered, the file is valid and says it, or the order is refused by name; a statement says it back."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Refusal
from ledger.payments.iso20022.document import children, open_document, text
from ledger.payments.iso20022.model import Account, Address, CreditTransfer, DirectDebit
from ledger.payments.iso20022.statements import read_statements
from ledger.payments.iso20022.totals import read_totals
from ledger.payments.references import structured_communication
from tests.bankfiles_kit import THEIRS, Detail, Entry, camt, debit_file, transfer_file

LATIN = st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=40)
NAMES = st.one_of(LATIN, LATIN, LATIN, st.text(min_size=1, max_size=80))
AMOUNTS = st.integers(1, 99_999_999_999)
ADDRESSES = st.none() | st.builds(
    Address, town=NAMES, country=st.sampled_from(["BE", "NL", "FR"]), street=st.none() | NAMES
)
ACCOUNTS = st.builds(Account, name=NAMES, iban=st.just(THEIRS), address=ADDRESSES)
REFERENCES = st.integers(1, 9_999_999_999).map(structured_communication)
ORDER = {"end_to_end_id": st.uuids().map(str), "amount_cents": AMOUNTS, "structured_reference": REFERENCES}
TRANSFERS = st.builds(CreditTransfer, creditor=ACCOUNTS, **ORDER)
DEBITS = st.builds(
    DirectDebit,
    debtor=ACCOUNTS,
    mandate_reference=st.from_regex(r"[A-Z0-9]{1,35}", fullmatch=True),
    mandate_signed_on=st.dates(date(2009, 11, 1), date(2026, 11, 26)),
    scheme=st.just("CORE"),
    sequence_type=st.sampled_from(["FRST", "RCUR", "OOFF", "FNAL"]),
    **ORDER,
)


def written_or_refused(write, orders):
    """The bytes of a file, or None where an order of it was refused by its name."""
    named = None
    try:
        return write(*orders)
    except Refusal as refusal:
        named = refusal.facts["order"]
    assert named in {order.end_to_end_id for order in orders}
    return None


@settings(max_examples=40, deadline=None)
@given(st.lists(TRANSFERS, min_size=1, max_size=5, unique_by=lambda order: order.end_to_end_id))
def test_a_file_of_transfers_is_valid_and_says_what_was_ordered_or_an_order_is_refused(orders) -> None:
    file = written_or_refused(transfer_file, orders)
    if file is None:
        return
    totals = read_totals(file)
    assert (totals.count, totals.total_cents) == (len(orders), sum(order.amount_cents for order in orders))
    written = children(open_document(file, "pain.001"), "PmtInf/CdtTrfTxInf")
    assert [(text(one, "PmtId/EndToEndId"), text(one, "RmtInf/Strd/CdtrRefInf/Ref")) for one in written] == [
        (order.end_to_end_id, order.structured_reference) for order in orders
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(DEBITS, min_size=1, max_size=5, unique_by=lambda order: order.end_to_end_id))
def test_a_file_of_debits_is_valid_and_adds_up_or_an_order_is_refused(orders) -> None:
    file = written_or_refused(debit_file, orders)
    if file is None:
        return
    totals = read_totals(file)
    assert (totals.count, totals.total_cents) == (len(orders), sum(order.amount_cents for order in orders))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(-99_999_999, 99_999_999).filter(bool), min_size=1, max_size=4), max_size=6),
    st.integers(-(10**9), 10**9),
    st.sampled_from(["03", "06", "08", "14"]),
)
def test_a_statement_gives_every_part_of_every_entry_as_it_was_booked(batches, opening, version) -> None:
    entries = [Entry(sum(parts), tuple(map(Detail, parts)), f"R{n}") for n, parts in enumerate(batches)]
    (statement,) = read_statements(camt(*entries, opening=opening, version=version))
    assert [line.amount_cents for line in statement.lines] == [part for parts in batches for part in parts]
    assert len({line.key for line in statement.lines}) == len(statement.lines)
