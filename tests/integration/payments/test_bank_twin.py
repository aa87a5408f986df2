"""The bank twin: by which rules it refuses, what becomes of orders by its clock, what can go wrong, and its page."""

import json
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from api.rails.sandbox.bank import CLIENT_IBAN, OWN_IBAN
from api.rails.sandbox.bank.control import BankControl
from api.rails.sandbox.server import SandboxServer
from api.rails.sepa import SepaRail
from ledger.errors import InvariantError, Refusal
from ledger.payments.iso20022.answers import read_answers
from ledger.payments.iso20022.statements import read_statements
from ledger.payments.rail import CallRefusedError, OutcomeUnknownError, PayeeMatch, RailBusyError
from tests.bank_kit import (
    AMELIE,
    BRAM,
    MONDAY,
    TOKEN,
    TUESDAY,
    WEDNESDAY,
    Paid,
    TwinSide,
    debit_file,
    said,
    transfer_file,
)
from tests.conformance.rail_subjects import asked
from tests.payments_kit import sandbox_rail

BRITISH_ADDRESS = "<PstlAdr><AdrLine>Rue Haute 1, 1000 Bruxelles</AdrLine></PstlAdr>"
WRONG_IBAN = "BE47096900054836"


@pytest.fixture
def bank(sandbox):
    side = TwinSide(sandbox.base)
    side.control.credit_transfer(100_000, name="Bram Maes", iban=BRAM, text="+++090/9337/55493+++")
    return side


def order(bank, file, message_id="M1", *, until=TUESDAY):
    """Hand in a file and let days pass; gives the answers."""
    bank.rail.submit(file, message_id)
    bank.control.set_date(until)
    return [said(answer) for answer in bank.rail.answers(since=MONDAY)]


def lines(bank):
    """Every booked line so far, as our own reader sees it."""
    return [line for file in bank.rail.statements(since=MONDAY) for s in read_statements(file) for line in s.lines]


@pytest.mark.parametrize(
    ("file", "answer"),
    [
        (transfer_file("M1", [Paid("e1", 100)], count=2), ("RJCT", "AM18")),
        (transfer_file("M1", [Paid("e1", 100)], cents=101), ("RJCT", "AM10")),
        (transfer_file("M1", []), ("RJCT", "FF01")),
        (transfer_file("M1", [Paid("e1", 100)], iban=BRAM), ("RJCT", "AC02")),
        (transfer_file("M1", [Paid("e1", 100)], on=date(2026, 2, 27)), ("RJCT", "DT01")),
        (transfer_file("M1", [Paid("e1", 100)], currency="USD"), ("RJCT", "AM03")),
        (transfer_file("M1", [Paid("e1", 0)]), ("RJCT", "AM01")),
        (transfer_file("M1", [Paid("e1", 100, iban=WRONG_IBAN)]), ("RJCT", "AC01")),
        (transfer_file("M1", [Paid("e1", 100, address=BRITISH_ADDRESS)]), ("RJCT", "BE04")),
        (transfer_file("M1", [Paid("e1", 100), Paid("e1", 100)]), ("PART", "AM05")),
        (transfer_file("M1", [Paid("e1", 100_001)]), ("ACCP", "AM04")),
        (debit_file("M1", [Paid("e1", 100)], on=MONDAY), ("RJCT", "DT01")),
        (debit_file("M1", [Paid("e1", 100, signed_on="2026-03-05")], on=WEDNESDAY), ("RJCT", "DT01")),
        (debit_file("M1", [Paid("e1", 100, mandate="")], on=WEDNESDAY), ("RJCT", "MD02")),
        (debit_file("M1", [Paid("e1", 100)], on=WEDNESDAY, scheme="COR1"), ("RJCT", "AG02")),
        (debit_file("M1", [Paid("e1", 100)], on=WEDNESDAY, creditor="BE69ZZZ050D000000008"), ("RJCT", "BE05")),
        (debit_file("M1", [Paid("e1", 100)], on=WEDNESDAY, iban=AMELIE), ("RJCT", "AC02")),
    ],
)
def test_a_file_is_refused_by_rule_and_moves_nothing_that_was_refused(bank, file, answer):
    status, reason = answer
    found = order(bank, file)
    assert found[0][0] == status
    reasons = [r for file in bank.rail.answers(since=MONDAY) for a in read_answers(file) if (r := a.reason)]
    assert set(reasons) == {reason}
    assert bank.control.cents() == (99_900 if status == "PART" else 100_000)


