"""A log at an address, read over HTTP: one connection, no redirects, nothing longer than its kind can be.

The verifier alone on its floor reads from the network, and only where it is given an address: to read what is
published is its work, and whoever checks a log has nothing else of ours. It trusts nothing that it reads.
"""

import http.client
import time
import urllib.parse
from dataclasses import dataclass, field

from ledger.errors import Refusal, override
from ledger.log.tiles import ENTRIES, WIDTH, LogReader

TIMEOUT_SECONDS = 20
_LARGEST_ENTRY = 2 + 0xFFFF
_LARGEST_BUNDLE = WIDTH * _LARGEST_ENTRY
_LARGEST_FILE = 1 << 17
_MISSING = frozenset({http.client.NOT_FOUND, http.client.GONE})


def is_address(place: object) -> bool:
    """Whether it is the address of something on the web and no path."""
    return isinstance(place, str) and place.lower().startswith(("http://", "https://"))


@dataclass(slots=True)
class LogSite(LogReader):
    """A log below the address `base`."""

    base: str
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def __del__(self) -> None:
        """Whoever has read enough does not say so."""
        self.close()

    @override
    def read(self, path: str) -> bytes:
        """The bytes of a file of the log; refuses `log-file-missing` and `log-unavailable`."""
        url = f"{self.base.rstrip('/')}/{path}"
        limit = _LARGEST_BUNDLE if path.startswith((f"tile/{ENTRIES}/", "state/")) else _LARGEST_FILE
        try:
            return self._get(url, path, limit)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Refusal("log-unavailable", url=url, reason=f"{type(error).__name__} {error}"[:200]) from error

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _get(self, url: str, path: str, limit: int) -> bytes:
        target = urllib.parse.urlsplit(url)
        if self._connection is None:
            kind = http.client.HTTPSConnection if target.scheme.lower() == "https" else http.client.HTTPConnection
            self._connection = kind(target.netloc, timeout=TIMEOUT_SECONDS)
        self._connection.request("GET", target.path + (f"?{target.query}" if target.query else ""))
        response = self._connection.getresponse()
        content = _bounded(response, limit)
        if response.status in _MISSING:
            self.close()
            raise Refusal("log-file-missing", file=path)
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"the answer is {response.status}")
        if response.will_close:
            self.close()
        return content


def _bounded(response: http.client.HTTPResponse, limit: int) -> bytes:
    """The whole body, as it comes; a flood, a drip and a body that ends early are no answer."""
    content, deadline = bytearray(), time.monotonic() + TIMEOUT_SECONDS
    while part := response.read1(limit + 1 - len(content)):
        content += part
        if len(content) > limit:
            raise http.client.HTTPException(f"the answer is longer than {limit} bytes")
        if time.monotonic() > deadline:
            raise http.client.HTTPException(f"the answer takes longer than {TIMEOUT_SECONDS} seconds")
    if response.length:
        raise http.client.IncompleteRead(bytes(content), response.length)
    response.close()  # read to its end: the connection is free for the next
    return bytes(content)
