"""The HTTP application: API, webhooks and operations. The pages are mounted on top of it by `frontend.site`."""

from fastapi import FastAPI

from api.bootstrap import Wiring


def build_app(wiring: Wiring) -> FastAPI:
    """The application of one installation; `app.state.wiring` is what `api.deps` reads."""
    app = FastAPI()
    app.state.wiring = wiring
    return app
