"""A lender dies and her heirs have her claims and her money, to the cent; a claim is given away; what is refused."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest

from contracts.loans import estates, service
from contracts.loans.model import LoanState
from contracts.loans.passing import parts_of
from contracts.parties import estates as deaths
from contracts.parties import service as parties
from contracts.parties.model import NaturalIdentity
from contracts.schemes import rules
from tests.estates_kit import ask_death, ask_estate, ask_gift, book_of, check_claims, die, give, inherit
from tests.oracle import check_everything
from tests.products_kit import EVIDENCE, Town, refused

THIRDS = ("1/3", "1/3", "1/3")


@pytest.fixture
def running(sqlite_town: Town) -> tuple[Town, str, str, str]:
    """A loan of 1,500.00 at 3.5 %, linear over five years, of Ada's 1,000.00 and Bob's 500.00; one instalment paid."""
    return _running(sqlite_town)


def _running(town: Town) -> tuple[Town, str, str, str]:
    ada, bob, borrower = town.citizen("Ada"), town.citizen("Bob"), town.enterprise()
    loan_id = town.fund({ada: 100_000, bob: 50_000}, borrower)
    town.jump_to(town.loan(loan_id).instalments[0].due_on)
    town.pay_due(loan_id, 1)
    town.pay_out()
    return town, loan_id, ada, bob


def number_of(town: Town, loan_id: str, lender: str) -> int:
    return next(claim.number for claim in book_of(town, loan_id).held_claims if claim.lender == lender)


def test_heirs_have_their_parts_to_the_cent_and_every_instalment_after_it(town: Town) -> None:
    _, loan_id, ada, bob = _running(town)
    asset = book_of(town, loan_id).loan.asset.code
    died_on = town.today + timedelta(days=30)
    town.jump_to(died_on)
    die(town, ada, died_on)
    town.jump_to(town.loan(loan_id).instalments[1].due_on)
    town.pay_due(loan_id, 2)
    assert town.balance(f"489300:{ada}") == -(20_000 + 2_800 - 840)  # it came since, less 30 % of the interest
    assert [body["to"] for name, body in town.mails if name == "death-recorded"] == [ada]
    orders = town.pay_out()
    assert len(orders) == 1  # Bob alone is paid
    before = [row[number_of(town, loan_id, bob) - 1] for row in book_of(town, loan_id).plan]
    heirs = [town.citizen(name) for name in ("Cem", "Dora", "Eli")]
    inherit(town, ada, dict(zip(heirs, THIRDS, strict=True)))
    assert town.balance(f"020000:{ada}", asset) == town.balance(f"489300:{ada}") == 0
    assert [town.balance(f"020000:{heir}", asset) for heir in heirs] == [20_000] * 3
    assert [town.balance(f"489300:{heir}") for heir in heirs] == [-7_320] * 3
    told = [
        (b["to"], b["facts"]["amount_cents"], b["facts"]["money_cents"]) for n, b in town.mails if n == "estate-passed"
    ]
    assert sorted(told) == sorted((heir, 20_000, 7_320) for heir in heirs)
    check_claims(town, loan_id)
    assert [row[number_of(town, loan_id, bob) - 1] for row in book_of(town, loan_id).plan] == before
    town.pay_out()
    for n in (3, 4, 5):
        town.jump_to(town.loan(loan_id).instalments[n - 1].due_on)
        town.pay_due(loan_id, n)
        check_claims(town, loan_id)
    page = town.loan(loan_id, heirs[0])
    assert page.state is LoanState.REPAID
    assert [(row.n, row.principal_cents) for row in page.shares] == [(3, 6_667), (4, 6_667), (5, 6_666)]
    assert [line.principal_cents for line in page.lenders] == [50_000, 33_334, 33_333, 33_333]
    assert [town.balance(f"020000:{heir}", asset) for heir in heirs] == [0] * 3
    [mine] = town.portfolio(ada).claims
    assert (mine.outstanding_cents, mine.received_principal_cents, mine.next_due_on) == (0, 40_000, None)
    check_everything(town.book)


def test_a_payment_dated_before_the_passing_that_is_heard_of_after_it_is_the_heirs(running) -> None:
    town, loan_id, ada, _ = running
    cem = town.citizen("Cem")
    die(town, ada, town.today)
    town.jump_to(town.loan(loan_id).instalments[1].due_on)
    book = book_of(town, loan_id)
    inherit(town, ada, {cem: "1"})
    town.pay_due(loan_id, 2)
    share = book_of(town, loan_id).position_of(book_of(town, loan_id).claims[-1])
    assert [due.n for due in share.settled(town.today)] == [2]
    assert share.outstanding_cents(town.today - timedelta(days=1)) == 0
    assert share.outstanding_cents(town.today) == 60_000
    hers = next(claim for claim in book.claims if claim.lender == ada)
    assert book.position_of(hers).outstanding_cents(town.today) == 80_000
    check_claims(town, loan_id)


def test_heirs_have_the_loss_and_what_comes_after_it_and_an_heir_may_die_too(running) -> None:
    town, loan_id, ada, bob = running
    cem, dora, eli = (town.citizen(name) for name in ("Cem", "Dora", "Eli"))
    die(town, ada, town.today)
    inherit(town, ada, {cem: "2/3", bob: "1/3"})
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    told = {body["to"]: body["facts"]["amount_cents"] for name, body in town.mails if name == "loan-bankrupt"}
    assert told.keys() == {bob, cem}
    die(town, cem, town.today)
    inherit(town, cem, {dora: "1/2", eli: "1/2"})
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    check_claims(town, loan_id)
    lost = {claim.lender: book_of(town, loan_id).position_of(claim).lost_cents(town.today)
            for claim in book_of(town, loan_id).held_claims if claim.lender != bob}  # fmt: skip
    assert lost == {dora: 26_667, eli: 26_666}
    fay = town.citizen("Fay")
    die(town, eli, town.today)
    inherit(town, eli, {fay: "1"})
    check_claims(town, loan_id)
    assert town.balance(f"022000:{fay}", book_of(town, loan_id).loan.asset.code) == 26_666


def test_a_gift_passes_one_claim_and_tells_both_what_it_costs(running) -> None:
    town, loan_id, ada, bob = running
    cem = town.citizen("Cem")
    number = number_of(town, loan_id, ada)
    give(town, loan_id, number, {cem: "1"})
    check_claims(town, loan_id)
    told = [(name, body["to"], body["facts"]["amount_cents"]) for name, body in town.mails if name.startswith("claim-")]
    assert told == [("claim-given", ada, 80_000), ("claim-received", cem, 80_000)]
    with refused(town, "claim-not-held", number=number):
        ask_gift(town, loan_id, number, {bob: "1"})


def test_what_is_refused_of_a_death_and_of_heirs(running) -> None:
    town, loan_id, ada, bob = running
    cem, today = town.citizen("Cem"), town.today
    borrower = town.loan(loan_id).borrower
    with refused(town, "evidence-malformed"):
        ask_death(town, ada, today, evidence="")
    with refused(town, "not-a-citizen"):
        ask_death(town, borrower, today)
    with refused(town, "date-not-reached"):
        ask_death(town, ada, today + timedelta(days=1))
    with refused(town, "death-not-recorded"):
        ask_estate(town, ada, {cem: "1"})
    die(town, ada, today)
    with refused(town, "party-has-died", died_on=today.isoformat()):
        ask_death(town, ada, today)
    with refused(town, "evidence-malformed"):
        ask_estate(town, ada, {cem: "1"}, evidence="no paper")
    with refused(town, "date-too-early"):
        ask_estate(town, ada, {cem: "1"}, deed_on=today - timedelta(days=1))
    for shares in ({cem: "1/2", bob: "1/3"}, {cem: "1", bob: "0"}, {}):
        with refused(town, "heirs-shares-not-whole"):
            ask_estate(town, ada, shares)
    with refused(town, "heir-named-twice"):
        ask_estate(town, ada, {cem: "1/2", ada: "1/2"})
    with refused(town, "party-unknown"):
        ask_estate(town, ada, {"c-nobody": "1"})
    with refused(town, "heir-unfit", party=borrower):
        ask_estate(town, ada, {borrower: "1"})
    many = {f"c{k}": f"1/{estates.MOST_HEIRS + 1}" for k in range(estates.MOST_HEIRS + 1)}
    with refused(town, "heirs-too-many", limit=estates.MOST_HEIRS):
        ask_estate(town, ada, many)
    with town.book.unit_of_work(actor="system") as uow:
        stranger = parties.register_natural(uow, NaturalIdentity("Zoe", "Peeters", "zoe@citizens.example", "fr"))
    with refused(town, "heir-not-identified", party=stranger):
        ask_estate(town, ada, {stranger: "1"})
    with refused(town, "heir-share-too-small"):
        ask_estate(town, ada, {cem: "999999/1000000", bob: "1/1000000"})
    die(town, cem, today)
    with refused(town, "nothing-to-pass"):
        ask_estate(town, cem, {bob: "1"})
    with refused(town, "party-has-died", party=cem):
        ask_estate(town, ada, {cem: "1"})


def test_what_is_refused_of_a_gift_and_while_money_is_on_its_way(running, monkeypatch: pytest.MonkeyPatch) -> None:
    town, loan_id, ada, bob = running
    number, today = number_of(town, loan_id, ada), town.today
    with refused(town, "evidence-malformed"):
        ask_gift(town, loan_id, number, {bob: "1"}, evidence="")
    with refused(town, "date-too-early"):
        ask_gift(town, loan_id, number, {bob: "1"}, deed_on=date(2026, 3, 2))
    only_death = replace(rules.rule("proxi.B", "claim_passes_by", today), value=("death",))
    with monkeypatch.context() as patched:
        patched.setattr(estates, "rule", lambda *_: only_death)
        with refused(town, "gift-not-allowed", scheme="proxi.B", ends_on="2031-03-07"):
            ask_gift(town, loan_id, number, {bob: "1"})
    with refused(town, "no-rule-for-date", scheme="winwin"):
        rules.rule("winwin", "claim_passes_by", today)
    town.jump_to(town.loan(loan_id).instalments[1].due_on)
    town.pay_due(loan_id, 2)
    die(town, ada, town.today)
    with refused(town, "party-has-died", party=ada):
        ask_gift(town, loan_id, number, {bob: "1"})
    with refused(town, "claim-is-settling", party=ada):  # the provider has it, the bank not yet
        ask_estate(town, ada, {bob: "1"})


def test_who_died_pledges_nothing_and_her_open_pledges_end_before_the_estate_passes(sqlite_town: Town) -> None:
    town = sqlite_town
    ada, bob, cem = (town.citizen(name) for name in ("Ada", "Bob", "Cem"))
    offer_id = town.open_offer(town.enterprise())
    die(town, ada, town.today)
    with refused(town, "party-has-died", party=ada):
        town.pledge(offer_id, ada, 20_000)
    made = town.pledge(offer_id, bob, 20_000)
    die(town, bob, town.today)
    with refused(town, "estate-has-open-pledges", party=bob, amount_cents=20_000):
        ask_estate(town, bob, {cem: "1"})
    town.withdraw(made.pledge_id)


def test_a_death_recorded_wrongly_is_withdrawn_and_everything_goes_on(running) -> None:
    town, _, ada, bob = running
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        deaths.request_withdrawal(uow, ada, evidence=EVIDENCE, reason="another person")
    die(town, ada, town.today)
    with town.book.unit_of_work(actor=town.maker) as uow:
        approval_id = deaths.request_withdrawal(uow, ada, evidence=EVIDENCE, reason="another person")
    town.approve(approval_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        deaths.withdraw_death(uow, {"party_id": ada, "evidence": EVIDENCE}, approval_id=approval_id)
    with town.book.read() as connection:
        assert deaths.estate_of(connection, town.book.book_id, ada) is None
    die(town, ada, town.today)
    inherit(town, ada, {bob: "1"})
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor=town.maker) as uow:
        deaths.request_withdrawal(uow, ada, evidence=EVIDENCE, reason="another person")


@pytest.mark.parametrize("total", [1, 99, 100, 123_457])
def test_parts_make_the_whole_to_the_cent(total: int) -> None:
    shares = [Fraction(1, 7), Fraction(2, 7), Fraction(1, 3), Fraction(5, 21)]
    parts = parts_of(total, shares)
    assert sum(parts) == total
    assert all(abs(part - total * share) < 1 for part, share in zip(parts, shares, strict=True))
