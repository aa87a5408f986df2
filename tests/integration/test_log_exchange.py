"""A book goes out as a log export and comes back in another database, the same to the byte, or not at all."""

import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from ledger import approvals
from ledger.attest import attest
from ledger.audit.log_export import write_log
from ledger.audit.log_fields import Mac
from ledger.audit.log_import import Rebuilt, read_log
from ledger.audit.rows import audit_rows
from ledger.book import Book, open_book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.log.leaf import canonical_json
from ledger.storage import tables
from ledger.storage.base import to_microseconds
from ledger.storage.engine import write_transaction
from ledger.storage.keys import KeyRing
from tests.conftest import MakeEngine, make_book, make_keys
from tests.entries import paid, post
from tests.every_item import enter, fill, fill_at_random
from tests.one_book import watching
from tests.oracle import check_everything, digest_of

TRANSPORT = bytes(range(32))
OTHER_WRAPPING = bytes(range(100, 132))


def exported(book: Book) -> bytes:
    out = io.BytesIO()
    write_log(book, out, TRANSPORT)
    return out.getvalue()


def imported(engine: sa.Engine, file: bytes, clock: FixedClock) -> tuple[Book, Rebuilt]:
    keys = KeyRing("main", OTHER_WRAPPING)
    rebuilt = read_log(engine, io.BytesIO(file), TRANSPORT, keys=keys)
    return open_book(engine, "main", clock=clock, keys=keys), rebuilt


def blocks(book: Book) -> list[tuple[int, bytes]]:
    table = tables.block
    with book.read() as connection:
        rows = connection.execute(
            sa.select(table.c.block, table.c.hash).where(table.c.book_id == book.book_id).order_by(table.c.block)
        )
        return [(number, block_hash) for number, block_hash in rows]


def plain(file: bytes) -> list[bytes]:
    """The lines that do not hold what is encrypted anew each time."""
    return [line for line in file.splitlines() if not line.startswith((b'{"key"', b'{"end"'))]


def signed(*lines: bytes) -> bytes:
    """The file of these lines with a code that fits: what somebody with the key could make."""
    mac = Mac(TRANSPORT)
    for line in lines:
        mac.add(line + b"\n")
    return b"\n".join([*lines, canonical_json({"end": {"mac": mac.text()}})]) + b"\n"


def is_empty(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        named = (tables.book, tables.subject_key, tables.entry, tables.block, tables.request, tables.head)
        return not any(connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in named)


@pytest.mark.parametrize("way", [("sqlite", "postgresql", "sqlite"), ("postgresql", "sqlite", "postgresql")])
@pytest.mark.postgresql
def test_a_book_of_everything_goes_to_the_other_database_and_back(
    make_engine: MakeEngine, clock: FixedClock, way: tuple[str, str, str]
) -> None:
    book = make_book(make_engine(way[0]), clock)
    fill(book, clock)
    first = exported(book)
    there, rebuilt = imported(make_engine(way[1]), first, clock)
    assert (blocks(there), digest_of(there)) == (blocks(book), digest_of(book))
    assert rebuilt.hash == blocks(book)[-1][1]
    assert (rebuilt.blocks, rebuilt.answers) == (len(blocks(book)), 4)
    back, _ = imported(make_engine(way[2]), exported(there), clock)
    assert (blocks(back), digest_of(back)) == (blocks(book), digest_of(book))
    assert plain(exported(back)) == plain(first)
    for one in (book, back):
        enter(one, paid("afterwards", 5))
    assert blocks(back) == blocks(book)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.postgresql
def test_random_books_are_rebuilt_on_the_other_database(make_engine: MakeEngine, clock: FixedClock, seed: int) -> None:
    book = make_book(make_engine("sqlite"), clock)
    fill_at_random(book, clock, seed=seed, blocks=20)
    there, _ = imported(make_engine("postgresql"), exported(book), clock)
    assert (blocks(there), digest_of(there)) == (blocks(book), digest_of(book))


def attested(book: Book) -> None:
    """Rows that no entry tells of, and the states that attest them; one row is newer."""
    with book.unit_of_work(actor="s1") as unit:
        approval = approvals.request(unit, action="payout", body={"to": None, "cents": 5}, reason="e\u0301te\u0301")
        unit.emit("mail", "k1", {"to": "c17"})
    with book.unit_of_work(actor="s1") as unit:
        attest(unit, key="state:1")
    with book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval)
    with book.unit_of_work(actor="s1") as unit:
        attest(unit, key="state:2")
        unit.emit("mail", "k2", {"to": "c17"})


