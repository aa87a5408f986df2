"""What an auditor can list of Regulation (EU) 2020/1503: one line for each check that left evidence, by article.

| article | line |
|---|---|
| 1(2)(c), 8(2) | a publication, with the owner's amounts and holding and the limits they were judged by |
| 5 | a project owner's declaration, with the papers that staff saw |
| 21(1), 21(5) | a knowledge test; that a loss simulation was seen |
| 21(7) | warning, consent and proof of understanding, one line each |
| 22 | a pledge with the last day of its reflection, and its withdrawal if it was withdrawn |
| 23 | a version of a key investment information sheet, and its papers with hash and pages |
| 25 | a notice on the bulletin board, until when it stood, and its withdrawal if it was withdrawn |

The lines are read from the rows themselves. What was sealed under a key that an erasure destroyed is said to be so.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.bonds import board
from contracts.offers import kiis
from contracts.offers.lifecycle import MACHINE as OFFER
from contracts.offers.lifecycle import PUBLISHED, PUBLISHED_AGAIN, SUSPENDED
from contracts.parties.model import Attribute
from contracts.parties.queries import Keeper
from contracts.parties.tables import party_attribute
from contracts.pledges.lifecycle import WITHDRAWN
from contracts.pledges.tables import pledge
from ledger.storage.base import JSON

ARTICLE_OF: Mapping[Attribute, str] = {
    Attribute.OWNER_DECLARATION: "5",
    Attribute.KNOWLEDGE_TEST: "21(1)",
    Attribute.LOSS_SIMULATION: "21(5)",
    Attribute.RISK_WARNING: "21(7)(a)",
    Attribute.RISK_CONSENT: "21(7)(b)",
    Attribute.RISK_UNDERSTANDING: "21(7)(c)",
}
"""Under which article an attribute is evidence."""
_PUBLICATION_FACTS = ("owner_raised_cents", "owner_cap_cents", "owner_shareholding", "owner_interest_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One check: its article, whom or what it is about, since when it holds, who recorded it, and what it states."""

    article: str
    kind: str
    subject: str
    on: date
    actor: str
    evidence: str | None
    facts: Mapping[str, JSON]

    def to_json(self) -> dict[str, JSON]:
        """As a line of the export."""
        return {
            "article": self.article,
            "kind": self.kind,
            "subject": self.subject,
            "on": self.on.isoformat(),
            "actor": self.actor,
            "evidence": self.evidence,
            "facts": dict(self.facts),
        }


def evidence(connection: sa.Connection, keeper: Keeper, *, article: str | None = None) -> list[Evidence]:
    """Every line, by article and date; those of one `article` and its paragraphs if it is named ("21", "21(7)")."""
    found = (
        *_of_parties(connection, keeper),
        *_of_offers(connection, keeper.book_id),
        *_of_pledges(connection, keeper.book_id),
        *_of_sheets(connection, keeper.book_id),
        *_of_board(connection, keeper.book_id),
    )
    wanted = (line for line in found if article is None or f"{line.article}(".startswith(f"{article}("))
    return sorted(wanted, key=lambda line: (int(line.article.partition("(")[0]), line.article, line.on, line.subject))


def _of_parties(connection: sa.Connection, keeper: Keeper) -> Iterator[Evidence]:
    rows = party_attribute.c
    names = [attribute.value for attribute in ARTICLE_OF]
    query = sa.select(party_attribute).where(rows.book_id == keeper.book_id, rows.name.in_(names))
    found = connection.execute(query.order_by(rows.party_id, rows.name, rows.about, rows.seq)).all()
    opened = keeper.keys.open_many(connection, [(row.party_id, row.sealed) for row in found])
    for row, value in zip(found, opened, strict=True):
        attribute = Attribute(row.name)
        facts: dict[str, JSON] = {"erased": True} if value is None else json.loads(value)
        yield Evidence(
            article=ARTICLE_OF[attribute],
            kind=attribute.value,
            subject=row.party_id,
            on=row.valid_from,
            actor=row.actor,
            evidence=row.evidence,
            facts=facts | ({"about": row.about} if row.about else {}),
        )


