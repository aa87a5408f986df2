"""What the sandbox answers to a request, without the sockets: the APIs, the control calls, the pages."""

from collections.abc import Callable
from typing import Any

from api.rails.sandbox.api import Api
from api.rails.sandbox.bank.bank import Bank
from api.rails.sandbox.bank.desk import API as BANK_API
from api.rails.sandbox.bank.desk import PAGE as BANK_PAGE
from api.rails.sandbox.bank.desk import BankDesk
from api.rails.sandbox.callbacks import Callbacks
from api.rails.sandbox.checks import ApiError, Object
from api.rails.sandbox.controls import Controls, check_control
from api.rails.sandbox.faults import FaultRule, Faults
from api.rails.sandbox.http import JSON_TYPE, Answer, Asked, Silence, json_answer, problem
from api.rails.sandbox.pages import Pages
from api.rails.sandbox.provider import Provider
from api.rails.sandbox.timeline import Timeline

_MOST_REMEMBERED = 10_000
_TOO_MANY_REQUESTS = 429


class Application:
    """The sandbox behind its address `base`."""

    def __init__(
        self, provider: Provider, callbacks: Callbacks, timeline: Timeline, *, base: str, wait: Callable[[float], Any]
    ) -> None:
        self._provider = provider
        self._callbacks = callbacks
        self._faults = Faults()
        self._api = Api(provider, base)
        world = provider.world
        self._bank = BankDesk(Bank(world.store, world.today, provider.payouts, world.happened))
        self._controls = Controls(provider, callbacks, self._faults, timeline, self._bank)
        self._pages = Pages(provider)
        self._wait = wait
        self._remembered: list[Object] = []

    def answer(self, asked: Asked) -> Answer:
        """Answer one request; raises `Silence` where a fault says so."""
        try:
            if asked.path == "/health":
                return json_answer(200, {"status": "ok"}, JSON_TYPE)
            if asked.path.startswith(("/v2/", BANK_API)):
                return self._api_with_faults(asked)
            if asked.path.startswith("/control/"):
                check_control(asked)
                return self._locked(lambda: self._controls.answer(asked, list(self._remembered)))
            pages = self._bank.page if asked.path == BANK_PAGE else self._pages.answer
            return self._locked(lambda: pages(asked))
        except ApiError as error:
            return problem(error)

    def _locked(self, answer: Callable[[], Answer]) -> Answer:
        """What is due has happened, and nothing else happens meanwhile; then the webhooks look at the time again."""
        try:
            with self._provider.world.store.together():
                self._provider.tick()
                self._bank.tick()
                return answer()
        finally:
            self._callbacks.time_moved()

    def _api_with_faults(self, asked: Asked) -> Answer:
        self._remember(asked)
        release_key = self._api.hold_key(asked)
        try:
            rule = self._faults.take(asked.method, asked.path)
            if rule is None:
                return self._noted(asked, self._do(asked))
            done = self._do(asked) if rule.is_after else None
            self._provider.world.happened("fault", kind=rule.kind, method=asked.method, path=asked.path)
            return self._misbehave(rule, done)
        finally:
            release_key()

    def _do(self, asked: Asked) -> Answer:
        try:
            answer = self._bank.answer if asked.path.startswith(BANK_API) else self._api.answer
            return self._locked(lambda: answer(asked))
        except ApiError as error:
            return problem(error)

    def _noted(self, asked: Asked, answer: Answer) -> Answer:
        if asked.method != "GET":
            self._provider.world.happened("request", method=asked.method, path=asked.path, status=answer.status)
        return answer

    def _misbehave(self, rule: FaultRule, done: Answer | None) -> Answer:
        if rule.kind.startswith("timeout"):
            raise Silence(rule.seconds)
        if rule.kind.startswith("reset"):
            raise Silence(0)
        if rule.kind == "late":
            assert done is not None, "a late answer is an answer"
            self._wait(rule.seconds)
            return done
        if rule.kind == "502-html":
            return Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
        if rule.kind == "422-without-detail":
            return json_answer(422, {"status": 422, "title": "Unprocessable Entity"})
        status = int(rule.kind[:3])
        headers = {"Retry-After": "1"} if status == _TOO_MANY_REQUESTS else {}
        return json_answer(
            status, {"status": status, "title": "Fault", "detail": "As the sandbox was told."}, headers=headers
        )

    def _remember(self, asked: Asked) -> None:
        """Keep what the API was asked, for whoever wants to prove what was sent; never the credential."""
        del self._remembered[:-_MOST_REMEMBERED]
        body, key = asked.body.decode("utf-8", "replace"), asked.headers.get("idempotency-key")
        self._remembered.append({"method": asked.method, "target": asked.target, "body": body, "key": key})
