"""Statements of the client account and money in suspense in the JSON API."""

from datetime import date
from typing import Annotated

from pydantic import Field

from api.v1.schemas import Cents, Code, Line, PositiveCents, RequestBody, Resource, Sha256


class BankStatement(Resource):
    """A statement as it was imported; `sha256` is of the file it came in."""

    statement_id: str
    closed_on: date
    lines: int
    opening_cents: Cents
    closing_cents: Cents
    sha256: Sha256


class ImportedFile(Resource):
    """What a file brought: new statements and lines, statements that were known, and lines that went to suspense."""

    sha256: Sha256
    statements: int
    known_statements: int
    lines: int
    suspended: int


class Payer(Resource):
    """Who sent the money, as the bank states it."""

    name: str | None
    iban: str | None
    text: str


class ProposedPayment(Resource):
    """A payment that the money is probably for."""

    payment_id: str
    reference: str
    payer: str
    amount_cents: Cents


class SuspenseItem(Resource):
    """Money that nothing expected, with the last days to answer its payer and to give it back."""

    item_id: str
    amount_cents: Cents
    received_on: date
    answer_by: date
    return_by: date
    reason: str
    payers: list[Payer]
    proposal: list[ProposedPayment]


class Assignment(RequestBody):
    """The payments that the money is for; together they are its amount."""

    payment_ids: Annotated[list[Code], Field(min_length=1, max_length=50)]
    reason: Line


class Split(RequestBody):
    """The parts that the money becomes; together they are its amount."""

    parts_cents: Annotated[list[PositiveCents], Field(min_length=2, max_length=50)]
    reason: Line


class Join(RequestBody):
    """The items that become one."""

    item_ids: Annotated[list[Code], Field(min_length=2, max_length=50)]
    reason: Line
