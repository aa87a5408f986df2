"""A lender's tests in the JSON API."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from api.v1.schemas import Cents, RequestBody, Resource

Choice = Annotated[str, Field(max_length=40)]


class Safeguards(Resource):
    """Where a lender stands. `…_ends_on` is the first day on which it must be made again.

    `second_chances_since` is when she agreed to fund enterprises that begin again after a failure, if she has.
    """

    is_ready: bool
    is_sophisticated: bool
    test_is_passed: bool | None
    test_ends_on: date | None
    simulation_ends_on: date | None
    threshold_cents: Cents
    second_chances_since: date | None
    questions: dict[str, list[str]]
    declared: dict[str, list[str]]


class Answers(RequestBody):
    """The answers to every question, and what the lender states of herself, by the keys that reading names."""

    answers: dict[Choice, Choice] = Field(max_length=20)
    declared: dict[Choice, Choice] = Field(max_length=20)
    acknowledged: bool = False


class SimulationSeen(RequestBody):
    """That the result was seen, and the result itself where the lender gives it."""

    seen: Literal[True]
    bearable_loss_cents: Annotated[int, Field(strict=True, ge=0, lt=2**53)] | None = None


class SecondChances(RequestBody):
    """Whether the caller agrees to fund enterprises that begin again after a failure; what she lent stays."""

    agrees: Annotated[bool, Field(strict=True)]