def _of_offers(connection: sa.Connection, book_id: str) -> Iterator[Evidence]:
    """Publications; those from before the check was made have no figures and give no line."""
    for move in _moves(connection, book_id, OFFER.name, PUBLISHED):
        if "owner_cap_cents" not in move.facts:
            continue
        facts = {name: move.facts[name] for name in _PUBLICATION_FACTS}
        for article in ("1(2)(c)", "8(2)"):
            yield _line(article, "offer-published", move.object_id, move, facts)


def _of_pledges(connection: sa.Connection, book_id: str) -> Iterator[Evidence]:
    c = pledge.c
    query = sa.select(pledge).where(c.book_id == book_id).order_by(c.pledged_on, c.pledge_id)
    rows = connection.execute(query).all()
    withdrawn = {move.object_id: move for move in _moves(connection, book_id, "pledge", WITHDRAWN)}
    for row in rows:
        move = withdrawn.get(row.pledge_id)
        facts: dict[str, JSON] = {
            "lender": row.lender,
            "amount_cents": row.amount_cents,
            "reflection_ends_on": row.reflection_ends_on.isoformat(),
            "withdrawn_on": None if move is None else move.effective_on.isoformat(),
        }
        yield Evidence(
            article="22",
            kind="reflection",
            subject=row.pledge_id,
            on=row.pledged_on,
            actor=row.lender,
            evidence=None,
            facts=facts,
        )


def _of_sheets(connection: sa.Connection, book_id: str) -> Iterator[Evidence]:
    for event in (kiis.WRITTEN, kiis.ISSUED):
        for move in _moves(connection, book_id, kiis.MACHINE.name, event):
            facts = {name: value for name, value in move.facts.items() if name != "sheet"}
            yield _line("23", f"kiis-{event}", move.object_id.partition(":")[0], move, facts)
    for event in (SUSPENDED, PUBLISHED_AGAIN):
        for move in _moves(connection, book_id, OFFER.name, event):
            yield _line("23", f"offer-{event}", move.object_id, move, move.facts)


def _of_board(connection: sa.Connection, book_id: str) -> Iterator[Evidence]:
    """Notices as they were written: what is not here, no orders and no matches, is what the article forbids."""
    withdrawn = {move.object_id: move for move in _moves(connection, book_id, board.NOTICE.name, board.WITHDRAWN)}
    for each in board.notices(connection, book_id):
        move = withdrawn.get(each.notice_id)
        facts: dict[str, JSON] = {
            "series": each.series_id,
            "side": each.side.value,
            "units": each.units,
            "reference_percent": None if each.reference_percent is None else str(each.reference_percent),
            "expires_on": each.expires_on.isoformat(),
            "withdrawn_on": None if move is None else move.effective_on.isoformat(),
        }
        yield Evidence(
            article="25",
            kind="board-notice",
            subject=each.notice_id,
            on=each.posted_on,
            actor=each.writer,
            evidence=None,
            facts=facts,
        )


def _line(article: str, kind: str, subject: str, move: moves.Move, facts: Mapping[str, JSON]) -> Evidence:
    return Evidence(
        article=article,
        kind=kind,
        subject=subject,
        on=move.effective_on,
        actor=move.actor,
        evidence=move.evidence,
        facts=facts,
    )


def _moves(connection: sa.Connection, book_id: str, machine: str, event: str) -> list[moves.Move]:
    m = moves.move.c
    query = sa.select(m.object_id).where(m.book_id == book_id, m.machine == machine, m.event == event).distinct()
    found = moves.moves_of(connection, book_id, connection.execute(query).scalars())
    return [move for history in found.values() for move in history if move.event == event]
