"""A book, one legal entity's record in one database, and its unit of work.

A unit of work is one database transaction by one actor. Product rows are written as it goes; journal entries are
buffered and posted in one call as its last step, so the book's head is locked only for as long as posting takes:

    with book.unit_of_work(actor="s7") as unit:
        ...                      # rows of products, locks on them
        unit.post(entry)         # buffered
        unit.emit(topic, key, body)
    unit.results                 # numbers of the entries, once committed

A refusal anywhere, posting included, rolls back all of it.
"""

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from ledger import crash, outbox
from ledger.clock import Clock
from ledger.errors import InvariantError, Refusal
from ledger.facts import Item
from ledger.lines import GENESIS, ZERO_HASH, AssetRow, EntryRow, genesis_bytes, seal_block
from ledger.log.merkle import leaf_hash
from ledger.money import EUR, Asset
from ledger.posting import post_requests
from ledger.requests import AnsweredMeanwhile
from ledger.state import ItemResult, Replayed, Request
from ledger.storage import bulk, tables
from ledger.storage.base import JSON
from ledger.storage.dates import read_business_date
from ledger.storage.engine import read_transaction, write_transaction
from ledger.storage.keys import BOOK_OWNER, KeyRing

_TOKEN_BYTES, _TOKEN_CHARACTERS = 6, 9
ID_PREFIXES = frozenset("abcdehlmnoprstuvy")


@dataclass(frozen=True)
class Book:
    """One legal entity's books in one database."""

    engine: sa.Engine
    book_id: str
    clock: Clock
    keys: KeyRing
    late_refused: frozenset[str] = frozenset()
    """Purposes whose entries may not be dated in a closed period."""

    @contextmanager
    def unit_of_work(self, *, actor: str, floors: bool = True) -> Iterator["UnitOfWork"]:
        """One database transaction: on a clean end, buffered entries are posted and all is committed.

        With `floors` false, accounts are opened without the chart's limits (for books brought in from elsewhere).
        """
        with write_transaction(self.engine) as connection:
            unit = UnitOfWork(self, connection, actor, floors=floors)
            yield unit
            unit.finish()
        crash.reach("posting.after-commit")

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A read-only snapshot."""
        return read_transaction(self.engine)

    def today(self) -> date:
        """The business date as last committed."""
        with self.read() as connection:
            return self.today_in(connection)

    def today_in(self, connection: sa.Connection) -> date:
        """The business date as this connection sees it."""
        return read_business_date(connection, self.book_id) or self.clock.today()


class UnitOfWork:
    """What happens together or not at all."""

    def __init__(self, book: Book, connection: sa.Connection, actor: str, *, floors: bool = True) -> None:
        self.book = book
        self.connection = connection
        self.book_id = book.book_id
        self.clock = book.clock
        self.keys = book.keys
        self.actor = actor
        self.results: list[ItemResult] = []
        self._items: list[Item] = []
        self._answer: tuple[str, bytes, Mapping[str, JSON]] | None = None
        self._assets: list[Asset] = []
        self._floors = floors
        self._emitted = 0
        self._finished = False

    def now(self) -> datetime:
        """The machine's instant."""
        return self.clock.now()

    def today(self) -> date:
        """The book's business date, as this unit of work sees it."""
        return self.book.today_in(self.connection)

    def new_id(self, prefix: str) -> str:
        """An opaque token: a prefix letter and nine characters of lower-case base32 (45 random bits)."""
        if prefix not in ID_PREFIXES:
            raise InvariantError(f"no identifier begins with {prefix!r}")
        text = base64.b32encode(secrets.token_bytes(_TOKEN_BYTES)).decode().lower()
        return prefix + text[:_TOKEN_CHARACTERS]

    def post(self, item: Item) -> None:
        """Enter `item` when the unit of work ends; `results` holds its number afterwards, in the order of the calls."""
        self._expect_open()
        self._items.append(item)

    def remember(self, key: str, *, body_hash: bytes, outcome: Mapping[str, JSON]) -> None:
        """Keep `outcome` as the answer to the request with this idempotency key, sealed with the rest of this work."""
        self._expect_open()
        self._answer = (key, body_hash, outcome)

    def open_asset(self, asset: Asset) -> None:
        """Open `asset`, if it is new, before the entries of this unit of work."""
        self._expect_open()
        self._assets.append(asset)

    def emit(self, topic: str, key: str, body: Mapping[str, JSON]) -> None:
        """Deliver `body` to the topic's handlers after the commit; the same topic and key again change nothing."""
        self._expect_open()
        outbox.emit(self.connection, self.book_id, topic, key, body, at=self.now(), position=self._emitted)
        self._emitted += 1

    def emit_many(self, topic: str, rows: Sequence[tuple[str, Mapping[str, JSON]]]) -> None:
        """Emit many rows (key, body) of one topic, in order."""
        self._expect_open()
        at, position = self.now(), self._emitted
        outbox.emit_many(self.connection, self.book_id, topic, rows, at=at, position=position)
        self._emitted += len(rows)

    def finish(self) -> None:
        """Enter what was buffered; called once, by the book, as the last step before the commit."""
        self._expect_open()
        self._finished = True
        if not (self._items or self._assets or self._answer):
            return
        request = Request(self._items, actor=self.actor)
        if self._answer is not None:
            key, body_hash, outcome = self._answer
            request = Request(self._items, key, self.actor, body_hash, outcome)
        [result] = post_requests(
            self.connection,
            self.book_id,
            [request],
            clock=self.clock,
            keys=self.keys,
            floors=self._floors,
            assets=self._assets,
            late_refused=self.book.late_refused,
        )
        if isinstance(result, Refusal):
            raise result
        if isinstance(result, Replayed):
            raise AnsweredMeanwhile
        self.results = result

    def _expect_open(self) -> None:
        if self._finished:
            raise InvariantError("this unit of work is over")


