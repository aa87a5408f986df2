"""Whether money may go to a payee's account: the verification of payee, and accounts that gave money back.

    what was said last of the account        a transfer to it
    nothing, or not within 30 days           waits for the check
    match                                    goes
    close-match, no-match, not-possible      is parked, until two people override it or there is another account
    returned (closed, blocked, unknown)      is parked, as above

The bank is asked outside any database transaction. A check is of one name and one account number, and says nothing of
another. Who overrode what, and why, stays beside it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import sqlalchemy as sa

from ledger import approvals
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.iso20022.model import Account
from ledger.payments.model import TransferState
from ledger.payments.rail import PayeeAnswer, PayeeCheck, PayeeMatch
from ledger.storage import bulk
from ledger.storage.base import JSON
from ledger.storage.keys import BOOK_OWNER, KeyRing

ACTOR = "system:payee-check"
VALID_FOR = timedelta(days=30)
OVERRIDE = "override-payee-check"
"""The action that an approval of an override must name; its body is `override_body(check)`."""
RETURNED = "returned"


class Keeper(Protocol):
    """What opening a check needs: which book, and its keys. A `Book` and a unit of work both are one."""

    @property
    def book_id(self) -> str:
        """The book."""
        ...

    @property
    def keys(self) -> KeyRing:
        """The book's key ring."""
        ...


AccountsOf = Callable[[sa.Connection, Keeper, Collection[str], date], Mapping[str, Account]]
"""Name and verified account number on a date of those of many parties that have one."""


class Standing(StrEnum):
    """What becomes of a transfer to an account."""

    UNCHECKED = "unchecked"
    CLEAR = "clear"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Check:
    """The last word on one account of a payee; `name_held` is whom the bank knows it under, where it said so."""

    payee: str
    account: str
    sequence: int
    result: str
    name_tested: str
    iban: str
    name_held: str | None
    checked_at: datetime
    reason: str | None
    overridden_by: str | None
    overridden_at: datetime | None
    override_reason: str | None
    approval_id: str | None

    def standing(self, name: str, now: datetime) -> Standing:
        """What it means for a transfer to this account under `name`."""
        if self.overridden_by is not None and self.name_tested == name:
            return Standing.CLEAR
        if self.result == RETURNED:
            return Standing.PARKED
        if self.name_tested != name or now - self.checked_at > VALID_FOR:
            return Standing.UNCHECKED
        return Standing.CLEAR if self.result == PayeeMatch.MATCH else Standing.PARKED


def standing(connection: sa.Connection, keeper: Keeper, payee: str, account: Account, *, now: datetime) -> Standing:
    """What becomes of a transfer to this account of the payee."""
    return standings(connection, keeper, {payee: account}, now=now)[payee]


def standings(
    connection: sa.Connection, keeper: Keeper, accounts: Mapping[str, Account], *, now: datetime
) -> dict[str, Standing]:
    """What becomes of a transfer to each of these payees' accounts; in two statements, however many they are."""
    if not accounts:
        return {}
    key, c = keeper.keys.key_for(connection, BOOK_OWNER), t.payee_check.c
    hashes = {payee: _account_hash(key, account.iban) for payee, account in accounts.items()}
    query = sa.select(t.payee_check).where(c.book_id == keeper.book_id, bulk.among(connection, c.payee, accounts))
    rows = connection.execute(query.order_by(c.payee, c.sequence)).all()
    last = {row.payee: row for row in rows if hashes[row.payee] == row.account}
    opened = keeper.keys.open_many(connection, [(payee, row.sealed) for payee, row in last.items()])
    found = dict.fromkeys(accounts, Standing.UNCHECKED)
    for (payee, row), stated in zip(last.items(), opened, strict=True):
        if stated is not None:
            found[payee] = _check(row, stated).standing(accounts[payee].name, now)
    return found


def doubted(connection: sa.Connection, book_id: str, payees: Collection[str]) -> set[str]:
    """Those of the payees of whose accounts, present or past, anything but a match was ever said."""
    c = t.payee_check.c
    query = sa.select(c.payee).distinct()
    query = query.where(c.book_id == book_id, bulk.among(connection, c.payee, payees))
    return set(connection.execute(query.where(c.result != PayeeMatch.MATCH.value)).scalars())


def check_payees(book: Book, bank: PayeeCheck, accounts_of: AccountsOf, *, limit: int = 100) -> int:
    """Ask the bank about up to `limit` payees of open orders whose account waits for it; gives how many were asked."""
    with book.read() as connection:
        waiting = _unchecked(connection, book, accounts_of, limit)
    for payee, account in waiting:
        answer = bank.check_payee(iban=account.iban, name=account.name)
        with book.unit_of_work(actor=ACTOR) as uow:
            record_check(uow, payee, answer)
    return len(waiting)


def record_check(uow: UnitOfWork, payee: str, answer: PayeeAnswer) -> None:
    """Keep the bank's word on a payee's account."""
    _insert(uow, payee, answer.match.value, iban=answer.iban, name=answer.name, name_held=answer.name_held)


def block_account(uow: UnitOfWork, payee: str, account: Account, *, reason: str) -> None:
    """Keep that the account gave money back, with the bank's reason code: nothing more goes there."""
    _insert(uow, payee, RETURNED, iban=account.iban, name=account.name, reason=reason)


