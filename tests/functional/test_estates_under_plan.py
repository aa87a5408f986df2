"""Lenders die before, under and between plans: heirs vote, what was cut passes with a claim, and revives for them."""

from datetime import date
from fractions import Fraction

from contracts.secondchance import service
from contracts.secondchance.lender_view import CASES
from contracts.secondchance.model import Route, State
from contracts.secondchance.tools import Tool, Use
from tests.chance_kit import late_loan
from tests.estates_kit import check_claims, die, inherit
from tests.oracle import check_everything
from tests.products_kit import Town


def test_what_a_plan_cut_passes_to_the_heirs_and_revives_for_them(sqlite_town: Town) -> None:
    town, chance = sqlite_town, late_loan(sqlite_town)
    chance.observe()
    tools = (
        Use(tool=Tool.CAPITALISATION),
        Use(tool=Tool.HAIRCUT, amount_cents=60_000),
        Use(tool=Tool.CARRY_FORWARD),
    )
    chance.accept(chance.plan(*tools, route=Route.JUDICIAL))
    asset = f"LOAN-{chance.loan_id.upper()}"
    largest = max(chance.book().claims, key=lambda claim: claim.principal_cents)
    ada, [bob] = largest.lender, [each.lender for each in chance.book().claims if each != largest]
    cut, owed = town.balance(f"023000:{ada}", asset), town.balance(f"020000:{ada}", asset)
    assert (cut, owed > 0) == (40_000, True)
    cem, dora = town.citizen("Cem"), town.citizen("Dora")
    town.bank_provider_money()
    die(town, ada, town.today)
    inherit(town, ada, {cem: "2/3", dora: "1/3"})
    check_claims(town, chance.loan_id)
    assert [town.balance(f"023000:{who}", asset) for who in (ada, cem, dora)] == [0, 26_667, 13_333]
    town.jump_to(date(2029, 3, 7))
    town.pay_due(chance.loan_id, 6)
    check_claims(town, chance.loan_id)
    town.jump_to(date(2030, 3, 7))
    town.jump_to(date(2030, 3, 8))
    chance.do(service.fail_plan, is_revoked=False)
    check_claims(town, chance.loan_id)
    assert [town.balance(f"023000:{who}", asset) for who in (ada, bob, cem, dora)] == [0, 0, 0, 0]
    heirs = [town.balance(f"020000:{who}", asset) for who in (cem, dora)]
    assert abs(heirs[0] - Fraction(2, 3) * sum(heirs)) < 2
    for n in range(chance.book().rebases[-1].first_n, len(chance.book().instalments) + 1):
        town.jump_to(max(town.today, chance.book().instalments[n - 1].due_on))
        town.pay_due(chance.loan_id, n)
    check_claims(town, chance.loan_id)
    assert [town.balance(f"020000:{who}", asset) for who in (bob, cem, dora)] == [0, 0, 0]
    check_everything(town.book)


def test_heirs_go_through_two_plans_that_fall_and_a_third_that_is_performed(sqlite_town: Town) -> None:
    """Ada dies before the first plan, Bob under the second with what both have cut, Cem after both have fallen."""
    town, chance = sqlite_town, late_loan(sqlite_town)
    ada, bob = (claim.lender for claim in sorted(chance.book().claims, key=lambda claim: -claim.principal_cents))
    cem, dora, eve, fay, gus = (town.citizen(name) for name in ("Cem", "Dora", "Eve", "Fay", "Gus"))
    asset, carry = f"LOAN-{chance.loan_id.upper()}", Use(tool=Tool.CARRY_FORWARD)

    def held(code: str, *people: str) -> list[int]:
        return [town.balance(f"{code}:{who}", asset) for who in people]

    def pass_on(who: str, shares: dict[str, str]) -> None:
        town.bank_provider_money()
        die(town, who, town.today)
        inherit(town, who, shares)
        check_claims(town, chance.loan_id)

    pass_on(ada, {cem: "2/3", dora: "1/3"})
    chance.observe()
    cut = Use(tool=Tool.HAIRCUT, amount_cents=12_000)
    assert chance.accept(chance.plan(Use(tool=Tool.CAPITALISATION), cut, carry, route=Route.JUDICIAL)) is (
        State.PERFORMING_UNDER_PLAN
    )
    check_claims(town, chance.loan_id)
    assert held("023000", ada, bob, cem, dora) == [0, 4_000, 5_333, 2_667]
    named, figures = {claim.lender: claim.pledge_id for claim in chance.book().claims}, chance.file().plans[-1].figures
    credit = {who: [figures[named[who]][case]["tax_credit_cents"] > 0 for case in CASES] for who in (bob, cem)}
    assert credit[bob] == [True, True, False, True], "by the year before and after the plan, and on a loss"
    assert credit[cem] == [False, True, False, True], "an heir has that on a loss alone, as on what a court cuts"
    assert chance.book().rebases[0].total.capitalised_cents == sum(held("020000", bob, cem, dora)) - (120_000 - 12_000)
    town.jump_to(date(2029, 3, 7))
    town.pay_due(chance.loan_id, chance.book().rebases[0].first_n)
    town.jump_to(date(2029, 5, 7))
    assert chance.do(service.cure) is State.CURED
    town.jump_to(date(2030, 3, 7))
    town.jump_to(date(2030, 4, 10))
    chance.observe()
    chance.accept(chance.plan(Use(tool=Tool.HAIRCUT, amount_cents=9_002), carry, route=Route.JUDICIAL))
    check_claims(town, chance.loan_id)
    [total] = held("023000", bob)
    pass_on(bob, {eve: "1/2", fay: "1/2"})
    assert held("023000", bob, eve, fay) == [0, total - total // 2, total // 2]
    paid = chance.book().position.received_principal_cents(town.today)
    chance.do(service.fail_plan, is_revoked=True)
    check_claims(town, chance.loan_id)
    assert held("023000", cem, dora, eve, fay) == [0, 0, 0, 0]
    assert sum(held("020000", cem, dora, eve, fay)) == 150_000 - paid
    pass_on(cem, {gus: "1"})
    assert chance.accept(chance.plan(Use(tool=Tool.WAIVER), cut, carry, route=Route.JUDICIAL)) is (
        State.PERFORMING_UNDER_PLAN
    )
    check_claims(town, chance.loan_id)
    assert sum(held("023000", gus, dora, eve, fay)) == 12_000
    for row in chance.book().instalments[chance.book().rebases[-1].first_n - 1 :]:
        town.jump_to(max(town.today, row.due_on))
        town.pay_due(chance.loan_id, row.n)
    check_claims(town, chance.loan_id)
    assert chance.do(service.perform_plan) is State.CURED
    assert held("023000", gus, dora, eve, fay) == held("020000", gus, dora, eve, fay) == [0, 0, 0, 0]
    assert town.balance(f"021000:{chance.book().loan.borrower}", asset) == 0
    check_everything(town.book)
