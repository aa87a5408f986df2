"""A lender dies while a plan runs: what it cut passes with her claim, and revives for the heirs when the plan falls."""

from datetime import date
from fractions import Fraction

from contracts.secondchance import service
from contracts.secondchance.model import Route
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
