"""Templates: an entry is what its event's declaration says, and whatever does not fit is a defect and never posted."""

from datetime import date

import pytest

from ledger.accounts import AccountRef
from ledger.errors import InvariantError, Refusal
from ledger.journal import JournalEntry, Posting
from ledger.templates import DatedBy, Template, credit, debit, purposes_never_late

DAY = date(2026, 3, 2)
SHARED = Template(
    "instalment-shared",
    key="due:<loan>:<n>",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit("489600", of="loan", amount="gross"),
        credit("489300", of="lender", amount="net"),
        credit("453000", of="borrower", amount="tax", optional=True),
        debit("021000", of="borrower", amount="principal", asset="claim", optional=True),
        credit("020000", of="lender", amount="principal", asset="claim", optional=True),
    ),
)
RETURNED = Template(
    "money-returned",
    key="back:<pledge>",
    dated_by=DatedBy.RELEASE,
    legs=(debit("489200", "489100", of="lender", given=True), credit("489400", of="lender")),
)
IDS = {"loan": "l1", "n": "3", "lender": "c1", "borrower": "e1"}
AMOUNTS = {"gross": 100, "net": 91, "tax": 9, "principal": 70}
HELD = AccountRef("489200", "c1")


def shared(**changes: object) -> JournalEntry:
    facts = {"on": DAY, "actor": "s1", "ids": IDS, "amounts": AMOUNTS, "assets": {"claim": "LOAN-L1"}}
    return SHARED.entry(**(facts | changes))


def returned(account: AccountRef | None, *, lender: str = "c1") -> JournalEntry:
    ids = {"pledge": "p1", "lender": lender}
    return RETURNED.entry(on=DAY, actor="s1", ids=ids, amounts={"amount": 100}, account=account)


def test_an_entry_has_the_lines_of_its_template_in_their_order():
    assert shared(evidence="a" * 64, approvals=("a1",)) == JournalEntry(
        "due:l1:3",
        DAY,
        "instalment-shared",
        (
            Posting(AccountRef("489600", "l1"), debit=100),
            Posting(AccountRef("489300", "c1"), credit=91),
            Posting(AccountRef("453000", "e1"), credit=9),
            Posting(AccountRef("021000", "e1", "LOAN-L1"), debit=70),
            Posting(AccountRef("020000", "c1", "LOAN-L1"), credit=70),
        ),
        actor="s1",
        evidence="a" * 64,
        approvals=("a1",),
    )


def test_an_optional_line_is_left_out_where_its_amount_is_nothing():
    entry = shared(amounts={"gross": 100, "net": 100, "tax": 0, "principal": 0})
    assert [str(line.account) for line in entry.postings] == ["489600:l1", "489300:c1"]


def test_a_leg_that_leaves_its_account_open_takes_any_of_its_codes():
    for code in ("489200", "489100"):
        given = AccountRef(code, "c1")
        assert returned(given).postings == (Posting(given, debit=100), Posting(AccountRef("489400", "c1"), credit=100))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ids": {"loan": "l1", "n": "3", "lender": "c1"}}, "ids are"),
        ({"ids": IDS | {"payer": "c2"}}, "ids are"),
        ({"amounts": {"gross": 100, "net": 100, "tax": 0}}, "amounts are"),
        ({"amounts": AMOUNTS | {"fee": 1}}, "amounts are"),
        ({"assets": {}}, "assets are"),
        ({"assets": {"claim": "LOAN-L1", "units": "BOND-1"}}, "assets are"),
        ({"amounts": {"gross": 0, "net": 0, "tax": 0, "principal": 70}}, "the debit of gross is missing"),
        ({"amounts": {"gross": 9, "net": 0, "tax": 9, "principal": 70}}, "the credit of net is missing"),
        ({"account": HELD}, "an account is given exactly where a leg leaves it open"),
    ],
    ids=[
        "a-word-too-few",
        "a-word-too-many",
        "an-amount-too-few",
        "an-amount-too-many",
        "an-asset-too-few",
        "an-asset-too-many",
        "no-debit",
        "no-credit",
        "an-account-nobody-asked-for",
    ],
)
def test_what_does_not_fill_a_template_exactly_is_a_defect(changes, said):
    with pytest.raises(InvariantError, match=f"^instalment-shared: {said}"):
        shared(**changes)


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (None, "an account is given exactly where a leg leaves it open"),
        (AccountRef("489300", "c1"), "489300:c1 in EUR is none of"),
        (AccountRef("48920", "c1"), "48920:c1 in EUR is none of"),
        (AccountRef("489200", "c1", "LOAN-L1"), "489200:c1 in LOAN-L1 is none of"),
        (AccountRef("489200", "c2"), "489200:c2 is not of the lender"),
        (AccountRef("489200"), "489200 is not of the lender"),
    ],
    ids=["none", "another-account", "another-length", "another-asset", "another-lender", "nobody"],
)
def test_an_account_that_is_none_of_the_legs_is_a_defect(account, said):
    with pytest.raises(InvariantError, match=f"^money-returned: {said}"):
        returned(account)


