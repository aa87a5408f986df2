"""The whole schema at once, for tests and development; a running system is migrated (`api.migrations`)."""

import sqlalchemy as sa

from ledger.storage import seal
from ledger.storage.base import metadata


def create_schema(engine: sa.Engine) -> None:
    """Every table known to the metadata, and the seal on it. Import the tables of the products first."""
    with engine.begin() as connection:
        metadata.create_all(connection)
        for statement in seal.statements(connection.dialect.name):
            connection.exec_driver_sql(statement)
