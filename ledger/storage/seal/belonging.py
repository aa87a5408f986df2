"""What the seal knows of the tables: to which entry a row belongs, what may not go back, which keys are unique."""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from ledger.log.leaf import FINDINGS


class Belonging(NamedTuple):
    """How the rows of a table belong to an entry `e`.

    `number` is the column with the entry's number, `kind` what must be true of the entry. In `kind`, `{row}` stands
    for the row and `{hold}` for the hold that the entry's details name.
    """

    number: str
    kind: str


_FINDINGS = ", ".join(f"'{kind}'" for kind in sorted(FINDINGS))
_AT_A_LINE = "{row}.line BETWEEN 1 AND e.lines - 1"
BELONGINGS = {
    "posting": Belonging("n", f"e.type = 'posting/1' AND {_AT_A_LINE}"),
    "account": Belonging("opened_n", f"e.type = 'accounts/1' AND {_AT_A_LINE}"),
    "asset": Belonging(
        "opened_n", f"((e.type = 'accounts/1' AND {_AT_A_LINE}) OR (e.type = 'genesis/1' AND {{row}}.line IS NULL))"
    ),
    "account_rule": Belonging("from_n", "e.type = CASE {row}.version WHEN 1 THEN 'accounts/1' ELSE 'rules/1' END"),
    "hold": Belonging("hold_n", "e.type = 'hold/1'"),
    "hold_line": Belonging("hold_n", f"e.type = 'hold/1' AND {_AT_A_LINE}"),
    "hold_step": Belonging("n", "e.type IN ('posting/1', 'release/1') AND {hold} = {row}.hold_n"),
    "period": Belonging("n", "e.type = 'period/1'"),
    "period_balance": Belonging("n", "e.type = 'period/1'"),
    "finding": Belonging("n", f"e.type IN ({_FINDINGS}) AND {_AT_A_LINE}"),
}
"""The tables whose rows are part of an entry."""

LIMITS = ("minimum", "maximum", "closed", "version")
HEAD_BACK = (
    "NEW.next_n < OLD.next_n OR NEW.next_block < OLD.next_block OR NEW.next_account < OLD.next_account"
    " OR NEW.last_booked_at < OLD.last_booked_at OR NEW.book_id <> OLD.book_id OR NEW.closed_on < OLD.closed_on"
    " OR (NEW.closed_on IS NULL AND OLD.closed_on IS NOT NULL)"
)
BALANCE_BACK = (
    "NEW.seq < OLD.seq OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.version < OLD.version"
)


def unique_keys(table: sa.Table) -> Iterable[tuple[list[str], str]]:
    """The columns of each unique key, and the condition of a partial one."""
    for constraint in sorted(
        table.constraints, key=lambda c: (not isinstance(c, sa.PrimaryKeyConstraint), str(c.name))
    ):
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
            yield [column.name for column in constraint.columns], ""
    for index in sorted(table.indexes, key=lambda i: str(i.name)):
        if index.unique:
            where = index.dialect_options["sqlite"]["where"]
            yield [column.name for column in index.columns], "" if where is None else str(where)
