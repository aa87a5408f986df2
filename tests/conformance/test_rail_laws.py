"""What every rail must do, to a payment provider or to a bank: take once what is handed in under a key, and say
clearly which of the four things happened when it could not.
"""

import pytest

from ledger.payments.rail import CallRefusedError, OutcomeUnknownError, RailBusyError
from tests.conformance.rail_subjects import WRITERS


@pytest.fixture(params=WRITERS)
def writer(request):
    with WRITERS[request.param]() as subject:
        yield subject


def test_the_same_message_under_the_same_key_is_taken_once(writer):
    for _ in range(3):
        writer.write("k1", 1)
    assert writer.written() == 1


def test_another_message_under_the_same_key_is_refused(writer):
    writer.write("k1", 1)
    with pytest.raises(CallRefusedError):
        writer.write("k1", 2)
    assert writer.written() == 1


def test_another_key_is_another_message(writer):
    writer.write("k1", 1)
    writer.write("k2", 2)
    assert writer.written() == 2


def test_a_message_that_was_lost_before_it_took_effect_may_be_handed_in_again(writer):
    writer.fault("lost-before")
    with pytest.raises(OutcomeUnknownError):
        writer.write("k1", 1)
    assert writer.written() == 0
    writer.write("k1", 1)
    assert writer.written() == 1


def test_a_message_whose_answer_was_lost_is_not_taken_again(writer):
    writer.fault("lost-after")
    with pytest.raises(OutcomeUnknownError):
        writer.write("k1", 1)
    assert writer.written() == 1
    writer.write("k1", 1)
    assert writer.written() == 1


def test_a_busy_other_side_has_taken_nothing(writer):
    writer.fault("busy")
    with pytest.raises(RailBusyError):
        writer.write("k1", 1)
    writer.wait()
    assert writer.written() == 0
    writer.write("k1", 1)
    assert writer.written() == 1
