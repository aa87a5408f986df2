"""A book rebuilt from a log export: each block decided again from what was asked for, and the same to the byte.

    keys, rows, then blocks in order ─> decide (clock at the block's instant) ─> compare ─> write

Commitments, public bytes, body hashes and block hashes must come out as the file states them; the first difference is
refused with its line and field. All of it is one database transaction, so a refusal leaves nothing behind.

Where a person was erased there is no key to commit with: the commitments of that person's lines are taken as the file
gives them, and the block hash holds them. What such a line says can't be checked then, but that its entry balances and
has the body hash that is stated.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import BinaryIO

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.log_fields import ANSWER, BLOCK, ENTRY, FORMAT, KEY, LOG, ROW, Fields, Records
from ledger.audit.log_items import read_account, read_item
from ledger.audit.log_rows import insert_rows
from ledger.book import add_book, write_genesis
from ledger.decide import decide, owners_named
from ledger.errors import InvariantError, Refusal
from ledger.facts import Item
from ledger.lines import ACCOUNTS, BOOK_KEY, EntryRow, instant_text, outcome_text
from ledger.log.encoding import b64
from ledger.log.leaf import JSON, canonical_json
from ledger.money import Asset
from ledger.posting import lock_head, write_decision
from ledger.reading import lock_and_read, state_of
from ledger.state import NOTHING_GIVEN, Decision, Given, Request
from ledger.storage import bulk, tables
from ledger.storage.engine import write_transaction
from ledger.storage.keys import DESTROYED, KeyRing

_NO_DAY_IS_TOO_LATE = date.max
"""The business date of the past is not kept: that a period was over when it was closed was judged then."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a book was rebuilt from."""

    book_id: str
    blocks: int
    entries: int
    answers: int
    hash: bytes
    """Of the last block."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the file: the place it stands at, what it states, and the item to be decided again."""

    line: int
    n: int
    public: Mapping[str, JSON]
    commitments: Sequence[bytes]
    body_hash: bytes | None
    item: Item | None


@dataclass(slots=True)
class _Block:
    """One block of the file."""

    line: int
    number: int
    at: datetime
    hash: bytes
    entries: list[_Entry] = field(default_factory=list)
    answers: list[Request] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    limits: dict[AccountRef, tuple[int | None, int | None]] = field(default_factory=dict)


def read_log(
    engine: sa.Engine,
    source: BinaryIO,
    transport_key: bytes,
    *,
    keys: KeyRing,
    done: Callable[[int], None] | None = None,
) -> Rebuilt:
    """Rebuild the book of `source` in a database that has no such book; `keys` will keep its subject keys.

    `done` is told the number of entries of each block that is rebuilt.

    Refuses `book-exists`, `log-of-another-book`, `log-format-unknown`, `wrapping-key-does-not-fit`; with line and
    field whatever is malformed, cut short or altered, above all `log-differs`.
    """
    records, transport = Records(source, transport_key), KeyRing(keys.book_id, transport_key)
    with write_transaction(engine) as connection:
        try:
            return _Import(connection, records, keys, done or (lambda _: None)).run(transport)
        except (sa.exc.IntegrityError, sa.exc.DataError) as error:
            raise Refusal("log-line-not-storable", line=records.number, field="") from error


