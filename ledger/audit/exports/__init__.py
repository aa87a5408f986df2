"""The book in the languages of other programs, so that somebody who wrote none of ours can check it.

    beancount, hledger, ledger   plain-text accounting; each file ends with one balance assertion per account
    csv, parquet                 one posting a row, amounts in minor units
    fec                          the French tax audit file

Every posting entry is written once, in booking order. Exports read the record in pages, so their memory grows with the
number of accounts and not with the number of entries. A format is one function in one module and one row below.
"""

import io
from collections.abc import Callable
from typing import BinaryIO, TextIO

import sqlalchemy as sa

from ledger.audit.exports.beancount import write_beancount
from ledger.audit.exports.fec import write_fec
from ledger.audit.exports.journals import write_hledger, write_ledger
from ledger.audit.exports.naming import beancount_account as beancount_account
from ledger.audit.exports.naming import hledger_account as hledger_account
from ledger.audit.exports.parquet import write_parquet
from ledger.audit.exports.rows import write_csv

TextWriter = Callable[[sa.Connection, str, TextIO], int]
BinaryWriter = Callable[[sa.Connection, str, BinaryIO], int]

_TEXT: dict[str, TextWriter] = {
    "beancount": write_beancount,
    "hledger": write_hledger,
    "ledger": write_ledger,
    "csv": write_csv,
    "fec": write_fec,
}
_BINARY: dict[str, BinaryWriter] = {"parquet": write_parquet}
FORMATS = (*_TEXT, *_BINARY)


def write_export(connection: sa.Connection, book_id: str, export_format: str, out: BinaryIO) -> int:
    """Write the whole book in one of `FORMATS` (text is UTF-8); returns the number of entries written.

    Refuses `format-needs-extra` where a package that the format rests on is not installed; nothing is written then.
    """
    if export_format in _BINARY:
        return _BINARY[export_format](connection, book_id, out)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    try:
        return _TEXT[export_format](connection, book_id, text)
    finally:
        text.detach()  # flushes, and leaves `out` open: it is the caller's
