"""What every rail to a bank must do. Both run this suite over the bank twin: one by HTTP, one through a folder that a
transport program empties and fills.
"""

import pytest

from ledger.payments.model import Mode
from ledger.payments.rail import CallRefusedError, PayeeMatch, RailBusyError
from tests.bank_kit import (
    AMELIE,
    BRAM,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Paid,
    bank_side,
    said,
    texts,
    transfer_file,
)

FILE = transfer_file("M1", [Paid("e1", 2_500)])


@pytest.fixture(params=["by-http", "by-folder"])
def bank(request, tmp_path):
    with bank_side(request.param, tmp_path / "bank") as side:
        side.control.credit_transfer(100_000, name="Bram Maes", iban=BRAM, text="+++090/9337/55493+++")
        yield side


def end_day(bank, on):
    """The bank's day ends, and what it wrote is fetched."""
    bank.carry()
    bank.control.set_date(on)
    bank.carry()


def test_it_says_that_no_real_money_moves(bank):
    assert bank.rail.mode is Mode.TEST


def test_a_file_is_taken_once_under_its_message_id(bank):
    for _ in range(2):
        bank.rail.submit(FILE, "M1")
        bank.carry()
    end_day(bank, TUESDAY)
    bank.rail.submit(FILE, "M1")  # and a day later it is still the same file
    end_day(bank, WEDNESDAY)
    assert [said(a) for a in bank.rail.answers(since=MONDAY)] == [("ACCP", [])]
    assert bank.control.cents() == 97_500


def test_another_file_under_the_same_message_id_is_refused(bank):
    bank.rail.submit(FILE, "M1")
    with pytest.raises(CallRefusedError):
        bank.rail.submit(transfer_file("M1", [Paid("e1", 9_900)]), "M1")
    end_day(bank, TUESDAY)
    assert bank.control.cents() == 97_500


@pytest.mark.parametrize(
    ("file", "message_id"),
    [
        (b"<Document/>", "M1"),
        (b"no XML", "M1"),
        (b"<!DOCTYPE Document>" + FILE, "M1"),
        (FILE, "M2"),
        (FILE, "../M1"),
    ],
)
def test_what_is_no_order_file_of_that_message_id_is_refused_at_once(bank, file, message_id):
    with pytest.raises(CallRefusedError):
        bank.rail.submit(file, message_id)
    end_day(bank, TUESDAY)
    assert bank.rail.answers(since=MONDAY) == []


def test_a_file_that_breaks_a_rule_is_answered_with_the_reason(bank):
    bank.rail.submit(transfer_file("M1", [Paid("e1", 100)], cents=200), "M1")
    end_day(bank, TUESDAY)
    [answer] = bank.rail.answers(since=MONDAY)
    assert texts(answer, "OrgnlMsgId") == ["M1"]
    assert texts(answer, "GrpSts") == ["RJCT"]
    assert texts(answer, "Cd") == ["AM10"]


def test_answers_come_oldest_first_from_the_day_that_was_named(bank):
    for on, after in ((MONDAY, TUESDAY), (TUESDAY, WEDNESDAY)):
        bank.rail.submit(transfer_file(f"M-{on}", [Paid(f"e-{on}", 100)], on=on), f"M-{on}")
        end_day(bank, after)
    assert [texts(a, "OrgnlMsgId")[0] for a in bank.rail.answers(since=MONDAY)] == [f"M-{MONDAY}", f"M-{TUESDAY}"]
    assert [texts(a, "OrgnlMsgId")[0] for a in bank.rail.answers(since=TUESDAY)] == [f"M-{TUESDAY}"]


def test_a_statement_comes_when_its_day_has_ended_oldest_first_and_always_with_the_same_bytes(bank):
    bank.carry()
    assert bank.rail.statements(since=MONDAY) == []
    end_day(bank, TUESDAY)
    [first] = bank.rail.statements(since=MONDAY)
    assert texts(first, "Ref") == ["090933755493"]
    end_day(bank, WEDNESDAY)
    assert bank.rail.statements(since=MONDAY)[0] == first
    assert [texts(s, "ElctrncSeqNb") for s in bank.rail.statements(since=MONDAY)] == [["1"], ["2"]]
    assert [texts(s, "ElctrncSeqNb") for s in bank.rail.statements(since=TUESDAY)] == [["2"]]


def test_only_the_client_accounts_statements_come(bank):
    end_day(bank, TUESDAY)
    assert len(bank.rail.statements(since=MONDAY)) == 1


def test_a_verification_of_payee_is_a_word_and_never_an_error(bank):
    bank.control.keep_account(AMELIE, "Amélie Dubois")
    answer = bank.payees.check_payee(iban=AMELIE, name="Amelie DUBOIS")
    assert (answer.iban, answer.name) == (AMELIE, "Amelie DUBOIS")
    assert answer.match in {PayeeMatch.MATCH, PayeeMatch.NOT_POSSIBLE}
    assert bank.payees.check_payee(iban="nonsense", name="").match is PayeeMatch.NOT_POSSIBLE


def test_a_file_whose_record_a_crash_left_out_is_put_there_again_and_taken_once(tmp_path):
    with bank_side("by-folder", tmp_path / "bank") as side:
        side.control.credit_transfer(100_000, name="Bram Maes", iban=BRAM)
        side.rail.submit(FILE, "M1")
        side.carry()
        (tmp_path / "bank" / "sent" / "M1.sha256").unlink()
        side.rail.submit(FILE, "M1")
        assert (tmp_path / "bank" / "out" / "M1.xml").read_bytes() == FILE
        end_day(side, TUESDAY)
        assert side.control.cents() == 97_500


def test_what_can_not_be_read_is_handed_on_so_that_its_import_says_why(tmp_path):
    received = tmp_path / "bank" / "in"
    received.mkdir(parents=True)
    (received / "torn.xml").write_bytes(b"<Document><Bk")
    with bank_side("by-folder", tmp_path / "bank") as side:
        assert side.rail.statements(since=MONDAY) == [b"<Document><Bk"]


def test_a_folder_that_is_not_there_is_a_busy_bank(tmp_path):
    (tmp_path / "bank").write_text("a file where the folder should be")
    with bank_side("by-folder", tmp_path / "bank") as side, pytest.raises(RailBusyError):
        side.rail.submit(FILE, "M1")
