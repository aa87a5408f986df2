"""Calls through `mollie-api-python` 4.0.0, which is in maintenance mode: nothing outside this package may import it.

What the library does to the unwary, and what is done about it in this package:

| trap | guard |
|---|---|
| a lost answer loses the library's own idempotency key | always our stored key |
| an id is put into the address unchecked | its form is tested before every call |
| a body without `detail` escapes as KeyError, HTML as an error without status | every exception becomes a `RailError` |
| headers are not exposed, so no pause is kept | the session keeps `Retry-After`; until then no call goes out |
| netrc and proxies of the machine replace the credential | a session with `trust_env` off |
| redirects turn POST into GET | none is followed |
| connections to a dead host are tried four times with pauses between | once |
| an answer that drips is read for ever | one budget of seconds for all requests of an operation |
| list objects are endless when nested and give pages only | pages become plain values at once, up to a limit |
| a link with another spelling of the host is glued behind the endpoint | links must begin with the endpoint |
| test mode by parameter breaks paging | the credential alone says the mode |
| helpers say `canceled` of what is paid out, and know no new states | statuses are compared as texts |
| objects hold the credential | nothing but frozen values leaves this package |
| a replayed answer is announced on the root logger | a filter |
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import requests
from mollie.api.client import Client
from mollie.api.error import Error, NotFoundError, RequestSetupError, ResponseError
from mollie.api.objects.list import PaginationList
from typing_extensions import override

from ledger.clock import brussels_date
from ledger.errors import InvariantError
from ledger.payments.model import Mode
from ledger.payments.rail import (
    CallRefusedError,
    NotAtProviderError,
    OutcomeUnknownError,
    RailBusyError,
    RailError,
    is_id_of,
)

T = TypeVar("T")
ENDPOINT = "https://api.mollie.com"
PAGE = 250
BUDGET_SECONDS = 30.0
"""How long all requests of one operation may take together; shorter than the lease of a claimed call."""
_MOST_PAGES = 400
_LARGEST_ANSWER = 16 * 1024 * 1024
_LONGEST_QUIET_SECONDS = 600.0
_USUAL_QUIET_SECONDS = 1.0
_MOST_JITTER_PERCENT = 50
"""Processes that were told to wait equally long come back spread over half as long again."""
_CREDENTIAL = re.compile(r"(test|live|access)_[A-Za-z0-9_]+")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NOT_DONE_YET = frozenset({401, 403, 409})
"""Credential not accepted now, key still in use or duplicate guard: nothing happened, try later."""
_TOO_MANY, _SERVER_FAULT = 429, 500


class MollieClient:
    """Mollie reached with one credential; one client per thread, since a client keeps state between calls.

    `timeout` is (connect, read) in seconds, `seconds` a clock that never goes back. A live key goes to an https
    endpoint only, and an organisation's token to such a one or to this machine.
    """

    def __init__(
        self,
        credential: str,
        endpoint: str,
        *,
        timeout: tuple[int, int] = (2, 10),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _CREDENTIAL.fullmatch(credential):  # the library would say so with the credential in its text
            raise InvariantError("not the form of a credential")
        self._credential = credential
        self._endpoint = endpoint.strip().rstrip("/")
        self._timeout = timeout
        self._seconds = seconds
        self._quiet_until = seconds()
        self._local = threading.local()
        if not self._may_carry_the_credential():
            raise InvariantError("a live credential is never sent over an open line")
        logging.getLogger().addFilter(_is_no_replay_notice)

    @property
    def mode(self) -> Mode:
        """Whether real money moves: the key says so."""
        return Mode.LIVE if self._credential.startswith("live_") else Mode.TEST

    def ask(self, call: Callable[[Client], T]) -> T:
        """Make one operation's calls and translate every way in which they can fail."""
        wait = self._quiet_until - self._seconds()
        if wait > 0:
            raise RailBusyError("told to wait", retry_after=timedelta(seconds=wait))
        client, session = self._connected()
        session.start_operation()
        try:
            return call(client)
        except RailError:
            raise
        except NotFoundError as error:
            raise NotAtProviderError(_first_line(error)) from error
        except RequestSetupError as error:
            raise CallRefusedError(_first_line(error)) from error
        except Exception as error:  # the library lets bare errors escape on bodies that it does not expect
            if session.quiet_seconds is not None:
                raise self._told_to_wait(session.quiet_seconds) from error
            raise _translated(error) from error

    def every(self, page: PaginationList, name: str) -> Iterator[Mapping[str, Any]]:
        """The items of a list from this page to its end, as plain values."""
        for _ in range(_MOST_PAGES):
            yield from list(page["_embedded"][name])
            following = (page["_links"].get("next") or {}).get("href")
            if following is None:
                return
            if not following.startswith(f"{self._endpoint}/v2/"):
                raise OutcomeUnknownError("a page links to another address")
            page = page.get_next()  # type: ignore[no-untyped-call]  # the library's own gap
        raise OutcomeUnknownError("the provider's list does not end")

    def _told_to_wait(self, seconds: float) -> RailBusyError:
        """Let every thread keep quiet for as long as the provider asks, and a little longer."""
        percent = 100 + random.randint(0, _MOST_JITTER_PERCENT)  # noqa: S311 -- disorder, no secret
        wait = timedelta(seconds=min(seconds, _LONGEST_QUIET_SECONDS)) * percent / 100
        self._quiet_until = max(self._quiet_until, self._seconds() + wait.total_seconds())
        return RailBusyError("429: too many requests", retry_after=wait)

    def _connected(self) -> tuple[Client, "_Session"]:
        if not hasattr(self._local, "connected"):
            client, session = Client(api_endpoint=self._endpoint, timeout=self._timeout), _Session()
            set_credential = client.set_access_token if self._is_token() else client.set_api_key
            set_credential(self._credential)
            client._client = session  # noqa: SLF001 -- the library's documented way in for a session of one's own
            self._local.connected = client, session
        existing: tuple[Client, _Session] = self._local.connected
        return existing

    def _is_token(self) -> bool:
        return self._credential.startswith("access_")

    def _may_carry_the_credential(self) -> bool:
        where = urlsplit(self._endpoint)
        if where.scheme == "https" or self._credential.startswith("test_"):
            return True
        return self._is_token() and where.hostname in _LOOPBACK


