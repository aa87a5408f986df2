"""The payment provider's webhook: a wake-up call that names a payment, unsigned, and so believed in nothing else.

The id is checked for its form and stored in the inbox; nothing is fetched here. A well-formed id is always answered
with 200, known or not, so that the route tells nobody which payments exist; it is stored, since it may come before our
own create call has returned.
"""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response

from api.deps import BookDep
from ledger.errors import Refusal
from ledger.payments import inbox
from ledger.payments.rail import is_payment_id

router = APIRouter()
ACTOR = "webhook:mollie"
_FORM = "application/x-www-form-urlencoded"
_LARGEST_BODY = 1_024
_MOST_FIELDS = 4


async def raw_form(request: Request) -> bytes:
    """The body of a small form, read no further than its limit; refuses `webhook-malformed`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refusal("webhook-malformed")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise Refusal("webhook-malformed")
    return body


@router.post("/webhooks/mollie", include_in_schema=False)
def payment_changed(book: BookDep, body: Annotated[bytes, Depends(raw_form)]) -> Response:
    """Store that a payment is to be fetched."""
    provider_id = _provider_id(body)
    with book.unit_of_work(actor=ACTOR) as unit:
        inbox.receive(unit, provider_id)
    return Response(status_code=200)


def _provider_id(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Refusal("webhook-malformed") from error
    named = fields.get("id", [])
    if len(named) != 1 or not is_payment_id(named[0]):
        raise Refusal("webhook-malformed")
    return named[0]
