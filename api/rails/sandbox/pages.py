"""The pages a payer sees: the checkout, and where what happens after a payment is played."""

import re

from api.rails.sandbox.checkout import decided_page, language_of, open_page
from api.rails.sandbox.checks import unprocessable
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
        match = re.fullmatch("/checkout/(tr_[A-Za-z0-9]+)", asked.path)
        if match is None:
            raise NOTHING_HERE
        payment = self._provider.payments.payment(match[1])
        if asked.method == "POST":
            outcome = asked.form.get("outcome", "")
            if outcome not in OUTCOMES:
                raise unprocessable("No such outcome.", "outcome")
            chosen = asked.form.get("method")
            fits = fitting(self._provider.tariff, payment["offered"], payment["amount_cents"])
            self._provider.payments.decide(payment["id"], outcome, method=chosen if chosen in fits else None)
            return Answer(303, headers={"Location": payment["redirectUrl"]}, kind=HTML)
        language = language_of(asked.query.get("lang"), payment["locale"])
        if payment["status"] != "open":
            return Answer(200, decided_page(payment, language).encode(), HTML, _HEADERS)
        methods = fitting(self._provider.tariff, payment["offered"], payment["amount_cents"])
        return Answer(200, open_page(payment, language, methods).encode(), HTML, _HEADERS)
