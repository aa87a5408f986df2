"""The schema's versions (Alembic), inside the wheel so that an installed system migrates itself.

A revision is explicit: what it creates is written out and never derived from today's tables, so that it does the same
in ten years. A test compares what the revisions make with the tables that the code declares, on both databases.
"""

import importlib.util

import sqlalchemy as sa

TABLE_MODULES = (
    "ledger.storage.tables",
    "ledger.payments.tables",
    "contracts.parties.tables",
    "contracts.documents.tables",
    "contracts.moves",
    "contracts.offers.tables",
    "contracts.pledges.tables",
    "contracts.loans.tables",
    "api.identity.tables",
    "api.mail.tables",
    "api.worker.tables",
)


def upgrade(engine: sa.Engine) -> None:
    """Bring the schema to the newest revision, in one database transaction; nothing happens where it is there."""
    from alembic import command, config  # noqa: PLC0415 -- only a start pays for Alembic, not every command

    from ledger.storage.engine import write_transaction  # noqa: PLC0415 -- the same

    with write_transaction(engine) as connection:
        settings = config.Config()
        settings.set_main_option("script_location", "api:migrations")
        settings.set_main_option("path_separator", "os")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def load_metadata() -> sa.MetaData:
    """The metadata with every table of the project on it."""
    from ledger.storage.base import metadata  # noqa: PLC0415 -- the same

    for name in TABLE_MODULES:
        importlib.import_module(name)
    return metadata
