"""Reading the key investment information sheets of offers: their versions, the one in force, and its papers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import sqlalchemy as sa

from contracts import moves
from contracts.offers.kiis import ISSUED, MACHINE, WRITTEN, Change, Sheet, changes, missing_items
from contracts.offers.lifecycle import PUBLISHED, PUBLISHED_AGAIN
from ledger.errors import Refusal


@dataclass(frozen=True, slots=True)
class SheetPaper:
    """The paper of one language; `sha256` in hexadecimal."""

    document_id: str
    sha256: str
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetVersion:
    """One version of an offer's sheet; what it has only once it is issued is None or empty before.

    `identifier` is that of the offer, `offer_version` the version of the offer that the papers were drawn from.
    """

    version: int
    sheet: Sheet
    written_on: date
    actor: str
    issued_on: date | None = None
    identifier: str | None = None
    offer_version: int | None = None
    papers: Mapping[str, SheetPaper]


@dataclass(frozen=True, slots=True)
class PublishedSheet:
    """A version that the public read from `published_on`; `changes` are those to the published version before it."""

    version: SheetVersion
    published_on: date
    changes: tuple[Change, ...]


def object_of(offer_id: str) -> str:
    """Under which name the moves of an offer's sheet stand."""
    return f"{offer_id}:kiis"


def sheet_versions(connection: sa.Connection, book_id: str, offer_id: str) -> list[SheetVersion]:
    """Every version of the offer's sheet, oldest first."""
    name = object_of(offer_id)
    found: list[SheetVersion] = []
    for move in moves.moves_of(connection, book_id, [name])[name]:
        facts = cast("Mapping[str, Any]", move.facts)
        if move.event == WRITTEN:
            found.append(_written(move, facts))
        else:
            found[-1] = _issued(found[-1], move, facts)
    return found


def issued_sheet(connection: sa.Connection, book_id: str, offer_id: str) -> SheetVersion | None:
    """The newest version that has papers: what lenders read."""
    versions = sheet_versions(connection, book_id, offer_id)
    return next((each for each in reversed(versions) if each.issued_on is not None), None)


def published_sheets(connection: sa.Connection, book_id: str, offer_id: str) -> list[PublishedSheet]:
    """The versions that the offer was published with, oldest first; the last is in force."""
    by_number = {each.version: each for each in sheet_versions(connection, book_id, offer_id)}
    found: list[PublishedSheet] = []
    for move in moves.moves_of(connection, book_id, [offer_id])[offer_id]:
        if move.event in {PUBLISHED, PUBLISHED_AGAIN} and move.facts.get("kiis_version"):
            version = by_number[int(str(move.facts["kiis_version"]))]
            changed = changes(found[-1].version.sheet, version.sheet) if found else ()
            found.append(PublishedSheet(version, move.effective_on, changed))
    return found


def sheet_to_publish(connection: sa.Connection, book_id: str, offer_id: str, offer_version: int) -> SheetVersion:
    """The sheet that an offer may be published with: complete, issued, and drawn from the offer as it stands.

    Refuses `kiis-incomplete`, `kiis-not-issued` and `kiis-outdated` (Regulation (EU) 2020/1503, article 23(2)).
    """
    versions = sheet_versions(connection, book_id, offer_id)
    missing = missing_items(versions[-1].sheet if versions else {})
    if missing:
        raise Refusal("kiis-incomplete", offer_id=offer_id, items=[each.key for each in missing])
    newest = versions[-1]
    if newest.issued_on is None:
        raise Refusal("kiis-not-issued", offer_id=offer_id, version=newest.version)
    if newest.offer_version != offer_version:
        raise Refusal("kiis-outdated", offer_id=offer_id, version=newest.version, offer_version=offer_version)
    return newest


def identifiers(connection: sa.Connection, book_id: str) -> Sequence[str]:
    """The identifiers that offers of this book have been given."""
    m = moves.move.c
    query = sa.select(m.facts).where(m.book_id == book_id, m.machine == MACHINE.name, m.event == ISSUED)
    return [str(facts["identifier"]) for facts in connection.execute(query).scalars()]


def _written(move: moves.Move, facts: Mapping[str, Any]) -> SheetVersion:
    return SheetVersion(
        version=facts["version"], sheet=facts["sheet"], written_on=move.effective_on, actor=move.actor, papers={}
    )


def _issued(version: SheetVersion, move: moves.Move, facts: Mapping[str, Any]) -> SheetVersion:
    return SheetVersion(
        version=version.version,
        sheet=version.sheet,
        written_on=version.written_on,
        actor=version.actor,
        issued_on=move.effective_on,
        identifier=facts["identifier"],
        offer_version=facts["offer_version"],
        papers={language: SheetPaper(**paper) for language, paper in facts["papers"].items()},
    )