def test_a_message_id_is_used_once(bank):
    bank.rail.submit(transfer_file("M1", [Paid("e1", 100)]), "M1")
    with pytest.raises(CallRefusedError, match="DU01"):
        bank.rail.submit(transfer_file("M1", [Paid("e2", 100)]), "M1")


def test_an_order_is_not_carried_out_twice_though_it_comes_in_two_files(bank):
    order(bank, transfer_file("M1", [Paid("e1", 100)]))
    assert order(bank, transfer_file("M2", [Paid("e1", 100)], on=TUESDAY), "M2", until=WEDNESDAY)[1] == (
        "RJCT",
        [("e1", "AM05")],
    )
    assert bank.control.cents() == 99_900


def test_a_batch_is_one_line_with_a_detail_an_order(bank):
    assert order(bank, transfer_file("M1", [Paid("e1", 2_500), Paid("e2", 4_000, iban=BRAM)])) == [("ACCP", [])]
    received, *sent = lines(bank)
    assert (received.amount_cents, received.structured_reference) == (100_000, "090933755493")
    assert [(line.end_to_end_id, line.amount_cents, line.is_batch) for line in sent] == [
        ("e1", -2_500, True),
        ("e2", -4_000, True),
    ]
    assert {line.servicer_reference for line in sent} == {sent[0].servicer_reference}


def test_orders_that_are_booked_one_by_one_are_lines_of_their_own(bank):
    order(bank, transfer_file("M1", [Paid("e1", 2_500), Paid("e2", 4_000)], batch="false"))
    assert [(line.amount_cents, line.is_batch) for line in lines(bank)[1:]] == [(-2_500, False), (-4_000, False)]


def test_a_batch_without_the_cash_for_all_of_it_is_not_booked_in_part(bank):
    answers = order(bank, transfer_file("M1", [Paid("e1", 60_000), Paid("e2", 60_000)]))
    assert answers == [("ACCP", []), ("RJCT", [("e1", "AM04"), ("e2", "AM04")])]
    assert bank.control.cents() == 100_000


def test_an_order_waits_for_its_day_and_for_the_next_one_that_settles(bank):
    good_friday = date(2026, 4, 3)
    order(bank, transfer_file("M1", [Paid("e1", 100)], on=good_friday), until=date(2026, 4, 7))
    assert bank.control.cents() == 100_000
    bank.control.set_date(date(2026, 4, 8))
    assert [line.booked_on for line in lines(bank)[1:]] == [date(2026, 4, 7)]


def test_money_between_our_accounts_stands_on_both(bank):
    order(bank, transfer_file("M1", [Paid("e1", 2_500, iban=OWN_IBAN)]))
    assert (bank.control.cents(), bank.control.cents(OWN_IBAN)) == (97_500, 2_500)
    bank.control.credit_transfer(500, name="", iban=OWN_IBAN, text="top-up")
    assert (bank.control.cents(), bank.control.cents(OWN_IBAN)) == (98_000, 2_000)


def test_a_transfer_to_a_closed_account_comes_back_the_next_business_day(bank):
    bank.control.doom_account(AMELIE, "Amélie Dubois", outcome="return", reason="AC04")
    friday = date(2026, 3, 6)
    bank.control.set_date(friday)
    order(bank, transfer_file("M1", [Paid("e1", 2_500)], on=friday), until=date(2026, 3, 10))
    back = lines(bank)[-1]
    assert (back.end_to_end_id, back.amount_cents, back.return_reason) == ("e1", 2_500, "AC04")
    assert back.booked_on == date(2026, 3, 9)
    assert back.counterparty_iban == AMELIE
    assert bank.control.cents() == 100_000


