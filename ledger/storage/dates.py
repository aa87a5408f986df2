"""The business date: a row that a sandbox moves forward. A book without the row lives on the machine's date."""

from datetime import date

import sqlalchemy as sa

from ledger.errors import Refusal
from ledger.storage.tables import business_date
from ledger.storage.work import Work


def read_business_date(connection: sa.Connection, book_id: str) -> date | None:
    """The book's business date, or None where the machine's date holds."""
    return connection.scalar(sa.select(business_date.c.current_on).where(business_date.c.book_id == book_id))


def move_business_date(work: Work, to: date) -> None:
    """Move it forward; refuses `business-date-is-real` outside a sandbox and `business-date-moves-forward-only`."""
    where = business_date.c.book_id == work.book_id
    current = work.connection.scalar(sa.select(business_date.c.current_on).where(where).with_for_update())
    if current is None:
        raise Refusal("business-date-is-real", to_on=to.isoformat())
    if to < current:
        raise Refusal("business-date-moves-forward-only", current_on=current.isoformat(), to_on=to.isoformat())
    work.connection.execute(sa.update(business_date).where(where).values(current_on=to))