def test_an_account_that_will_be_posted_later_is_checked_on_the_day_it_is_kept():
    RETURNED.check_account(HELD)
    with pytest.raises(InvariantError, match="489300:c1 in EUR is none of"):
        RETURNED.check_account(AccountRef("489300", "c1"))
    with pytest.raises(InvariantError, match="489200 is not of the lender"):
        RETURNED.check_account(AccountRef("489200"))


@pytest.mark.parametrize(
    ("amounts", "code"),
    [
        ({"gross": -100, "net": -91, "tax": -9, "principal": 70}, "amount-negative"),
        ({"gross": 100, "net": 90, "tax": 9, "principal": 70}, "entry-unbalanced"),
        ({"gross": 2**53, "net": 2**53, "tax": 0, "principal": 70}, "amount-too-large"),
    ],
)
def test_what_no_entry_may_hold_is_refused_as_ever(amounts, code):
    with pytest.raises(Refusal, match=code):
        shared(amounts=amounts)


@pytest.mark.parametrize(
    ("legs", "said"),
    [
        ((debit("550100", "580100"), credit("489100", of="lender")), "has one code"),
        ((debit(), credit("489100", of="lender")), "has one code"),
        ((debit("550100", given=True), credit("489100", of="lender", given=True)), "more than one leg"),
        ((debit("550100"), credit("020000", of="lender", asset="claim")), "EUR has no two sides"),
        ((debit("550100"), debit("580100")), "EUR has no two sides"),
    ],
    ids=["two-codes", "no-code", "two-open-legs", "two-assets", "one-side"],
)
def test_a_declaration_that_can_never_balance_is_a_defect(legs, said):
    with pytest.raises(InvariantError, match=said):
        Template("odd", key="odd:<id>", dated_by=DatedBy.CAUSE, legs=legs)


def test_only_what_we_date_ourselves_may_not_be_late():
    assert {each for each in DatedBy if Template("any", "k", each, SHARED.legs).late_refused} == {DatedBy.RELEASE}
    assert purposes_never_late([SHARED, RETURNED]) == {"money-returned"}


def test_an_event_is_personal_where_a_line_may_stand_on_a_persons_account():
    booked = Template("booked", "b:<id>", DatedBy.OUTSIDE, (debit("580400"), credit("550100")))
    assert (SHARED.is_personal, RETURNED.is_personal, booked.is_personal) == (True, True, False)


CLEARED = Template(
    "cleared",
    key="cleared:<year>",
    dated_by=DatedBy.CAUSE,
    legs=(debit("7", many=True), credit("139000"), credit("6", many=True, optional=True)),
)


def line(account: str, signed: int, asset: str = "EUR") -> Posting:
    return Posting(AccountRef.parse(account, asset), max(signed, 0), max(-signed, 0))


def test_a_leg_for_many_lines_takes_any_number_of_them():
    lines = [line("704000", 70), line("757000", 7), line("657000:x", -60), line("139000", -17)]
    made = CLEARED.entry_of(lines, key="cleared:2026", on=date(2026, 12, 31), actor="s1", approvals=("a1",))
    assert (made.postings, made.purpose, made.approvals) == (tuple(lines), "cleared", ("a1",))


@pytest.mark.parametrize(
    "lines",
    [
        [line("704000", 70), line("139000", -60), line("550100", -10)],
        [line("704000", -70), line("139000", 70)],
        [line("704000", 70, "KWH"), line("139000", -70, "KWH")],
        [line("704000", 70), line("139000:o1", -70)],
        [line("704000", 70), line("657000", -70)],
    ],
    ids=["another-account", "another-side", "another-asset", "an-owner", "a-leg-missing"],
)
def test_computed_lines_that_do_not_fit_are_a_defect(lines):
    with pytest.raises(InvariantError, match="cleared"):
        CLEARED.entry_of(lines, key="cleared:2026", on=date(2026, 12, 31), actor="s1")
