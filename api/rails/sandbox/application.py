"""What the sandbox answers to a request, without the sockets: the APIs, the control calls, the pages."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from api.rails.sandbox.api import Api
from api.rails.sandbox.bank.bank import Bank
from api.rails.sandbox.bank.desk import API as BANK_API
from api.rails.sandbox.bank.desk import PAGE as BANK_PAGE
from api.rails.sandbox.bank.desk import BankDesk
from api.rails.sandbox.callbacks import Callbacks
from api.rails.sandbox.checks import ApiError, Object
from api.rails.sandbox.controls import Controls, check_control
from api.rails.sandbox.faults import FaultRule, Faults, misbehave
from api.rails.sandbox.http import JSON_TYPE, Answer, Asked, json_answer, problem
from api.rails.sandbox.pages import Pages
from api.rails.sandbox.provider import Provider
from api.rails.sandbox.stamps import STAMPS, Stamps
from api.rails.sandbox.timeline import Timeline

_MOST_REMEMBERED = 10_000


class Application:
    """The sandbox behind its address `base`."""

    def __init__(
        self,
        provider: Provider,
        callbacks: Callbacks,
        timeline: Timeline,
        stamps: Stamps,
        *,
        base: str,
        wait: Callable[[float], Any],
        control_token: str | None,
    ) -> None:
        self._provider = provider
        self._callbacks = callbacks
        self._faults = Faults()
        self._api = Api(provider, base)
        world = provider.world
        self._bank = BankDesk(Bank(world.store, world.today, provider.payouts, world.happened))
        self._controls = Controls(provider, callbacks, self._faults, timeline, self._bank)
        self._pages = Pages(provider)
        self._stamps = stamps
        self._wait = wait
        self._control_token = control_token
        self._remembered: list[Object] = []

    def answer(self, asked: Asked) -> Answer:
        """Answer one request; raises `Silence` where a fault says so."""
        try:
            if asked.path == "/health":
                return json_answer(200, {"status": "ok"}, JSON_TYPE)
            if asked.path.startswith(("/v2/", BANK_API)):
                return self._api_with_faults(asked)
            if asked.path.startswith(STAMPS):
                return self._stamps.answer(asked)
            if asked.path.startswith("/control/"):
                check_control(asked, self._control_token)
                answer = self._locked(lambda: self._controls.answer(asked, list(self._remembered)))
                self._callbacks.time_moved()
                return answer
            pages = self._bank.page if asked.path == BANK_PAGE else self._pages.answer
            return self._locked(lambda: pages(asked))
        except ApiError as error:
            return problem(error)

    def _locked(self, answer: Callable[[], Answer]) -> Answer:
        """What is due has happened, and nothing else happens meanwhile."""
        with self._provider.world.store.together():
            self._provider.tick()
            self._bank.tick()
            return answer()

    def _api_with_faults(self, asked: Asked) -> Answer:
        self._remember(asked)
        release_key = self._api.hold_key(asked)
        try:
            rule = self._faults.take(asked.method, asked.path)
            if rule is None:
                return self._noted(asked, self._do(asked))
            done = self._do(asked) if rule.is_after else None
            self._provider.world.happened("fault", kind=rule.kind, method=asked.method, path=asked.path)
            if done is not None:
                self._let_come(rule, done)
            return misbehave(rule, done)
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

    def _let_come(self, rule: FaultRule, done: Answer) -> None:
        """What happens before the answer to a request that took effect is sent."""
        if rule.kind == "late":
            self._wait(rule.seconds)
        if rule.kind == "webhook-first" and done.status == HTTPStatus.CREATED:
            self._provider.world.call(self._provider.payments.payment(json.loads(done.body)["id"]))
            self._callbacks.wait_until_idle()

    def _remember(self, asked: Asked) -> None:
        """Keep what the API was asked, for whoever wants to prove what was sent; never the credential."""
        del self._remembered[:-_MOST_REMEMBERED]
        body, key = asked.body.decode("utf-8", "replace"), asked.headers.get("idempotency-key")
        self._remembered.append({"method": asked.method, "target": asked.target, "body": body, "key": key})
