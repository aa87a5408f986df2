"""A log at an address: whatever is at the other end, an answer is a file of the log, a missing file, or no answer."""

import http.server
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger.errors import Refusal
from ledger.verify import remote
from ledger.verify.places import log_at
from ledger.verify.remote import LogSite
from tests.sites import serve

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def whole(status: int, body: bytes, **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def in_chunks(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


def cut_off(handler: http.server.BaseHTTPRequestHandler) -> None:
    whole(200, b"half", Content_Length="8")(handler)
    handler.close_connection = True


def gibberish(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"no HTTP at all\r\n\r\n")
    handler.close_connection = True


ANSWERS: dict[str, Answer] = {
    "/checkpoint": whole(200, b"a note"),
    "/chunks": in_chunks,
    "/empty": whole(200, b""),
    "/tile/entries/000": whole(200, b"e" * (1 << 18)),
    "/tile/0/000": whole(200, b"h" * (1 << 18)),
    "/moved": whole(302, b"", Location="/checkpoint"),
    "/broken": whole(500, b"sorry"),
    "/gone": whole(410, b""),
    "/cut": cut_off,
    "/gibberish": gibberish,
}


class _Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        ANSWERS.get(self.path, whole(404, b"nothing here"))(self)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LogSite]:
    with serve(tmp_path, _Site) as address:
        yield LogSite(f"{address}/")


def test_files_are_read_one_after_the_other(site: LogSite) -> None:
    for _ in range(3):
        assert site.read("checkpoint") == b"a note"
        assert (site.read("chunks"), site.read("empty")) == (b"abcde", b"")
        assert len(site.read("tile/entries/000")) == 1 << 18


@pytest.mark.parametrize("path", ["nowhere", "gone"])
def test_a_file_that_is_not_there_is_missing(site: LogSite, path: str) -> None:
    with pytest.raises(Refusal, match="log-file-missing"):
        site.read(path)
    assert site.read("checkpoint") == b"a note"


@pytest.mark.parametrize("path", ["tile/0/000", "moved", "broken", "cut", "gibberish"])
def test_anything_else_is_no_answer(site: LogSite, path: str) -> None:
    with pytest.raises(Refusal, match="log-unavailable") as refused:
        site.read(path)
    assert refused.value.facts["url"] == f"{site.base}{path}"
    assert site.read("checkpoint") == b"a note"


def test_a_drip_is_cut_off(site: LogSite, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 1_000, remote.TIMEOUT_SECONDS + 1))
    monkeypatch.setattr(remote, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    with pytest.raises(Refusal, match="log-unavailable"):
        site.read("checkpoint")


@pytest.mark.parametrize(
    "address", ["http://", "http://127.0.0.1:port", "http://[::1", "https://127.0.0.1:1", "HTTP://x y"]
)
def test_an_address_that_is_none_does_not_answer(address: str) -> None:
    with pytest.raises(Refusal, match="log-unavailable"):
        log_at(address).read("checkpoint")
