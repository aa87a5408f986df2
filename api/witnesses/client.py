"""The call to a witness over HTTP, bounded in time and in bytes whatever is at the other end."""

import http.client
import time
from contextlib import closing
from urllib.parse import urlsplit

from ledger.log.submission import ADD_CHECKPOINT, MAX_BYTES
from ledger.witnessing import Reply, Unanswered

TIMEOUT_SECONDS = 5.0
_CHUNK = 4096
_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


class HttpWitnesses:
    """Submits checkpoints (`ledger.witnessing.WitnessPort`), each over a connection of its own."""

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds

    def add_checkpoint(self, address: str, body: bytes) -> Reply:
        """The witness's answer; raises `Unanswered`, also where it is too long or takes too long."""
        deadline = time.monotonic() + self._timeout_seconds
        try:
            connection, prefix = _connection(address, self._timeout_seconds)
            with closing(connection):
                connection.request("POST", f"{prefix}/{ADD_CHECKPOINT}", body, _HEADERS)
                response = connection.getresponse()
                return Reply(response.status, _bounded(response, deadline))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(type(error).__name__) from error


def _connection(address: str, timeout_seconds: float) -> tuple[http.client.HTTPConnection, str]:
    """A connection and the path before the call's name; `ValueError` for a port or a host that is none."""
    parts = urlsplit(address)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        raise Unanswered("no http or https address")
    return kinds[parts.scheme](parts.hostname, parts.port, timeout=timeout_seconds), parts.path.rstrip("/")


def _bounded(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The whole body, read as it comes; a flood or a drip is cut off."""
    body = b""
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise Unanswered(f"an answer of more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise Unanswered("an answer that took too long")
    return body
