"""Statements are read whole and right in every version, or refused with the line and the reason."""

from datetime import date

import pytest

from api.refusals import LOCALES, sentence
from ledger.errors import Refusal
from ledger.payments.iso20022.model import StatementLine
from ledger.payments.iso20022.statements import read_statements
from tests.bankfiles_kit import OURS, THEIRS, VERSIONS, Detail, Entry, camt, paid

OGM = "123456789002"


def lines_of(*entries: Entry, version: str = "08") -> tuple[StatementLine, ...]:
    (statement,) = read_statements(camt(*entries, version=version))
    return statement.lines


def refused(file: bytes) -> Refusal:
    """The refusal of a file, which names a line and has its sentence in every language."""
    with pytest.raises(Refusal) as caught:
        read_statements(file)
    refusal = caught.value
    assert isinstance(refusal.facts["line"], int), refusal
    assert all(str(refusal.facts["line"]) in sentence(refusal, language) for language in LOCALES)
    return refusal


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_gives_the_same_values(version: str) -> None:
    file = camt(
        paid(25_000, "A1", reference=OGM, end_to_end_id="E2E-1"),
        Entry(-9_000, (Detail(-4_000, text="coupon"), Detail(-5_000, text="coupon")), "B2"),
        version=version,
    )
    (statement,) = read_statements(file)
    assert (statement.iban, statement.statement_id, statement.sequence) == (OURS, "STMT-2026-225", 225)
    assert (statement.opening_cents, statement.closing_cents) == (100_000, 116_000)
    assert statement.message == "MSG-STMT-2026-225"
    assert statement.lines[0] == StatementLine(
        key=f"{OURS}:STMT-2026-225:A1:0",
        amount_cents=25_000,
        booked_on=date(2026, 11, 25),
        value_on=date(2026, 11, 26),
        bank_code="PMNT-RCDT-ESCT",
        servicer_reference="A1",
        end_to_end_id="E2E-1",
        structured_reference=OGM,
        counterparty_name="Zoé Peeters",
        counterparty_iban=THEIRS,
    )
    assert [(line.amount_cents, line.is_batch) for line in statement.lines[1:]] == [(-4_000, True), (-5_000, True)]


def test_what_is_not_booked_is_no_part_of_the_statement() -> None:
    for version in ("02", "08"):
        pending = Entry(7_000, (Detail(7_000),), "P1", status="PDNG")
        assert [line.amount_cents for line in lines_of(pending, paid(500, "A1"), version=version)] == [500]


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_batch_with_one_return_inside_is_split_by_sign(version: str) -> None:
    batch = Entry(
        20_000,
        (
            Detail(15_000, "DD-1", mandate="MND-1"),
            Detail(10_000, "DD-2", mandate="MND-2"),
            Detail(-5_000, "DD-0", mandate="MND-0", returned="MD06"),
        ),
        "SDD-1",
    )
    lines = lines_of(batch, version=version)
    assert [(line.amount_cents, line.end_to_end_id, line.mandate_reference, line.return_reason) for line in lines] == [
        (15_000, "DD-1", "MND-1", None),
        (10_000, "DD-2", "MND-2", None),
        (-5_000, "DD-0", "MND-0", "MD06"),
    ]
    assert {line.counterparty_iban for line in lines} == {THEIRS}


def test_a_returned_coupon_names_the_holder_and_the_reason() -> None:
    (line,) = lines_of(paid(4_250, "R1", end_to_end_id="CPN-7", returned="AC04"))
    assert (line.amount_cents, line.return_reason, line.counterparty_name) == (4_250, "AC04", "Zoé Peeters")
    (line,) = lines_of(Entry(4_250, (Detail(4_250, "CPN-7"),), "R2", is_reversal=True))
    assert line.is_reversal


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("+++123/4567/89002+++", OGM),
        ("***123/4567/89002*** merci", OGM),
        ("prêt 123 4567 89002", OGM),
        ("123456789002", OGM),
        ("123-4567-89002", OGM),
        ("RF18 5390 0754 7034 facture", "RF18539007547034"),
        ("***123/4567/89003***", None),
        ("0123456789002", None),
        ("123/4567/89002 123/4567/99001", OGM),
        ("123/4567/89002 et 000/0000/00101", None),
        ("1234567.2611.03", None),
    ],
)
def test_a_structured_communication_is_found_in_every_spelling(text: str, reference: str | None) -> None:
    (line,) = lines_of(paid(25_000, "A1", text=text))
    assert (line.structured_reference, line.remittance) == (reference, text)


def test_a_reference_with_a_wrong_digit_is_no_reference_but_is_kept_for_people() -> None:
    (line,) = lines_of(paid(25_000, "A1", reference="123456789003"))
    assert (line.structured_reference, line.remittance) == (None, "123456789003")


def test_entries_under_one_reference_have_keys_of_their_own_and_the_same_ones_again() -> None:
    file = camt(paid(500, "A1"), paid(500, "A1"), Entry(300), Entry(0, (), "Z"))
    (first,), (second,) = read_statements(file), read_statements(file)
    keys = [line.key.removeprefix(f"{OURS}:STMT-2026-225:") for line in first.lines]
    assert keys == ["A1:0", "A1:1", "#2:0"]
    assert first == second


