"""`/v1/books/{book}/entries`: journal entries posted, read, reversed and remarked on."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response

from api.deps import Language, Number, Operator, Staff, WiringDep
from api.posting import Connection, post_each, post_linked
from api.refusals import sentence, status
from api.v1 import examples
from api.v1.answers import REPLAYED
from api.v1.recording import NamedBook, RecordRoute, answer_one, asked_by, entry_of, is_of_values, with_key
from api.v1.schemas.books import (
    AccountStanding,
    BalanceAfter,
    Entered,
    Entry,
    EntryLine,
    EntryResult,
    EntryResults,
    NewEntries,
    NewNote,
    NewReversal,
    StatedEntry,
)
from api.writes import IdempotencyKey
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.balances import PostedEntry
from ledger.book import Book
from ledger.errors import Refusal
from ledger.facts import Item, Note
from ledger.journal import JournalEntry, Posting
from ledger.state import ItemResult

MAX_ENTRIES = 10_000
router = APIRouter(prefix="/books/{book}/entries", tags=["entries"], route_class=RecordRoute)
NumberOfEntry = Annotated[Number, Path(examples=[2])]
NumberToReverse = Annotated[Number, Path(examples=[7])]
After = Mapping[int, Mapping[AccountRef, int]]


@router.post("", response_model_exclude_none=True, responses=examples.answers("post_entries"))
def post_entries(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    book: NamedBook,
    key: IdempotencyKey,
    language: Language,
    response: Response,
    body: Annotated[NewEntries, Body(openapi_examples=examples.requests("post_entries"))],
) -> EntryResults:
    """Post up to 10,000 journal entries, each by itself or, `linked`, all as one.

    An entry whose fact key stands with the same body is a `duplicate`. A value that no book could hold refuses the
    whole request with a problem document, and nothing is posted.
    """
    if len(body.entries) > MAX_ENTRIES:
        raise Refusal("too-many-entries", entries=len(body.entries), limit=MAX_ENTRIES)
    items = _checked(book, [_entry_or_refusal(stated, operator.party_id) for stated in body.entries])
    entries = [item for item in items if isinstance(item, JournalEntry)]
    asked = asked_by(operator, key, request, body)
    if not body.linked:
        posted = post_each(wiring, asked, entries)
    elif len(entries) == len(items):
        posted = post_linked(wiring, asked, entries)
    else:
        return _answer(book, _one_of_linked(body.entries, items), language)
    if posted.replayed:
        response.headers[REPLAYED] = "true"
    if body.linked and any(isinstance(result, Refusal) for result in posted.results):
        return _answer(book, _one_of_linked(body.entries, posted.results), language)
    following = iter(posted.results)
    merged = [item if isinstance(item, Refusal) else next(following) for item in items]
    return _answer(book, list(zip([stated.key for stated in body.entries], merged, strict=True)), language)


@router.get("", responses=examples.answers("list_entries"))
def list_entries(
    _staff: Staff, book: NamedBook, first_n: Number = 0, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> list[Entry]:
    """Entries in order from number `first_n`."""
    with book.read() as connection:
        found = balances.entries(connection, book.book_id, first_n=first_n, limit=limit)
    return [_shown(entry) for entry in found]


@router.get("/{n}", responses=examples.answers("get_entry"))
def get_entry(_staff: Staff, book: NamedBook, n: NumberOfEntry) -> Entry:
    """One entry by its number."""
    with book.read() as connection:
        return _shown(balances.entry_numbered(connection, book.book_id, n))


@router.post("/{n}/reversal", status_code=201, responses=examples.answers("reverse_entry"))
def reverse_entry(
    request: Request,
    operator: Operator,
    book: NamedBook,
    n: NumberToReverse,
    key: IdempotencyKey,
    response: Response,
    body: Annotated[NewReversal, Body(openapi_examples=examples.requests("reverse_entry"))],
) -> Entered:
    """Post the mirror of an entry: the same lines with debit and credit exchanged. An entry is reversed once."""

    def build(connection: Connection) -> Item:
        original = balances.entry_numbered(connection, book.book_id, n)
        if not original.lines:
            raise Refusal("entry-reverses-unknown", key=body.key, reverses=original.key or str(n))
        mirror = tuple(Posting(line.account, line.credit, line.debit) for line in original.lines)
        return entry_of(body, mirror, operator.party_id, reverses=original.key)

    return answer_one(request, response, asked_by(operator, key, request, body), build)


@router.post("/{n}/notes", status_code=201, responses=examples.answers("note_entry"))
def note_entry(
    request: Request,
    operator: Operator,
    book: NamedBook,
    n: NumberOfEntry,
    key: IdempotencyKey,
    response: Response,
    body: Annotated[NewNote, Body(openapi_examples=examples.requests("note_entry"))],
) -> Entered:
    """Say something about an entry afterwards; the entry itself is never changed."""

    def build(connection: Connection) -> Item:
        about = balances.entry_numbered(connection, book.book_id, n).key
        if about is None:
            raise Refusal("entry-has-no-key", n=n)
        return Note(body.key, about, body.text, operator.party_id, body.evidence)

    return answer_one(request, response, asked_by(operator, key, request, body), build)


def _entry_or_refusal(stated: StatedEntry, actor: str) -> JournalEntry | Refusal:
    """The entry, or why it alone is refused; raises what refuses the request as a whole."""
    try:
        return entry_of(
            stated,
            stated.postings,
            actor,
            reverses=stated.reverses,
            settles=stated.settles,
            releases_rest=stated.releases_rest,
        )
    except Refusal as refusal:
        if is_of_values(refusal):
            raise
        return refusal


def _checked(book: Book, items: Sequence[JournalEntry | Refusal]) -> Sequence[JournalEntry | Refusal]:
    """The same, with entries refused that name an approval nobody has given."""
    named = {approval for item in items if isinstance(item, JournalEntry) for approval in item.approvals}
    if not named:
        return items
    now = book.clock.now()
    with book.read() as connection:
        lacking = {name: approvals.why_not_given(connection, book.book_id, name, now=now) for name in named}
    return [
        next((with_key(why, item.key) for name in item.approvals if (why := lacking[name])), item)
        if isinstance(item, JournalEntry)
        else item
        for item in items
    ]


def _one_of_linked(
    stated: Sequence[StatedEntry], results: Sequence[JournalEntry | ItemResult | Refusal]
) -> list[tuple[str, ItemResult | Refusal | None]]:
    """The refusal of linked entries, at the one that met it; the others were not posted."""
    refusal = next(result for result in results if isinstance(result, Refusal))
    keys = [entry.key for entry in stated]
    met = max((i for i, key in enumerate(keys) if key == refusal.facts.get("key")), default=0)
    return [(key, refusal if i == met else None) for i, key in enumerate(keys)]


def _answer(book: Book, results: Sequence[tuple[str, ItemResult | Refusal | None]], language: str) -> EntryResults:
    numbers = [result.n for _, result in results if isinstance(result, ItemResult)]
    with book.read() as connection:
        after = balances.balances_after(connection, book.book_id, numbers)
        standings = balances.standings(connection, book.book_id, numbers=numbers)
    return EntryResults(
        results=[_result(key, result, after, language) for key, result in results],
        accounts=[
            AccountStanding(
                account=str(each.account),
                asset=each.account.asset,
                balance=each.posted,
                held_debit=each.held_debit,
                held_credit=each.held_credit,
            )
            for each in standings
        ],
    )


def _result(key: str, result: ItemResult | Refusal | None, after: After, language: str) -> EntryResult:
    if result is None:
        return EntryResult(key=key, result="not-posted")
    if isinstance(result, Refusal):
        return EntryResult(
            key=key,
            result="refused",
            status=status(result),
            code=result.code,
            title=sentence(result, language),
            facts=dict(result.facts),
        )
    left = [
        BalanceAfter(account=str(ref), asset=ref.asset, balance=balance)
        for ref, balance in after.get(result.n, {}).items()
    ]
    return EntryResult(key=key, result="duplicate" if result.duplicate else "posted", n=result.n, balances=left)


def _shown(entry: PostedEntry) -> Entry:
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
        details=entry.details,
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
