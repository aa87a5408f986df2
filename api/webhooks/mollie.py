"""The payment provider's webhooks: wake-up calls that name a payment, and are believed in nothing else.

`/webhooks/mollie` takes the classic form, which nobody signs. A well-formed id is always answered with 200, known or
not, so that the route tells nobody which payments exist; it is stored, since it may come before our own create call has
returned. `/webhooks/mollie/events` takes signed events; what their signature vouches for is the id alone, since a
snapshot is old by the time it is read. Nothing is fetched here, so that the answer never waits for the provider.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response

from api.deps import BookDep, get_wiring
from api.webhooks.signatures import is_signed
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import inbox
from ledger.payments.queries import payment_of_refund
from ledger.payments.rail import is_id_of, is_payment_id

router = APIRouter()
ACTOR = "webhook:mollie"
SIGNATURE_HEADER = "x-mollie-signature"
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_LARGEST_FORM = 1_024
_LARGEST_EVENT = 65_536
_MOST_FIELDS = 4


def small_body(kind: str, largest: int) -> Callable[[Request], Awaitable[bytes]]:
    """A dependency: a body of that content type, read no further than its limit; refuses `webhook-malformed`."""

    async def read(request: Request) -> bytes:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
            raise Refusal("webhook-malformed")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > largest:
                raise Refusal("webhook-malformed")
        return body

    return read


def webhook_secrets(request: Request) -> tuple[str, ...]:
    """What events may be signed with."""
    return get_wiring(request).settings.webhook_secrets


@router.post("/webhooks/mollie", include_in_schema=False)
def payment_changed(book: BookDep, body: Annotated[bytes, Depends(small_body(_FORM, _LARGEST_FORM))]) -> Response:
    """Store that a payment is to be fetched."""
    provider_id = _named_in_form(body)
    with book.unit_of_work(actor=ACTOR) as unit:
        inbox.receive(unit, provider_id)
    return Response(status_code=200)


@router.post("/webhooks/mollie/events", include_in_schema=False)
def event_happened(
    request: Request,
    book: BookDep,
    secrets: Annotated[tuple[str, ...], Depends(webhook_secrets)],
    body: Annotated[bytes, Depends(small_body(_JSON, _LARGEST_EVENT))],
) -> Response:
    """Store that the payment which a signed event is about is to be fetched; an event about none is taken as read.

    Refuses `webhook-unsigned` and `webhook-signature-wrong`.
    """
    signature = request.headers.get(SIGNATURE_HEADER)
    if signature is None:
        raise Refusal("webhook-unsigned")
    if not is_signed(body, signature, secrets):
        raise Refusal("webhook-signature-wrong")
    event = _event(body)
    with book.unit_of_work(actor=ACTOR) as unit:
        provider_id = _payment_behind(unit, event)
        if provider_id is not None:
            inbox.receive(unit, provider_id, listed=True)  # the provider itself vouches that it exists
    return Response(status_code=200)


def _named_in_form(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Refusal("webhook-malformed") from error
    named = fields.get("id", [])
    if len(named) != 1 or not is_payment_id(named[0]):
        raise Refusal("webhook-malformed")
    return named[0]


def _event(body: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal("webhook-malformed") from error
    if not isinstance(event, dict) or not isinstance(event.get("entityId"), str):
        raise Refusal("webhook-malformed")
    return event


def _payment_behind(unit: UnitOfWork, event: Mapping[str, Any]) -> str | None:
    """The payment that an event is about: named itself, in the snapshot of its refund or chargeback, or known here."""
    entity_id = str(event["entityId"])
    if is_payment_id(entity_id):
        return entity_id
    embedded = event.get("_embedded")
    entity = embedded.get("entity") if isinstance(embedded, dict) else None
    named = entity.get("paymentId") if isinstance(entity, dict) else None
    if isinstance(named, str) and is_payment_id(named):
        return named
    return payment_of_refund(unit.connection, unit.book_id, entity_id) if is_id_of("refund", entity_id) else None