def test_debits_are_collected_on_their_day_and_refused_or_returned_as_the_debtors_account_is_fated(bank):
    bank.control.doom_account(AMELIE, "Amélie Dubois", outcome="return", reason="AM04", days=2)
    bank.control.doom_account("BE83363900041115", "Chloé", outcome="reject", reason="MD01")
    orders = [Paid("d1", 10_000), Paid("d2", 20_000, iban=BRAM), Paid("d3", 500, iban="BE83363900041115")]
    answers = order(bank, debit_file("M1", orders, on=WEDNESDAY), until=date(2026, 3, 9))
    assert answers == [("ACCP", []), ("PART", [("d3", "MD01")])]
    collected, returned = lines(bank)[1:3], lines(bank)[3]
    assert [(line.end_to_end_id, line.amount_cents, line.booked_on) for line in collected] == [
        ("d1", 10_000, WEDNESDAY),
        ("d2", 20_000, WEDNESDAY),
    ]
    assert (returned.end_to_end_id, returned.amount_cents, returned.return_reason) == ("d1", -10_000, "AM04")
    assert (returned.mandate_reference, returned.booked_on) == ("MNDT1", date(2026, 3, 6))
    assert bank.control.cents() == 120_000


@pytest.mark.parametrize(
    ("reason", "days", "is_possible"),
    [
        ("MD06", 56, True),
        ("MD06", 57, False),
        ("MD01", 395, True),
        ("MD01", 398, False),
        ("AM04", 7, True),
        ("AM04", 8, False),
    ],
)
def test_a_debit_comes_back_within_its_schemes_time_only(bank, reason, days, is_possible):
    order(bank, debit_file("M1", [Paid("d1", 10_000)], on=TUESDAY), until=WEDNESDAY)
    bank.control.set_date(TUESDAY + timedelta(days=days))
    if is_possible:
        bank.control.send_back("d1", reason)
        assert bank.control.cents() == 100_000
    else:
        with refused():
            bank.control.send_back("d1", reason)
        assert bank.control.cents() == 110_000


def test_a_debit_between_businesses_is_not_refunded(bank):
    order(bank, debit_file("M1", [Paid("d1", 10_000)], on=TUESDAY, scheme="B2B"), until=WEDNESDAY)
    with refused():
        bank.control.send_back("d1", "MD06")
    bank.control.send_back("d1", "AM04")
    with refused():
        bank.control.send_back("d1", "AM04")  # it came back already


def test_an_answer_need_not_wait_for_the_days_end(bank):
    bank.rail.submit(transfer_file("M1", [Paid("e1", 100)]), "M1")
    assert bank.rail.answers(since=MONDAY) == []
    bank.control.answer_now()
    assert [said(a) for a in bank.rail.answers(since=MONDAY)] == [("ACCP", [])]
    assert bank.control.cents() == 99_900


def test_settlements_of_the_provider_arrive_on_their_day_under_their_reference(bank, sandbox):
    rail = sandbox_rail(sandbox.base)
    payment = rail.create_payment(asked(50_000), "k1")
    bank.control.pay(payment.provider_id)
    bank.control.set_date(MONDAY + timedelta(days=10))
    [settled] = bank.control.settlements()
    [line] = lines(bank)[1:]
    assert line.amount_cents == settled["amount_cents"]
    assert settled["reference"] in line.remittance
    assert line.booked_on.isoformat() == settled["settledAt"][:10]


def test_charges_are_taken_from_the_account(bank):
    bank.control.charge(CLIENT_IBAN, 350, "account fee March")
    bank.control.set_date(TUESDAY)
    charge = lines(bank)[1]
    assert (charge.amount_cents, charge.remittance, charge.counterparty_iban) == (-350, "account fee March", None)


def test_what_is_pending_stands_in_the_statement_and_not_in_its_balance(bank):
    bank.control.credit_transfer(700, name="Bram Maes", iban=BRAM, is_pending=True)
    bank.control.set_date(TUESDAY)
    [file] = bank.rail.statements(since=MONDAY)
    assert b"PDNG" in file
    [statement] = read_statements(file)
    assert (statement.closing_cents, len(statement.lines)) == (100_000, 1)


def test_a_statement_comes_every_business_day_and_begins_where_the_last_one_ended(bank):
    bank.control.set_date(date(2026, 3, 10))
    found = [s for file in bank.rail.statements(since=MONDAY) for s in read_statements(file)]
    assert [s.closed_on.day for s in found] == [2, 3, 4, 5, 6, 9]
    assert [s.sequence for s in found] == [1, 2, 3, 4, 5, 6]
    assert [s.opening_cents for s in found] == [0] + [s.closing_cents for s in found[:-1]]


