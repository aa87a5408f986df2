"""What stands between the network and every route: headers, size of bodies, origin of forms, and the session cookie.

The middlewares are plain ASGI so that they cost no thread. A form post is accepted from our own origin only
(`Origin`, or `Sec-Fetch-Site` where a browser leaves it out); requests that carry a bearer token or a provider's call
bring no ambient authority and need no such check.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.identity.model import OpenedSession
from api.settings import Settings
from ledger.errors import Refusal

COOKIE = "bxl_session"
MAX_BODY_BYTES = 1_048_576
MAX_EVIDENCE_BYTES = 8 * MAX_BODY_BYTES
"""What fits a scanned judgment; it is hashed and not kept."""
MAX_ENTRIES_BYTES = 16 * MAX_BODY_BYTES
"""What fits 10,000 journal entries of a dozen lines."""
_ENTRIES = re.compile(r"/v1/books/[^/]+/entries")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
PUBLIC_PATHS = ("/static/", "/log/", "/statistics/")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

RefusalResponse = Callable[[Request, Refusal], Response]


def set_session_cookie(response: Response, settings: Settings, opened: OpenedSession) -> None:
    """Hand the session's token to the browser: out of reach of scripts, never sent from another site's form."""
    response.set_cookie(
        COOKIE, opened.token, httponly=True, samesite="lax", secure=settings.is_https, path="/",
        expires=opened.session.expires_at,
    )  # fmt: skip


def clear_session_cookie(response: Response, settings: Settings) -> None:
    """Take the session's token back."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=settings.is_https, path="/")


def session_token(request: Request) -> str | None:
    """The token of the bearer header, else of the cookie."""
    return bearer_token(request.headers) or request.cookies.get(COOKIE)


def bearer_token(headers: Headers) -> str | None:
    """The token of `Authorization: Bearer`."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class SecurityHeaders:
    """Adds the security headers to every answer; anything personal is kept out of shared caches."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self.headers = dict(SECURITY_HEADERS)
        if is_https:
            self.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                headers.setdefault(
                    "Cache-Control", "no-cache" if scope["path"].startswith(PUBLIC_PATHS) else "no-store"
                )
            await send(message)

        await self.app(scope, receive, send_with_headers)


class FailureGuard:
    """Turns a defect into the application's own answer to one, inside the other middlewares, so that it is complete.

    (The framework's own place for it is outside of them all.) An answer that has begun can only be cut off.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and answer for what went wrong."""
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            answer = scope["app"].exception_handlers[Exception]
            response = await run_in_threadpool(answer, Request(scope), error)
            await response(scope, receive, send)


class OriginCheck:
    """Refuses a write that another site's page made with our visitor's cookie (`origin-not-allowed`)."""

    def __init__(self, app: ASGIApp, *, origin: str, exempt: tuple[str, ...], refuse: RefusalResponse) -> None:
        self.app = app
        self.origin = origin
        self.exempt = exempt
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless it is a cross-site write."""
        if scope["type"] == "http" and not self._is_allowed(scope):
            response = self.refuse(Request(scope), Refusal("origin-not-allowed"))
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if scope["method"] in SAFE_METHODS or scope["path"].startswith(self.exempt):
            return True
        headers = Headers(scope=scope)
        if bearer_token(headers):
            return True
        origin = headers.get("origin")
        if origin is not None:
            return origin == self.origin
        return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}


class HeadAsGet:
    """Answers HEAD as GET without its body (RFC 9110, section 9.3.2), so that no route has to name it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD on as a GET, and everything else as it is."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, send_without_body)


class BodyLimit:
    """Refuses a body that is too large (`body-too-large`), whether or not its length was declared."""

    def __init__(self, app: ASGIApp, *, evidence_paths: tuple[str, ...], refuse: RefusalResponse) -> None:
        self.app = app
        self.evidence_paths = evidence_paths
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read at most what the path may take, then hand it on as one body."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        body = await self._read(scope, receive, limit)
        if body is None:
            response = self.refuse(Request(scope), Refusal("body-too-large", limit_bytes=limit))
            await response(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    def _limit(self, path: str) -> int:
        if _ENTRIES.fullmatch(path):
            return MAX_ENTRIES_BYTES
        return MAX_EVIDENCE_BYTES if path.startswith(self.evidence_paths) else MAX_BODY_BYTES

    async def _read(self, scope: Scope, receive: Receive, limit: int) -> bytes | None:
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit:
            return None
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body += message.get("body", b"")
            if len(body) > limit:
                return None
            more = message.get("more_body", False)
        return bytes(body)


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """A `receive` that gives the whole body once and then listens for the client's leaving."""
    handed_out = False

    async def replayed() -> Message:
        nonlocal handed_out
        if handed_out:
            return await receive()
        handed_out = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
