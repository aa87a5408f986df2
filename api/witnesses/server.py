"""A witness over HTTP (C2SP tlog-witness), with the standard library alone.

POST /add-checkpoint                 a cosignature line, or why there is none
GET  /<origin hash>/checkpoint       the last checkpoint it cosigned for a log
"""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from ledger.errors import Refusal
from ledger.log.submission import ADD_CHECKPOINT, MAX_BYTES
from ledger.log.tiles import CHECKPOINT
from ledger.witness import Answer, Witness

_READ_SECONDS = 10.0
_TOO_LARGE, _BROKEN = Answer(413, b"too large\n"), Answer(500, b"the witness's own memory is damaged\n")


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness; `server_port` says where, if port 0 was asked for."""

    daemon_threads = True

    def __init__(self, host: str, port: int, witness: Witness) -> None:
        self.witness = witness
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: WitnessServer
    protocol_version = "HTTP/1.1"
    timeout = _READ_SECONDS

    def do_POST(self) -> None:
        """Submit a checkpoint; any prefix is taken, so that a witness can stand behind one."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BYTES:
            self.close_connection = True
            self._send(_TOO_LARGE)
            return
        body = self.rfile.read(int(length))
        if self.path.rpartition("/")[2] != ADD_CHECKPOINT:
            self._send(Answer(404, b"no such call\n"))
            return
        try:
            self._send(self.server.witness.add_checkpoint(body))
        except Refusal as refusal:  # its state can't be read: it cosigns nothing until somebody has looked
            self.log_error("%s %s", refusal.code, dict(refusal.facts))
            self._send(_BROKEN)

    def do_GET(self) -> None:
        """The last checkpoint cosigned for a log."""
        *_, name, file = ("", *self.path.split("/"))
        try:
            self._send(self.server.witness.latest(name) if file == CHECKPOINT else Answer(404, b"no such file\n"))
        except Refusal as refusal:
            self.log_error("%s %s", refusal.code, dict(refusal.facts))
            self._send(_BROKEN)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """A line per request would be no news."""

    @override
    def log_error(self, format: str, *args: Any) -> None:
        super().log_message(format, *args)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
