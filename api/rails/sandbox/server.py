"""The sandbox's HTTP server on loopback: one thread a connection, so that a slow fault holds up nobody else."""

import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override

from api.rails.sandbox.application import Application
from api.rails.sandbox.callbacks import Callbacks
from api.rails.sandbox.clock import VirtualClock
from api.rails.sandbox.http import Answer, Asked, Silence
from api.rails.sandbox.provider import Provider
from api.rails.sandbox.stamps import Stamps
from api.rails.sandbox.store import Store
from api.rails.sandbox.timeline import Timeline
from api.rails.sandbox.world import World
from ledger.clock import Clock, SystemClock

_LARGEST_BODY = 64_000_000
_IDLE_SECONDS = 30


class SandboxServer(ThreadingHTTPServer):
    """A sandbox that listens on 127.0.0.1; port 0 takes a free one. Use `serve_forever`, then `close`.

    `seed` makes its ids the same in every run; without one they are another sandbox's. A `state` keeps its first seed.
    Control calls must show the `control_token`, if there is one.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        port: int = 0,
        *,
        state: Path | None = None,
        clock: Clock | None = None,
        seed: str | None = None,
        control_token: str | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.stopping = threading.Event()
        self._store = Store(state)
        base = clock or SystemClock()
        virtual, timeline = VirtualClock(self._store, base), Timeline()
        self.callbacks = Callbacks(virtual, timeline)
        self.provider = Provider(World(self._store, virtual, self.callbacks, timeline, seed or secrets.token_hex(8)))
        self.application = Application(
            self.provider,
            self.callbacks,
            timeline,
            Stamps(self._store, base.now),
            base=self.base,
            wait=self.stopping.wait,
            control_token=control_token,
        )

    def start(self) -> None:
        """Serve in a thread of this process."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop serving, finish the webhook calls under way, let go of the state."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self.callbacks.stop()
        self._store.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "payment-sandbox"
    sys_version = ""
    timeout = _IDLE_SECONDS
    wbufsize = -1  # one packet an answer: head and body sent apart wait 40 ms for each other's acknowledgement
    disable_nagle_algorithm = True
    server: SandboxServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the requests are remembered instead."""

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._write(Answer(413))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(int(length)))
        try:
            self._write(self.server.application.answer(asked))
        except Silence as silence:
            self.server.stopping.wait(silence.seconds)
            self.close_connection = True
        except BrokenPipeError:
            self.close_connection = True

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.body:
            self.send_header("Content-Type", answer.kind)
        if answer.status != 204:  # noqa: PLR2004 -- no content has no length
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