def test_a_statement_can_be_missing_skip_a_number_or_have_one_byte_wrong_until_it_is_healed(bank):
    for day, fault in enumerate(["altered", "missing", "gap"]):
        bank.control.set_date(MONDAY + timedelta(days=day))
        bank.control.spoil_next(fault)
    bank.control.set_date(date(2026, 3, 6))
    altered, gapped, after = bank.rail.statements(since=MONDAY)
    assert [read_statements(f)[0].sequence for f in (gapped, after)] == [4, 5]
    with pytest.raises(Refusal, match="statement-batch-does-not-foot"):
        read_statements(altered)
    bank.control.heal()
    healed = bank.rail.statements(since=MONDAY)
    assert [read_statements(f)[0].sequence for f in healed] == [1, 2, 4, 5]
    assert len(healed[0]) == len(altered)
    assert sum(a != b for a, b in zip(healed[0], altered, strict=True)) == 1


@pytest.mark.parametrize(
    ("held", "asked_name", "match"),
    [
        ("Amélie Dubois", "DUBOIS, Amelie", PayeeMatch.MATCH),
        ("Amélie Dubois", "A. Dubois", PayeeMatch.CLOSE_MATCH),
        ("Amélie Dubois", "Amelie Duboix", PayeeMatch.CLOSE_MATCH),
        ("Amélie Dubois", "Jan Peeters", PayeeMatch.NO_MATCH),
        ("Amélie Dubois", "", PayeeMatch.NO_MATCH),
    ],
)
def test_a_payee_is_compared_by_name_and_told_only_where_it_is_close(bank, held, asked_name, match):
    bank.control.keep_account(AMELIE, held)
    answer = bank.payees.check_payee(iban=AMELIE, name=asked_name)
    assert answer.match is match
    assert answer.name_held == (held if match is PayeeMatch.CLOSE_MATCH else None)


def test_a_payee_nobody_knows_can_not_be_verified_nor_any_while_the_bank_is_away(bank, sandbox):
    assert bank.payees.check_payee(iban=AMELIE, name="Amélie Dubois").match is PayeeMatch.NOT_POSSIBLE
    bank.control.keep_account(AMELIE, "Amélie Dubois")
    bank.control.add_fault("500-before", path="/bank-api/")
    assert bank.payees.check_payee(iban=AMELIE, name="Amélie Dubois").match is PayeeMatch.NOT_POSSIBLE
    assert bank.payees.check_payee(iban=AMELIE, name="Amélie Dubois").match is PayeeMatch.MATCH


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("503", OutcomeUnknownError),
        ("502-html", OutcomeUnknownError),
        ("reset-before", OutcomeUnknownError),
        ("429", RailBusyError),
        ("422-without-detail", CallRefusedError),
    ],
)
def test_every_way_to_fail_is_one_of_the_four(bank, fault, raised):
    bank.control.add_fault(fault, path="/bank-api/")
    with pytest.raises(raised):
        bank.rail.submit(transfer_file("M1", [Paid("e1", 100)]), "M1")


def test_a_bank_that_is_not_there_has_taken_nothing(bank, sandbox):
    gone = SandboxServer()
    base = gone.base
    gone.server_close()
    gone.callbacks.stop()
    with pytest.raises(RailBusyError):
        SepaRail(TOKEN, base).statements(since=MONDAY)


def test_the_twin_takes_test_tokens_only_and_a_live_token_leaves_by_https_only(bank, sandbox):
    with pytest.raises(InvariantError):
        SepaRail("live_" + "b" * 30, sandbox.base)
    status, _, _ = ask(f"{sandbox.base}/bank-api/statements", headers={"Authorization": "Bearer live_x"})
    assert status == 401


def test_what_the_bank_knows_outlives_its_process(tmp_path):
    for day, cents in ((MONDAY, 100_000), (TUESDAY, 200_000)):
        server = SandboxServer(state=tmp_path / "state")
        server.start()
        control = BankControl(server.base)
        control.set_date(day)
        control.credit_transfer(100_000, name="Bram Maes", iban=BRAM)
        assert control.cents() == cents
        server.close()


