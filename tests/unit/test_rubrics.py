"""The forms of the annual accounts are whole: every account has its line, every total its parts."""

import itertools
from collections import Counter

import pytest

from ledger.accounts import Side
from ledger.errors import InvariantError
from ledger.rubrics import LANGUAGES, Form, balance_sheet_form, income_statement_form

FORMS = [balance_sheet_form(), income_statement_form()]
CODES = ["".join(digits) for length in (2, 3, 4) for digits in itertools.product("0123456789", repeat=length)]


def test_every_account_of_classes_1_to_7_has_a_line_in_the_balance_sheet_on_either_side() -> None:
    form = balance_sheet_form()
    for code in CODES:
        if code[0] in "1234567":
            assert {form.rubric_of(code, signed) for signed in (-1, 0, 1)} <= set(form.rubrics), code


def test_every_account_of_classes_6_and_7_and_of_the_result_has_a_line_in_the_income_statement() -> None:
    form = income_statement_form()
    for code in CODES:
        if code[0] in "67" or code.startswith(("139", "14")):
            assert form.rubric_of(code, 1) == form.rubric_of(code, -1), code


@pytest.mark.parametrize("form", FORMS)
def test_an_account_that_no_line_takes_is_a_defect(form: Form) -> None:
    with pytest.raises(InvariantError, match="020000"):
        form.rubric_of("020000", 1)


@pytest.mark.parametrize("form", FORMS)
def test_every_line_that_a_total_names_is_counted_once_and_exists(form: Form) -> None:
    named = Counter(code for rubric in form.rubrics.values() for code in (*rubric.plus, *rubric.minus))
    assert set(named) <= set(form.rubrics)
    assert set(named.values()) == {1}
    roots = set(form.rubrics) - set(named)
    assert roots in ({"20/58", "10/49"}, {"14"})


@pytest.mark.parametrize("form", FORMS)
def test_a_line_is_a_leaf_or_a_total_and_is_named_in_three_languages(form: Form) -> None:
    for rubric in form.rubrics.values():
        assert (rubric.side is None) == bool(rubric.plus), rubric.code
        assert set(rubric.names) == set(LANGUAGES), rubric.code
        assert all(name.strip() == name != "" for name in rubric.names.values()), rubric.code


@pytest.mark.parametrize("form", FORMS)
def test_every_prefix_belongs_to_one_line(form: Form) -> None:
    for field in ("accounts", "turned"):
        prefixes = Counter(prefix for rubric in form.rubrics.values() for prefix in getattr(rubric, field))
        assert [prefix for prefix, times in prefixes.items() if times > 1] == []


def test_what_is_turned_goes_from_one_side_to_the_other_and_is_of_class_4_or_a_bank() -> None:
    form = balance_sheet_form()
    for prefix, target in form.turned.items():
        home = form.rubrics[form.accounts[prefix]]
        assert {home.side, form.rubrics[target].side} == {Side.DEBIT, Side.CREDIT}, prefix
        assert prefix.startswith("4") or prefix == "55"


@pytest.mark.parametrize(
    ("account", "debit", "credit"),
    [
        ("400000", "40", "47/48"),
        ("409000", "40", "40"),  # reductions of value are deducted from the claims
        ("411000", "41", "47/48"),
        ("416200", "41", "47/48"),
        ("440000", "41", "44"),
        ("451000", "41", "450/3"),
        ("454000", "41", "454/9"),
        ("489100", "41", "47/48"),
        ("490000", "490/1", "492/3"),
        ("493000", "490/1", "492/3"),
        ("499100", "41", "47/48"),
        ("550200", "54/58", "43"),
        ("580400", "54/58", "54/58"),  # orders on their way are deducted from the bank
        ("101000", "10", "10"),
        ("130000", "130/1", "130/1"),
        ("139000", "9905", "9905"),
        ("141000", "14P", "14P"),
        ("704000", "9905", "9905"),
    ],
)
def test_an_account_stands_on_the_side_of_its_balance(account: str, debit: str, credit: str) -> None:
    form = balance_sheet_form()
    assert (form.rubric_of(account, 1), form.rubric_of(account, -1)) == (debit, credit)


@pytest.mark.parametrize(
    ("account", "rubric"),
    [
        ("609000", "60/61"), ("630200", "630"), ("634000", "631/4"), ("636000", "635/8"), ("642000", "640/8"),
        ("649000", "649"), ("660000", "66A"), ("661000", "66B"), ("662000", "66A"), ("662100", "66B"),
        ("663000", "66A"), ("663100", "66B"), ("668000", "66B"), ("669000", "66A"), ("669100", "66B"),
        ("692000", "691/2"), ("693000", "14D"), ("694000", "694/7"), ("740000", "74"), ("753000", "75"),
        ("760000", "76A"), ("761000", "76B"), ("762100", "76B"), ("763000", "76A"), ("763100", "76B"),
        ("764000", "76A"), ("769000", "76B"), ("771000", "67/77"), ("790000", "14D"), ("794000", "794"),
    ],
)  # fmt: skip
def test_income_and_expenses_go_to_the_line_of_their_longest_prefix(account: str, rubric: str) -> None:
    assert income_statement_form().rubric_of(account, 1) == rubric
