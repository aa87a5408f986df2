"""Order files are the same bytes each time, valid, and add up to what is read back from them; the rest is refused."""

from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from lxml import etree
from sepaxml import SepaDD, SepaTransfer

from api.refusals import LOCALES, sentence
from ledger.errors import InvariantError, Refusal
from ledger.payments.iso20022.charset import in_sepa_characters, is_sepa_identifier
from ledger.payments.iso20022.document import children, open_document, text
from ledger.payments.iso20022.model import Account, Address, CreditTransfer, DirectDebit, FileTotals
from ledger.payments.iso20022.orders import write_credit_transfers
from ledger.payments.iso20022.totals import read_totals
from tests.bankfiles_kit import (
    CREATED_AT,
    EXECUTED_ON,
    HOLDER,
    OURS,
    THEIRS,
    debit,
    debit_file,
    transfer,
    transfer_file,
)

IXELLES = Address("Ixelles", "BE")


def refusal_of(act: object, *arguments: object, **options: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act(*arguments, **options)  # type: ignore[operator] # one of the writers
    assert all(sentence(caught.value, language) for language in LOCALES)
    return caught.value


def test_the_same_orders_give_the_same_bytes_and_their_totals_are_read_back() -> None:
    orders = [transfer("CPN-1", 4_250, text="Coupon 2026"), transfer("CPN-2", 1, structured_reference="123456789002")]
    file = transfer_file(*orders)
    assert file == transfer_file(*orders)
    totals = read_totals(file)
    assert (totals.message_id, totals.count, totals.total_cents) == ("MSG-1", 2, 4_251)
    assert file != transfer_file(*reversed(orders))


def test_a_transfer_is_written_with_all_that_a_bank_needs() -> None:
    file = transfer_file(transfer("RF-1", 123_456, structured_reference="RF18539007547034"), transfer(text="Zoé & co"))
    message = open_document(file, "pain.001")
    assert text(message, "PmtInf/DbtrAcct/Id/IBAN") == OURS
    assert text(message, "PmtInf/Dbtr/PstlAdr/TwnNm") == "Bruxelles"
    assert text(message, "PmtInf/ReqdExctnDt/Dt") == "2026-11-27"
    assert text(message, "PmtInf/DbtrAgt/FinInstnId/BICFI") == "GKCCBEBB"
    first, second = children(message, "PmtInf/CdtTrfTxInf")
    assert text(first, "Amt/InstdAmt") == "1234.56"
    assert text(first, "RmtInf/Strd/CdtrRefInf/Ref") == "RF18539007547034"
    assert text(first, "RmtInf/Strd/CdtrRefInf/Tp/Issr") == "ISO"
    assert text(second, "RmtInf/Ustrd") == "Zoe + co"
    assert text(second, "Cdtr/Nm") == "Zoe Peeters"


def test_debits_are_batched_by_kind_of_collection_and_name_their_mandate() -> None:
    file = debit_file(
        debit("DD-1", sequence_type="FRST"), debit("DD-2"), debit("DD-3", sequence_type="FRST", debtor=HOLDER)
    )
    assert read_totals(file).total_cents == 150_000
    message = open_document(file, "pain.008")
    first, recurring = children(message, "PmtInf")
    assert [text(first, "PmtInfId"), text(recurring, "PmtInfId")] == ["MSG-2-FRST", "MSG-2-RCUR"]
    assert [text(first, "CtrlSum"), text(recurring, "CtrlSum")] == ["1000.00", "500.00"]
    assert text(recurring, "PmtTpInf/LclInstrm/Cd") == "B2B"
    assert text(recurring, "CdtrSchmeId/Id/PrvtId/Othr/Id") == "DE98ZZZ09999999999"
    assert text(recurring, "DrctDbtTxInf/DrctDbtTx/MndtRltdInf/MndtId") == "MND-2026-7"
    assert text(recurring, "DrctDbtTxInf/DrctDbtTx/MndtRltdInf/DtOfSgntr") == "2026-03-02"
    assert text(recurring, "DrctDbtTxInf/RmtInf/Strd/CdtrRefInf/Ref") == "123456789002"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (transfer(amount=0), Refusal("order-amount-out-of-range", order="CPN-1", amount_cents=0)),
        (transfer(amount=10**11), Refusal("order-amount-out-of-range", order="CPN-1", amount_cents=10**11)),
        (
            transfer(creditor=Account("Zoé", "BE21001234567804", address=IXELLES)),
            Refusal("order-account-invalid", order="CPN-1", iban="BE21001234567804"),
        ),
        (
            transfer(creditor=Account("Zoé", THEIRS, address=Address(" ", "BE"))),
            Refusal("order-address-incomplete", order="CPN-1"),
        ),
        (
            transfer(creditor=Account("x" * 71, THEIRS)),
            Refusal("order-text-too-long", order="CPN-1", element="Nm", longest=70),
        ),
        (
            transfer(creditor=Account("Ελένη", THEIRS)),
            Refusal("order-text-unwritable", order="CPN-1", element="Nm", value="Ελένη"),
        ),
        (
            transfer(creditor=Account("", THEIRS)),
            Refusal("order-reference-invalid", order="CPN-1", element="Cdtr/Nm", value=""),
        ),
        (
            transfer(creditor=Account("Zoé", THEIRS, bic="GKCC")),
            Refusal("order-reference-invalid", order="CPN-1", element="BICFI", value="GKCC"),
        ),
        (
            transfer(structured_reference="123456789003"),
            Refusal("order-reference-invalid", order="CPN-1", element="CdtrRefInf/Ref", value="123456789003"),
        ),
        (transfer("a//b"), Refusal("order-reference-invalid", order="a//b", element="EndToEndId", value="a//b")),
    ],
)
def test_a_transfer_that_no_bank_would_take_is_refused_by_name(order: CreditTransfer, expected: Refusal) -> None:
    assert refusal_of(transfer_file, transfer("OK"), order) == expected


