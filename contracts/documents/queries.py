"""Reading what is known of papers; their bytes are opened by `service.open_document`."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from contracts.documents.model import DocumentKind
from contracts.documents.tables import document
from ledger.errors import Refusal


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A stored paper; `sha256` in lower-case hexadecimal, `superseded_by` the paper that takes its place, if any."""

    document_id: str
    kind: DocumentKind
    language: str
    subject: str
    reference: str
    sha256: str
    stored_at: datetime
    superseded_by: str | None


def documents_for(connection: sa.Connection, book_id: str, subject: str) -> list[DocumentView]:
    """The papers about `subject`, newest first."""
    statement = _views(book_id).where(document.c.subject == subject)
    ordered = statement.order_by(document.c.stored_at.desc(), document.c.document_id.desc())
    return [_view(row) for row in connection.execute(ordered)]


def documents_with(connection: sa.Connection, book_id: str, reference: str) -> list[DocumentView]:
    """The papers that carry `reference` (a loan's or a pledge's id), newest first."""
    statement = _views(book_id).where(document.c.reference == reference)
    ordered = statement.order_by(document.c.stored_at.desc(), document.c.document_id.desc())
    return [_view(row) for row in connection.execute(ordered)]


def document_view(connection: sa.Connection, book_id: str, document_id: str) -> DocumentView:
    """One paper; refuses `document-not-known`."""
    row = connection.execute(_views(book_id).where(document.c.document_id == document_id)).one_or_none()
    if row is None:
        raise Refusal("document-not-known", document_id=document_id)
    return _view(row)


def _views(book_id: str) -> sa.Select[tuple[str, str, str, str, str, bytes, datetime, str | None]]:
    later = document.alias("later")
    joined = document.outerjoin(
        later, (later.c.book_id == document.c.book_id) & (later.c.supersedes == document.c.document_id)
    )
    columns = (
        document.c.document_id,
        document.c.kind,
        document.c.language,
        document.c.subject,
        document.c.reference,
        document.c.sha256,
        document.c.stored_at,
        later.c.document_id.label("superseded_by"),
    )
    return sa.select(*columns).select_from(joined).where(document.c.book_id == book_id)


def _view(row: sa.Row[tuple[str, str, str, str, str, bytes, datetime, str | None]]) -> DocumentView:
    return DocumentView(
        document_id=row.document_id,
        kind=DocumentKind(row.kind),
        language=row.language,
        subject=row.subject,
        reference=row.reference,
        sha256=row.sha256.hex(),
        stored_at=row.stored_at,
        superseded_by=row.superseded_by,
    )