def rows_of(book: Book, table: sa.Table) -> list[tuple]:
    with book.read() as connection:
        order = list(table.primary_key.columns)
        rows = connection.execute(sa.select(table).where(table.c.book_id == "main"))
        return sorted((tuple(row) for row in rows), key=lambda row: str(row[: len(order)]))


@pytest.mark.parametrize("way", [("sqlite", "postgresql"), ("postgresql", "sqlite")])
@pytest.mark.postgresql
def test_rows_that_states_attest_come_along_and_the_audit_finds_them(
    make_engine: MakeEngine, clock: FixedClock, way: tuple[str, str]
) -> None:
    book = make_book(make_engine(way[0]), clock)
    attested(book)
    post(book, paid("k1", 500))
    with write_transaction(book.engine) as connection:
        connection.execute(sa.insert(tables.business_date).values(book_id="main", current_on=date(2026, 3, 9)))
    there, _ = imported(make_engine(way[1]), exported(book), clock)
    assert there.today() == date(2026, 3, 9)
    for table in (tables.approval_request, tables.approval_given, tables.outbox, tables.attestation, tables.book):
        assert rows_of(there, table) == rows_of(book, table) != []
    assert rows_of(there, tables.outbox_delivery) == []  # what waits is delivered where it was asked for
    check_everything(there)
    report = audit_rows(there)
    assert report.failure is None, report.to_text()
    assert "attested rows" in {check.name for check in report.checks}


@pytest.mark.parametrize("way", [("sqlite", "postgresql"), ("postgresql", "sqlite")])
@pytest.mark.postgresql
def test_a_book_leaves_and_enters_without_a_look_at_the_books_beside_it(
    make_engine: MakeEngine, clock: FixedClock, way: tuple[str, str]
) -> None:
    first, second = (make_engine(database) for database in way)
    book, other = make_book(first, clock), make_book(first, FixedClock(clock.instant), "other")
    neighbour = make_book(second, FixedClock(clock.instant), "other")
    post(other, paid("k1", 7))
    before = digest_of(neighbour)
    fill(book, clock)
    attested(book)
    with watching(first) as strays, watching(second) as more:
        there, _ = imported(second, exported(book), clock)
    assert strays + more == []
    assert (blocks(there), digest_of(neighbour)) == (blocks(book), before)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_answers_from_before_blocks_sealed_them_come_along(
    make_engine: MakeEngine, clock: FixedClock, database: str
) -> None:
    book = make_book(make_engine("sqlite"), clock)
    post(book, paid("k1", 5))
    lines = exported(book).splitlines()[:-1]
    at = next(number for number, line in enumerate(lines) if line.startswith(b'{"block"'))
    instant = to_microseconds(datetime(2026, 3, 1, 10, tzinfo=UTC))
    answer = {"actor": "c17", "at": instant, "body_hash": "AAAA", "key": "old", "outcome": '{"status":200,"x":null}'}
    told = json.dumps(answer, sort_keys=True, separators=(",", ":"))
    file = signed(*lines[:at], canonical_json({"row": {"of": "request", "told": told}}), *lines[at:])
    there, rebuilt = imported(make_engine(database), file, clock)
    assert (rebuilt.answers, blocks(there)) == (0, blocks(book))
    with there.read() as connection:
        row = connection.execute(sa.select(tables.request).where(tables.request.c.book_id == "main")).one()
    assert (row.key, row.outcome, row.at) == ("old", {"status": 200, "x": None}, datetime(2026, 3, 1, 10, tzinfo=UTC))
    assert (row.block, row.position) == (None, None)
    assert plain(exported(there)) == plain(file)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"of": "balance", "told": "{}"}, "log-table-unknown"),
        ({"of": "outbox", "told": "[]"}, "field-has-wrong-type"),
        ({"of": "outbox", "told": '{"topic": "a"}'}, "field-has-wrong-type"),
        ({"of": "outbox", "told": '{"stranger":1}'}, "field-has-wrong-type"),
        ({"of": "outbox", "told": '{"at":"1"}'}, "field-has-wrong-type"),
        ({"of": "outbox", "told": '{"body":1}'}, "field-has-wrong-type"),
        ({"of": "approval_request", "told": '{"body_hash":"A"}'}, "field-has-wrong-type"),
        ({"of": "outbox", "told": '{"topic":"a"}'}, "log-line-not-storable"),
        ({"of": "outbox"}, "field-missing"),
    ],
)
def test_a_row_of_no_table_or_of_another_form_is_refused(
    make_engine: MakeEngine, clock: FixedClock, row: dict, code: str
) -> None:
    lines = exported(make_book(make_engine("sqlite"), clock)).splitlines()[:-1]
    at = next(number for number, line in enumerate(lines) if line.startswith(b'{"block"'))
    refusal = refused(make_engine("sqlite"), signed(*lines[:at], canonical_json({"row": row}), *lines[at:]))
    assert (refusal.code, refusal.facts["line"] >= at + 1) == (code, True)


