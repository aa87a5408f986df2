"""Stories of a loan from draft to last instalment, and of what can go wrong on the way, on both databases."""

import pytest
import warnings

from tests.payments_kit import FakeRail
from tests.products_kit import Town, make_town


@pytest.fixture
def town(book, clock) -> Town:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_town(book, clock, FakeRail())


def test_a_loan_lives_from_its_draft_to_its_last_instalment(town):
    ada, borrower = town.citizen("Ada"), town.enterprise()
    loan_id = town.fund({ada: 100_000}, borrower)
    assert town.loan(loan_id).state == "running"
