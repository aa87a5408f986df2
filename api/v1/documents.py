"""`/v1/documents`: the caller's own papers: agreements, statements."""

from fastapi import APIRouter, Response

from api.deps import AnySession, BookDep
from api.v1.schemas import Document
from contracts.documents import queries, service
from ledger.errors import Refusal

router = APIRouter(prefix="/documents", tags=["documents"])


@router.get("")
def list_documents(book: BookDep, session: AnySession) -> list[Document]:
    """The caller's own papers, newest first."""
    with book.read() as connection:
        found = queries.documents_for(connection, book.book_id, session.party_id)
    return [Document.model_validate(each) for each in found]


@router.get("/{document_id}.pdf", response_class=Response, responses={200: {"content": {"application/pdf": {}}}})
def get_document(book: BookDep, session: AnySession, document_id: str) -> Response:
    """The paper itself; somebody else's answers as one that does not exist."""
    with book.read() as connection:
        found = queries.documents_for(connection, book.book_id, session.party_id)
        if all(each.document_id != document_id for each in found):
            raise Refusal("document-not-known", document_id=document_id)
        pdf = service.open_document(book, connection, document_id)
    headers = {"Content-Disposition": f'attachment; filename="{document_id}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)
