"""The program's own role on PostgreSQL: with it everything works, and nothing that is recorded can be changed."""

import hashlib
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import migrations
from contracts.loans.model import LoanState
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.storage import grants
from ledger.storage.base import MUTABLE_RECORD_TABLES, RECORD_TABLES, metadata
from ledger.storage.engine import open_engine
from tests.commands import run_bxl
from tests.conftest import make_book
from tests.entries import paid, post
from tests.functional.conftest import quiet_rail
from tests.oracle import check_everything
from tests.products_kit import DAY, make_town
from tests.sealed_book import fill

pytestmark = pytest.mark.postgresql


@pytest.fixture
def owner(make_empty_postgresql) -> Iterator[sa.Engine]:
    """The engine of the role that owns the tables, on a migrated database."""
    engine = open_engine(make_empty_postgresql())
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def role(owner: sa.Engine, tmp_path: Path) -> Iterator[str]:
    """A role of the server that may log in and nothing else."""
    name = f'plain "{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"'
    quoted = owner.dialect.identifier_preparer.quote_identifier(name)
    run(owner, f"CREATE ROLE {quoted} LOGIN")
    yield name
    run(owner, f"DROP OWNED BY {quoted}", f"DROP ROLE {quoted}")


@pytest.fixture
def plain(owner: sa.Engine, role: str) -> Iterator[sa.Engine]:
    """The engine of that role, with its grants."""
    migrations.grant(owner, role)
    engine = open_engine(owner.url.set(username=role).render_as_string(hide_password=False))
    yield engine
    engine.dispose()


@pytest.fixture
def plain_book(plain: sa.Engine, clock: FixedClock) -> Iterator[Book]:
    book = make_book(plain, clock)
    yield book
    check_everything(book)


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_the_role_begins_a_book_and_enters_everything(plain_book: Book) -> None:
    fill(plain_book)
    post(plain_book, paid("more", 5))


def test_the_role_carries_a_loan_from_its_draft_to_its_first_instalment(plain_book: Book, clock: FixedClock) -> None:
    town = make_town(plain_book, clock, quiet_rail())
    ada, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower, maximum_cents=100_000)
    town.pay_pledge(offer_id, ada, 100_000)
    town.go_to(DAY + timedelta(days=5))
    loan_id = town.loan_of(offer_id)
    town.disburse(loan_id)
    [first, *_] = town.loan(loan_id).instalments
    town.jump_to(first.due_on)
    town.pay_due(loan_id, 1)
    town.pay_out()
    assert town.loan(loan_id).state is LoanState.RUNNING


