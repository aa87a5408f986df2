"""`/v1/order-files`, `/v1/held-payees`, `/v1/bank-refunds`, `/v1/direct-debits`, `/v1/mandates`: orders to the bank.

A file is made once and released by somebody else than its maker; money goes to a payee who is held back, and back to a
payer by bank, by two people's decision.
"""

from fastapi import APIRouter, Response

from api.bootstrap import document_desk
from api.deps import BookDep, Entrepreneur, Operator, Staff, WiringDep
from api.v1.answers import answer_once
from api.v1.schemas.control import Asked
from api.v1.schemas.loans import Reason, Release
from api.v1.schemas.orders import (
    BankRefund,
    Debit,
    GivenMandate,
    HeldPayee,
    Mandate,
    NewMandate,
    NewOrderFile,
    OrderFile,
)
from api.writes import IdempotencyKey
from contracts.mandates import give_mandate
from contracts.payouts import release_file
from contracts.servicing import bank_refunds as refunds
from contracts.servicing.accounts import accounts_of
from ledger.book import UnitOfWork
from ledger.payments import bank_refunds, batches, debits, mandates, payees
from ledger.payments.debit_files import make_debit_file
from ledger.payments.mandates import DebitScheme
from ledger.payments.transfer_files import make_transfer_file
from ledger.storage.base import JSON

router = APIRouter(tags=["orders"])


@router.get("/order-files")
def list_files(book: BookDep, _staff: Staff) -> list[OrderFile]:
    """Every order file, newest first."""
    with book.read() as connection:
        found = batches.batches(connection, book.book_id)
    return [OrderFile.model_validate(each) for each in found]


@router.post("/order-files", status_code=201)
def make_file(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: NewOrderFile
) -> OrderFile:
    """Make a file of what may go; where nothing is new, the one that waits for its release."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        is_transfers = body.kind == "transfers"
        made = make_transfer_file(uow, accounts_of) if is_transfers else make_debit_file(uow, DebitScheme(body.kind))
        return {"batch_id": made.batch_id}

    done = answer_once(book, operator, response, key=key, path="/v1/order-files", body=body, do=do)
    with book.read() as connection:
        return OrderFile.model_validate(batches.batch(connection, book.book_id, str(done["batch_id"])))


@router.get("/order-files/{batch_id}/file", response_class=Response)
def download_file(book: BookDep, _operator: Operator, batch_id: str) -> Response:
    """The file's bytes, the same at every call."""
    with book.read() as connection:
        file = batches.file_of(connection, book, batch_id)
    return Response(file, media_type="application/xml", headers={"Cache-Control": "no-store"})


@router.post("/order-files/{batch_id}/release-request", status_code=201)
def request_release(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, batch_id: str, body: Reason
) -> Asked:
    """Ask a colleague to release a file."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": batches.request_release(uow, batch_id, reason=body.reason)}

    path = f"/v1/order-files/{batch_id}/release-request"
    return Asked.model_validate(answer_once(book, operator, response, key=key, path=path, body=body, do=do))


@router.post("/order-files/{batch_id}/release")
def release_order_file(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, batch_id: str, body: Release
) -> dict[str, str]:
    """Let a file go to the bank that a colleague has approved."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        release_file(uow, batch_id, approval_id=body.approval_id)
        return {"batch_id": batch_id}

    path = f"/v1/order-files/{batch_id}/release"
    answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return {"batch_id": batch_id}


@router.post("/order-files/{batch_id}/discarded")
def discard_file(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, batch_id: str
) -> dict[str, str]:
    """Give a file up that was not released; its orders wait for the next."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        batches.discard_batch(uow, batch_id)
        return {"batch_id": batch_id}

    path = f"/v1/order-files/{batch_id}/discarded"
    answer_once(book, operator, response, key=key, path=path, body=None, do=do)
    return {"batch_id": batch_id}


@router.get("/held-payees")
def list_held(book: BookDep, _staff: Staff) -> list[HeldPayee]:
    """Accounts that a check or a return holds back, the oldest first."""
    with book.read() as connection:
        found = payees.parked(connection, book, now=book.clock.now())
    return [HeldPayee.model_validate(each) for each in found]


@router.post("/held-payees/{payee}/{account}/override-request", status_code=201)
def request_override(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, payee: str, account: str, body: Reason
) -> Asked:
    """Ask a colleague to agree that money goes there all the same."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": payees.request_override(uow, payee, account, reason=body.reason)}

    path = f"/v1/held-payees/{payee}/{account}/override-request"
    return Asked.model_validate(answer_once(book, operator, response, key=key, path=path, body=body, do=do))


