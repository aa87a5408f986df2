"""Entrepreneurs' applications in the JSON API."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api.v1.schemas import RequestBody, Resource
from contracts.offers.application import LONGEST_TEXT, ApplicationState

_TEXTS: JsonDict = {"fr": "Un four de plus.", "nl": "Nog een oven.", "en": "One more oven."}


class ApplicationAnswers(RequestBody):
    """Answers by item, as `missing` names them: texts by language, amounts in cents, fractions as decimal strings.

    They stand in the place of all those before; what is left out stays open.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "answers": {
                    "title": "Un deuxième four",
                    "commune": "Saint-Gilles",
                    "sector": "food",
                    "pitch": _TEXTS,
                    "use_of_funds": _TEXTS,
                    "rate_annual": "0.035",
                    "term_years": 5,
                    "every": "year",
                    "kind": "linear",
                    "minimum_cents": 100_000,
                    "maximum_cents": 1_000_000,
                    "pledge_minimum_cents": 10_000,
                    "is_sme": True,
                }
            }
        }
    )
    answers: dict[str, Any] = Field(max_length=60)


class ApplicationReason(RequestBody):
    """What the entrepreneur is told; an empty reason is refused."""

    reason: Annotated[str, Field(max_length=LONGEST_TEXT)]


class ApplicationDates(RequestBody):
    """When the offer opens and closes that is drafted of an application."""

    opens_on: date
    closes_on: date


class Application(Resource):
    """An application without its answers; `reason` is what staff wrote last, `offer_id` what became of it."""

    application_id: str
    borrower: str
    state: ApplicationState
    title: str
    missing: list[str]
    submitted_on: date | None
    reason: str | None
    offer_id: str | None


class ApplicationInFull(Application):
    """An application with its answers."""

    answers: Mapping[str, Any]
