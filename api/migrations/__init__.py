"""The schema's versions (Alembic), inside the wheel so that an installed system migrates itself.

A revision is explicit: what it creates is written out and never derived from today's tables, so that it does the same
in ten years. A test compares what the revisions make with the tables that the code declares, on both databases.
"""

import importlib.util

import sqlalchemy as sa

from ledger.errors import Refusal
from ledger.storage import grants
from ledger.storage.base import metadata
from ledger.storage.engine import read_transaction, schema_transaction

NEWEST = "0013"
_VERSION = sa.table("alembic_version", sa.column("version_num", sa.Text))

TABLE_MODULES = (
    "ledger.storage.tables",
    "ledger.payments.tables",
    "ledger.payments.run_tables",
    "ledger.payments.statement_tables",
    "contracts.parties.tables",
    "contracts.documents.tables",
    "contracts.moves",
    "contracts.offers.tables",
    "contracts.pledges.tables",
    "contracts.votes.tables",
    "contracts.loans.tables",
    "contracts.bonds.tables",
    "api.identity.tables",
    "api.mail.tables",
    "api.worker.tables",
)


def is_migrated(engine: sa.Engine) -> bool:
    """Whether the schema is there, at the newest revision; refuses `schema-version-differs` at any other."""
    with read_transaction(engine) as connection:
        version = _version(connection)
    if version not in {None, NEWEST}:
        raise Refusal("schema-version-differs", version=version, newest=NEWEST)
    return version is not None


def upgrade(engine: sa.Engine) -> None:
    """Bring the schema to the newest revision, in one database transaction; nothing happens where it is there.

    Refuses `schema-version-differs` for a revision of a later program, and `database-of-another-program` where tables
    with our names stand that no revision of ours made.
    """
    try:
        with schema_transaction(engine) as connection:
            version = _version(connection)
            if version == NEWEST:
                return
            if version is None:
                _refuse_tables_of_others(connection)
            _run(connection, version)
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
        if not is_migrated(engine):  # else another process was first, which PostgreSQL tells by a name taken twice
            raise


def grant(engine: sa.Engine, role: str) -> None:
    """Give `role` the rights of the program on a schema that stands; refuses what `grants.grant` refuses."""
    load_metadata()
    with schema_transaction(engine) as connection:
        grants.grant(connection, role)


def _run(connection: sa.Connection, version: str | None) -> None:
    from alembic import command, config, util  # noqa: PLC0415 -- only a new or old schema pays for Alembic

    settings = config.Config()
    settings.set_main_option("script_location", "api:migrations")
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    try:
        command.upgrade(settings, NEWEST)
    except util.CommandError as error:
        raise Refusal("schema-version-differs", version=version, newest=NEWEST) from error


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(sa.select(_VERSION.c.version_num))


def _refuse_tables_of_others(connection: sa.Connection) -> None:
    taken = sorted(load_metadata().tables.keys() & set(sa.inspect(connection).get_table_names()))
    if taken and _version(connection) is None:  # else another process has made them since we looked
        raise Refusal("database-of-another-program", table=taken[0])


def load_metadata() -> sa.MetaData:
    """The metadata with every table of the project on it."""
    for name in TABLE_MODULES:
        importlib.import_module(name)
    return metadata
