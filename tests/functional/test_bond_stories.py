"""Stories of a bond: subscribed, allotted, paid, sold, called, redeemed; and every way in which a step is refused."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.bonds import proceeds, redemption, register, runs, service
from contracts.bonds.allotment import draw_order, drawn_units
from contracts.bonds.model import Block, RunState, SeriesState
from contracts.loans import service as loans
from contracts.offers import service as offers
from contracts.offers.queries import open_offers
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import concluded_cents, live_cents
from contracts.schemes.withholding import HolderKind
from ledger import balances
from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.payments.queries import open_cases, payments_for
from tests.bonds_kit import Desk, bond_desk
from tests.camt_kit import Move
from tests.oracle import check_everything
from tests.products_kit import DAY, EVIDENCE, Town, refused

PAPER = hashlib.sha256(b"a second paper").hexdigest()
SEED = "twelve white balls"


@pytest.fixture
def desk(sqlite_town) -> Desk:
    return bond_desk(sqlite_town)


def test_a_bond_lives_from_its_terms_to_its_redemption(town):
    desk = bond_desk(town)
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    desk.lives(ada, "Etterbeek")
    series_id = desk.issue({ada: 6, bob: 3})
    assert desk.record(series_id).state is SeriesState.RUNNING
    assert desk.register(series_id) == dict(sorted({ada: 6, bob: 3}.items()))
    assert town.balance(f"489500:{desk.issuer}") == -900_000
    desk.pay_proceeds(series_id)
    assert [town.balance(account) for account in (f"489500:{desk.issuer}", "550100", "580100")] == [0, 0, 0]

    desk.serve(series_id, "c1")
    # half a year at 4.5 % for a resident, at 4 % for others; 30 % is withheld
    assert town.balance(f"489300:{ada}") == -(13_500 - 4_050)
    assert town.balance(f"489300:{bob}") == -(6_000 - 1_800)
    assert town.balance(f"453000:{desk.issuer}") == -5_850
    assert [town.balance(f"{code}:{series_id}") for code in ("489600", "030200", "031200")] == [0, 0, 0]
    assert len(town.pay_out()) == 2

    desk.serve(series_id, "c2", "m")
    assert desk.record(series_id).state is SeriesState.REDEEMED
    assert desk.register(series_id) == {}
    assert town.balance(f"489300:{ada}") == -(600_000 + 13_500 - 4_050)
    town.pay_out()
    assert town.balance("550100") == 2 * 5_850  # the withholding tax, until it is paid to the State
    check_everything(town.book)


def test_an_oversubscribed_issue_gives_its_rest_back_and_who_got_nothing_has_all_of_it(desk):
    town = desk.town
    ada, bob, eve = (town.citizen(name) for name in ("Ada", "Bob", "Eve"))
    series_id = desk.opened(allotment="first-come")
    first, second, third = (desk.subscribe(series_id, who, n) for who, n in ((ada, 7), (bob, 6), (eve, 2)))
    town.mails.clear()
    town.go_to(desk.record(series_id).series.terms.issued_on)
    assert desk.register(series_id) == dict(sorted({ada: 7, bob: 3}.items()))
    assert [town.state(each) for each in (first, second)] == [PledgeState.CONVERTED] * 2
    assert town.state(third) is PledgeState.REFUNDED
    assert {who: town.balance(f"489400:{who}") for who in (ada, bob, eve)} == {ada: 0, bob: 0, eve: 0}
    assert sorted(refund.amount_cents for refund in town.rail.refunds_by_id.values()) == [200_000, 300_000]
    told = {body["to"]: body["facts"] for name, body in town.mails if name == "units-allotted"}
    assert [told[bob][name] for name in ("wanted", "units", "rest_cents")] == [6, 3, 300_000]
    back = {body["to"]: body["facts"]["amount_cents"] for name, body in town.mails if name == "refund-sent"}
    assert back == {bob: 300_000, eve: 200_000}
    check_everything(town.book)


@pytest.mark.parametrize(
    ("rule", "units"), [("first-come", [7, 3, 0]), ("pro-rata", [5, 4, 1]), ("small-first", [4, 4, 2])]
)
def test_each_rule_shares_an_issue_in_its_own_way(desk, rule, units):
    town = desk.town
    people = [town.citizen(name) for name in ("Ada", "Bob", "Eve")]
    series_id = desk.issue(dict(zip(people, (7, 6, 2), strict=True)), allotment=rule)
    assert [desk.register(series_id).get(who, 0) for who in people] == units
    check_everything(town.book)


def test_lots_are_drawn_with_the_seed_that_was_bound_before_anybody_subscribed(desk):
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    bound = hashlib.sha256(SEED.encode()).hexdigest()
    series_id = desk.opened(allotment="lottery", lottery_seed_sha256=bound)
    for who in (ada, bob):
        desk.subscribe(series_id, who, 8)
    town.go_to(DAY + timedelta(days=18))
    assert desk.record(series_id).state is SeriesState.OPEN, "the job waits for the seed"
    for seed, code in (("", "lottery-seed-missing"), ("another", "lottery-seed-differs")):
        with refused(town, code), town.book.unit_of_work(actor=town.maker) as uow:
            service.close_series(uow, series_id, on=town.today, seed=seed)
    with town.book.unit_of_work(actor=town.maker) as uow:
        assert service.close_series(uow, series_id, on=town.today, seed=SEED) is SeriesState.ALLOTTED
    town.go_to(desk.record(series_id).series.terms.issued_on)
    first, second = draw_order([ada, bob], SEED)
    assert [desk.register(series_id)[who] for who in (first, second)] == [8, 2]
    [allotted] = desk.record(series_id).moved("allotted")
    assert allotted.facts["seed"] == SEED


def test_an_issue_that_misses_its_minimum_gives_everything_back_before_its_day(desk):
    town = desk.town
    ada = town.citizen("Ada")
    series_id = desk.opened()
    pledge_id = desk.subscribe(series_id, ada, 4)
    town.go_to(DAY + timedelta(days=11))
    assert desk.record(series_id).state is SeriesState.FAILED
    assert town.state(pledge_id) is PledgeState.REFUNDED
    assert [town.balance(account) for account in (f"489200:{ada}", f"489400:{ada}", "580100")] == [0, 0, 0]
    with refused(town, "series-not-running", state="failed"):
        desk.plan(series_id, "c1")
    check_everything(town.book)


def test_a_region_opens_a_public_issue_with_the_federal_approval_and_a_private_one_once_it_has_informed(desk):
    town = desk.town
    for placement, code in (("public", "regional-approval-missing"), ("private", "regional-information-missing")):
        series_id = desk.draft(desk.terms("state-note", issuer_kind="region", placement=placement))
        with refused(town, code):
            open_approved(desk, series_id)
        with refused(town, "approval-reference-missing"):
            clear(desk, series_id, reference=" ")
        with refused(town, "date-not-reached"):
            clear(desk, series_id, on=town.today + timedelta(days=1))
        clear(desk, series_id)
        desk.open(series_id)
        assert desk.record(series_id).state is SeriesState.OPEN
    communal = desk.draft(desk.terms())
    with refused(town, "series-not-regional"):
        clear(desk, communal)
    check_everything(town.book)


def test_an_offer_of_a_series_is_no_offer_of_a_loan(desk):
    town = desk.town
    series_id = desk.draft(desk.terms())
    offer_id = desk.record(series_id).series.offer_id
    with refused(town, "offer-is-of-a-series"), town.book.unit_of_work(actor=town.maker) as uow:
        offers.revise_offer(uow, offer_id, town.draft(desk.issuer), on=town.today)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = offers.request_publication(uow, offer_id, reason="checked")
    town.approve(approval_id)
    with refused(town, "offer-is-of-a-series"), town.book.unit_of_work(actor=town.maker) as uow:
        offers.publish_offer(uow, offer_id, on=town.today, approval_id=approval_id)
    desk.open(series_id)
    with refused(town, "offer-is-of-a-series"), town.book.unit_of_work(actor=town.maker) as uow:
        loans.close_offer(uow, offer_id, on=town.today)
    with town.book.read() as connection:
        assert open_offers(connection, town.book, town.today) == []
    with refused(town, "series-not-known"):
        desk.plan("n0", "c1")


def test_a_subscription_is_of_whole_units_within_the_cap_and_residents_come_first(desk):
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    desk.lives(ada, "Etterbeek")
    until = town.today + timedelta(days=2)
    series_id = desk.opened(cap_units=5, priority_until_on=until.isoformat())
    offer_id = desk.record(series_id).series.offer_id
    with refused(town, "pledge-not-whole-units", unit_cents=100_000):
        town.pledge(offer_id, ada, 150_000)
    with refused(town, "offer-priority-for-residents", commune="Etterbeek"):
        town.pledge(offer_id, bob, 100_000)
    town.pledge(offer_id, ada, 300_000)
    with refused(town, "offer-person-limit-exceeded", limit_cents=500_000, left_cents=200_000):
        town.pledge(offer_id, ada, 300_000)
    town.pledge(offer_id, ada, 200_000)
    town.go_to(until + timedelta(days=1))
    town.pledge(offer_id, bob, 500_000)
    town.go_to(DAY + timedelta(days=11))
    with refused(town, "offer-closed"):
        town.pledge(offer_id, bob, 100_000)


def test_what_is_subscribed_in_a_bond_counts_towards_no_cap_of_a_loan_scheme(desk):
    town = desk.town
    ada = town.citizen("Ada")
    series_id = desk.issue({ada: 5})
    desk.opened(title="Another")
    with town.book.read() as connection:
        assert concluded_cents(connection, town.book.book_id, ada, 2026) == 0
        assert live_cents(connection, town.book.book_id, ada) == 0
    assert desk.register(series_id) == {ada: 5}


def test_units_pass_to_an_identified_holder_who_has_the_next_coupon(desk):
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.issue({ada: 6})
    assert desk.record(series_id).series.terms.record_on(date(2026, 9, 22)) == date(2026, 9, 21)
    for seller, buyer, units, code in (
        (ada, "c000000000", 1, "holder-not-identified"),
        (ada, town.enterprise("Sirius", number="0202.239.951"), 1, "holder-not-identified"),
        (ada, ada, 1, "transfer-to-oneself"),
        (ada, bob, 0, "units-not-positive"),
        (ada, bob, 7, "units-not-held"),
        (bob, ada, 1, "units-not-held"),
    ):
        with refused(town, code):
            desk.transfer(series_id, seller, buyer, units)
    desk.transfer(series_id, ada, bob, 2)
    desk.transfer(series_id, ada, bob, 2)  # the same paper is entered once
    assert desk.register(series_id) == dict(sorted({ada: 4, bob: 2}.items()))
    town.jump_to(date(2026, 9, 22))
    desk.transfer(series_id, ada, bob, 1, paper=PAPER)  # after the record date: the coupon is Ada's
    desk.fund(series_id, "c1")
    town.run_jobs()
    assert [town.balance(f"489300:{who}") for who in (ada, bob)] == [-5_600, -2_800]
    check_everything(town.book)


def test_pledged_and_frozen_units_stay_their_holders_and_their_redemption_is_held_back(desk):
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.issue({ada: 6})
    block(desk, series_id, ada, 2, Block.PLEDGE)
    with refused(town, "units-not-held", held_units=4):
        desk.transfer(series_id, ada, bob, 5)
    with refused(town, "units-not-held", held_units=4):
        block(desk, series_id, ada, 5, Block.PLEDGE, paper=PAPER)
    block(desk, series_id, ada, 1, Block.FREEZE, paper=PAPER)
    with refused(town, "holder-is-frozen"):
        desk.transfer(series_id, ada, bob, 1)
    desk.serve(series_id, "c1")
    assert town.balance(f"489300:{ada}") == -8_400, "the coupon is of all her units"
    with pytest.raises(Refusal, match="nothing-to-pay-out"):
        town.pay_out()  # she is paid nothing out while units of hers are frozen
    block(desk, series_id, ada, 1, Block.FREEZE, release=True, paper=hashlib.sha256(b"court").hexdigest())
    assert len(town.pay_out()) == 1
    desk.serve(series_id, "c2", "m")
    assert desk.record(series_id).state is SeriesState.REDEEMED
    assert (town.balance(f"489300:{ada}"), town.balance(f"489700:{ada}")) == (-408_400, -200_000)
    with refused(town, "redemption-not-held", held_cents=200_000):
        release_money(desk, ada, bob, 200_001)
    with refused(town, "holder-not-identified"):
        release_money(desk, ada, "c000000000", 1)
    release_money(desk, ada, bob, 150_000)  # the creditor's part
    release_money(desk, ada, ada, 50_000, paper=PAPER)
    assert (town.balance(f"489300:{bob}"), town.balance(f"489700:{ada}")) == (-150_000, 0)
    check_everything(town.book)


def test_a_coupon_is_planned_after_its_record_date_paid_on_its_day_from_the_issuers_money_and_once(desk):
    town = desk.town
    ada = town.citizen("Ada")
    series_id = desk.issue({ada: 6})
    with refused(town, "run-not-known"):
        desk.plan(series_id, "c3")
    with refused(town, "run-not-known"):
        desk.pay(series_id, "c1")
    with refused(town, "run-before-record-date", record_on="2026-09-21"):
        desk.plan(series_id, "c1")
    town.clock.instant = datetime(2026, 9, 22, 11, tzinfo=UTC)
    run = desk.plan(series_id, "c1")
    assert (run.due_cents, run.lines, run.paid_on) == (12_000, 1, date(2026, 9, 22))
    with refused(town, "run-already-planned"):
        desk.plan(series_id, "c1")
    with refused(town, "run-cash-short", missing_cents=12_000):
        desk.pay(series_id, "c1")
    desk.fund(series_id, "c1")
    run = desk.pay(series_id, "c1")
    assert town.balance(f"489300:{ada}") == -8_400
    with refused(town, "run-already-paid"):
        desk.pay(series_id, "c1")
    assert town.run_jobs() == 0
    check_everything(town.book)


def test_a_run_that_lacks_one_cent_pays_nobody_and_waits_until_it_is_there(desk):
    town = desk.town
    ada = town.citizen("Ada")
    series_id = desk.issue({ada: 6})
    town.jump_to(date(2026, 9, 22))
    receive_by_hand(desk, series_id, 11_999)
    with refused(town, "run-cash-short", missing_cents=1, amount_cents=12_000):
        desk.pay(series_id, "c1")
    assert town.run_jobs() == 0
    assert town.balance(f"489300:{ada}") == 0
    receive_by_hand(desk, series_id, 1)
    assert town.run_jobs() == 1
    assert town.balance(f"489300:{ada}") == -8_400


def test_a_run_that_is_funded_early_waits_for_its_day_and_one_that_is_refused_is_a_case_that_closes_by_itself(desk):
    town = desk.town
    ada = town.citizen("Ada")
    series_id = desk.issue({ada: 6}, record_days=5)
    town.jump_to(date(2026, 9, 16))  # the day after the record date
    with refused(town, "run-not-due", paid_on="2026-09-22"):
        desk.pay(series_id, "c1")
    town.jump_to(date(2026, 9, 22))
    assert cases(town) == [(f"run:{series_id}:c1", "run-cash-short")]
    desk.fund(series_id, "c1")
    town.run_jobs()
    assert cases(town) == []
    assert town.balance(f"489300:{ada}") == -8_400


def test_what_the_issuer_pays_twice_goes_back_to_it(desk):
    town = desk.town
    series_id = desk.issue({town.citizen("Ada"): 6})
    town.jump_to(date(2026, 9, 22))
    with town.book.read() as connection:
        [asked] = payments_for(connection, town.book.book_id, f"run:{series_id}:c1")
    move = Move(12_000, ogm=asked.structured_reference)
    desk.receive(move)
    desk.receive(Move(12_000, ogm=asked.structured_reference))
    town.run_jobs()
    assert town.balance(f"489600:{series_id}") == 0
    check_everything(town.book)


def test_the_tax_is_that_of_each_holders_status_on_the_day_of_attribution(desk):
    town = desk.town
    people = {kind: town.citizen(f"Holder{n}") for n, kind in enumerate(HolderKind)}
    for kind, who in people.items():
        desk.is_taxed(who, kind.value)
    changed = people[HolderKind.EXEMPT]
    series_id = desk.issue(dict.fromkeys(people.values(), 2))
    desk.is_taxed(changed, "resident-individual", since=date(2026, 9, 22))
    desk.serve(series_id, "c1")
    taxed = {kind: 4_000 + town.balance(f"489300:{who}") for kind, who in people.items()}
    assert set(taxed.values()) == {1_200}
    desk.is_taxed(changed, "exempt", since=date(2027, 3, 22))
    desk.serve(series_id, "c2", "m")
    assert 2_800 + 4_000 + 200_000 + town.balance(f"489300:{changed}") == 0
    assert town.balance(f"453000:{desk.issuer}") == -7 * 1_200
    check_everything(town.book)


@pytest.mark.parametrize("draw", ["pro-rata", "lottery"])
def test_a_called_bond_takes_a_part_of_the_units_at_its_price_with_what_has_accrued(desk, draw):
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    call = {"first_on": "2026-06-01", "notice_days": 15, "price_percent": "101", "draw": draw}
    series_id = desk.issue({ada: 6, bob: 3}, call=call)
    day = date(2026, 6, 22)
    for redeem_on, units, code in (
        (date(2026, 5, 29), None, "redemption-day-unusable"),
        (date(2026, 4, 5), None, "redemption-day-unusable"),
        (day, 10, "units-not-held"),
    ):
        with refused(town, code):
            desk.call(series_id, redeem_on, units, seed=SEED)
    town.jump_to(date(2026, 6, 8))
    with refused(town, "redemption-notice-too-short", notice_days=15):
        desk.call(series_id, day, 3, seed=SEED)
    town.jump_to(date(2026, 6, 9))
    if draw == "lottery":
        with refused(town, "lottery-seed-missing"):
            desk.call(series_id, date(2026, 6, 24), 3)
    town.mails.clear()
    desk.call(series_id, date(2026, 6, 24), 3, seed=SEED)
    assert sorted(body["to"] for name, body in town.mails if name == "bond-called") == sorted([ada, bob])
    with refused(town, "redemption-overlaps", other_on="2026-06-24"):
        desk.call(series_id, date(2026, 6, 25), seed=SEED)
    town.jump_to(date(2026, 6, 24))
    with refused(town, "register-closed"):
        desk.transfer(series_id, ada, bob, 1)
    desk.fund(series_id, "k1")
    town.run_jobs()
    left = desk.register(series_id)
    expected = {ada: 4, bob: 2}
    if draw == "lottery":
        gone = drawn_units(3, {ada: 6, bob: 3}, SEED)
        expected = {who: held - gone[who] for who, held in ((ada, 6), (bob, 3)) if held > gone[who]}
    assert left == dict(sorted(expected.items()))
    run, state = desk.run(series_id, "k1")
    # 94 of 184 days of a half-year at 4 %: 10.2174 EUR a unit
    assert (state, run.principal_cents, run.interest_cents in {3_065, 3_066}) == (RunState.PAID, 303_000, True)
    desk.serve(series_id, "c1")
    assert desk.run(series_id, "c1")[0].interest_cents == 12_000
    check_everything(town.book)


def test_a_bond_that_is_called_whole_ends_on_that_day(desk):
    town = desk.town
    ada = town.citizen("Ada")
    call = {"first_on": "2026-06-01", "notice_days": 15, "price_percent": "100", "draw": "pro-rata"}
    series_id = desk.issue({ada: 6}, call=call)
    day = date(2026, 9, 22)  # on a coupon's own day the coupon pays all that was earned
    desk.call(series_id, day)
    desk.serve(series_id, "c1", "k1")
    assert desk.record(series_id).state is SeriesState.REDEEMED
    assert desk.run(series_id, "k1")[0].interest_cents == 0
    assert town.balance(f"489300:{ada}") == -(600_000 + 8_400)
    assert town.run_jobs() == 0
    check_everything(town.book)


def test_a_holder_puts_units_on_a_day_of_the_terms(desk):
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    day = date(2026, 6, 24)
    put = {"days": [day.isoformat()], "notice_days": 15, "price_percent": "99"}
    series_id = desk.issue({ada: 6, bob: 3}, put=put)
    with refused(town, "redemption-not-in-terms"):
        desk.call(series_id, day)
    with refused(town, "redemption-not-in-terms"):
        ask_put(desk, series_id, ada, 1, date(2026, 6, 25))
    with refused(town, "units-not-held"):
        ask_put(desk, series_id, ada, 7, day)
    ask_put(desk, series_id, ada, 4, day)
    with refused(town, "units-not-held", held_units=2):
        ask_put(desk, series_id, ada, 3, day)
    ask_put(desk, series_id, bob, 1, day)
    block(desk, series_id, bob, 1, Block.FREEZE)
    with refused(town, "holder-is-frozen"):
        ask_put(desk, series_id, bob, 1, day)
    town.jump_to(date(2026, 6, 10))
    with refused(town, "redemption-notice-too-short"):
        ask_put(desk, series_id, ada, 1, day)
    town.jump_to(day)
    desk.fund(series_id, "p20260624")
    town.run_jobs()
    assert desk.register(series_id) == dict(sorted({ada: 2, bob: 2}.items()))
    assert desk.run(series_id, "p20260624")[0].principal_cents == 5 * 99_000
    check_everything(town.book)


def test_a_redemption_waits_until_the_one_before_it_is_paid(desk):
    town = desk.town
    ada = town.citizen("Ada")
    call = {"first_on": "2026-06-01", "notice_days": 15, "price_percent": "100", "draw": "pro-rata"}
    series_id = desk.issue({ada: 6}, call=call)
    desk.call(series_id, date(2026, 6, 24), 2)
    desk.call(series_id, date(2026, 7, 24), 2)
    town.jump_to(date(2026, 7, 24))
    with refused(town, "run-waits-for-another", other="k1"):
        desk.plan(series_id, "k2")
    desk.fund(series_id, "k1")
    assert town.run_jobs() == 1, "the second is planned by the next run of the jobs"
    assert town.run_jobs() == 1
    desk.fund(series_id, "k2")
    town.run_jobs()
    assert desk.register(series_id) == {ada: 2}
    check_everything(town.book)


def test_the_proceeds_are_paid_out_once_all_units_are_issued_and_all_pledges_at_the_bank(desk, monkeypatch):
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    monkeypatch.setattr(service.pledges, "CHUNK", 1)
    series_id = desk.opened()
    for who in (ada, bob):
        desk.subscribe(series_id, who, 4)
    town.go_to(DAY + timedelta(days=17))
    approval_id = approved(desk, series_id)
    with refused(town, "series-not-running", state="allotted"):
        order(desk, series_id, approval_id)
    with refused(town, "series-not-due"), town.book.unit_of_work(actor=town.maker) as uow:
        service.issue_series(uow, series_id, on=town.today)
    town.clock.instant = datetime(2026, 3, 22, 11, tzinfo=UTC)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.issue_series(uow, series_id, on=town.today)
    with refused(town, "series-not-fully-issued"):
        order(desk, series_id, approval_id)
    town.settle()
    assert sum(desk.register(series_id).values()) == 8
    with refused(town, "cash-rule-not-met"):
        order(desk, series_id, approval_id)
    receive_by_hand(desk, "n0", 800_000)  # another's money at the bank does not pay these proceeds out
    with refused(town, "campaign-cash-short", missing_cents=800_000):
        order(desk, series_id, approval_id)
    order_id = desk.pay_proceeds(series_id)
    approval_id = approved(desk, series_id)
    with refused(town, "transfer-already-ordered", order_id=order_id):
        order(desk, series_id, approval_id)
    check_everything(town.book)


def test_a_run_that_is_cut_short_goes_on_where_it_stopped_under_its_own_day(desk, monkeypatch):
    town = desk.town
    people = [town.citizen(f"Holder{n}") for n in range(5)]
    series_id = desk.issue(dict.fromkeys(people, 2))
    town.jump_to(date(2026, 9, 22))
    town.clock.instant = datetime(2026, 9, 22, 11, tzinfo=UTC)
    monkeypatch.setattr(runs, "CHUNK", 2)
    with town.book.read() as connection:
        [asked] = payments_for(connection, town.book.book_id, f"run:{series_id}:c1")
    desk.receive(Move(asked.amount_cents, ogm=asked.structured_reference))
    with town.book.unit_of_work(actor=town.maker) as uow:
        assert not runs.pay_part(uow, series_id, "c1", on=town.today)
    town.clock.instant = datetime(2026, 9, 25, 11, tzinfo=UTC)
    assert desk.run(series_id, "c1")[1] is RunState.PAYING
    desk.pay(series_id, "c1")
    assert [town.balance(f"489300:{who}") for who in people] == [-2_800] * 5
    with town.book.read() as connection:
        keys = [f"run:{series_id}:c1:{who}" for who in people]
        days = {entry.effective_on for entry in balances.entries_by_key(connection, town.book.book_id, keys).values()}
    assert days == {date(2026, 9, 22)}
    check_everything(town.book)


def open_approved(desk: Desk, series_id: str) -> None:
    """Open a series whose offer was approved before, so that nothing but the opening can be refused."""
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        service.open_series(uow, series_id, on=desk.town.today, approval_id="a000000000")


def clear(desk: Desk, series_id: str, *, reference: str = "CM 2026/117", on: date | None = None) -> None:
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        day = on or desk.town.today
        service.clear_regional_issue(uow, series_id, reference=reference, on=day, evidence=EVIDENCE)


def block(
    desk: Desk, series_id: str, holder: str, units: int, why: Block, *, release: bool = False, paper: str = EVIDENCE
) -> None:
    act = register.release_units if release else register.block_units
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        act(uow, series_id, holder=holder, units=units, why=why, on=desk.town.today, paper=paper)


def release_money(desk: Desk, holder: str, entitled: str, cents: int, *, paper: str = EVIDENCE) -> None:
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        register.release_redemption(
            uow, holder=holder, entitled=entitled, amount_cents=cents, on=desk.town.today, paper=paper
        )


def ask_put(desk: Desk, series_id: str, holder: str, units: int, redeem_on: date) -> None:
    with desk.town.book.unit_of_work(actor=holder) as uow:
        redemption.notify_put(
            uow,
            series_id,
            holder=holder,
            units=units,
            redeem_on=redeem_on,
            on=desk.town.today,
            evidence=EVIDENCE,
        )


def approved(desk: Desk, series_id: str) -> str:
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        approval_id = proceeds.request_proceeds(uow, series_id, on=desk.town.today, reason="issued")
    desk.town.approve(approval_id)
    return approval_id


def order(desk: Desk, series_id: str, approval_id: str) -> None:
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        proceeds.order_proceeds(uow, series_id, approval_id=approval_id, on=desk.town.today)


def cases(town: Town) -> list[tuple[str, str]]:
    with town.book.read() as connection:
        return [(case.subject, case.code) for case in open_cases(connection, town.book.book_id)]


def receive_by_hand(desk: Desk, series_id: str, cents: int) -> None:
    """Money of the issuer that the bank has booked in parts, entered as an officer matches it."""
    entry = JournalEntry(
        f"by-hand:{series_id}:{cents}",
        desk.town.today,
        "matched by hand",
        (Posting(AccountRef("550100"), debit=cents), Posting(AccountRef("489600", series_id), credit=cents)),
        actor=desk.town.maker,
    )
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        uow.post(entry)
