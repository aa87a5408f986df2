"""`/v1/payout-runs`: payouts of any size, each approved once; their files, and whom they do not pay and why.

A run is asked for and begun at `/v1/payouts`; the bytes of its files are at `/v1/order-files/<batch_id>/file`.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import BookDep, Operator, Staff
from api.v1 import examples
from api.v1.schemas.orders import ParkedHolder, PayoutRun
from api.writes import IdempotencyKey
from contracts import payouts
from contracts.payout_views import payout_run, payout_runs
from ledger.payments.transfer_runs import parked_lines, transfer_run

router = APIRouter(prefix="/payout-runs", tags=["payout runs"])


@router.get("", responses=examples.answers("list_payout_runs"))
def list_payout_runs(book: BookDep, _staff: Staff, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[PayoutRun]:
    """The newest runs, newest first."""
    with book.read() as connection:
        found = payout_runs(connection, book.book_id, limit=limit)
    return [PayoutRun.model_validate(each) for each in found]


@router.get("/{run_id}", responses=examples.answers("get_payout_run"))
def get_payout_run(book: BookDep, _staff: Staff, run_id: str) -> PayoutRun:
    """One run with its files, and how many it does not pay for which reason."""
    with book.read() as connection:
        return PayoutRun.model_validate(payout_run(connection, book.book_id, run_id))


@router.get("/{run_id}/parked", responses=examples.answers("list_parked_holders"))
def list_parked_holders(
    book: BookDep,
    _staff: Staff,
    run_id: str,
    after: Annotated[str, Query(max_length=64, description="the last payee of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[ParkedHolder]:
    """Who is owed money and is not paid by the run, in order of their tokens."""
    with book.read() as connection:
        transfer_run(connection, book.book_id, run_id)
        found = parked_lines(connection, book.book_id, run_id, after=after, limit=limit)
    return [ParkedHolder.model_validate(each) for each in found]


@router.post("/{run_id}/files", responses=examples.answers("release_run_files"))
def release_run_files(
    book: BookDep, operator: Operator, _key: IdempotencyKey, response: Response, run_id: str
) -> PayoutRun:
    """Make the run's files and let them go to the bank, under its own approval; again, it gives the run as it is."""
    response.headers["Cache-Control"] = "no-store"
    payouts.file_payouts(book, run_id, actor=operator.party_id)
    with book.read() as connection:
        return PayoutRun.model_validate(payout_run(connection, book.book_id, run_id))