@pytest.mark.parametrize("version", ["02", "08"])
def test_an_altered_digit_of_an_amount_or_a_balance_is_refused(version: str) -> None:
    file = camt(paid(25_000, "A1"), Entry(-9_000, (Detail(-4_000), Detail(-5_000)), "B2"), version=version)
    assert refused(file.replace(b">250.00<", b">251.00<")) == Refusal(
        "statement-does-not-foot", line=8, opening_cents=100_000, lines_cents=16_100, closing_cents=116_000
    )
    assert refused(file.replace(b">250.00<", b">251.00<", 1)).code == "statement-batch-does-not-foot"
    assert refused(file.replace(b">1160.00<", b">1160.01<")).code == "statement-does-not-foot"
    assert refused(file.replace(b">40.00<", b">41.00<")) == Refusal(
        "statement-batch-does-not-foot", line=12, entry_cents=-9_000, details_cents=-9_100
    )


@pytest.mark.parametrize(("version", "charges"), [("02", "{}"), ("08", "<Rcrd>{}</Rcrd>")])
def test_charges_that_the_bank_took_with_a_payment_are_a_line_of_their_own(version: str, charges: str) -> None:
    file = camt(Entry(-10_350, (Detail(-10_000, "DD-1", returned="MD06"),), "R1"), version=version)
    record = charges.format('<Amt Ccy="EUR">3.50</Amt>')
    taken = f"<Chrgs>{record}</Chrgs><RltdPties>".encode()
    (statement,) = read_statements(file.replace(b"<RltdPties>", taken))
    assert [(line.amount_cents, line.end_to_end_id, line.return_reason) for line in statement.lines] == [
        (-10_000, "DD-1", "MD06"),
        (-350, None, None),
    ]
    assert refused(file).code == "statement-batch-does-not-foot"
    assert (
        refused(file.replace(b"<RltdPties>", taken.replace(b"3.50", b"3.51"))).code == "statement-batch-does-not-foot"
    )


def test_a_payment_in_another_currency_is_booked_at_what_the_account_got() -> None:
    file = camt(paid(9_100, "F1"))
    begin = file.index(b"<TxDtls>")
    foreign = file[:begin] + file[begin:].replace(b'<Amt Ccy="EUR">91.00<', b'<Amt Ccy="USD">100.00<', 1)
    (statement,) = read_statements(foreign)
    assert [line.amount_cents for line in statement.lines] == [9_100]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"<Stmt>", b"<Stmt", "bank-file-not-xml"),
        (b"<BkToCstmrStmt>", b"<BkToCstmrStmt><X/>", "bank-file-breaks-schema"),
        (b"camt.053.001.08", b"camt.053.001.01", "bank-file-kind-unknown"),
        (b"camt.053.001.08", b"camt.053.001.77", "bank-file-kind-unknown"),
        (b"camt.053.001.08", b"camt.054.001.08", "bank-file-kind-unknown"),
        (b"xmlns=", b"xmlns:x=", "bank-file-kind-unknown"),
        (b"<Cd>OPBD</Cd>", b"<Cd>OPAV</Cd>", "bank-file-lacks-element"),
        (b"<Cd>OPBD</Cd>", b"<Cd>CLBD</Cd>", "bank-file-lacks-element"),
        (b"<BookgDt><Dt>2026-11-25</Dt></BookgDt>", b"", "bank-file-lacks-element"),
        (b">250.00<", b">250.001<", "bank-file-value-unreadable"),
        (b">250.00<", b">999999999999999999<", "bank-file-value-unreadable"),
        (b'Ccy="EUR">250.00', b'Ccy="USD">250.00', "bank-file-currency-foreign"),
        (b"<Dt><Dt>2026-11-25</Dt></Dt>", b"<Dt><Dt>12026-11-25</Dt></Dt>", "bank-file-value-unreadable"),
        (b"<ElctrncSeqNb>225<", b"<ElctrncSeqNb>225.0<", "bank-file-value-unreadable"),
        (b"<Document", b"<!DOCTYPE Document [<!ENTITY x 'y'>]>\n<Document", "bank-file-declares-entities"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_by_line(old: bytes, new: bytes, code: str) -> None:
    file = camt(paid(25_000, "A1", reference=OGM))
    assert file.count(old) > 0
    assert refused(file.replace(old, new)).code == code


def test_two_opening_balances_are_refused() -> None:
    file = camt(paid(25_000, "A1"))
    balance = file[file.index(b"<Bal>") : file.index(b"</Bal>") + len(b"</Bal>")]
    assert refused(file.replace(balance, balance + b"\n" + balance)).code == "bank-file-value-unreadable"


def test_entities_are_refused_in_any_encoding_and_never_expanded() -> None:
    file = camt(paid(25_000, "A1", text="x")).decode().replace("<Ustrd>x", "<Ustrd>&big;")
    bomb = '<!DOCTYPE Document [<!ENTITY a "' + "x" * 500 + '"><!ENTITY big "' + "&a;" * 500 + '">]>\n<Document'
    assert refused(file.replace("<Document", bomb).encode()).facts == {"line": 2}
    wide = file.replace("&big;", "y").replace("<Document", '<!DOCTYPE Document [<!ENTITY a "b">]>\n<Document')
    assert refused(wide.replace("UTF-8", "UTF-16").encode("utf-16")).code == "bank-file-declares-entities"


def test_a_file_from_outside_is_never_fetched_into_this_one() -> None:
    file = camt(paid(25_000, "A1")).replace(b"<BkToCstmrStmt>", b'<BkToCstmrStmt><xi:include href="/etc/hostname"/>')
    assert refused(file).code == "bank-file-not-xml"


def test_a_file_beyond_the_limit_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.payments.iso20022.document.LARGEST_BYTES", 1_000)
    assert refused(camt(paid(25_000, "A1"))).code == "bank-file-too-large"


def test_an_empty_file_is_refused() -> None:
    assert refused(b"").code == "bank-file-not-xml"
