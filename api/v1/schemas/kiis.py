"""Key investment information sheets in the JSON API."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import Field

from api.v1.schemas import RequestBody, Resource


class NewSheet(RequestBody):
    """Answers by item: texts by language, amounts in cents, figures as rows of a year; what is left out stays open."""

    answers: dict[str, Any] = Field(max_length=40)


class SheetPaper(Resource):
    """The paper of one language."""

    document_id: str
    sha256: str
    pages: int


class IssuedSheet(Resource):
    """An issued version; `identifier` is that of the offer."""

    version: int
    identifier: str
    papers: Mapping[str, SheetPaper]


class SheetItem(Resource):
    """An item without its answer, or without it in some languages."""

    key: str
    part: str
    languages: list[str]


class SheetChange(Resource):
    """What one answer was and is."""

    key: str
    language: str | None
    before: Any
    after: Any


class SheetVersion(Resource):
    """One version of a sheet."""

    version: int
    written_on: date
    actor: str
    issued_on: date | None
    identifier: str | None
    papers: Mapping[str, SheetPaper]
    answers: dict[str, Any]
    missing: list[SheetItem]
    changes: list[SheetChange]