@router.post("/held-payees/{payee}/{account}/override")
def override(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, payee: str, account: str, body: Release
) -> dict[str, str]:
    """Let money go there, as a colleague has approved; both names and the reason stay beside the check."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        payees.override(uow, payee, account, approval_id=body.approval_id)
        return {"payee": payee}

    path = f"/v1/held-payees/{payee}/{account}/override"
    answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return {"payee": payee}


@router.get("/bank-refunds")
def list_refunds(book: BookDep, _staff: Staff) -> list[BankRefund]:
    """Refunds that go by bank and wait for their transfer, the oldest first."""
    with book.read() as connection:
        found = bank_refunds.waiting(connection, book.book_id)
    return [BankRefund.model_validate(each) for each in found]


@router.post("/bank-refunds/request", status_code=201)
def request_refunds(book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: Reason) -> Asked:
    """Ask a colleague to approve the refunds that wait, as they stand."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": refunds.request_refunds(uow, reason=body.reason)}

    path = "/v1/bank-refunds/request"
    return Asked.model_validate(answer_once(book, operator, response, key=key, path=path, body=body, do=do))


@router.post("/bank-refunds", status_code=201)
def order_refunds(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: Release
) -> dict[str, list[str]]:
    """Release the refunds that a colleague has approved."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"order_ids": refunds.order_refunds(uow, approval_id=body.approval_id)}

    done = answer_once(book, operator, response, key=key, path="/v1/bank-refunds", body=body, do=do)
    order_ids = done["order_ids"]
    assert isinstance(order_ids, list)
    return {"order_ids": [str(order_id) for order_id in order_ids]}


@router.post("/bank-refunds/{refund_id}")
def send_by_bank(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, refund_id: str
) -> dict[str, str]:
    """Let a refund that failed at the provider go by bank."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        bank_refunds.send_by_bank(uow, refund_id)
        return {"refund_id": refund_id}

    path = f"/v1/bank-refunds/{refund_id}"
    answer_once(book, operator, response, key=key, path=path, body=None, do=do)
    return {"refund_id": refund_id}


@router.get("/direct-debits")
def list_debits(book: BookDep, _staff: Staff) -> list[Debit]:
    """Every direct debit, the first to be collected first."""
    with book.read() as connection:
        found = debits.debits(connection, book.book_id)
    return [Debit.model_validate(each) for each in found]


@router.get("/mandates")
def list_mandates(book: BookDep, _staff: Staff) -> list[Mandate]:
    """Every mandate, the newest first."""
    with book.read() as connection:
        found = mandates.mandates(connection, book.book_id)
    return [Mandate.model_validate(each) for each in found]


@router.post("/mandates", status_code=201)
def sign_mandate(wiring: WiringDep, entrepreneur: Entrepreneur, _key: IdempotencyKey, body: NewMandate) -> GivenMandate:
    """Sign a mandate for one's own verified account; a second is refused while the first is in force."""
    scheme = DebitScheme(body.scheme)
    mandate_id = give_mandate(wiring.book, document_desk(wiring), entrepreneur.party_id, scheme, body.language)
    return GivenMandate(mandate_id=mandate_id)


@router.post("/mandates/revocation")
def revoke_mandate(
    book: BookDep, entrepreneur: Entrepreneur, key: IdempotencyKey, response: Response
) -> dict[str, str]:
    """Take one's mandate back."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        mandates.revoke_mandate(uow, entrepreneur.party_id)
        return {"debtor": entrepreneur.party_id}

    answer_once(book, entrepreneur, response, key=key, path="/v1/mandates/revocation", body=None, do=do)
    return {"debtor": entrepreneur.party_id}
