"""What tests of the edges share: an installation with the demo's cast, its sandbox, and a client for each person.

desk.get("/v1/portfolio", who="amelie")           with that person's bearer token
desk.post("/v1/pledges", who="amelie", json={…})  with a fresh Idempotency-Key unless `key` is given
desk.entries()                                    how many entries stand: unchanged after a refusal
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.bootstrap import Wiring
from api.demo.stage import Stage
from api.identity.service import open_session_for
from api.settings import Settings, read_settings
from ledger.balances import entry_count

ORIGIN = "http://127.0.0.1:8000"


@dataclass
class Desk:
    """One installation, seen from outside."""

    wiring: Wiring
    stage: Stage
    app: FastAPI
    client: TestClient = field(init=False)
    _tokens: dict[str, str] = field(default_factory=dict)
    _keys: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.client = TestClient(self.app, base_url=ORIGIN, raise_server_exceptions=False, follow_redirects=False)

    def get(self, path: str, *, who: str | None = None, headers: Mapping[str, str] | None = None) -> Any:
        return self.client.get(path, headers={**self._credential(who), **(headers or {})})

    def post(
        self,
        path: str,
        *,
        who: str | None = None,
        json: Any = None,
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        chosen = f"key-{next(self._keys):08d}" if key == "" else key
        with_key = {"Idempotency-Key": chosen} if chosen is not None else {}
        return self.client.post(path, json=json, headers={**self._credential(who), **with_key, **(headers or {})})

    def entries(self) -> int:
        book = self.wiring.book
        with book.read() as connection:
            return entry_count(connection, book.book_id)

    def token(self, who: str) -> str:
        """The bearer token of somebody of the cast."""
        if who not in self._tokens:
            with self.wiring.book.unit_of_work(actor="test") as uow:
                self._tokens[who] = open_session_for(uow, self.stage.parties[who], "en").token
        return self._tokens[who]

    def _credential(self, who: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(who)}"} if who else {}


def settings_of(data: Path, **more: str) -> Settings:
    return read_settings({"BXL_DATA": str(data), "BXL_ORIGIN": ORIGIN, **more})


def code_of(answer: Any) -> str:
    """The refusal's code; the answer must be a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:bxl-invest:problem:{body['code']}"
    return str(body["code"])


def moved(stage: Stage, to: date) -> None:
    """Let the business date jump, without living through the days."""
    from ledger.storage.dates import move_business_date

    assert stage.wiring.sandbox is not None
    with stage.wiring.book.unit_of_work(actor="test") as uow:
        move_business_date(uow, to)
    stage.wiring.sandbox.set_date(to)
    stage.come_to_rest()