@pytest.mark.parametrize(
    ("orders", "holder", "code"),
    [
        ([debit(), debit("DD-2", scheme="CORE")], HOLDER, "debit-schemes-mixed"),
        ([debit(), debit()], HOLDER, "order-repeated"),
        ([], HOLDER, "order-file-empty"),
        ([debit()], Account("BXL Invest", OURS), "order-reference-invalid"),
        ([debit()], Account("BXL Invest", OURS, creditor_identifier="BE69ZZZ0123456789"), "order-reference-invalid"),
        ([debit(mandate_reference="é")], HOLDER, "order-reference-invalid"),
    ],
)
def test_debits_that_can_not_be_one_file_are_refused(orders: list[DirectDebit], holder: Account, code: str) -> None:
    assert refusal_of(debit_file, *orders, holder=holder).code == code


@pytest.mark.parametrize(
    ("created_at", "execute_on"),
    [
        (CREATED_AT, date(2026, 11, 25)),
        (CREATED_AT, date(2026, 12, 25)),
        (datetime(2026, 11, 26, 23, 30, tzinfo=UTC), date(2026, 11, 26)),  # it is the 27th in Brussels
    ],
)
def test_a_day_that_is_over_or_that_target_does_not_settle_is_refused(created_at: datetime, execute_on: date) -> None:
    out = BytesIO()
    options = {"message_id": "M", "created_at": created_at, "execute_on": execute_on, "debtor": HOLDER}
    refusal = refusal_of(write_credit_transfers, out, **options, transfers=[transfer()])
    assert (refusal.code, out.getvalue()) == ("order-day-not-possible", b"")


def test_a_message_id_leaves_room_for_the_names_of_its_batches() -> None:
    assert refusal_of(transfer_file, transfer(), message_id="M" * 31).code == "order-reference-invalid"
    assert read_totals(transfer_file(transfer(), message_id="M" * 30)).count == 1


