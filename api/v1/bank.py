"""`/v1/bank-statements`, `/v1/suspense`: what the bank states, and two people placing what nothing expected.

Each deed is asked for here, approved by a colleague at `/v1/approvals/<approval_id>/approval`, and then done at
`/v1/suspense/deeds`.
"""

from fastapi import APIRouter, Response, UploadFile

from api.deps import BookDep, Operator, Staff, WiringDep
from api.v1.answers import answer_once
from api.v1.schemas.bank import Assignment, BankStatement, ImportedFile, Join, Split, SuspenseItem
from api.v1.schemas.control import Asked
from api.v1.schemas.loans import Reason, Release
from api.writes import IdempotencyKey
from contracts.dispatch import resolve_credits
from ledger.book import UnitOfWork
from ledger.payments import suspense
from ledger.payments.statements import import_statement_file, recent_statements
from ledger.storage.base import JSON

router = APIRouter(tags=["bank"])


@router.get("/bank-statements")
def list_statements(book: BookDep, _staff: Staff) -> list[BankStatement]:
    """The newest statements that were imported."""
    with book.read() as connection:
        found = recent_statements(connection, book.book_id, limit=100)
    return [BankStatement.model_validate(each) for each in found]


@router.post("/bank-statements", status_code=201)
def import_statements(wiring: WiringDep, operator: Operator, _key: IdempotencyKey, file: UploadFile) -> ImportedFile:
    """Import a camt.053 file; what was imported before adds nothing, under this key or any other."""
    content = file.file.read()
    done = import_statement_file(wiring.book, content, hooks=wiring.bank_hooks, actor=operator.party_id)
    return ImportedFile.model_validate(done)


@router.get("/suspense")
def list_suspense(book: BookDep, _staff: Staff) -> list[SuspenseItem]:
    """What is in suspense, the oldest first, with the last days to answer and to give it back."""
    with book.read() as connection:
        found = suspense.open_items(book, connection)
    return [SuspenseItem.model_validate(each) for each in found]


@router.post("/suspense/{item_id}/assignment", status_code=201)
def request_assignment(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, item_id: str, body: Assignment
) -> Asked:
    """Ask a colleague to agree that the money is what these payments were asked for."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": suspense.request_assignment(uow, item_id, body.payment_ids, reason=body.reason)}

    path = f"/v1/suspense/{item_id}/assignment"
    return _asked(answer_once(book, operator, response, key=key, path=path, body=body, do=do))


@router.post("/suspense/{item_id}/parts", status_code=201)
def request_split(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, item_id: str, body: Split
) -> Asked:
    """Ask a colleague to agree that the money becomes several parts."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": suspense.request_split(uow, item_id, body.parts_cents, reason=body.reason)}

    path = f"/v1/suspense/{item_id}/parts"
    return _asked(answer_once(book, operator, response, key=key, path=path, body=body, do=do))


@router.post("/suspense/{item_id}/return", status_code=201)
def request_return(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, item_id: str, body: Reason
) -> Asked:
    """Ask a colleague to agree that the money goes back to the account it came from."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": suspense.request_return(uow, item_id, reason=body.reason)}

    path = f"/v1/suspense/{item_id}/return"
    return _asked(answer_once(book, operator, response, key=key, path=path, body=body, do=do))


@router.post("/suspense/joined", status_code=201)
def request_join(book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: Join) -> Asked:
    """Ask a colleague to agree that several items become one."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": suspense.request_join(uow, body.item_ids, reason=body.reason)}

    return _asked(answer_once(book, operator, response, key=key, path="/v1/suspense/joined", body=body, do=do))


@router.post("/suspense/deeds", status_code=201)
def do_approved(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: Release
) -> dict[str, str]:
    """Do what was asked for and a colleague has approved."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        suspense.do_approved(uow, body.approval_id, resolve_credits=resolve_credits)
        return {"approval_id": body.approval_id}

    answer_once(book, operator, response, key=key, path="/v1/suspense/deeds", body=body, do=do)
    return {"approval_id": body.approval_id}


def _asked(done: object) -> Asked:
    return Asked.model_validate(done)
