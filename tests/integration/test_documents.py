"""Papers in the database: stored once under their subject's key, opened byte for byte, superseded and never edited."""

import hashlib
from datetime import timedelta

import pytest
import sqlalchemy as sa

from contracts.documents import queries, service
from contracts.documents.model import DocumentKind
from contracts.documents.tables import document
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.storage.tables import subject_key

PDF = b"%PDF-1.7\nnot a real one, which storing does not mind\n" * 40
LENDER, OTHER = "cabcdefghi", "czyxwvutsr"


def store(book: Book, *, subject: str = LENDER, pdf: bytes = PDF, supersedes: str | None = None) -> str:
    with book.unit_of_work(actor="system") as unit:
        return service.store_document(
            unit,
            kind=DocumentKind.AGREEMENT,
            language="nl",
            subject=subject,
            reference="l4tz8c2hwe",
            pdf=pdf,
            supersedes=supersedes,
        )


def count(book: Book) -> int:
    with book.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(document))


def test_a_paper_comes_back_byte_for_byte(book: Book) -> None:
    document_id = store(book)
    with book.read() as connection:
        assert service.open_document(book, connection, document_id) == PDF
        (view,) = queries.documents_for(connection, book.book_id, LENDER)
        assert queries.documents_with(connection, book.book_id, "l4tz8c2hwe") == [view]
        assert queries.documents_for(connection, book.book_id, OTHER) == []
    assert document_id.startswith("d")
    assert (view.document_id, view.kind, view.language) == (document_id, DocumentKind.AGREEMENT, "nl")
    assert view.sha256 == hashlib.sha256(PDF).hexdigest()
    assert view.stored_at == book.clock.now()
    assert view.superseded_by is None


def test_the_stored_bytes_tell_nothing_without_the_key(book: Book) -> None:
    store(book)
    store(book)
    with book.read() as connection:
        first, second = connection.execute(sa.select(document.c.sealed)).scalars()
    assert b"PDF" not in first
    assert first != second, "equal papers do not look equal"


def test_a_paper_is_superseded_and_stays(book: Book, clock: FixedClock) -> None:
    first = store(book)
    clock.instant += timedelta(days=1)
    second = store(book, pdf=PDF + b"corrected", supersedes=first)
    with book.read() as connection:
        newest, oldest = queries.documents_for(connection, book.book_id, LENDER)
        assert service.open_document(book, connection, first) == PDF
    assert (newest.document_id, newest.superseded_by) == (second, None)
    assert (oldest.document_id, oldest.superseded_by) == (first, second)


def test_a_paper_is_superseded_once_only(book: Book) -> None:
    first = store(book)
    second = store(book, supersedes=first)
    with pytest.raises(Refusal) as found:
        store(book, supersedes=first)
    assert found.value == Refusal("document-already-superseded", document_id=first, by=second)
    assert count(book) == 2


def test_a_paper_does_not_take_the_place_of_somebody_elses(book: Book) -> None:
    first = store(book)
    with pytest.raises(Refusal) as found:
        store(book, subject=OTHER, supersedes=first)
    assert found.value == Refusal("document-of-another-subject", document_id=first)
    assert count(book) == 1


def test_an_unknown_paper_is_refused(book: Book) -> None:
    with book.read() as connection, pytest.raises(Refusal) as found:
        service.open_document(book, connection, "dnone")
    assert found.value == Refusal("document-not-known", document_id="dnone")
    with pytest.raises(Refusal) as found:
        store(book, supersedes="dnone")
    assert found.value.code == "document-not-known"
    assert count(book) == 0


@pytest.mark.parametrize("statement", ["UPDATE document SET language = 'fr'", "DELETE FROM document"])
def test_no_row_of_a_paper_can_be_changed(statement: str, book: Book) -> None:
    document_id = store(book)
    with pytest.raises(sa.exc.DBAPIError), book.engine.begin() as connection:
        connection.execute(sa.text(statement))
    with book.read() as connection:
        assert queries.document_view(connection, book.book_id, document_id).language == "nl"


def test_a_paper_that_does_not_match_its_hash_is_not_handed_out(sqlite_book: Book) -> None:
    """An administrator writes a row of his own, sealed with the right key: the hash gives it away."""
    with sqlite_book.unit_of_work(actor="system") as unit:
        values = {
            "book_id": unit.book_id,
            "document_id": "dforged",
            "kind": "agreement",
            "language": "fr",
            "subject": LENDER,
            "reference": "l1",
            "sha256": hashlib.sha256(PDF).digest(),
            "sealed": unit.keys.seal_personal(unit, LENDER, PDF + b"more"),
            "supersedes": None,
            "stored_at": unit.now(),
            "actor": "dba",
        }
        unit.connection.execute(sa.insert(document).values(**values))
    with sqlite_book.read() as connection, pytest.raises(Refusal) as found:
        service.open_document(sqlite_book, connection, "dforged")
    assert found.value == Refusal("document-altered", document_id="dforged")


def test_after_an_erasure_the_hash_remains_and_the_paper_does_not_open(sqlite_book: Book) -> None:
    document_id = store(sqlite_book)
    with sqlite_book.engine.begin() as connection:
        connection.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        connection.execute(sa.delete(subject_key).where(subject_key.c.owner == LENDER))
    with sqlite_book.read() as connection:
        assert queries.document_view(connection, "main", document_id).sha256 == hashlib.sha256(PDF).hexdigest()
        with pytest.raises(Refusal) as found:
            service.open_document(sqlite_book, connection, document_id)
    assert found.value == Refusal("subject-key-destroyed", owner=LENDER)
