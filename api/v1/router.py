"""All resources of version 1 under `/v1`."""

from fastapi import APIRouter

from api.v1 import (
    applications,
    approvals,
    bank,
    books,
    business_date,
    calls,
    documents,
    entries,
    holds,
    kiis,
    loans,
    offers,
    orders,
    payments,
    payout_runs,
    pledges,
    portfolio,
    provider,
    receipts,
    safeguards,
    sessions,
    totals,
    transfer_orders,
)
from api.v1.schemas import Problem

_REFUSED = {"default": {"model": Problem, "description": "A refusal, as an RFC 9457 problem document"}}

router = APIRouter(prefix="/v1", responses=_REFUSED)  # type: ignore[arg-type]  # FastAPI asks for int | str keys
for resource in (
    sessions,
    applications,
    offers,
    kiis,
    safeguards,
    pledges,
    portfolio,
    loans,
    payments,
    calls,
    documents,
    receipts,
    totals,
    approvals,
    transfer_orders,
    bank,
    orders,
    payout_runs,
    provider,
    business_date,
    entries,
    holds,
    books,
):
    router.include_router(resource.router)
