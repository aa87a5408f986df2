"""What the real ledger says, in the words of the naive one."""

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.state import Replayed
from ledger.storage import tables


def answer_of(result):
    """A result as a list of (key, number, duplicate), (code, missing), or ("again", answer)."""
    if isinstance(result, Refusal):
        return refused(result.code, result.facts)
    if isinstance(result, Replayed):
        outcome = result.outcome
        if "done" in outcome:
            return "again", [(each["key"], each["n"], each["duplicate"]) for each in outcome["done"]]
        return "again", refused(outcome["refused"], outcome["facts"])
    return [tuple(each) for each in result]


def refused(code, facts):
    """A refusal with the amount that is missing, if any."""
    return code, facts.get("missing_cents", facts.get("missing"))


def held_amounts(connection, book_id):
    """Reserved amounts by (account, is debit)."""
    held = {}
    for ref, row in _balances(connection, book_id):
        held |= {(ref, True): row.held_debit, (ref, False): row.held_credit}
    return {key: amount for key, amount in held.items() if amount}


def limits_of(connection, book_id):
    """(minimum, maximum, closed) by account."""
    return {ref: (row.minimum, row.maximum, row.closed) for ref, row in _balances(connection, book_id)}


def _balances(connection, book_id):
    a, b = tables.account, tables.balance
    joined = sa.join(a, b, sa.and_(a.c.book_id == b.c.book_id, a.c.account_id == b.c.account_id))
    query = sa.select(a.c.code, a.c.owner, a.c.asset, b).select_from(joined).where(a.c.book_id == book_id)
    for row in connection.execute(query):
        yield AccountRef(row.code, row.owner, row.asset), row
