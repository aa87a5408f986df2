"""What every part of the sandbox shares: its objects, its refusals, and the checks of what it is sent."""

import re
from datetime import date
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
LOCALES = frozenset({"fr_BE", "nl_BE", "en_GB", "en_US", "fr_FR", "nl_NL", "de_DE"})
_VALUE = re.compile(r"([0-9]{1,9})\.([0-9]{2})")
_MOST_CENTS = 100_000_000
_MOST_METADATA = 1024
_MOST_DESCRIPTION = 255


class ApiError(Exception):
    """An answer in the provider's form of an error."""

    def __init__(self, status: int, title: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field


def unprocessable(detail: str, field: str | None = None) -> ApiError:
    """What was understood and can't be done."""
    return ApiError(422, "Unprocessable Entity", detail, field)


def not_found(what: str, object_id: str) -> ApiError:
    """What is not there."""
    return ApiError(404, "Not Found", f"No {what} exists with token {object_id}.")


def cents_of(asked: Object) -> int:
    """The cents of the `amount` in a request: euros with exactly two decimals, more than nothing."""
    amount = asked.get("amount")
    if not isinstance(amount, dict) or amount.get("currency") != "EUR":
        raise unprocessable("The amount is missing or its currency is not EUR.", "amount")
    match = _VALUE.fullmatch(str(amount.get("value")))
    if match is None or not isinstance(amount["value"], str):
        raise unprocessable("The amount needs exactly two decimals.", "amount")
    cents = int(match[1]) * 100 + int(match[2])
    if not 0 < cents <= _MOST_CENTS:
        raise unprocessable("The amount is too low or too high.", "amount")
    return cents


def metadata_of(asked: Object) -> Object:
    """The metadata: an object of about a kilobyte."""
    metadata = asked.get("metadata") or {}
    if not isinstance(metadata, dict) or len(str(metadata)) > _MOST_METADATA:
        raise unprocessable("The metadata is not an object or too long.", "metadata")
    return metadata


def description_of(asked: Object) -> str:
    """The description, cut silently where the provider cuts it."""
    if not isinstance(asked.get("description"), str) or not asked["description"]:
        raise unprocessable("The description is missing.", "description")
    return str(asked["description"])[:_MOST_DESCRIPTION]


def locale_of(asked: Object) -> str:
    """The language and country of the checkout page."""
    locale = asked.get("locale") or "en_GB"
    if locale not in LOCALES:
        raise unprocessable("The locale is invalid.", "locale")
    return str(locale)


def webhook_of(asked: Object) -> str | None:
    """The address to call: on this machine only."""
    webhook = asked.get("webhookUrl")
    if webhook is not None and urlsplit(str(webhook)).hostname not in LOCAL_HOSTS:
        raise unprocessable("The sandbox calls addresses of this machine only.", "webhookUrl")
    return webhook


def page_of(asked: Object, field: str) -> str:
    """The address of a page that the payer is led to."""
    if urlsplit(str(asked.get(field))).scheme not in {"http", "https"}:
        raise unprocessable("The URL is missing or invalid.", field)
    return str(asked[field])


def day_of(asked: Object, field: str) -> date | None:
    """A date, if one is stated."""
    if asked.get(field) is None:
        return None
    try:
        return date.fromisoformat(str(asked[field]))
    except ValueError as error:
        raise unprocessable("The date is not of the form YYYY-MM-DD.", field) from error