def test_the_role_changes_and_deletes_nothing_that_is_recorded(plain_book: Book, plain: sa.Engine) -> None:
    fill(plain_book)
    for table in sorted(RECORD_TABLES | MUTABLE_RECORD_TABLES):
        column = list(metadata.tables[table].columns)[-1].name
        denied(plain, f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        if table in RECORD_TABLES:
            denied(plain, f"UPDATE {table} SET {column} = {column}")


def test_the_role_cannot_lift_the_seal(plain: sa.Engine, role: str) -> None:
    trigger = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
    denied(
        plain,
        "ALTER TABLE posting DISABLE TRIGGER posting_final",
        "ALTER TABLE posting DROP CONSTRAINT posting_one_side",
        "ALTER TABLE posting ADD COLUMN more TEXT",
        "DROP TRIGGER block_seal ON block",
        "DROP TABLE posting CASCADE",
        "DROP FUNCTION bxl_seal() CASCADE",
        "DROP INDEX posting_line",
        "CREATE INDEX more ON posting (n)",
        "CREATE TABLE more (n INTEGER)",
        "CREATE SCHEMA more",
        "CREATE RULE aside AS ON INSERT TO posting DO INSTEAD NOTHING",
        "CREATE TRIGGER aside BEFORE INSERT ON block FOR EACH ROW EXECUTE FUNCTION bxl_final()",
        f"CREATE OR REPLACE FUNCTION bxl_seal() {trigger}",
        f"CREATE FUNCTION more() {trigger}",
        "ALTER FUNCTION bxl_seal() RESET ALL",
        "ALTER FUNCTION bxl_seal() OWNER TO CURRENT_USER",
        "ALTER TABLE block OWNER TO CURRENT_USER",
        "SET session_replication_role = replica",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "UPDATE head SET book_id = book_id",
        "UPDATE balance SET account_id = account_id",
        "UPDATE alembic_version SET version_num = '0001'",
        "COPY posting TO PROGRAM 'true'",
    )


def test_rows_that_the_role_may_lock_it_still_cannot_change(plain_book: Book, plain: sa.Engine) -> None:
    fill(plain_book)
    locked = [name for name in sorted(RECORD_TABLES) if metadata.tables[name].info["locked"]]
    assert locked == ["approval_request", "loan", "offer", "party", "series", "vote"], "one reason each to lock a row"
    for table in locked:
        with pytest.raises(sa.exc.IntegrityError, match="seal"):
            run(plain, f"UPDATE {table} SET book_id = book_id")


def test_a_temporary_table_of_the_role_does_not_fool_the_seal(plain_book: Book, plain: sa.Engine) -> None:
    fill(plain_book)
    fake = "CREATE TEMPORARY TABLE {0} AS SELECT * FROM {0} WHERE false"
    hold = "INSERT INTO hold VALUES ('main', 2, NULL)"
    with pytest.raises(sa.exc.IntegrityError, match="seal"):
        run(plain, *(fake.format(name) for name in ("block", "entry", "head")), hold)


def denied(engine: sa.Engine, *statements: str) -> None:
    """Each is refused by the server for want of rights, and by nothing else."""
    for statement in statements:
        with pytest.raises(sa.exc.ProgrammingError) as caught:
            run(engine, statement)
        assert getattr(caught.value.orig, "sqlstate", None) in {"42501", "42939"}, statement


def test_a_second_grant_changes_nothing(owner: sa.Engine, role: str, plain: sa.Engine) -> None:
    before = rights_of(owner, role)
    run(owner, "GRANT UPDATE, DELETE ON posting TO PUBLIC", "REVOKE UPDATE, DELETE ON posting FROM PUBLIC")
    migrations.grant(owner, role)
    assert rights_of(owner, role) == before


def test_a_grant_takes_away_what_the_role_had_before(owner: sa.Engine, role: str) -> None:
    quoted = owner.dialect.identifier_preparer.quote_identifier(role)
    run(owner, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {quoted}", f"GRANT CREATE ON SCHEMA public TO {quoted}")
    migrations.grant(owner, role)
    kinds = {kind for table, kind in rights_of(owner, role) if table == "posting"}
    assert kinds == {"SELECT", "INSERT"}
    with owner.connect() as connection:
        may_create = sa.text("SELECT has_schema_privilege(:role, 'public', 'CREATE')")
        assert connection.scalar(may_create, {"role": role}) is False


def rights_of(engine: sa.Engine, role: str) -> set[tuple[str, str]]:
    query = "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = :role"
    with engine.connect() as connection:
        return {(table, kind) for table, kind in connection.execute(sa.text(query), {"role": role})}


def test_a_role_that_could_lift_the_seal_is_refused(owner: sa.Engine, role: str) -> None:
    quoted = owner.dialect.identifier_preparer.quote_identifier(role)
    with pytest.raises(Refusal, match="role-is-mighty"):
        migrations.grant(owner, "postgres")
    for might, end in (
        (f"ALTER TABLE hold OWNER TO {quoted}", "ALTER TABLE hold OWNER TO CURRENT_USER"),
        (f"GRANT postgres TO {quoted}", f"REVOKE postgres FROM {quoted}"),
        (f"ALTER ROLE {quoted} CREATEROLE", f"ALTER ROLE {quoted} NOCREATEROLE"),
        (
            f"GRANT SET ON PARAMETER session_replication_role TO {quoted}",
            f"REVOKE SET ON PARAMETER session_replication_role FROM {quoted}",
        ),
    ):
        run(owner, might)
        with pytest.raises(Refusal, match="role-is-mighty"):
            migrations.grant(owner, role)
        run(owner, end)
    migrations.grant(owner, role)


def test_an_unknown_role_and_another_database_are_refused(owner: sa.Engine, make_engine) -> None:
    with pytest.raises(Refusal, match="role-unknown"):
        migrations.grant(owner, "nobody")
    with pytest.raises(Refusal, match="grant-needs-postgresql"), make_engine("sqlite").begin() as connection:
        grants.grant(connection, "nobody")


def migrate(database: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "BXL_DATA": str(folder / "data"), "LANG": "C.UTF-8"}
    return run_bxl("migrate", "--database", database, *arguments, cwd=folder, env=environment)


def test_the_command_grants_after_it_has_upgraded(owner: sa.Engine, role: str, tmp_path: Path) -> None:
    url = owner.url.render_as_string(hide_password=False)
    done = migrate(url, tmp_path, "--grant", role)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"The role {role} may run the program." in done.stdout
    assert ("posting", "INSERT") in rights_of(owner, role)
    refused = migrate(url, tmp_path, "--grant", "nobody")
    assert refused.returncode == 1
    assert "nobody" in refused.stderr


def test_the_command_refuses_a_grant_on_sqlite_and_makes_nothing(tmp_path: Path) -> None:
    refused = migrate(f"sqlite:///{tmp_path / 'books.sqlite3'}", tmp_path, "--grant", "somebody")
    assert refused.returncode == 1
    assert "PostgreSQL" in refused.stderr
    assert not (tmp_path / "books.sqlite3").exists()
