"""Alembic's environment: runs the revisions on the connection that `api.migrations.upgrade` passes in."""

from alembic import context

import ledger.storage.base  # noqa: F401 -- teaches SQLAlchemy the column types of SQLite's STRICT tables

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