def override_body(check: Check) -> Mapping[str, JSON]:
    """What two people approve: that money goes to this account whatever was said of it."""
    tested = hashlib.sha256(check.name_tested.encode()).hexdigest()
    facts: dict[str, JSON] = {"payee": check.payee, "account": check.account, "sequence": check.sequence}
    return facts | {"result": check.result, "name_sha256": tested}


def request_override(uow: UnitOfWork, payee: str, account: str, *, reason: str) -> str:
    """Ask a second person to let money go to an account that is parked; gives the approval's id.

    Refuses `payee-not-parked`.
    """
    return approvals.request(uow, action=OVERRIDE, body=override_body(_parked(uow, payee, account)), reason=reason)


def override(uow: UnitOfWork, payee: str, account: str, *, approval_id: str) -> None:
    """Let money go to an account that is parked, as two people decided; who and why stays beside the check.

    Refuses `payee-not-parked` and what `ledger.approvals` refuses.
    """
    check = _parked(uow, payee, account)
    approvals.require(uow, approval_id, OVERRIDE, override_body(check))
    asked = approvals.find(uow.connection, uow.book_id, approval_id)
    assert asked is not None, "an approval that was demanded is there"
    c = t.payee_check.c
    uow.connection.execute(
        t.payee_check.update()
        .where(c.book_id == uow.book_id, c.payee == payee, c.account == account, c.sequence == check.sequence)
        .values(
            overridden_by=f"{asked.requested_by} {asked.approver}",
            overridden_at=uow.now(),
            override_reason=asked.reason,
            approval_id=approval_id,
        )
    )


def last_check(connection: sa.Connection, keeper: Keeper, payee: str, account: str) -> Check | None:
    """The last word on an account, which is named by its keyed hash."""
    c = t.payee_check.c
    row = connection.execute(
        sa.select(t.payee_check)
        .where(c.book_id == keeper.book_id, c.payee == payee, c.account == account)
        .order_by(c.sequence.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _opened(connection, keeper, row)


def parked(connection: sa.Connection, keeper: Keeper, *, now: datetime) -> list[Check]:
    """The last word on every account that money may not go to, the oldest first; erased payees are left out."""
    c, later = t.payee_check.c, t.payee_check.alias("later")
    same = (later.c.book_id == c.book_id, later.c.payee == c.payee, later.c.account == c.account)
    newest = ~sa.exists().where(*same, later.c.sequence > c.sequence)
    bad = (c.result != PayeeMatch.MATCH.value, c.overridden_by.is_(None))
    rows = connection.execute(
        sa.select(t.payee_check).where(c.book_id == keeper.book_id, newest, *bad).order_by(c.checked_at, c.payee)
    )
    checks = [
        _opened(connection, keeper, row) for row in rows if keeper.keys.existing_key(connection, row.payee) is not None
    ]
    return [check for check in checks if check.standing(check.name_tested, now) is Standing.PARKED]


def account_hash(connection: sa.Connection, keeper: Keeper, iban: str) -> str:
    """HMAC-SHA-256 of an account number under the book's key: without the key nobody can guess the number."""
    return _account_hash(keeper.keys.key_for(connection, BOOK_OWNER), iban)


def _account_hash(key: bytes, iban: str) -> str:
    return hmac.digest(key, f"payee account, version 1\x00{iban}".encode(), "sha256").hex()


def _unchecked(connection: sa.Connection, book: Book, accounts_of: AccountsOf, limit: int) -> list[tuple[str, Account]]:
    c = t.transfer_order.c
    payees = connection.execute(
        sa.select(c.payee)
        .distinct()
        .where(c.book_id == book.book_id, c.state == TransferState.ORDERED.value, c.batch_id.is_(None))
        .order_by(c.payee)
    ).scalars()
    accounts = accounts_of(connection, book, payees.all(), book.today_in(connection))
    standing = standings(connection, book, accounts, now=book.clock.now())
    return [(payee, accounts[payee]) for payee in sorted(accounts) if standing[payee] is Standing.UNCHECKED][:limit]


def _parked(uow: UnitOfWork, payee: str, account: str) -> Check:
    check = last_check(uow.connection, uow, payee, account)
    if check is None or check.standing(check.name_tested, uow.now()) is not Standing.PARKED:
        raise Refusal("payee-not-parked", payee=payee)
    return check


def _insert(
    uow: UnitOfWork,
    payee: str,
    result: str,
    *,
    iban: str,
    name: str,
    name_held: str | None = None,
    reason: str | None = None,
) -> None:
    account = account_hash(uow.connection, uow, iban)
    known = last_check(uow.connection, uow, payee, account)
    stated = json.dumps({"iban": iban, "name_tested": name, "name_held": name_held}).encode()
    uow.connection.execute(
        t.payee_check.insert().values(
            book_id=uow.book_id,
            payee=payee,
            account=account,
            sequence=1 if known is None else known.sequence + 1,
            result=result,
            sealed=uow.keys.seal_personal(uow, payee, stated),
            checked_at=uow.now(),
            reason=reason,
        )
    )


def _opened(connection: sa.Connection, keeper: Keeper, row: sa.Row[Any]) -> Check:
    return _check(row, keeper.keys.open_personal(connection, row.payee, row.sealed))


def _check(row: sa.Row[Any], opened: bytes) -> Check:
    stated: dict[str, Any] = json.loads(opened)
    columns = {name: getattr(row, name) for name in Check.__slots__ if name not in stated}
    return Check(**columns, **stated)
