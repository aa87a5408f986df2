"""What would keep books from being spread over the machines of a distributed PostgreSQL is not there."""

import re

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from api.migrations import load_metadata
from ledger.storage import seal
from tests.trees import FLOORS, sources

DIALECTS = {"postgresql": postgresql.dialect(), "sqlite": sqlite.dialect()}
NUMBERED_BY_THE_SERVER = (
    r"\b(BIG|SMALL)?SERIAL\b|\bAS IDENTITY\b|\bCREATE SEQUENCE\b|\bAUTOINCREMENT\b|\b(next|curr|set|last)val\b"
)
ADVISORY = r"pg_(try_)?advisory"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_number_is_given_by_a_sequence(dialect: str) -> None:
    """Numbers come from the book's head: sequences have gaps, and a counter of its own on each machine."""
    for table in load_metadata().tables.values():
        made = [str(CreateTable(table).compile(dialect=DIALECTS[dialect]))]
        made += [str(CreateIndex(index).compile(dialect=DIALECTS[dialect])) for index in table.indexes]
        assert not re.search(NUMBERED_BY_THE_SERVER, "\n".join(made), re.IGNORECASE), table.name
        assert not [c.name for c in table.columns if c.server_default or c.identity], table.name


def test_no_statement_uses_a_sequence_or_an_advisory_lock() -> None:
    """Advisory locks hold on one machine only; the lock is the row of the book's head."""
    pattern = re.compile(rf"{ADVISORY}|\b(next|curr|set|last)val\s*\(|CREATE SEQUENCE", re.IGNORECASE)
    assert [name for name, path in sources(*FLOORS) if pattern.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_seal_uses_neither(dialect: str) -> None:
    load_metadata()
    made = "\n".join(seal.statements(dialect))
    assert not re.search(f"{ADVISORY}|{NUMBERED_BY_THE_SERVER}", made, re.IGNORECASE)


def test_every_key_and_index_leads_with_the_book_and_every_foreign_key_stays_in_it() -> None:
    for table in load_metadata().tables.values():
        keys = [c for c in table.constraints if isinstance(c, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
        assert {next(iter(key.columns)).name for key in (*keys, *table.indexes)} == {"book_id"}, table.name
        for foreign in table.foreign_key_constraints:
            pairs = [(e.parent.name, e.column.name) for e in foreign.elements]
            assert pairs[0] == ("book_id", "book_id"), (table.name, foreign.name)
