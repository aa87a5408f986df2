"""What several plans cut of a claim is handed on with it to the cent: for each plan and for each new holder."""

from datetime import date

from contracts.loans.model import ClaimChange, LenderClaim, Rebase
from contracts.loans.passing import Cause, PassedPart, Passing, Step, borne

DAY = date(2028, 3, 7)
CLAIMS = [LenderClaim(number=n, pledge_id=f"p{n}", lender=f"c{n}", principal_cents=1_000) for n in range(1, 6)]


def plan(*cuts: int, capitalised: int = 0) -> Rebase:
    changes = tuple(ClaimChange(capitalised_cents=capitalised, cut_cents=cut) for cut in cuts)
    return Rebase(on=DAY, first_n=1, dropped=(), changes=changes)


def passing(number: int, *to: PassedPart) -> Passing:
    return Passing(cause=Cause.DEATH, on=DAY, number=number, to=to, settled=frozenset(), is_lost=False)


def cuts(*steps: Step) -> dict[int, list[int]]:
    return {number: [each.cut_cents for each in changes] for number, changes in borne(CLAIMS, steps)}


REVIVAL = Rebase(on=DAY, first_n=1, dropped=(), changes=(), is_revival=True)
HEIRS = passing(1, PassedPart(3, 500, 6), PassedPart(4, 500, 6))


def test_the_parts_of_each_plan_come_to_its_cut_and_those_of_each_heir_to_what_passed_to_her() -> None:
    found = cuts(plan(5, 1), plan(7, 2), HEIRS)
    assert found == {1: [0, 1, 3, 2, 0], 2: [0, 2, 3, 4, 0]}


def test_a_claim_that_passes_again_takes_along_what_came_with_it() -> None:
    found = cuts(plan(5, 1), plan(7, 2), HEIRS, passing(3, PassedPart(5, 500, 6)))
    assert found == {1: [0, 1, 0, 2, 3], 2: [0, 2, 0, 4, 3]}


def test_plans_that_fell_bind_nobody_and_the_next_has_the_number_after() -> None:
    assert cuts(plan(5, 1), plan(7, 2), HEIRS, REVIVAL) == {}
    assert cuts(plan(5, 1), REVIVAL, plan(0, 0, 4, 4)) == {3: [0, 0, 4, 4, 0]}


def test_what_was_released_is_cut_no_more_after_the_claim_passed() -> None:
    assert cuts(plan(5, 1), passing(1, PassedPart(3, 500, 0))) == {1: [0, 1, 0, 0, 0]}


def test_added_interest_is_split_by_what_each_has_of_the_claim() -> None:
    [(_, changes)] = borne(
        CLAIMS, [plan(0, 0, capitalised=9), passing(1, PassedPart(3, 200, 0), PassedPart(4, 100, 0))]
    )
    assert [each.capitalised_cents for each in changes] == [0, 9, 6, 3, 0]
