"""A bank reached by HTTP with a token: order files in, answers and statements out, and the verification of payees.

The twin of the sandbox speaks this interface (`api.rails.sandbox.bank.desk`). No proxy or stored credential of the
machine is used and no redirect is followed: both would hand a file of payments to somebody else.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import date
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from typing_extensions import override

from ledger.errors import InvariantError
from ledger.payments.model import Mode
from ledger.payments.rail import (
    CallRefusedError,
    NotAtProviderError,
    OutcomeUnknownError,
    PayeeAnswer,
    PayeeMatch,
    RailBusyError,
    RailError,
)

_SECONDS = 15.0
_LARGEST_ANSWER = 100_000_000
_NOT_DONE_YET = frozenset({401, 403, 429})
_NOT_FOUND, _SERVER_FAULT = 404, 500


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer with 3xx is a failure."""

    @override
    def redirect_request(self, *_arguments: object) -> None:
        return None


class SepaRail:
    """The bank at `endpoint`; statements are those of the account `iban`, or of every account the token may see."""

    def __init__(self, token: str, endpoint: str, *, iban: str | None = None, seconds: float = _SECONDS) -> None:
        self._token = token
        self._endpoint = endpoint.strip().rstrip("/")
        self._iban = iban
        self._seconds = seconds
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        if self.mode is Mode.LIVE and not self._endpoint.startswith("https://"):
            raise InvariantError("a live token is never sent over an open line")

    @property
    def mode(self) -> Mode:
        """Whether real money moves: the token says so."""
        return Mode.TEST if self._token.startswith("test_") else Mode.LIVE

    def submit(self, file: bytes, message_id: str) -> None:
        """Hand in an order file; the same file under the same message id is taken once, another one is refused."""
        self._ask(f"files/{quote(message_id, safe='')}", file, "application/xml")

    def answers(self, *, since: date) -> list[bytes]:
        """Every pain.002 answer since that day, oldest first."""
        return self._files("answers", {"since": since.isoformat()})

    def statements(self, *, since: date) -> list[bytes]:
        """Every camt.053 statement that was closed on or after that day, oldest first."""
        account = {"iban": self._iban} if self._iban else {}
        return self._files("statements", {"since": since.isoformat()} | account)

    def check_payee(self, *, iban: str, name: str) -> PayeeAnswer:
        """The bank's word on a payee; where it has none to give, the check was not possible."""
        asked = json.dumps({"iban": iban, "name": name}).encode()
        try:
            told = _object(self._ask("payee-checks", asked, "application/json"))
            return PayeeAnswer(iban, name, PayeeMatch(str(told.get("match"))), told.get("name_held"))
        except (RailError, ValueError):
            return PayeeAnswer(iban, name, PayeeMatch.NOT_POSSIBLE)

    def _files(self, what: str, query: Mapping[str, str]) -> list[bytes]:
        ids = _object(self._ask(f"{what}?{urlencode(query)}")).get("ids")
        if not isinstance(ids, list):
            raise OutcomeUnknownError("the bank's list has no ids")
        return [self._ask(f"{what}/{quote(str(each), safe='')}") for each in ids]

    def _ask(self, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        """Make one call and translate every way in which it can fail."""
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(f"{self._endpoint}/bank-api/{path}", body, headers)  # noqa: S310 -- from settings
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                content: bytes = answer.read(_LARGEST_ANSWER + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise _translated(error) from error
        except (OSError, HTTPException) as error:
            if isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                raise RailBusyError("nobody answers at the bank's address") from error
            raise OutcomeUnknownError(f"{type(error).__name__}: {error}"[:160]) from error
        if len(content) > _LARGEST_ANSWER:
            raise OutcomeUnknownError("the bank's answer does not end")
        return content


def _translated(error: urllib.error.HTTPError) -> RailError:
    said = f"{error.code}: {_detail(error)}"
    if error.code in _NOT_DONE_YET:
        return RailBusyError(said)
    if error.code == _NOT_FOUND:
        return NotAtProviderError(said)
    if error.code >= _SERVER_FAULT or error.code < 400:  # noqa: PLR2004 -- a redirect tells nothing
        return OutcomeUnknownError(said)
    return CallRefusedError(said)


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(_object(error.read(10_000)).get("detail", ""))[:160]
    except (RailError, OSError, HTTPException):
        return ""


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise OutcomeUnknownError("the bank's answer is no JSON") from error
    if not isinstance(value, dict):
        raise OutcomeUnknownError("the bank's answer is no object")
    return value
