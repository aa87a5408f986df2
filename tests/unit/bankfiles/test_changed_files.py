"""A file changed at random is refused with its line, or says the same of money; `make fuzz` tries 10,000 changes."""

from tests.fuzz.bankfiles import fuzz


def test_a_changed_file_is_refused_by_line_or_moves_the_same_money() -> None:
    outcomes = fuzz(300, seed=24)
    assert sum(outcomes.values()) == 300
    assert {"bank-file-not-xml", "bank-file-breaks-schema", "same money"} <= outcomes.keys()
