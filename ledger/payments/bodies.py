"""The request bodies that are frozen with a call, and the one place where cents become the provider's text and back.

The wire form of the port is the JSON of Mollie's API v2; an adapter of another provider would translate it. The bytes
are what `json.dumps` gives by default, because that is what the client library sends: frozen and sent bytes agree.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date

from ledger.errors import InvariantError

_VALUE = re.compile(r"(-?)(0|[1-9][0-9]{0,12})\.([0-9]{2})")
_LOCALES = {"fr": "fr_BE", "nl": "nl_BE", "en": "en_GB"}
_DESCRIPTION_LENGTH = 140


def euro_text(cents: int) -> str:
    """The provider's spelling of an amount.

    >>> euro_text(50_000), euro_text(5)
    ('500.00', '0.05')
    """
    if cents < 0:
        raise InvariantError("an amount at the provider is a non-negative number of cents")
    return f"{cents // 100}.{cents % 100:02d}"


def cents_of(value: str) -> int:
    """The cents of a provider's amount, exactly; anything but two decimals is a `ValueError`.

    >>> cents_of("500.00")
    50000
    """
    cents = signed_cents_of(value)
    if value.startswith("-"):
        raise ValueError(f"not an amount with two decimals and no sign: {value[:20]!r}")
    return cents


def signed_cents_of(value: str) -> int:
    """The cents of a movement of the provider's balance, which may be negative.

    >>> signed_cents_of("-10.25")
    -1025
    """
    match = _VALUE.fullmatch(value)
    if match is None:
        raise ValueError(f"not an amount with two decimals: {value[:20]!r}")
    cents = int(match[2]) * 100 + int(match[3])
    return -cents if match[1] else cents


def payment_body(
    *,
    amount_cents: int,
    description: str,
    redirect_url: str,
    webhook_url: str,
    language: str,
    metadata: Mapping[str, str],
    methods: Sequence[str] = (),
) -> bytes:
    """The body that creates a payment; with `methods` its payer chooses among these only."""
    body = {
        "amount": _amount(amount_cents),
        "description": description[:_DESCRIPTION_LENGTH],
        "redirectUrl": redirect_url,
        "webhookUrl": webhook_url,
        "locale": _LOCALES[language],
        "metadata": dict(metadata),
    }
    return _frozen(body | {"method": list(methods)} if methods else body)


def recurring_body(
    *,
    amount_cents: int,
    description: str,
    webhook_url: str,
    customer: str,
    mandate: str,
    metadata: Mapping[str, str],
) -> bytes:
    """The body that debits a `customer` of the provider under a `mandate`: nobody is led to a page."""
    return _frozen(
        {
            "amount": _amount(amount_cents),
            "description": description[:_DESCRIPTION_LENGTH],
            "webhookUrl": webhook_url,
            "metadata": dict(metadata),
            "sequenceType": "recurring",
            "method": "directdebit",
            "customerId": customer,
            "mandateId": mandate,
        }
    )


def customer_body(*, name: str, metadata: Mapping[str, str]) -> bytes:
    """The body that creates a customer; the provider needs no more than a name."""
    return _frozen({"name": name, "metadata": dict(metadata)})


def mandate_body(*, name: str, iban: str, signed_on: date, reference: str) -> bytes:
    """The body that hands in a mandate that was signed on paper or with us."""
    return _frozen(
        {
            "method": "directdebit",
            "consumerName": name,
            "consumerAccount": iban,
            "signatureDate": signed_on.isoformat(),
            "mandateReference": reference,
        }
    )


def refund_body(*, amount_cents: int, description: str, metadata: Mapping[str, str]) -> bytes:
    """The body that creates a refund."""
    return _frozen(
        {
            "amount": _amount(amount_cents),
            "description": description[:_DESCRIPTION_LENGTH],
            "metadata": dict(metadata),
        }
    )


def with_op(body: bytes, op: str) -> bytes:
    """The same request under another operation of ours."""
    asked = json.loads(body)
    return _frozen(asked | {"metadata": asked["metadata"] | {"op": op}})


def _amount(cents: int) -> dict[str, str]:
    return {"currency": "EUR", "value": euro_text(cents)}


def _frozen(body: Mapping[str, object]) -> bytes:
    return json.dumps(body).encode("ascii")