def test_what_only_a_defect_could_ask_is_no_refusal() -> None:
    with pytest.raises(InvariantError, match="not both"):
        transfer_file(transfer(structured_reference="123456789002", text="and more"))
    with pytest.raises(InvariantError, match="WEEKLY"):
        debit_file(debit(sequence_type="WEEKLY"))


def test_a_file_exported_into_itself_is_refused_though_it_keeps_its_schema() -> None:
    file = transfer_file(transfer("CPN-1"), transfer("CPN-2"))
    begin, end = file.index(b"<CdtTrfTxInf>"), file.rindex(b"</PmtInf>")
    doubled = file[:end] + file[begin:end] + file[end:]
    stated = doubled.replace(b"<NbOfTxs>2<", b"<NbOfTxs>4<").replace(b"<CtrlSum>85.00<", b"<CtrlSum>170.00<")
    open_document(stated, "pain.001")
    assert refusal_of(read_totals, stated) == Refusal("order-file-repeats-order", line=7, order="CPN-1")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"<CtrlSum>85.00<", b"<CtrlSum>170.00<", "order-file-totals-differ"),
        (b"<NbOfTxs>2<", b"<NbOfTxs>3<", "order-file-totals-differ"),
        (b">42.50<", b">42.51<", "order-file-totals-differ"),
        (b'Ccy="EUR"', b'Ccy="CHF"', "bank-file-currency-foreign"),
        (b"<PmtMtd>TRF<", b"<PmtMtd>XXX<", "bank-file-breaks-schema"),
        (b"</PmtInf>", b"", "bank-file-not-xml"),
        (b"pain.001.001.09", b"pain.001.001.77", "bank-file-kind-unknown"),
        (b"<Document", b"<!DOCTYPE Document>\n<Document", "bank-file-declares-entities"),
    ],
)
def test_bytes_that_do_not_add_up_are_not_released(old: bytes, new: bytes, expected: str) -> None:
    file = transfer_file(transfer("CPN-1"), transfer("CPN-2"))
    refusal = refusal_of(read_totals, file.replace(old, new))
    assert refusal.code == expected
    assert isinstance(refusal.facts["line"], int)


def test_the_line_of_a_broken_schema_is_named_though_the_file_is_streamed() -> None:
    file = transfer_file(transfer("CPN-1"), transfer("CPN-2")).replace(b"<EndToEndId>CPN-2<", b"<EndToEndId><")
    assert refusal_of(read_totals, file).facts["line"] == 6


def test_another_writers_file_of_the_same_batch_says_the_same() -> None:
    orders = [transfer("CPN-1", 4_250, text="Coupon 2026"), transfer("CPN-2", 99, text="Coupon 2026")]
    other = SepaTransfer(
        {"name": HOLDER.name, "IBAN": OURS, "BIC": "GKCCBEBB", "batch": True, "currency": "EUR"},
        schema="pain.001.001.09",
        clean=True,
    )
    for order in orders:
        other.add_payment(
            {
                "name": order.creditor.name,
                "IBAN": order.creditor.iban,
                "amount": order.amount_cents,
                "execution_date": EXECUTED_ON,
                "description": order.text,
                "endtoend_id": order.end_to_end_id,
            }
        )
    assert transfers_in(other.export()) == transfers_in(transfer_file(*orders))


