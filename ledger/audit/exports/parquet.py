"""The book as a Parquet file: the columns of the CSV file with their types, one posting a row.

Row groups hold 50,000 rows, so that memory stays flat here and with whoever reads the file. The package that writes the
format is large: it comes with the optional extra `parquet` and is loaded when the format is asked for.
"""

from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import BinaryIO

import sqlalchemy as sa

from ledger.audit.exports.rows import PostingRow, posting_rows
from ledger.errors import Refusal

ROW_GROUP = 50_000
_TYPES = {
    "entry": "int64",
    "line": "int32",
    "effective_on": "date32",
    "key": "string",
    "purpose": "string",
    "account": "string",
    "asset": "string",
    "scale": "int8",
    "debit": "int64",
    "credit": "int64",
}


def write_parquet(connection: sa.Connection, book_id: str, out: BinaryIO) -> int:
    """Write the rows; returns the number of entries. Refuses `format-needs-extra` where pyarrow is not installed."""
    arrow, parquet = _packages()
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in _TYPES.items()])
    rows = posting_rows(connection, book_id)
    count, last_n = 0, -1
    with parquet.ParquetWriter(out, schema) as writer:
        while group := list(islice(rows, ROW_GROUP)):
            numbers = {row.entry for row in group}
            count += len(numbers - {last_n})  # an entry may begin in one group and end in the next
            last_n = group[-1].entry
            columns = dict(zip(PostingRow._fields, zip(*group, strict=True), strict=True))
            writer.write_table(arrow.table(columns, schema=schema), row_group_size=ROW_GROUP)
    return count


def _packages() -> tuple[ModuleType, ModuleType]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise Refusal("format-needs-extra", format="parquet", extra="parquet") from error
