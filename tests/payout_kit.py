"""Payouts of many: accounts of holders in bulk, verified and known to their bank, and a payout run to its files.

    give_accounts(uow, range(500), tokens)      identity, account and the bank's word for each, in four statements
    town = payout_town(engine, 1_000)           a book that owes so many holders money, which is at the bank
    owe_holders(book, 1_000)                    the same in a book that stands
    ask_for_payouts(town)                       frozen and approved
    serve_payouts(town)                         ordered and released, from wherever the run stands

    python -m tests.payout_kit URL KILL FILE

serves the payouts of a book whose run was approved, with FILE orders in a file; at the KILL-th crash point that it
comes by, it kills itself (0: never).
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

import sqlalchemy as sa

from api.migrations import load_metadata
from contracts import payouts
from contracts.parties import tables as parties
from ledger import approvals, crash
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork, open_book
from ledger.clock import FixedClock
from ledger.journal import JournalEntry, Posting
from ledger.payments import run_files
from ledger.payments import tables as t
from ledger.payments.bank import configure_bank
from ledger.payments.batches import file_of
from ledger.payments.model import CLIENT_BANK, RunState
from ledger.payments.payees import account_hash
from ledger.payments.transfer_runs import transfer_runs
from ledger.storage import bulk
from ledger.storage.engine import open_engine
from ledger.storage.tables import approval_given
from tests.bankfiles_kit import HOLDER
from tests.conftest import make_book, make_keys

PAID_ON = date(2026, 11, 25)
NOON = datetime(2026, 11, 25, 11, tzinfo=UTC)
SINCE = date(2025, 1, 1)


def iban_of(n: int) -> str:
    """The n-th account of one bank, with its check digits (the national number and ISO 13616)."""
    body = f"096{n:07d}"
    number = f"{body}{int(body) % 97 or 97:02d}"
    return f"BE{98 - int(f'{number}111400') % 97:02d}{number}"


def give_accounts(uow: UnitOfWork, numbers: range, tokens: Sequence[str]) -> None:
    """Name and verified account of parties that stand, and a match by the bank."""
    now, evidence = uow.now(), "paper"
    named = [(token, iban_of(n), f"Zoé {n} Étienne") for n, token in zip(numbers, tokens, strict=True)]
    plain = []
    for token, iban, name in named:
        given, family = name.rsplit(" ", 1)
        identity = {"given_name": given, "family_name": family, "email": f"{token}@b.example", "language": "fr"}
        plain += [(token, json.dumps(identity).encode()), (token, iban.encode())]
        plain.append((token, json.dumps({"iban": iban, "name_tested": name, "name_held": None}).encode()))
    sealed = uow.keys.seal_many(uow, plain)
    insert = partial(bulk.insert_rows, uow.connection)
    who = [(token, 1, secret, now, "kit") for token, secret in zip(tokens, sealed[0::3], strict=True)]
    insert(parties.party_identity, uow.book_id, ("party_id", "seq", "sealed", "recorded_at", "actor"), who)
    where = [
        (token, 1, secret, SINCE, evidence, now, "kit") for token, secret in zip(tokens, sealed[1::3], strict=True)
    ]
    columns = ("party_id", "seq", "sealed", "valid_from", "evidence", "recorded_at", "actor")
    insert(parties.party_iban, uow.book_id, columns, where)
    checks = [(token, 1, evidence, now, "kit") for token in tokens]
    columns = ("party_id", "seq", "evidence", "verified_at", "actor")
    insert(parties.party_iban_check, uow.book_id, columns, checks)
    said = [
        (token, account_hash(uow.connection, uow, iban), 1, "match", secret, now)
        for (token, iban, _), secret in zip(named, sealed[2::3], strict=True)
    ]
    columns = ("payee", "account", "sequence", "result", "sealed", "checked_at")
    insert(t.payee_check, uow.book_id, columns, said)


def payout_town(engine: sa.Engine, holders: int) -> Book:
    """A book whose client account covers what it owes its holders to the cent: 100 to 1,090 cents each."""
    book = make_book(engine, FixedClock(NOON))
    owe_holders(book, holders)
    return book


def owe_holders(book: Book, holders: int) -> None:
    """Let holders be owed money, which is at the bank, and be known to their banks."""
    tokens = [token_of(n) for n in range(holders)]
    with book.unit_of_work(actor="kit") as uow:
        configure_bank(uow, HOLDER)
        columns = ("party_id", "kind", "registered_at", "actor")
        rows = [(token, "natural", uow.now(), "kit") for token in tokens]
        bulk.insert_rows(uow.connection, parties.party, uow.book_id, columns, rows)
        give_accounts(uow, range(holders), tokens)
        for n, token in enumerate(tokens):
            cents = owed_to(n)
            legs = (Posting(CLIENT_BANK, debit=cents), Posting(AccountRef("489300", token), credit=cents))
            uow.post(JournalEntry(f"owed:{token}", SINCE, "test", legs))


def token_of(n: int) -> str:
    """The n-th holder's token."""
    return f"c{n:09d}"


def owed_to(n: int) -> int:
    """What the n-th holder is owed, in cents."""
    return 100 + n % 100 * 10


def ask_for_payouts(book: Book, *, on: date = PAID_ON, smallest_cents: int = 1) -> str:
    """Frozen and approved by a second person, not begun; gives the approval's id."""
    with book.unit_of_work(actor="maker") as uow:
        asked = payouts.request_payouts(uow, on=on, reason="coupons", smallest_cents=smallest_cents)
    with book.unit_of_work(actor="checker") as uow:
        approvals.approve(uow, asked)
    return asked


def order_payouts(book: Book, asked: str, *, on: date = PAID_ON) -> str:
    """All the orders of an approved run, begun or not; gives the run's id."""
    with book.read() as connection:
        run_id = payouts.run_of(connection, book.book_id, asked)
        planned = {run.run_id for run in transfer_runs(connection, book.book_id, state=RunState.PLANNED)}
    if run_id in planned:
        with book.unit_of_work(actor="maker") as uow:
            payouts.order_payouts(uow, approval_id=asked, on=on)
    payouts.order_rest(book, run_id, actor="maker")
    return run_id


def serve_payouts(book: Book) -> str:
    """The newest run, which was approved, from wherever it stands to its released files; gives its id."""
    with book.read() as connection:
        asked = str(connection.execute(sa.select(approval_given.c.approval_id)).scalar_one())
    run_id = order_payouts(book, asked)
    payouts.file_payouts(book, run_id, actor="maker")
    return run_id


def files_of(book: Book, run_id: str) -> list[tuple[str, bytes]]:
    """State and bytes of each file of a run."""
    with book.read() as connection:
        made = run_files.run_files(connection, book.book_id, run_id)
        return [(each.state.value, file_of(connection, book, each.batch_id)) for each in made]


def main() -> None:
    """The payouts in the book at an address."""
    url, kill_at, run_files.LARGEST_FILE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    passed = itertools.count(1)

    def reach(point: str) -> None:
        if next(passed) == kill_at:
            sys.stdout.write(point)
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    crash.reach = reach
    load_metadata()
    serve_payouts(open_book(open_engine(url), "main", clock=FixedClock(NOON), keys=make_keys()))


if __name__ == "__main__":
    main()
