"""The pages a payer sees: the checkout, and where what happens after a payment is played."""

import re

from api.rails.sandbox.change_state import change_state, change_state_page
from api.rails.sandbox.checkout import decided_page, language_of, open_page
from api.rails.sandbox.checks import Object, unprocessable
from api.rails.sandbox.http import HTML, NOTHING_HERE, Answer, Asked
from api.rails.sandbox.methods import fitting
from api.rails.sandbox.payments import OUTCOMES
from api.rails.sandbox.provider import Provider

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}


class Pages:
    """The pages over one provider; whoever calls holds the lock of the store."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def answer(self, asked: Asked) -> Answer:
        """A page, or what follows from the form on it."""
        match = re.fullmatch("/(checkout|change-state)/(tr_[A-Za-z0-9]+)", asked.path)
        if match is None:
            raise NOTHING_HERE
        payment = self._provider.payments.payment(match[2])
        language = language_of(asked.query.get("lang"), payment["locale"])
        if match[1] == "change-state":
            return self._change_state(asked, payment, language)
        if asked.method == "POST":
            return self._decide(asked, payment)
        if payment["status"] != "open":
            return Answer(200, decided_page(payment, language).encode(), HTML, _HEADERS)
        return Answer(200, open_page(payment, language, self._methods_of(payment)).encode(), HTML, _HEADERS)

    def _decide(self, asked: Asked, payment: Object) -> Answer:
        """The payer's choice; who gives up a method that the shop chose is led to all of them, and nobody is called."""
        outcome, method = asked.form.get("outcome", ""), asked.form.get("method")
        if outcome not in OUTCOMES:
            raise unprocessable("No such outcome.", "outcome")
        if outcome == "canceled" and payment["status"] == "open" and payment["method"] is not None:
            self._provider.payments.release_method(payment["id"])
            return Answer(303, headers={"Location": asked.target}, kind=HTML)
        chosen = method if method in self._methods_of(payment) else None
        decided = self._provider.payments.decide(payment["id"], outcome, method=chosen)
        is_given_up = decided["status"] == "canceled" and payment["cancelUrl"]
        return Answer(303, headers={"Location": payment["cancelUrl" if is_given_up else "redirectUrl"]}, kind=HTML)

    def _change_state(self, asked: Asked, payment: Object, language: str) -> Answer:
        if asked.method == "POST":
            change_state(self._provider, payment, asked.form)
            return Answer(303, headers={"Location": asked.target}, kind=HTML)
        return Answer(200, change_state_page(self._provider, payment, language).encode(), HTML, _HEADERS)

    def _methods_of(self, payment: Object) -> list[str]:
        return fitting(self._provider.tariff, payment["offered"], payment["amount_cents"])
