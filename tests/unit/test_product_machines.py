"""Every state and event of the products' life cycles is decided: it leads somewhere, or it is refused."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.bonds.lifecycle import PROCEEDS, RESOLUTION, RUN, SERIES
from contracts.loans.lifecycle import INSTALMENT, LOAN
from contracts.offers.application import MACHINE as APPLICATION
from contracts.offers.kiis import MACHINE as KIIS
from contracts.offers.lifecycle import MACHINE as OFFER
from contracts.pledges.lifecycle import MACHINE as PLEDGE
from contracts.registration.lifecycle import REGISTRATION
from contracts.servicing import lifecycle as servicing
from contracts.servicing.model import Due, Label, Position, Standing
from contracts.votes.lifecycle import VOTE
from ledger.errors import Refusal

MACHINES = [
    OFFER,
    PLEDGE,
    LOAN,
    INSTALMENT,
    REGISTRATION,
    servicing.MACHINE,
    APPLICATION,
    KIIS,
    VOTE,
    SERIES,
    RUN,
    PROCEEDS,
    RESOLUTION,
]
DAY = date(2026, 3, 2)

ALLOWED = {
    "application": {
        "draft": {"written": "draft", "submitted": "submitted", "withdrawn": "withdrawn"},
        "submitted": {
            "returned": "draft",
            "withdrawn": "withdrawn",
            "accepted": "accepted",
            "declined": "declined",
        },
    },
    "kiis": {
        "empty": {"written": "written"},
        "written": {"written": "written", "issued": "issued"},
        "issued": {"written": "written"},
    },
    "offer": {
        "draft": {"revised": "draft", "published": "open", "cancelled": "cancelled"},
        "open": {"funded": "funded", "failed": "failed", "cancelled": "cancelled", "suspended": "suspended"},
        "suspended": {"published-again": "open", "cancelled": "cancelled"},
    },
    "pledge": {
        "pledged": {
            "paid": "paid",
            "withdrawn": "withdrawn",
            "not-paid-in-time": "lapsed",
            "campaign-failed": "lapsed",
            "paid-too-late": "returned",
        },
        "paid": {
            "withdrawn": "withdrawn",
            "reflection-over": "firm",
            "campaign-failed": "returned",
            "charged-back": "charged_back",
        },
        "firm": {
            "withdrawn": "withdrawn",
            "issued": "converted",
            "campaign-failed": "returned",
            "not-allotted": "returned",
            "charged-back": "charged_back",
        },
        "charged_back": {"won-back-in-reflection": "paid", "won-back-firm": "firm", "campaign-failed": "returned"},
        "lapsed": {"paid-too-late": "returned"},
        "withdrawn": {"paid-too-late": "withdrawn", "refund-sent": "refunded", "refund-failed": "refund_failed"},
        "returned": {"refund-sent": "refunded", "refund-failed": "refund_failed"},
        "refunded": {"refund-failed": "refund_failed"},
        "refund_failed": {"refund-sent": "refunded"},
    },
    "loan": {
        "agreed": {"disbursement-ordered": "ordered"},
        "ordered": {"disbursed": "running", "disbursement-failed": "agreed"},
        "running": {
            "disbursement-failed": "agreed",
            "terms-eased": "running",
            "terms-conceded": "running",
            "terms-revived": "running",
            "claim-passed": "running",
            "early-repayment-asked": "running",
            "repaid-early": "running",
            "accelerated": "accelerated",
            "repaid": "repaid",
            "bankruptcy": "bankrupt",
        },
        "accelerated": {
            "claim-passed": "accelerated",
            "repaid": "repaid",
            "bankruptcy": "bankrupt",
            "written-off": "written_off",
        },
        "bankrupt": {
            "terms-revived": "bankrupt",
            "claim-passed": "bankrupt",
            "accelerated": "bankrupt",
            "written-off": "written_off",
            "repaid": "repaid",
        },
        "written_off": {
            "claim-passed": "written_off",
            "recovery-expected": "written_off",
            "recovered": "written_off",
        },
    },
    "instalment": {
        "scheduled": {"called": "called", "settled": "settled", "cancelled": "cancelled"},
        "called": {
            "first-reminder": "called",
            "second-reminder": "called",
            "lenders-informed": "called",
            "settled": "settled",
            "cancelled": "cancelled",
        },
    },
    "registration": {
        "not_filed": {"filed": "filed"},
        "filed": {"registered": "registered", "refused": "refused"},
        "refused": {"filed": "filed"},
        "registered": {"deregistered": "deregistered"},
    },
    "series": {
        "draft": {"region-cleared": "draft", "opened": "open"},
        "open": {"allotted": "allotted", "failed": "failed"},
        "allotted": {"issued": "running"},
        "running": {
            "proceeds-ordered": "running",
            "call-announced": "running",
            "put-notified": "running",
            "meeting-called": "running",
            "terms-changed": "running",
            "redeemed": "redeemed",
        },
    },
    "run": {
        "called": {"part-paid": "paying", "paid": "paid"},
        "paying": {"part-paid": "paying", "paid": "paid"},
    },
    "resolution": {
        "new": {"put-to-vote": "put"},
        "put": {
            "quorum-missing": "adjourned",
            "rejected": "rejected",
            "adopted": "adopted",
            "to-court": "homologation",
        },
        "adjourned": {"called-again": "put"},
        "homologation": {"homologated": "adopted", "homologation-refused": "rejected"},
        "adopted": {"in-effect": "in_effect"},
    },
    "proceeds": {
        "open": {
            "proceeds-entered": "open",
            "proceeds-allocated": "open",
            "proceeds-released": "open",
            "proceeds-spent": "open",
        },
    },
    "servicing": {
        "performing": {
            "due-missed": "late",
            "insolvency": "defaulted",
            "acceleration": "defaulted",
            "fully-repaid": "repaid",
        },
        "late": {
            "thirty-days-passed": "early_warning",
            "arrears-cleared": "performing",
            "insolvency": "defaulted",
            "acceleration": "defaulted",
            "fully-repaid": "repaid",
        },
        "early_warning": {
            "ninety-days-passed": "defaulted",
            "back-under-thirty-days": "late",
            "arrears-cleared": "performing",
            "insolvency": "defaulted",
            "acceleration": "defaulted",
            "fully-repaid": "repaid",
        },
        "defaulted": {
            "back-under-thirty-days": "late",
            "back-under-ninety-days": "early_warning",
            "arrears-cleared": "performing",
            "fully-repaid": "repaid",
            "loss-proven": "lost",
        },
    },
    "vote": {"announced": {"closed": "closed", "withdrawn": "withdrawn"}},
}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_pair_of_state_and_event_leads_where_the_table_says_or_is_refused(machine):
    for state, event in itertools.product(machine.states, machine.events):
        target = ALLOWED[machine.name].get(state.value, {}).get(event)
        if target is not None:
            assert machine.after(state, event).value == target
            continue
        with pytest.raises(Refusal) as refused:
            machine.after(state, event)
        assert refused.value == Refusal("move-not-allowed", machine=machine.name, state=state.value, event=event)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_can_be_reached_and_the_diagram_draws_every_move(machine):
    reached = {machine.initial} | {t.target for t in machine.transitions}
    assert reached == set(machine.states)
    assert machine.diagram().count("-->") == len(machine.transitions) + 1 + len(machine.final)


@pytest.mark.parametrize(
    ("days", "label"),
    [
        (-1, Label.PERFORMING),
        (0, Label.PERFORMING),
        (1, Label.LATE),
        (30, Label.LATE),
        (31, Label.EARLY_WARNING),
        (90, Label.EARLY_WARNING),
        (91, Label.DEFAULTED),
    ],
)
def test_the_label_follows_the_days_past_due(days, label):
    debt = position([(DAY, None)])
    on = DAY + timedelta(days=days)
    assert debt.days_past_due(on) == max(0, days)
    assert debt.overdue_cents(on) == (110 if days > 0 else 0)
    assert debt.label(on) is label


def test_a_payment_on_the_due_date_is_never_late_and_one_on_the_next_day_is_late_for_nobody_afterwards():
    on_time, a_day_late = position([(DAY, DAY)]), position([(DAY, DAY + timedelta(days=1))])
    following = DAY + timedelta(days=1)
    assert on_time.days_past_due(following) == 0
    assert a_day_late.days_past_due(following) == 0
    assert a_day_late.overdue_cents(DAY) == 0


def test_days_count_from_the_oldest_unpaid_due_date_and_amounts_add_up():
    debt = position([(DAY, None), (DAY + timedelta(days=30), None), (DAY + timedelta(days=60), None)])
    on = DAY + timedelta(days=45)
    assert (debt.days_past_due(on), debt.overdue_cents(on), debt.expected_cents(on)) == (45, 220, 220)
    assert debt.next_due(on).n == 3


def test_nothing_is_overdue_before_the_money_is_paid_out_or_once_it_is_lost():
    dues = (Due(n=1, due_on=DAY, interest_cents=10, principal_cents=100),)
    on = DAY + timedelta(days=40)
    unpaid = Position(principal_cents=100, dues=dues, standing=Standing())
    lost = Position(
        principal_cents=100,
        dues=dues,
        standing=Standing(disbursed_on=DAY, insolvent_on=DAY, lost_on=DAY + timedelta(days=20)),
    )
    assert (unpaid.days_past_due(on), unpaid.label(on)) == (0, Label.PERFORMING)
    assert (lost.days_past_due(on), lost.label(on), lost.lost_cents(on), lost.outstanding_cents(on)) == (
        0,
        Label.LOST,
        100,
        0,
    )
    before = DAY + timedelta(days=19)
    assert (lost.label(before), lost.lost_cents(before), lost.outstanding_cents(before)) == (Label.DEFAULTED, 0, 100)
    assert lost.next_due(before) is None


DELAYS = st.one_of(st.none(), st.integers(0, 140))


@settings(deadline=None)
@given(delays=st.lists(DELAYS, min_size=1, max_size=5), insolvent=st.one_of(st.none(), st.integers(0, 200)))
def test_day_after_day_the_label_moves_only_as_the_table_allows(delays, insolvent):
    """Whatever is paid however late, no label follows another that the servicing table does not lead to."""
    spaced = [DAY + timedelta(days=30 * i) for i in range(len(delays))]
    paid = [None if late is None else due + timedelta(days=late) for due, late in zip(spaced, delays, strict=True)]
    repaid_on = max(paid) if all(paid) else None
    insolvent_on = None if insolvent is None else DAY + timedelta(days=insolvent)
    if insolvent_on is not None and repaid_on is not None and insolvent_on >= repaid_on:
        insolvent_on = None  # a repaid loan has no debtor to become insolvent
    standing = Standing(disbursed_on=DAY - timedelta(days=30), insolvent_on=insolvent_on, repaid_on=repaid_on)
    debt = position(list(zip(spaced, paid, strict=True)), standing)
    follows = {(t.source, t.target) for t in servicing.MACHINE.transitions}
    previous = debt.label(DAY)
    assert previous in {Label.PERFORMING, Label.DEFAULTED, Label.REPAID}
    for days in range(1, 300):
        label = debt.label(DAY + timedelta(days=days))
        assert label is previous or (previous, label) in follows
        previous = label


def position(dues, standing=None):
    """A debt with a due of 1.10 EUR on each date, paid on the date beside it."""
    rows = tuple(
        Due(n=n, due_on=due_on, interest_cents=10, principal_cents=100, settled_on=settled_on)
        for n, (due_on, settled_on) in enumerate(dues, 1)
    )
    standing = standing or Standing(disbursed_on=DAY - timedelta(days=30))
    return Position(principal_cents=100 * len(rows), dues=rows, standing=standing)
