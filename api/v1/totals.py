"""`/v1/state`: the caller's own part in the totals of a closed period, as a file that anyone can verify offline."""

from datetime import date

from fastapi import APIRouter, Response

from api.deps import AnySession, WiringDep
from api.totals import own_totals
from ledger.errors import Refusal

router = APIRouter(prefix="/state", tags=["receipts"])
_PATHS = "application/jsonl"


@router.get("/{until_on}/me", response_class=Response, responses={200: {"content": {_PATHS: {}}}})
def get_own_paths(wiring: WiringDep, session: AnySession, until_on: date) -> Response:
    """The paths of the caller's balances in the totals of the period that ends on this day."""
    found = own_totals(wiring, session.party_id, until_on)
    if found is None:
        raise Refusal("account-not-in-totals", account=session.party_id, until_on=until_on.isoformat())
    headers = {"Content-Disposition": f'attachment; filename="totals-{until_on}.jsonl"'}
    return Response(found.paths, media_type=_PATHS, headers=headers)
