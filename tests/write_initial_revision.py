"""Write api/migrations/versions/0001_initial.py again from the tables that the code declares.

`python -m tests.write_initial_revision`, until the first release; after it a change of the schema is a new revision,
written by hand, and 0001 stays as it is.
"""

import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import ops

from api.migrations import load_metadata
from ledger.storage import seal
from ledger.storage.base import Day

TARGET = Path(__file__).parents[1] / "api" / "migrations" / "versions" / "0001_initial.py"

HEAD = '''"""The first schema: every table, and the seal on the record."""
# ruff: noqa: E501 -- triggers are kept as the database shows them

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables and their indexes, then the triggers of the dialect at hand."""
    create_tables()
    for statement in SEAL[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is no way back from a record."""
    raise NotImplementedError("the first revision is not taken back: restore a backup")


def create_tables() -> None:  # noqa: PLR0915 -- one statement a table
    """Every table, parents before children."""
'''


def main() -> None:
    """Write the file and let ruff lay it out."""
    metadata = load_metadata()
    operations: list[ops.MigrateOperation] = []
    for table in metadata.sorted_tables:
        operations.append(ops.CreateTableOp.from_table(table))
        operations += [
            ops.CreateIndexOp.from_index(index) for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    body = render_python_code(ops.UpgradeOps(operations), render_item=_render)
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("#")]
    dialects = "".join(_statements(dialect) for dialect in ("sqlite", "postgresql"))
    triggers = f"\n\n\nSEAL: Mapping[str, tuple[str, ...]] = {{\n{dialects}}}\n"
    TARGET.write_text(HEAD + "\n".join(lines) + triggers, "utf-8")
    for step in (["check", "-q", "--fix", "--select", "COM819,I"], ["format", "-q"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, str(TARGET)], check=True)


def _statements(dialect: str) -> str:
    texts = "".join(f'        """{statement}""",\n' for statement in seal.statements(dialect))
    return f'    "{dialect}": (\n{texts}    ),\n'


def _render(kind: str, item: object, _context: object) -> str | bool:
    if kind == "type" and isinstance(item, Day):
        return "sa.Date().with_variant(sa.Text(), 'sqlite')"
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        return f"sa.{type(item.impl).__name__}()"
    return False


if __name__ == "__main__":
    main()