def erase(book: Book, owner: str) -> None:
    table = tables.subject_key
    with write_transaction(book.engine) as connection:
        connection.execute(sa.delete(table).where(table.c.book_id == "main", table.c.owner == owner))


@pytest.mark.postgresql
def test_a_book_is_rebuilt_after_a_person_was_erased(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    fill(book, clock)
    for owner in ("c17", "c19"):
        erase(book, owner)
    file = exported(book)
    there, _ = imported(make_engine("postgresql"), file, clock)
    assert (blocks(there), digest_of(there)) == (blocks(book), digest_of(book))
    with there.read() as connection:
        assert there.keys.existing_keys(connection, ["c17", "c18", "c19"]).keys() == {"c18"}
    assert plain(exported(there)) == plain(file)


def test_what_the_book_itself_says_can_not_be_rebuilt_without_its_key(
    make_engine: MakeEngine, clock: FixedClock
) -> None:
    book = make_book(make_engine("sqlite"), clock)
    lines = [line for line in exported(book).splitlines()[:-1] if b'"owner":""' not in line]
    assert refused(make_engine("sqlite"), signed(*lines)).code == "subject-key-destroyed"


def test_an_erased_persons_line_needs_the_commitment_that_the_file_gives(
    make_engine: MakeEngine, clock: FixedClock
) -> None:
    book = make_book(make_engine("sqlite"), clock)
    post(book, paid("k1", 5))
    erase(book, "c17")
    lines, engine = exported(book).splitlines()[:-1], make_engine("sqlite")
    number = next(n for n, line in enumerate(lines) if b'"k1"' in line)
    record = json.loads(lines[number])
    record["entry"]["commitments"].pop()
    refusal = refused(engine, signed(*lines[:number], canonical_json(record), *lines[number + 1 :]))
    assert (refusal.code, refusal.facts["line"]) == ("log-differs", number - 1)  # the line of its block
    otherwise = lines[number].replace(b'"debit":5', b'"debit":6').replace(b'"credit":5', b'"credit":6')
    refusal = refused(engine, signed(*lines[:number], otherwise, *lines[number + 1 :]))
    assert (refusal.code, refusal.facts["field"]) == ("log-differs", "entry.commitments[1]")


def test_a_line_that_no_database_takes_is_refused(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    lines = exported(book).splitlines()[:-1]
    refusal = refused(make_engine("sqlite"), signed(lines[0], lines[1], *lines[1:]))
    assert (refusal.code, refusal.facts["line"]) == ("log-line-not-storable", 4)


def refused(engine: sa.Engine, file: bytes, transport: bytes = TRANSPORT) -> Refusal:
    """Why the file is refused; nothing of it is left."""
    with pytest.raises(Refusal) as caught:
        read_log(engine, io.BytesIO(file), transport, keys=KeyRing("main", OTHER_WRAPPING))
    assert is_empty(engine)
    return caught.value


def test_a_database_that_has_the_book_takes_no_other(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    post(book, paid("k1", 5))
    before = digest_of(book)
    with pytest.raises(Refusal, match="book-exists"):
        read_log(book.engine, io.BytesIO(exported(book)), TRANSPORT, keys=make_keys())
    assert digest_of(book) == before


def test_a_file_of_another_book_or_form_or_key_is_refused(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    file, engine = exported(book), make_engine("sqlite")
    with pytest.raises(Refusal, match="log-of-another-book"):
        read_log(engine, io.BytesIO(file), TRANSPORT, keys=KeyRing("other", OTHER_WRAPPING))
    assert refused(engine, file.replace(b"bxl-log/1", b"bxl-log/2")).code == "log-format-unknown"
    assert refused(engine, file, bytes(32)).code == "wrapping-key-does-not-fit"
    assert refused(engine, b"").code == "log-ends-early"


def test_a_file_that_is_cut_short_leaves_nothing_and_says_where(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    post(book, paid("k1", 5), paid("k2", 5))
    lines, engine = exported(book).splitlines(keepends=True), make_engine("sqlite")
    for kept in range(len(lines)):
        refusal = refused(engine, b"".join(lines[:kept]))
        assert (refusal.code, refusal.facts["line"]) == ("log-ends-early", kept + 1)
    assert refused(engine, b"".join(lines)[:-1]).code == "log-ends-early"
    assert refused(engine, b"".join(lines) + b"x").code == "log-altered"
    for left_out in range(1, len(lines) - 1):
        assert refused(engine, b"".join([*lines[:left_out], *lines[left_out + 1 :]])).code in {
            "log-altered", "log-differs", "log-out-of-order", "subject-key-destroyed",
        }  # fmt: skip


def test_every_member_of_every_record_matters(make_engine: MakeEngine, clock: FixedClock) -> None:
    """Each value is changed in turn, with a code that fits the changed file: only what nothing derives may pass.

    Of records alike, those of one type of entry, each member is changed once.
    """
    book = make_book(make_engine("sqlite"), clock)
    fill(book, clock)
    attested(book)
    lines, engine = exported(book).splitlines()[:-1], make_engine("sqlite")
    tried = {(None, path) for path in ("log.name", "log.origin", "key.created_at")}
    for number, raw in enumerate(lines):
        record = json.loads(raw)
        entry_type = record["entry"]["public"]["t"] if "entry" in record else None
        for path, changed in altered(record):
            if (entry_type, path) in tried:
                continue
            tried.add((entry_type, path))
            refusal = refused(engine, signed(*lines[:number], canonical_json(changed), *lines[number + 1 :]))
            assert refusal.facts.get("line") is not None, (path, refusal)
            assert refusal.facts.get("field") is not None, (path, refusal)
    assert len(tried) > 150


def altered(value: object, path: str = ""):
    """Copies of a JSON value with one leaf changed or one member taken away, and the path of it."""
    if isinstance(value, dict):
        for name, member in value.items():
            here = f"{path}.{name}" if path else name
            for where, changed in altered(member, here):
                yield where, {**value, name: changed}
            if path:
                yield here, {other: value[other] for other in value if other != name}
    elif isinstance(value, list):
        for index, member in enumerate(value):
            for where, changed in altered(member, path):
                yield where, [*value[:index], changed, *value[index + 1 :]]
    else:
        yield path, another(value)


def another(value: object) -> object:
    """Another value of the same type."""
    if isinstance(value, str):
        return ("B" if value[:1] != "B" else "C") + value[1:]
    return not value if isinstance(value, bool) else value + 1


def test_a_changed_byte_anywhere_is_found_by_the_code_of_the_file(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    post(book, paid("k1", 5))
    file, engine = exported(book), make_engine("sqlite")
    named = file.replace(b'"name":"Test book"', b'"name":"Test bool"')
    assert refused(engine, named).code == "log-altered"
    for position in range(0, len(file), 7):
        changed = bytearray(file)
        changed[position] ^= 1
        assert refused(engine, bytes(changed)).code


def test_an_entry_that_breaks_a_rule_is_refused_with_its_line(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    post(book, paid("k1", 5))
    lines, engine = exported(book).splitlines()[:-1], make_engine("sqlite")
    number = next(n for n, line in enumerate(lines) if b'"k1"' in line)
    swapped = lines[number].replace(b'"credit":5', b'"x":5').replace(b'"debit":5', b'"credit":5')
    cases = {
        "floor-breached": swapped.replace(b'"x":5', b'"debit":5'),
        "entry-unbalanced": lines[number].replace(b'"credit":5', b'"credit":6'),
        "field-unknown": lines[number].replace(b'"item":{', b'"item":{"Zz":1,'),
        "date-malformed": lines[number].replace(b'"on":"2026-03-02"', b'"on":"2026-03-32"'),
        "account-malformed": lines[number].replace(b'"account":"550100"', b'"account":"5501x0"'),
        "account-not-in-chart": lines[number].replace(b'"account":"550100"', b'"account":"990100"'),
        "entry-type-unknown": lines[number].replace(b"posting/1", b"other/1"),
        "field-has-wrong-type": lines[number].replace(b'"debit":5', b'"debit":"5"'),
        "log-line-malformed": lines[number].replace(b'"debit":5', b'"debit":5.0'),
    }
    for code, line in cases.items():
        refusal = refused(engine, signed(*lines[:number], line, *lines[number + 1 :]))
        assert (refusal.code, refusal.facts["line"]) == (code, number + 1)
        assert "field" in refusal.facts


def test_the_clock_of_the_one_who_brings_it_in_changes_nothing(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    fill(book, clock)
    file = exported(book)
    there, _ = imported(make_engine("sqlite"), file, FixedClock(clock.instant - timedelta(days=900)))
    assert blocks(there) == blocks(book)