class _Session(requests.Session):
    """The way out: nothing of the machine's configuration, no redirect, no second try, no answer without an end."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        self.start_operation()

    def start_operation(self) -> None:
        """A new operation: its budget begins."""
        self.quiet_seconds: float | None = None
        self._deadline = time.monotonic() + BUDGET_SECONDS

    @override
    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self._check_budget()
        response = super().send(request, **{**options, "stream": True})
        if response.status_code == _TOO_MANY:
            self.quiet_seconds = _retry_seconds(response.headers.get("Retry-After", ""))
        response._content = b"".join(self._parts(response))  # noqa: SLF001 -- what `response.content` would have set
        response._content_consumed = True  # noqa: SLF001 -- the same
        return response

    def _parts(self, response: requests.Response) -> Iterator[bytes]:
        size = 0
        while part := response.raw.read1(decode_content=True):
            size += len(part)
            if size > _LARGEST_ANSWER:
                raise requests.exceptions.ContentDecodingError("the answer has no end")
            self._check_budget()
            yield part
        response.raw.release_conn()

    def _check_budget(self) -> None:
        if time.monotonic() > self._deadline:
            raise requests.exceptions.ReadTimeout("the operation took too long")


class _Dated(Protocol):
    @property
    def created_at(self) -> datetime: ...


D = TypeVar("D", bound=_Dated)


def until(since: date, items: Iterator[D]) -> Iterator[D]:
    """Newest-first items up to the first that is older."""
    for item in items:
        if brussels_date(item.created_at) < since:
            return
        yield item


def expect_id(kind: str, provider_id: str) -> None:
    """Nothing but an id may become part of an address; what has not its form is not at the provider."""
    if not is_id_of(kind, provider_id):
        raise NotAtProviderError(f"not the form of a {kind}'s id")


def _translated(error: Exception) -> RailError:
    if not isinstance(error, ResponseError):
        named = "" if isinstance(error, Error) else f"{type(error).__name__}: "
        return OutcomeUnknownError(f"{named}{_first_line(error)}")
    status = int(error.status or _SERVER_FAULT)
    if status >= _SERVER_FAULT:
        return OutcomeUnknownError(f"{status}: {_first_line(error)}")
    if status in _NOT_DONE_YET:
        return RailBusyError(f"{status}: {_first_line(error)}")
    return CallRefusedError(f"{status}: {_first_line(error)}")


def _retry_seconds(text: str) -> float:
    """The pause of a `Retry-After`; a date or nothing counts as a short pause, for which the call is made again."""
    return float(text) if text.isascii() and text.isdecimal() else _USUAL_QUIET_SECONDS


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:160]


def _is_no_replay_notice(record: logging.LogRecord) -> bool:
    """The library announces every replayed answer on the root logger."""
    return "Idempotent-Replayed" not in str(record.msg)