class _Import:
    """One file on its way into one database transaction."""

    def __init__(self, connection: sa.Connection, records: Records, keys: KeyRing, done: Callable[[int], None]) -> None:
        self._connection = connection
        self._records = records
        self._keys = keys
        self._book_id = keys.book_id
        self._done = done

    def run(self, transport: KeyRing) -> Rebuilt:
        """Everything, down to the code at the end of the file."""
        header = self._records.next_of(LOG)
        policy_hash, created_at = self._add_book(header)
        self._restore_keys(transport)
        insert_rows(self._connection, self._book_id, self._records.while_of(ROW))
        rebuilt = self._rebuild(header, policy_hash, created_at)
        header.end()
        self._records.finish()
        return rebuilt

    def _add_book(self, header: Fields) -> tuple[bytes, datetime]:
        if (found := header.text("format")) != FORMAT:
            header.refuse("log-format-unknown", "format", format=found[:40])
        if (book_id := header.text("book")) != self._book_id:
            header.refuse("log-of-another-book", "book", stated=book_id[:80], book=self._book_id)
        policy_hash, created_at = header.octets("policy"), header.instant("created_at")
        named = {"name": header.text("name"), "origin": header.text("origin")}
        add_book(self._connection, self._book_id, **named, policy_hash=policy_hash, created_at=created_at)
        if (business_on := header.day_or_none("business_on")) is not None:
            dated = {"book_id": self._book_id, "current_on": business_on}
            self._connection.execute(sa.insert(tables.business_date).values(**dated))
        return policy_hash, created_at

    def _restore_keys(self, transport: KeyRing) -> None:
        rows = []
        for record in self._records.while_of(KEY):
            owner = record.text("owner")
            with record.located():
                sealed = record.octets("sealed")
                wrapped = self._keys.wrap(owner, transport.unwrap(owner, sealed)) if sealed else DESTROYED
            rows.append((owner, wrapped, record.instant("created_at")))
            record.end()
        if BOOK_KEY not in {owner for owner, wrapped, _ in rows if wrapped}:
            raise Refusal("subject-key-destroyed", owner=BOOK_KEY, line=self._records.number, field=KEY)
        columns = ("owner", "wrapped", "created_at")
        bulk.insert_rows(self._connection, tables.subject_key, self._book_id, columns, rows)

    # blocks

    def _rebuild(self, header: Fields, policy_hash: bytes, created_at: datetime) -> Rebuilt:
        entries = answers = 0
        for block in self._blocks():
            if entries == 0:
                self._begin(block, policy_hash, created_at)
            else:
                self._decide(block)
            entries += len(block.entries)
            answers += len(block.answers)
            self._done(len(block.entries))
        if entries == 0:
            self._records.next_of(BLOCK)
        head = lock_head(self._connection, self._book_id)
        stated = (header.integer("blocks"), header.integer("size"), header.octets("hash"))
        if stated != (head.next_block, head.next_n, head.last_hash):
            header.refuse("log-differs", "hash", stated=b64(stated[2]), derived=b64(head.last_hash))
        return Rebuilt(self._book_id, head.next_block, entries, answers, head.last_hash)

    def _blocks(self) -> Iterator[_Block]:
        for record in self._records.while_of(BLOCK):
            block = _Block(record.line, record.integer("block"), record.instant("at"), record.octets("hash"))
            entries, answers = record.integer("entries"), record.integer("answers")
            record.end()
            for _ in range(entries):
                block.entries.append(_entry(self._records.next_of(ENTRY), block))
            for _ in range(answers):
                answer = self._records.next_of(ANSWER)
                block.answers.append(_answer(answer))
            yield block

    def _begin(self, block: _Block, policy_hash: bytes, created_at: datetime) -> None:
        write_genesis(self._connection, self._book_id, created_at, policy_hash)
        table = tables.entry
        where = (table.c.book_id == self._book_id, table.c.n == 0)
        public = self._connection.scalar(sa.select(table.c.bytes).where(*where))
        if len(block.entries) != 1 or block.answers or (block.number, block.at) != (0, created_at):
            raise _differs(block.line, "block", "another beginning", "one entry, at the book's instant")
        [genesis] = block.entries
        if (
            genesis.n != 0
            or genesis.commitments
            or genesis.body_hash is not None
            or canonical_json(dict(genesis.public)) != public
        ):
            raise _differs(genesis.line, "entry.public", _text(genesis.public), bytes(public or b"").decode())
        _expect(block.line, "block.hash", block.hash, lock_head(self._connection, self._book_id).last_hash)

    def _decide(self, block: _Block) -> None:
        entered = [entry for entry in block.entries if entry.item is not None]
        requests = [Request([entry.item]) for entry in entered if entry.item is not None] + block.answers
        found = lock_and_read(self._connection, self._book_id, requests)
        state = state_of(self._connection, self._book_id, found, requests, block.assets)
        try:
            owners = owners_named(requests)
            keys = self._keys.existing_keys(self._connection, owners)
            decision = decide(
                state,
                requests,
                now=block.at,
                today=_NO_DAY_IS_TOO_LATE,
                keys=keys,
                new_assets=block.assets,
                given=_given(block, erased=bool(owners - keys.keys())),
            )
        except InvariantError as error:  # an erased person's line that the file gives no commitment for
            raise _differs(block.line, "block.entries", "", str(error)) from error
        except Refusal as refusal:  # such as an asset that stands with another scale
            raise _located(refusal, block.line, "block") from refusal
        for entry, result in zip(entered, decision.results, strict=False):
            if isinstance(result, Refusal):
                raise _located(result, entry.line, "entry.item")
        _compare(block, decision)
        write_decision(self._connection, self._book_id, decision)


def _entry(record: Fields, block: _Block) -> _Entry:
    """One entry of the file; what accounts/1 opens is noted in its block."""
    n, public = record.integer("n"), record.object("public")
    commitments = record.octets_list("commitments")
    body_hash = record.octets_or_none("body")
    entry_type = public.get("t")
    item = None
    if entry_type == ACCOUNTS:
        _note_opened(record.fields("item"), block)
    elif n > 0:
        item = read_item(str(entry_type), record.fields("item"))
    record.end()
    return _Entry(record.line, n, public, commitments, body_hash, item)


def _note_opened(stated: Fields, block: _Block) -> None:
    with stated.located():
        for asset in stated.each("assets"):
            block.assets.append(Asset(asset.text("asset"), asset.integer("scale")))
            asset.end()
        for account in stated.each("accounts"):
            limits = (account.integer_or_none("minimum"), account.integer_or_none("maximum"))
            block.limits[read_account(account)] = limits
            account.end()
    stated.end()


