"""`/v1/books`: the trial balance, statements and journal entries, for auditors and operators."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import BookDep, Number, Staff
from api.v1.schemas.control import Balance, Entry, EntryLine, StatementLine
from ledger import balances
from ledger.accounts import AccountRef

router = APIRouter(prefix="/books", tags=["books"])


@router.get("/trial-balance")
def get_trial_balance(book: BookDep, _staff: Staff, on: date | None = None) -> list[Balance]:
    """Every account with postings, by date of effect if `on` is given."""
    with book.read() as connection:
        rows = balances.trial_balance(connection, book.book_id, on=on)
    return [
        Balance(account=str(row.account), asset=row.account.asset, debit=row.debit, credit=row.credit) for row in rows
    ]


@router.get("/statement")
def get_statement(
    book: BookDep,
    _staff: Staff,
    account: Annotated[str, Query(examples=["550100"])],
    asset: str = "EUR",
    after_seq: Number = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[StatementLine]:
    """An account's postings in booking order; the next page begins after the last `seq`."""
    with book.read() as connection:
        lines = balances.statement(
            connection, book.book_id, AccountRef.parse(account, asset), after_seq=after_seq, limit=limit
        )
    return [StatementLine.model_validate(line) for line in lines]


@router.get("/entries")
def list_entries(
    book: BookDep,
    _staff: Staff,
    first_n: Number = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[Entry]:
    """Journal entries in order from number `first_n`."""
    with book.read() as connection:
        entries = balances.entries(connection, book.book_id, first_n=first_n, limit=limit)
    return [_entry(entry) for entry in entries]


def _entry(entry: balances.PostedEntry) -> Entry:
    return Entry(
        n=entry.n,
        type=entry.type,
        effective_on=entry.effective_on,
        booked_at=entry.booked_at,
        purpose=entry.purpose,
        key=entry.key,
        evidence=entry.evidence,
        actor=entry.actor,
        approvals=list(entry.approvals),
        reverses=entry.reverses,
        lines=[
            EntryLine(
                line=line.line,
                account=str(line.account),
                asset=line.account.asset,
                debit=line.debit,
                credit=line.credit,
            )
            for line in entry.lines
        ],
    )
