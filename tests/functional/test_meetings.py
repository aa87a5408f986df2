"""The meeting of bondholders: every threshold from inside and outside, and what an agreed change does to a bond."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from contracts.bonds import meetings
from contracts.bonds.changes import Change, ChangeKind, change_of, changed
from contracts.bonds.meeting_queries import outstanding_units, resolutions
from contracts.bonds.meetings import OTHERS, RESIDENTS, meeting_rule
from contracts.bonds.model import ResolutionState, SeriesTerms
from contracts.votes.queries import spec_of
from contracts.votes.rules import ALL, FIRST, SECOND
from contracts.votes.tally import Choice, ClassTally, Outcome, Result, decide
from ledger.errors import Refusal
from tests.bonds_kit import Desk, bond_desk
from tests.meetings_kit import (
    ABSTAIN,
    HAIRCUT,
    NO,
    RATE_CUT,
    REPRESENTATIVE,
    YES,
    convene,
    convene_again,
    found,
    go_to_count,
    vote,
)
from tests.products_kit import EVIDENCE, Town, refused

PLAIN = {"resident_margin": "0", "residents": "", "priority_until_on": None}
"""An issue whose holders all have the same rights."""
THIRD = 120_000


@pytest.fixture
def desk(sqlite_town: Town) -> Desk:
    return bond_desk(sqlite_town)


def decided(
    terms: SeriesTerms, said: dict[str, tuple[int, int, int]], *, meeting: int = FIRST,
    kind: ChangeKind = ChangeKind.RATE_CUT, claims_cents: int = 3 * THIRD,
) -> Result:  # fmt: skip
    """What comes of yes, no and abstained cents of each class."""
    tallies = []
    for name, cents in said.items():
        each = ClassTally(name=name, voters=9, claims_cents=claims_cents)
        each.cents |= dict(zip((Choice.YES, Choice.NO, Choice.ABSTAIN), cents, strict=True))
        tallies.append(each)
    return decide(meeting_rule(terms, kind, meeting=meeting), tallies, ())


@pytest.mark.parametrize(
    ("meeting", "said", "outcome", "court"),
    [
        (FIRST, (180_000, 0, 0), Outcome.PASSED, False),  # exactly half of all is there
        (FIRST, (179_999, 0, 0), Outcome.NO_QUORUM, False),
        (FIRST, (150_000, 0, 30_000), Outcome.PASSED, False),  # who abstains is there
        (FIRST, (150_000, 50_000, 0), Outcome.PASSED, False),  # exactly three quarters of what was said
        (FIRST, (149_999, 50_001, 0), Outcome.REJECTED, False),
        (SECOND, (THIRD, 0, 0), Outcome.PASSED, False),  # no quorum; exactly a third of all approves
        (SECOND, (THIRD - 1, 0, 0), Outcome.PASSED, True),
        (SECOND, (0, 0, 0), Outcome.REJECTED, False),
    ],
)
def test_each_threshold_of_the_law_is_met_to_the_cent(
    desk: Desk, meeting: int, said: tuple[int, int, int], outcome: Outcome, *, court: bool
) -> None:
    result = decided(desk.terms(**PLAIN), {ALL: said}, meeting=meeting)
    assert (result.outcome, result.needs_homologation) == (outcome, court)


def test_the_terms_move_each_threshold_and_no_court_confirms_what_changes_none(desk: Desk) -> None:
    own = {
        "notice_days": 20, "holders_may_call": "0.1", "first_quorum": "0.6", "second_quorum": "0.3",
        "majority": "0.8", "homologation_below": "1/4", "by_class": False,
    }  # fmt: skip
    terms = desk.terms(meeting=own)
    for meeting, cents, outcome, court in (
        (FIRST, 216_000, Outcome.PASSED, False),
        (FIRST, 215_999, Outcome.NO_QUORUM, False),
        (SECOND, 108_000, Outcome.PASSED, False),
        (SECOND, 107_999, Outcome.NO_QUORUM, False),
    ):
        result = decided(terms, {ALL: (cents, 0, 0)}, meeting=meeting)
        assert (result.outcome, result.needs_homologation) == (outcome, court)
    assert decided(terms, {ALL: (240_000, 60_000, 0)}).outcome is Outcome.PASSED
    assert decided(terms, {ALL: (239_999, 60_001, 0)}).outcome is Outcome.REJECTED
    assert decided(terms, {ALL: (89_999, 0, 30_000)}, meeting=SECOND).needs_homologation
    assert not decided(terms, {ALL: (90_000, 0, 30_000)}, meeting=SECOND).needs_homologation
    exempt = decided(terms, {ALL: (1, 0, 120_000)}, meeting=SECOND, kind=ChangeKind.REPRESENTATIVE)
    assert (exempt.outcome, exempt.needs_homologation) == (Outcome.PASSED, False)
    assert meeting_rule(terms, ChangeKind.HAIRCUT, meeting=FIRST).notice_days == 20


def test_where_rights_differ_each_class_must_agree(desk: Desk) -> None:
    terms = desk.terms()  # residents have half a point more
    agreed, refused_by_others = (180_000, 0, 0), (134_999, 45_001, 0)
    both = decided(terms, {RESIDENTS: agreed, OTHERS: agreed})
    assert (both.outcome, both.approving) == (Outcome.PASSED, (RESIDENTS, OTHERS))
    assert decided(terms, {RESIDENTS: agreed, OTHERS: refused_by_others}).outcome is Outcome.REJECTED
    assert decided(terms, {RESIDENTS: agreed, OTHERS: (179_999, 0, 0)}).outcome is Outcome.NO_QUORUM
    assert not meeting_rule(terms, ChangeKind.CONSERVATORY, meeting=FIRST).by_class
    assert not meeting_rule(desk.terms(**PLAIN), ChangeKind.RATE_CUT, meeting=FIRST).by_class


def test_a_meeting_without_quorum_then_with_cuts_the_principal_once_the_court_agrees(town: Town) -> None:
    desk = bond_desk(town)
    ada, bob, cleo = (town.citizen(name) for name in ("Ada", "Bob", "Cleo"))
    series_id = desk.issue({ada: 3, bob: 5, cleo: 2}, **PLAIN)
    desk.transfer(series_id, bob, cleo, 1)
    town.jump_to(town.today + timedelta(days=10))
    [n] = convene(desk, series_id, HAIRCUT)
    desk.transfer(series_id, bob, cleo, 1, paper="ef" * 32)  # after the record date: no weight moves any more
    with town.book.read() as connection:
        spec = spec_of(connection, town.book.book_id, found(desk, series_id, n).vote_id)
        assert outstanding_units(connection, town.book.book_id, desk.record(series_id).series) == 10
    assert [(each.name, each.voters, each.cents) for each in spec.classes] == [(ALL, 3, 1_000_000)]
    vote(desk, series_id, n, {ada: YES})
    assert go_to_count(desk, series_id, n).state is ResolutionState.ADJOURNED
    convene_again(desk, series_id, n)
    vote(desk, series_id, n, {ada: YES})
    assert go_to_count(desk, series_id, n).state is ResolutionState.HOMOLOGATION  # three of ten is below a third
    with town.book.unit_of_work(actor=town.maker) as uow:
        meetings.record_homologation(uow, series_id, n, approved=True, on=town.today, evidence=EVIDENCE)
    with town.book.unit_of_work(actor=town.maker) as uow:
        meetings.bring_into_effect(uow, series_id, n, on=town.today)
    town.settle()
    assert found(desk, series_id, n).state is ResolutionState.IN_EFFECT
    given_up = [town.balance(f"044000:{who}") for who in (ada, bob, cleo)]
    assert given_up == [90_000, 90_000, 120_000]
    assert town.balance(f"045000:{desk.issuer}") == -300_000
    terms = desk.record(series_id).series.terms
    assert (terms.nominal_cents, terms.owed_cents, terms.price_cents) == (100_000, 70_000, 100_000)
    desk.serve(series_id, "c1")
    assert desk.run(series_id, "c1")[0].interest_cents == 10 * 1_400  # half a year at 4 % of 700 EUR
    desk.serve(series_id, "c2", "m")
    assert desk.run(series_id, "m")[0].principal_cents == 700_000
    told = [kind for kind, body in town.mails if kind.startswith("meeting-") and body["to"] == cleo]
    assert told == ["meeting-called", "meeting-quorum-missing", "meeting-called", "meeting-to-court"]


def test_an_agenda_of_two_is_voted_item_by_item_and_takes_effect_by_itself(desk: Desk) -> None:
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.issue({ada: 6, bob: 4}, **PLAIN)
    longer_on = desk.record(series_id).series.terms.matures_on.replace(year=2028)
    longer = Change(kind=ChangeKind.EXTENSION, text="A year more", matures_on=longer_on)
    town.jump_to(town.today + timedelta(days=10))
    first, second, third = convene(desk, series_id, RATE_CUT, longer, REPRESENTATIVE)
    vote(desk, series_id, first, {ada: YES, bob: NO})
    vote(desk, series_id, second, {ada: YES, bob: YES})
    vote(desk, series_id, third, {ada: YES, bob: ABSTAIN})
    go_to_count(desk, series_id, first)
    with town.book.read() as connection:
        states = [each.state for each in resolutions(connection, town.book.book_id, series_id)]
    assert states == [ResolutionState.REJECTED, ResolutionState.IN_EFFECT, ResolutionState.IN_EFFECT]
    terms = desk.record(series_id).series.terms
    assert (terms.matures_on, len(terms.bond.periods)) == (longer_on, 4)
    desk.serve(series_id, "c1")
    [fourth] = convene(desk, series_id, RATE_CUT)
    vote(desk, series_id, fourth, {ada: YES, bob: YES})
    go_to_count(desk, series_id, fourth)
    desk.serve(series_id, "c2")
    assert [desk.run(series_id, name)[0].interest_cents for name in ("c1", "c2")] == [20_000, 10_000]


def test_a_call_needs_its_fifth_its_notice_and_an_agenda_that_the_terms_can_bear(desk: Desk) -> None:
    town = desk.town
    ada, bob, stranger = town.citizen("Ada"), town.citizen("Bob"), town.citizen("Cleo")
    series_id = desk.issue({ada: 2, bob: 8}, **PLAIN)
    town.jump_to(town.today + timedelta(days=10))
    for asked_by in ([stranger], [stranger, "nobody"]):
        with refused(town, "meeting-callers-short", units=0, wanted_units=2):
            convene(desk, series_id, RATE_CUT, asked_by=asked_by)
    with refused(town, "vote-notice-too-short"):
        convene(desk, series_id, RATE_CUT, notice_days=14)
    with refused(town, "agenda-malformed"):
        convene(desk, series_id)
    with refused(town, "agenda-malformed"):
        convene(desk, series_id, Change(kind=ChangeKind.CONSERVATORY, text=""))
    matures_on = desk.record(series_id).series.terms.matures_on
    for change, code in (
        (Change(kind=ChangeKind.RATE_CUT, text="None lower", rate_annual=Decimal("0.04")), "change-is-no-cut"),
        (Change(kind=ChangeKind.HAIRCUT, text="All of it", cents_a_unit=100_000), "change-is-no-cut"),
        (Change(kind=ChangeKind.HAIRCUT, text="Nothing"), "change-is-no-cut"),
        (Change(kind=ChangeKind.EXTENSION, text="No later", matures_on=matures_on), "extension-not-later"),
        (
            Change(kind=ChangeKind.EXTENSION, text="A month more", matures_on=matures_on + timedelta(days=31)),
            "extension-moves-coupons",
        ),
    ):
        with refused(town, code):
            convene(desk, series_id, change)
    with refused(town, "resolution-not-known"):
        convene_again(desk, series_id, 1)
    [n] = convene(desk, series_id, RATE_CUT, asked_by=[ada])  # exactly a fifth
    with refused(town, "move-not-allowed"):
        convene_again(desk, series_id, n)
    with refused(town, "vote-not-over"), town.book.unit_of_work(actor=town.maker) as uow:
        meetings.count_resolution(uow, series_id, n, on=town.today)
    for act in (meetings.bring_into_effect, meetings.count_resolution):
        with refused(town, "resolution-not-known"), town.book.unit_of_work(actor=town.maker) as uow:
            act(uow, series_id, 7, on=town.today)
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        meetings.bring_into_effect(uow, series_id, n, on=town.today)
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        meetings.record_homologation(uow, series_id, n, approved=True, on=town.today, evidence=EVIDENCE)
    last = desk.record(series_id).series.terms
    town.jump_to(last.record_on(last.bond.periods[-1].paid_on) + timedelta(days=1))
    with refused(town, "change-too-late"):
        convene(desk, series_id, RATE_CUT)


def test_a_change_is_kept_as_it_was_put_and_a_cut_spares_coupons_that_are_planned(desk: Desk) -> None:
    terms = desk.terms(**PLAIN, coupons=[{"from_n": 1, "rate_annual": "0.04"}, {"from_n": 2, "rate_annual": "0.05"}])
    for change in (
        RATE_CUT,
        HAIRCUT,
        REPRESENTATIVE,
        Change(kind=ChangeKind.EXTENSION, text="x", matures_on=date(2029, 3, 22)),
    ):
        assert change_of(change.as_json()) == change
    cut = changed(terms, RATE_CUT, from_n=2)
    assert [cut.rate(n, resident=False) for n in (1, 2)] == [Decimal("0.04"), Decimal("0.02")]
    less = changed(terms, HAIRCUT, from_n=2)
    assert [int(less.interest(n, resident=False)) for n in (1, 2)] == [2_000, 1_750]
    with pytest.raises(Refusal, match="coupon-not-known"):
        changed(terms, HAIRCUT, from_n=3)
    with pytest.raises(Refusal, match="series-field-unknown"):
        desk.draft(less)
