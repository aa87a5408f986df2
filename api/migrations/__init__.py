"""The schema's versions (Alembic), inside the wheel so that an installed system migrates itself."""

import importlib

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
    "contracts.servicing.tables",
    "api.identity.tables",
    "api.mail.tables",
    "api.worker.tables",
    "api.webhooks.tables",
    "api.v1.tables",
)


def load_metadata() -> sa.MetaData:
    """The metadata with every table of the project on it."""
    from ledger.storage.base import metadata  # noqa: PLC0415 -- the command line imports this package for `upgrade` alone

    for name in TABLE_MODULES:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    return metadata
