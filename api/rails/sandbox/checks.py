"""What every part of the sandbox shares: its objects, its refusals, and the checks of what it is sent."""

import re
from collections.abc import Collection
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
    return choice_of(asked, "locale", LOCALES, "en_GB")


def choice_of(asked: Object, field: str, choices: Collection[str], fallback: str) -> str:
    """One of a few words."""
    word = asked.get(field) or fallback
    if not isinstance(word, str) or word not in choices:
        raise unprocessable("This field has none of the values that it can have.", field)
    return word


def webhook_of(asked: Object) -> str | None:
    """The address to call: on this machine only."""
    if asked.get("webhookUrl") is None:
        return None
    webhook = page_of(asked, "webhookUrl")
    if urlsplit(webhook).hostname not in LOCAL_HOSTS:
        raise unprocessable("The sandbox calls addresses of this machine only.", "webhookUrl")
    return webhook


def page_of(asked: Object, field: str) -> str:
    """An address that a browser can be led to, or that can be called."""
    address = asked.get(field)
    try:
        if isinstance(address, str) and urlsplit(address).scheme in {"http", "https"}:
            return address
    except ValueError:
        pass
    raise unprocessable("The URL is missing or invalid.", field)


def day_of(asked: Object, field: str) -> date | None:
    """A date, if one is stated."""
    if asked.get(field) is None:
        return None
    try:
        return date.fromisoformat(str(asked[field]))
    except ValueError as error:
        raise unprocessable("The date is not of the form YYYY-MM-DD.", field) from error
