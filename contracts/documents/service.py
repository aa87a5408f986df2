"""Keeping papers: stored once, encrypted under the key of the person they are about, superseded and never edited.

The hash of the plain bytes stays readable, so that a copy in somebody's hands can be recognised even after the key was
destroyed and the stored bytes can be opened no more.
"""

import hashlib
from typing import Protocol

import sqlalchemy as sa

from contracts.documents import queries
from contracts.documents.model import DocumentKind, Language
from contracts.documents.tables import document
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.keys import KeyRing


class Keeper(Protocol):
    """What opening a paper needs: which book, and its keys. A `Book` and a unit of work both are one."""

    @property
    def book_id(self) -> str:
        """The book."""
        ...

    @property
    def keys(self) -> KeyRing:
        """The book's key ring."""
        ...


def store_document(
    uow: UnitOfWork,
    *,
    kind: DocumentKind,
    language: Language,
    subject: str,
    reference: str,
    pdf: bytes,
    supersedes: str | None = None,
) -> str:
    """Keep `pdf` as the paper of `subject`; its id. The paper it `supersedes` stays as it is and points here.

    Refuses `document-not-known`, `document-of-another-subject` and `document-already-superseded` for `supersedes`.
    """
    if supersedes is not None:
        _check_superseded(uow, supersedes, subject)
    document_id = uow.new_id("d")
    uow.connection.execute(
        sa.insert(document).values(
            book_id=uow.book_id,
            document_id=document_id,
            kind=kind.value,
            language=language,
            subject=subject,
            reference=reference,
            sha256=hashlib.sha256(pdf).digest(),
            sealed=uow.keys.seal_personal(uow, subject, pdf),
            supersedes=supersedes,
            stored_at=uow.now(),
            actor=uow.actor,
        )
    )
    return document_id


def open_document(keeper: Keeper, connection: sa.Connection, document_id: str) -> bytes:
    """The paper's bytes, held against its hash.

    Refuses `document-not-known`, `document-altered`, and `subject-key-destroyed` after an erasure.
    """
    known = queries.document_view(connection, keeper.book_id, document_id)
    sealed = connection.execute(
        sa.select(document.c.sealed).where(document.c.book_id == keeper.book_id, document.c.document_id == document_id)
    ).scalar_one()
    pdf = keeper.keys.open_personal(connection, known.subject, sealed)
    if hashlib.sha256(pdf).hexdigest() != known.sha256:
        raise Refusal("document-altered", document_id=document_id)
    return pdf


def _check_superseded(uow: UnitOfWork, document_id: str, subject: str) -> None:
    earlier = queries.document_view(uow.connection, uow.book_id, document_id)
    if earlier.subject != subject:
        raise Refusal("document-of-another-subject", document_id=document_id)
    if earlier.superseded_by is not None:
        raise Refusal("document-already-superseded", document_id=document_id, by=earlier.superseded_by)