def test_another_writers_debits_of_the_same_batch_say_the_same() -> None:
    orders = [debit("DD-1", sequence_type="FRST"), debit("DD-2", 1)]
    other = SepaDD(
        {
            "name": HOLDER.name,
            "IBAN": OURS,
            "BIC": "GKCCBEBB",
            "batch": True,
            "creditor_id": HOLDER.creditor_identifier,
            "currency": "EUR",
            "instrument": "B2B",
        },
        schema="pain.008.001.08",
        clean=True,
    )
    for order in orders:
        other.add_payment(
            {
                "name": order.debtor.name,
                "IBAN": order.debtor.iban,
                "BIC": "GKCCBEBB",
                "amount": order.amount_cents,
                "type": order.sequence_type,
                "collection_date": EXECUTED_ON,
                "mandate_id": order.mandate_reference,
                "mandate_date": order.mandate_signed_on,
                "description": "Instalment",
                "endtoend_id": order.end_to_end_id,
            }
        )
    assert debits_in(other.export()) == debits_in(debit_file(*orders))


def transfers_in(file: bytes) -> tuple[FileTotals | int, ...]:
    """What a transfer file orders, whoever wrote it."""
    totals, message = read_totals(file), open_document(file, "pain.001")
    paths = ("PmtId/EndToEndId", "Amt/InstdAmt", "Cdtr/Nm", "CdtrAcct/Id/IBAN", "RmtInf/Ustrd")
    orders = {tuple(text(order, path) for path in paths) for order in children(message, "PmtInf/CdtTrfTxInf")}
    head = ("PmtMtd", "ReqdExctnDt/Dt", "DbtrAcct/Id/IBAN", "DbtrAgt/FinInstnId/BICFI", "ChrgBr", "Dbtr/Nm")
    said = [tuple(text(batch, path) for path in head) for batch in children(message, "PmtInf")]
    return totals.count, totals.total_cents, frozenset(orders), *said


def debits_in(file: bytes) -> tuple[object, ...]:
    """What a debit file collects, whoever wrote it."""
    totals, message = read_totals(file), open_document(file, "pain.008")
    mandate = "DrctDbtTx/MndtRltdInf"
    paths = ("PmtId/EndToEndId", "InstdAmt", "Dbtr/Nm", "DbtrAcct/Id/IBAN", f"{mandate}/MndtId", f"{mandate}/DtOfSgntr")
    head = (
        "PmtMtd",
        "ReqdColltnDt",
        "PmtTpInf/LclInstrm/Cd",
        "PmtTpInf/SeqTp",
        "CdtrSchmeId/Id/PrvtId/Othr/Id",
        "CtrlSum",
    )
    batches = {
        (tuple(text(batch, path) for path in head), tuple(text(order, path) for path in paths))
        for batch in children(message, "PmtInf")
        for order in children(batch, "DrctDbtTxInf")
    }
    return totals.count, totals.total_cents, frozenset(batches)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Société «Zoé & fils»", "Societe .Zoe + fils."),
        ("Œuvre d\u2019été — 5 €", "OEuvre d'ete - 5 EUR"),
        ("Łukasz Groß", "Lukasz Gross"),
        (" a\nb ", "a b"),
        ("Иван", None),
        ("٣", None),
        ("😀", "."),
    ],
)
def test_text_is_brought_to_the_characters_that_every_bank_carries(written: str, expected: str | None) -> None:
    assert in_sepa_characters(written) == expected


@pytest.mark.parametrize(
    ("identifier", "is_one"),
    [
        ("A-1", True),
        ("a/b", True),
        ("/a", False),
        ("a/", False),
        ("a//b", False),
        ("", False),
        ("é", False),
        (" a", False),
    ],
)
def test_an_identifier_has_no_slash_at_its_ends(identifier: str, *, is_one: bool) -> None:
    assert is_sepa_identifier(identifier) is is_one


def test_no_character_of_text_can_become_markup() -> None:
    every = "".join(map(chr, [*range(0x20, 0x2FF), *range(0x2010, 0x2060)]))
    letters = [char for char in every if in_sepa_characters(char) is not None]
    file = transfer_file(*(transfer(f"T-{n}", text=f"x{char}x") for n, char in enumerate(letters)))
    assert read_totals(file).count == len(letters) > 300
    etree.fromstring(file)
