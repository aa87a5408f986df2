"""What the program's own database role may do on PostgreSQL: it owns nothing, so that no fault of it can lift the seal.

    every table          SELECT
    record tables        INSERT; where a use case locks rows, UPDATE of `book_id`, which the seal refuses in any case
    balance, head        INSERT, UPDATE of everything but their keys
    operational tables   INSERT, UPDATE of everything but their keys; DELETE where rows are swept
    the schema           USAGE; not CREATE

No TRUNCATE, no REFERENCES, no TRIGGER, and none of what an owner or a superuser may. The owner of the tables migrates
(`bxl migrate --grant ROLE`) and does nothing else.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from ledger.errors import Refusal
from ledger.storage.base import RECORD_TABLES, metadata

_READ_ONLY = ("alembic_version",)
_ROLE = sa.text(
    "SELECT r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls"
    " OR pg_has_role(r.oid, current_user, 'MEMBER')"
    " OR has_parameter_privilege(r.oid, 'session_replication_role', 'SET')"
    " OR EXISTS (SELECT 1 FROM pg_class c WHERE pg_has_role(r.oid, c.relowner, 'MEMBER')"
    " AND c.relnamespace = quote_ident(current_schema())::regnamespace)"
    " FROM pg_roles r WHERE r.rolname = :role"
)


def grant(connection: sa.Connection, role: str) -> None:
    """Give `role` what the program needs on the tables of this schema, and take away what else it had there.

    Refuses `grant-needs-postgresql`, `role-unknown`, and `role-is-mighty` for a role that could lift the seal: one
    that owns a table here, belongs to a role that does, or is above the rights of tables.
    """
    if connection.dialect.name != "postgresql":
        raise Refusal("grant-needs-postgresql")
    is_mighty = connection.scalar(_ROLE, {"role": role})
    if is_mighty is None:
        raise Refusal("role-unknown", role=role)
    if is_mighty:
        raise Refusal("role-is-mighty", role=role)
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema = connection.scalar(sa.text("SELECT current_schema()"))
    for statement in statements(quote(role), quote(str(schema))):
        connection.exec_driver_sql(statement)


def statements(role: str, schema: str) -> Iterable[str]:
    """The statements, for a role and a schema whose names are quoted; running them again changes nothing."""
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}"
    yield f"REVOKE ALL ON SCHEMA {schema} FROM {role}"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    for name in _READ_ONLY:
        yield f"GRANT SELECT ON {schema}.{name} TO {role}"
    for name, table in sorted(metadata.tables.items()):
        yield f"GRANT SELECT, INSERT ON {schema}.{name} TO {role}"
        columns = _changing(table)
        if columns:
            yield f"GRANT UPDATE ({', '.join(columns)}) ON {schema}.{name} TO {role}"
        if table.info.get("swept"):
            yield f"GRANT DELETE ON {schema}.{name} TO {role}"


def _changing(table: sa.Table) -> list[str]:
    """The columns that the role may name in an UPDATE."""
    if table.name in RECORD_TABLES:
        return ["book_id"] if table.info.get("locked") else []
    return [column.name for column in table.columns if not column.primary_key]