def _answer(record: Fields) -> Request:
    """A request of nothing, whose answer is kept as it was given."""
    outcome = record.text("outcome")
    try:
        answer = json.loads(outcome)
        same = isinstance(answer, dict) and outcome_text(answer) == outcome
    except (ValueError, RecursionError):
        same = False
    if not same:
        record.refuse("field-has-wrong-type", "outcome", expected="compact JSON object")
    request = Request([], record.text("key"), record.text("actor"), record.octets("body"), answer)
    record.end()
    return request


def _given(block: _Block, *, erased: bool) -> Given:
    """The limits stated, and where somebody has no key any more, the commitments: those with a key are made again."""
    if not erased:
        return Given(limits=block.limits) if block.limits else NOTHING_GIVEN
    stated = {(e.n, line): c for e in block.entries for line, c in enumerate(e.commitments)}
    return Given(stated, block.limits)


def _compare(block: _Block, decision: Decision) -> None:
    """Hold what was decided against what the file states, entry by entry; refuses `log-differs`."""
    if decision.block is None or len(decision.entries) != len(block.entries):
        raise _differs(block.line, "block.entries", str(len(block.entries)), str(len(decision.entries)))
    _compare_opened(block, decision)
    commitments = _commitments(decision)
    for stated, row in zip(block.entries, decision.entries, strict=True):
        _compare_entry(stated, row, [commitments[row.n, line] for line in range(row.lines)])
    if (block.number, block.at) != (decision.block.block, decision.block.sealed_at):
        at = f"{decision.block.block} at {instant_text(decision.block.sealed_at)}"
        raise _differs(block.line, "block", f"{block.number} at {instant_text(block.at)}", at)
    if len(decision.requests) != len(block.answers):
        raise _differs(block.line, "block.answers", str(len(block.answers)), str(len(decision.requests)))
    _expect(block.line, "block.hash", block.hash, decision.block.hash)


def _compare_opened(block: _Block, decision: Decision) -> None:
    """Accounts and assets are opened in the order of their first use, and no others are."""
    accounts = [AccountRef.known(row.code, row.owner, row.asset) for row in decision.accounts]
    assets = [Asset(row.asset, row.scale) for row in decision.assets]
    if (accounts, assets) != (list(block.limits), block.assets):
        stated, derived = (", ".join(f"{ref}/{ref.asset}" for ref in refs) for refs in (block.limits, accounts))
        raise _differs(block.entries[0].line, "entry.item", stated, derived)


def _compare_entry(stated: _Entry, row: EntryRow, commitments: Sequence[bytes]) -> None:
    if stated.n != row.n:
        raise _differs(stated.line, "entry.n", str(stated.n), str(row.n))
    for line, (theirs, ours) in enumerate(zip(stated.commitments, commitments, strict=False)):
        _expect(stated.line, f"entry.commitments[{line}]", theirs, ours)
    if len(stated.commitments) != len(commitments):
        raise _differs(stated.line, "entry.commitments", str(len(stated.commitments)), str(len(commitments)))
    if stated.body_hash != row.body_hash:
        raise _differs(stated.line, "entry.body", _b64(stated.body_hash), _b64(row.body_hash))
    if canonical_json(dict(stated.public)) != row.bytes:
        raise _differs(stated.line, "entry.public", _text(stated.public), row.bytes.decode())


def _commitments(decision: Decision) -> Mapping[tuple[int, int], bytes]:
    """Every commitment that was made, by entry and line."""
    made = {(row.n, 0): row.header_commitment or b"" for row in decision.entries}
    made |= {(row.n, row.line): row.commitment for row in decision.postings}
    made |= {(row.opened_n, row.line): row.commitment for row in decision.accounts}
    made |= {(row.opened_n, row.line or 0): row.commitment or b"" for row in decision.assets}
    made |= {(row.hold_n, row.line): row.commitment for row in decision.hold_lines}
    made |= {(row.from_n, 1): row.commitment for row in decision.rules if row.commitment is not None}
    return made | {(row.n, row.line): row.commitment for row in decision.findings}


def _expect(line: int, name: str, stated: bytes, derived: bytes) -> None:
    if stated != derived:
        raise _differs(line, name, b64(stated), b64(derived))


def _differs(line: int, name: str, stated: str, derived: str) -> Refusal:
    return Refusal("log-differs", line=line, field=name, stated=stated[:200], derived=derived[:200])


def _located(refusal: Refusal, line: int, name: str) -> Refusal:
    return Refusal(refusal.code, **{**refusal.facts, "line": line, "field": name})


def _b64(octets: bytes | None) -> str:
    return "" if octets is None else b64(octets)


def _text(public: Mapping[str, JSON]) -> str:
    return canonical_json(dict(public)).decode()