def create_book(  # noqa: PLR0913 -- what a book is made of
    engine: sa.Engine,
    book_id: str,
    *,
    name: str,
    origin: str,
    policy_hash: bytes,
    clock: Clock,
    keys: KeyRing,
    business_date: date | None = None,
    late_refused: frozenset[str] = frozenset(),
) -> Book:
    """Begin a book: its row, EUR, its key, and entry 0, which holds the hash of the log's trust policy.

    With `business_date` the book is a sandbox whose date stands still until it is moved. Refuses `book-exists`.
    """
    now = clock.now()
    with write_transaction(engine) as connection:
        add_book(connection, book_id, name=name, origin=origin, policy_hash=policy_hash, created_at=now)
        keys.subject_keys(connection, [BOOK_OWNER], now=now)
        write_genesis(connection, book_id, now, policy_hash)
        if business_date is not None:
            connection.execute(sa.insert(tables.business_date).values(book_id=book_id, current_on=business_date))
    return Book(engine, book_id, clock, keys, late_refused)


def add_book(
    connection: sa.Connection, book_id: str, *, name: str, origin: str, policy_hash: bytes, created_at: datetime
) -> None:
    """The book's row; refuses `book-exists`."""
    if _stands(connection, book_id):
        raise Refusal("book-exists", book=book_id)
    described = {"name": name, "origin": origin, "policy_hash": policy_hash, "created_at": created_at}
    connection.execute(sa.insert(tables.book).values(book_id=book_id, **described))


def open_book(
    engine: sa.Engine, book_id: str, *, clock: Clock, keys: KeyRing, late_refused: frozenset[str] = frozenset()
) -> Book:
    """The book as it stands; refuses `book-unknown`."""
    if not stands(engine, book_id):
        raise Refusal("book-unknown", book=book_id)
    return Book(engine, book_id, clock, keys, late_refused)


def stands(engine: sa.Engine, book_id: str) -> bool:
    """Whether the database holds this book."""
    with read_transaction(engine) as connection:
        return _stands(connection, book_id)


def _stands(connection: sa.Connection, book_id: str) -> bool:
    return connection.scalar(sa.select(tables.book.c.book_id).where(tables.book.c.book_id == book_id)) is not None


def write_genesis(connection: sa.Connection, book_id: str, now: datetime, policy_hash: bytes) -> None:
    """Entry 0, the euro, block 0, and the book's head after them."""
    public = genesis_bytes(now, policy_hash)
    leaf = leaf_hash(public)
    absent = dict.fromkeys(("effective_on", "purpose", "fact_key", "body_hash", "evidence", "reverses", "approvals"))
    genesis = EntryRow(
        n=0, block=0, type=GENESIS, booked_at=now, actor="system", lines=0, header_commitment=None,
        bytes=public, leaf=leaf, details=None, **absent,
    )  # fmt: skip
    block = seal_block(
        book_id=book_id, block=0, first_n=0, leaves=[leaf], postings=0, prev_hash=ZERO_HASH, sealed_at=now
    )
    bulk.insert_rows(connection, tables.entry, book_id, EntryRow._fields, [genesis])
    eur = AssetRow(EUR.code, EUR.scale, 0, None, None)
    bulk.insert_rows(connection, tables.asset, book_id, AssetRow._fields, [eur])
    bulk.insert_rows(connection, tables.block, book_id, block._fields, [block])
    head = {"next_n": 1, "next_block": 1, "next_account": 1, "last_hash": block.hash, "last_booked_at": now}
    connection.execute(sa.insert(tables.head).values(book_id=book_id, **head))
