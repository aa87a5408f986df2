"""The HTTP application: API, webhooks, the published log and operations. `frontend.site` puts the pages on top.

Every route is `def` and runs in the thread pool; the middlewares are ASGI. `/log/` is what anyone may copy: the tiles,
bundles and checkpoints of the transparency log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles
from typing_extensions import override

from api import open_data, operations
from api.bootstrap import Wiring
from api.errors import add_problem_handlers, problem_response
from api.security import BodyLimit, FailureGuard, HeadAsGet, OriginCheck, RefusalResponse, SecurityHeaders
from api.v1 import examples
from api.v1.router import router as v1_router
from api.webhooks import mollie

WEBHOOKS = "/webhooks/"


def build_app(
    wiring: Wiring, *, refuse: RefusalResponse = problem_response, evidence_paths: tuple[str, ...] = ()
) -> FastAPI:
    """The application of one installation; `app.state.wiring` is what `api.deps` reads.

    `refuse` turns what the middlewares refuse into an answer; the pages pass one that answers people with a page.
    Under `evidence_paths` papers are sent, so that a body there may be larger.
    """
    settings = wiring.settings
    app = _Application(
        title="BXL Invest",
        version=version("bxl-invest"),
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_posting_to_the_end,
    )
    app.state.wiring = wiring
    add_problem_handlers(app)
    app.include_router(v1_router)
    app.include_router(mollie.router)
    app.include_router(operations.router)
    app.include_router(open_data.router)
    settings.log_folder.mkdir(parents=True, exist_ok=True)
    app.mount("/log", StaticFiles(directory=settings.log_folder), name="log")
    # the last one added is the first to see a request
    app.add_middleware(FailureGuard)
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit, evidence_paths=(*evidence_paths, "/v1/bank-statements"), refuse=refuse)
    app.add_middleware(OriginCheck, origin=settings.origin, exempt=(WEBHOOKS,), refuse=refuse)
    app.add_middleware(SecurityHeaders, is_https=settings.is_https)
    return app


class _Application(FastAPI):
    """The framework's application, with an OpenAPI document whose examples are whole."""

    @override
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = examples.restore(super().openapi())
        return self.openapi_schema


@asynccontextmanager
async def _posting_to_the_end(app: FastAPI) -> AsyncIterator[None]:
    """When the server stops, what waits to be posted is posted first."""
    yield
    await run_in_threadpool(app.state.wiring.close)


_DESCRIPTION = """
Offers, pledges, loans and their proofs. Amounts are integer cents, rates are decimal fractions in strings, dates are
Brussels calendar dates. A write carries an `Idempotency-Key`; a refusal is an RFC 9457 problem document with a stable
`code` and a `title` in the language of `Accept-Language` (fr, nl or en). Log in by a mailed link; the session's token
is the bearer token.
"""
