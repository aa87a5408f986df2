"""What the revisions make is what the code declares, on both databases; and it makes it once."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from api import migrations
from ledger.storage import seal
from ledger.storage.base import RECORD_TABLES
from ledger.storage.engine import open_engine, read_transaction
from tests.conftest import MakeEngine, make_book
from tests.entries import paid, post
from tests.oracle import check_everything


@pytest.fixture
def migrated(database: str, tmp_path, make_empty_postgresql) -> Iterator[sa.Engine]:
    engine = open_engine(
        f"sqlite:///{tmp_path / 'migrated.sqlite3'}" if database == "sqlite" else make_empty_postgresql()
    )
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_migrated_schema_is_the_declared_one(database: str, migrated: sa.Engine, make_engine: MakeEngine) -> None:
    declared = make_engine(database)
    expected, actual = schema_of(declared), schema_of(migrated)
    version = actual.pop("alembic_version")
    assert [column["name"] for column in version["columns"]] == ["version_num"]
    for name in sorted(expected.keys() | actual.keys()):
        assert actual.get(name) == expected.get(name), f"{name}: a change of the schema is a new revision"
    assert triggers_of(migrated) == triggers_of(declared)
    assert len(triggers_of(migrated)) >= len(RECORD_TABLES)
    assert {name for name in expected if name not in migrations.load_metadata().tables} == set()


def test_a_second_upgrade_changes_nothing_and_the_book_stays(migrated: sa.Engine, clock) -> None:
    book = make_book(migrated, clock)
    post(book, paid("k1", 5))
    migrations.upgrade(migrated)
    check_everything(book)
    post(book, paid("k2", 5))
    check_everything(book)


def test_every_table_leads_with_its_book_and_no_foreign_key_leaves_it() -> None:
    for table in migrations.load_metadata().tables.values():
        assert next(iter(table.primary_key.columns)).name == "book_id"
        for index in table.indexes:
            assert next(iter(index.columns)).name == "book_id", index.name
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                assert next(iter(constraint.columns)).name == "book_id", constraint.name
            if isinstance(constraint, sa.ForeignKeyConstraint):
                [pair] = [e for e in constraint.elements if e.parent.name == "book_id"]
                assert pair.column.name == "book_id"


def test_every_module_that_declares_tables_is_known_to_the_migrations() -> None:
    from pathlib import Path

    root = Path(migrations.__file__).parents[2]
    found = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for floor in ("ledger", "contracts", "api", "frontend")
        for path in (root / floor).rglob("*.py")
        if re.search(r"= (record_table|operational_table)\(", path.read_text("utf-8"))
    }
    assert found == set(migrations.TABLE_MODULES)


def schema_of(engine: sa.Engine) -> dict[str, dict[str, Any]]:
    """Columns, keys, constraints and indexes of every table, in an order that does not depend on their making."""
    found = {}
    with read_transaction(engine) as connection:
        inspector = sa.inspect(connection)
        strict = {}
        if engine.dialect.name == "sqlite":
            strict = {row[1]: row[5] for row in connection.exec_driver_sql("PRAGMA table_list")}
        for table in inspector.get_table_names():
            found[table] = {
                "columns": [
                    {k: str(v) if k == "type" else v for k, v in column.items() if k != "comment"}
                    for column in inspector.get_columns(table)
                ],
                "strict": strict.get(table),
                "key": inspector.get_pk_constraint(table)["constrained_columns"],
                "unique": by_text(inspector.get_unique_constraints(table)),
                "checks": by_text(inspector.get_check_constraints(table)),
                "foreign": by_text(inspector.get_foreign_keys(table)),
                "indexes": by_text(inspector.get_indexes(table)),
            }
    return found


def by_text(items: list[Any]) -> list[str]:
    return sorted(repr(sorted((k, plain(v)) for k, v in item.items() if v is not None)) for item in items)


def plain(value: Any) -> Any:
    """The value, with the text of SQL conditions in place of their objects."""
    return {k: str(v) for k, v in value.items()} if isinstance(value, dict) else value


def triggers_of(engine: sa.Engine) -> dict[str, str]:
    """Triggers (and on PostgreSQL their functions) by name, as the database shows them."""
    queries = {
        "sqlite": ["SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"],
        "postgresql": [
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
            "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'bxl%%'",
        ],
    }
    with read_transaction(engine) as connection:
        rows = [row for query in queries[engine.dialect.name] for row in connection.exec_driver_sql(query)]
    return {name: " ".join(text.split()) for name, text in rows}


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_seal_names_every_record_table(dialect: str) -> None:
    migrations.load_metadata()
    text = "\n".join(seal.statements(dialect))
    for table in RECORD_TABLES:
        assert re.search(rf"BEFORE (UPDATE|UPDATE OR DELETE OR TRUNCATE) ON {table}\b", text), table
