"""The payment rail over `mollie-api-python` 4.0.0, which is in maintenance mode: nothing else may import it.

What the library does to the unwary, and what is done about it here:

| trap | guard |
|---|---|
| a lost answer loses the library's own idempotency key | always our stored key |
| an id is put into the address unchecked | `is_payment_id`, `is_refund_id` before every call |
| a body without `detail` escapes as KeyError, HTML as an error without status | every exception becomes a `RailError` |
| netrc and proxies of the machine replace the credential | a session with `trust_env` off |
| redirects turn POST into GET | none is followed |
| list objects are endless when nested and give pages only | pages become plain lists at once |
| a link with another spelling of the host is glued behind the endpoint | links must begin with the endpoint |
| objects hold the credential | nothing but frozen values leaves this module |
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, TypeVar

import requests
from mollie.api.client import Client
from mollie.api.error import (
    Error,
    NotFoundError,
    RequestSetupError,
    ResponseError,
)
from mollie.api.objects.list import PaginationList
from mollie.api.objects.payment import Payment
from mollie.api.resources.refunds import PaymentRefunds

from api.rails.mollie.reading import read_payment, read_refund
from ledger.clock import brussels_date
from ledger.errors import InvariantError
from ledger.payments.model import Mode
from ledger.payments.rail import (
    CallRefusedError,
    NotAtProviderError,
    OutcomeUnknownError,
    ProviderPayment,
    ProviderRefund,
    RailBusyError,
    RailError,
    is_payment_id,
)

T = TypeVar("T")
ENDPOINT = "https://api.mollie.com"
_PAGE = 250
_MOST_PAGES = 400
_NOT_DONE_YET = frozenset({401, 403, 409, 429})
"""Credential not accepted now, key still in use or duplicate guard, too many requests: nothing happened, try later."""
_SERVER_FAULT = 500


class MollieRail:
    """Mollie reached with one API key; one client per thread, since a client keeps state between calls.

    `timeout` is (connect, read) in seconds. A live key goes to an https endpoint only.
    """

    def __init__(self, api_key: str, endpoint: str = ENDPOINT, *, timeout: tuple[int, int] = (2, 10)) -> None:
        self._api_key = api_key
        self._endpoint = endpoint.strip().rstrip("/")
        self._timeout = timeout
        self._local = threading.local()
        if self.mode is Mode.LIVE and not self._endpoint.startswith("https://"):
            raise InvariantError("a live key is never sent over an open line")
        logging.getLogger().addFilter(_is_no_replay_notice)

    @property
    def mode(self) -> Mode:
        """Whether real money moves: the key says so."""
        return Mode.LIVE if self._api_key.startswith("live_") else Mode.TEST

    def create_payment(self, body: bytes, idempotency_key: str) -> ProviderPayment:
        """Create a payment from the frozen body; the library encodes it to the same bytes again."""
        asked = json.loads(body)
        return self._ask(lambda client: read_payment(client.payments.create(asked, idempotency_key=idempotency_key)))

    def create_refund(self, payment_provider_id: str, body: bytes, idempotency_key: str) -> ProviderRefund:
        """Create a refund of a payment from the frozen body."""
        _expect_payment_id(payment_provider_id)
        asked = json.loads(body)
        return self._ask(
            lambda client: read_refund(
                _refunds_of(payment_provider_id, client).create(asked, idempotency_key=idempotency_key)
            )
        )

    def payment(self, provider_id: str) -> ProviderPayment:
        """The whole truth of one payment, refunds embedded."""
        _expect_payment_id(provider_id)
        return self._ask(lambda client: read_payment(client.payments.get(provider_id, embed="refunds"), whole=True))

    def newest_payments(self, *, since: date) -> list[ProviderPayment]:
        """Every payment created on or after `since`, newest first."""
        return self._ask(
            lambda client: list(
                _until(since, (read_payment(raw) for raw in self._pages(client.payments.list(limit=_PAGE), "payments")))
            )
        )

    def newest_refunds(self, *, since: date) -> list[ProviderRefund]:
        """Every refund created on or after `since`, newest first."""
        return self._ask(
            lambda client: list(
                _until(since, (read_refund(raw) for raw in self._pages(client.refunds.list(limit=_PAGE), "refunds")))
            )
        )

    def _pages(self, page: PaginationList, name: str) -> Iterator[dict[str, Any]]:
        """The items of every page, as plain values."""
        for _ in range(_MOST_PAGES):
            yield from list(page["_embedded"][name])
            following = (page["_links"].get("next") or {}).get("href")
            if following is None:
                return
            if not following.startswith(f"{self._endpoint}/v2/"):
                raise OutcomeUnknownError("a page links to another address")
            page = page.get_next()  # type: ignore[no-untyped-call]  # the library's own gap
        raise OutcomeUnknownError("the provider's list does not end")

    def _ask(self, call: Callable[[Client], T]) -> T:
        """Make one call and translate every way in which it can fail."""
        try:
            return call(self._client())
        except RailError:
            raise
        except NotFoundError as error:
            raise NotAtProviderError(str(error)) from error
        except RequestSetupError as error:
            raise CallRefusedError(str(error)) from error
        except ResponseError as error:
            raise _translated(error) from error
        except Error as error:
            raise OutcomeUnknownError(_first_line(error)) from error
        except Exception as error:  # the library lets bare errors escape on bodies that it does not expect
            raise OutcomeUnknownError(f"{type(error).__name__}: {_first_line(error)}") from error

    def _client(self) -> Client:
        if not hasattr(self._local, "client"):
            client = Client(api_endpoint=self._endpoint, timeout=self._timeout)
            client.set_api_key(self._api_key)
            session = requests.Session()
            session.trust_env = False
            session.max_redirects = 0
            client._client = session  # noqa: SLF001 -- the library's documented way in for a session of one's own
            self._local.client = client
        existing: Client = self._local.client
        return existing


def _refunds_of(payment_provider_id: str, client: Client) -> PaymentRefunds:
    """The refunds of a payment without fetching it first: the library needs no more of it than its id."""
    payment = Payment({"id": payment_provider_id}, client)  # type: ignore[no-untyped-call]  # the library's own gap
    return PaymentRefunds(client, payment)


def _until(since: date, items: Iterator[T]) -> Iterator[T]:
    """Newest-first items up to the first that is older."""
    for item in items:
        assert isinstance(item, ProviderPayment | ProviderRefund), "both carry their instant"
        if brussels_date(item.created_at) < since:
            return
        yield item


def _translated(error: ResponseError) -> RailError:
    status = int(error.status or _SERVER_FAULT)
    if status >= _SERVER_FAULT:
        return OutcomeUnknownError(f"{status}: {_first_line(error)}")
    if status in _NOT_DONE_YET:
        return RailBusyError(f"{status}: {_first_line(error)}")
    return CallRefusedError(f"{status}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:160]


def _expect_payment_id(provider_id: str) -> None:
    if not is_payment_id(provider_id):
        raise NotAtProviderError("not the form of a payment's id")


def _is_no_replay_notice(record: logging.LogRecord) -> bool:
    """The library announces every replayed answer on the root logger."""
    return "Idempotent-Replayed" not in str(record.msg)