def test_what_happened_at_the_bank_stands_in_the_timeline(bank):
    order(bank, transfer_file("M1", [Paid("e1", 100)]))
    events = [event["event"] for event in bank.control.timeline()]
    assert [e for e in events if e.startswith("bank-")] == [
        "bank-line", "bank-file", "bank-answer", "bank-line", "bank-statement", "bank-statement",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "told",
    [
        ("transfer", {"cents": 0, "name": "x", "iban": BRAM}),
        ("transfer", {"cents": 1, "name": "x", "iban": WRONG_IBAN}),
        ("transfer", {"cents": 1, "name": "x", "iban": BRAM, "to": AMELIE}),
        ("charge", {"iban": BRAM, "cents": 1, "text": "x"}),
        ("account", {"iban": WRONG_IBAN, "name": "x"}),
        ("account", {"iban": BRAM, "name": "x", "fate": {"outcome": "vanish", "reason": "AC04"}}),
        ("spoil", {"iban": BRAM, "fault": "gap"}),
        ("spoil", {"iban": CLIENT_IBAN, "fault": "burnt"}),
        ("return", {"end_to_end_id": "none", "reason": "AC04"}),
    ],
)
def test_a_control_call_that_makes_no_sense_is_refused(bank, sandbox, told):
    name, facts = told
    status, _, _ = ask(
        f"{sandbox.base}/control/bank/{name}", method="POST", body=json.dumps(facts).encode(),
        headers={"X-Sandbox-Control": "1"},
    )  # fmt: skip
    assert status == 422
    assert bank.control.cents() == 100_000


@pytest.mark.parametrize(("language", "word"), [("fr", "Votre banque"), ("nl", "Uw bank"), ("en", "Your bank")])
def test_the_page_of_the_bank_says_sandbox_in_every_language_and_works_without_scripts(bank, sandbox, language, word):
    status, headers, page = ask(f"{sandbox.base}/bank?lang={language}&amount=12.50&text=%3Cb%3E")
    assert status == 200
    assert f'<html lang="{language}">' in page
    assert word in page
    assert "SANDBOX" in page
    assert 'value="&lt;b&gt;"' in page
    assert "BE42 0965 5010 0054" in page
    assert "<script" not in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_citizen_transfers_to_us_on_the_page_and_sees_what_comes_of_it(bank, sandbox):
    form = {
        "name": "Amélie <Dubois>",
        "iban": "be46 0969 0005 4836",
        "amount": "500,00",
        "text": "+++090/9337/55493+++",
    }
    status, headers, _ = post_page(sandbox, form)
    assert status == 303
    _, _, page = ask(f"{sandbox.base}{headers['Location'].partition('#')[0]}")
    assert "090933755493" in page
    assert "-500,00" in page.replace("\u2212", "-").replace("\xa0", " ")
    bank.control.set_date(TUESDAY)
    line = lines(bank)[1]
    assert (line.amount_cents, line.structured_reference, line.counterparty_iban) == (50_000, "090933755493", AMELIE)
    assert line.counterparty_name == "Amélie <Dubois>"


def test_a_communication_with_a_wrong_check_digit_stays_free_text(bank, sandbox):
    post_page(sandbox, {"name": "A", "iban": AMELIE, "amount": "1", "text": "+++090/9337/55494+++"})
    bank.control.set_date(TUESDAY)
    assert (lines(bank)[1].structured_reference, lines(bank)[1].remittance) == (None, "+++090/9337/55494+++")


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("iban", WRONG_IBAN), ("amount", "1.234,50"), ("amount", "0"), ("amount", "-5")]
)
def test_a_form_that_is_wrong_comes_back_with_what_was_filled_in(bank, sandbox, field, value):
    form = {"name": "Amélie", "iban": AMELIE, "amount": "500", "text": "hello"} | {field: value}
    status, _, page = post_page(sandbox, form)
    assert status == 422
    assert f'id="{field}-error"' in page
    assert 'value="hello"' in page
    assert bank.control.cents() == 100_000


@contextmanager
def refused():
    """The control call in the block is answered with 422."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        yield
    with caught.value as answer:
        assert answer.code == 422


def post_page(sandbox, form):
    return ask(f"{sandbox.base}/bank?lang=fr", method="POST", body=urllib.parse.urlencode(form).encode())


def ask(url, *, method="GET", body=None, headers=None):
    """Status, headers and text of an answer; redirects are not followed."""

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()
