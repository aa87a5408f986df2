"""What a control call makes the sandbox do, and what it can be asked: the server's side of `control.py`."""

import hmac
from collections.abc import Callable
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from api.rails.sandbox.bank.desk import BankDesk
from api.rails.sandbox.callbacks import Callbacks, Disorder
from api.rails.sandbox.checks import LOCAL_HOSTS, ApiError, Object
from api.rails.sandbox.faults import FaultRule, Faults
from api.rails.sandbox.http import JSON_TYPE, PLAIN, Answer, Asked, json_answer
from api.rails.sandbox.provider import Provider
from api.rails.sandbox.timeline import Timeline, line_of

CONTROL_HEADER = "x-sandbox-control"
_NO_SUCH_CALL = ApiError(404, "Not Found", "No such control call.")


class Controls:
    """The control calls over one provider; whoever calls holds the lock of the store."""

    def __init__(
        self, provider: Provider, callbacks: Callbacks, faults: Faults, timeline: Timeline, bank: BankDesk
    ) -> None:
        self._provider = provider
        self._callbacks = callbacks
        self._faults = faults
        self._timeline = timeline
        self._bank = bank

    def answer(self, asked: Asked, requests: list[Object]) -> Answer:
        """Answer a control call."""
        name = asked.path.removeprefix("/control/")
        if asked.method == "GET":
            return self._reading(name, asked, requests)
        try:
            return json_answer(200, self._doing(name, asked.document()) or {}, JSON_TYPE)
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(422, "Unprocessable Entity", f"The control call is malformed: {error!r}.") from error

    def _reading(self, name: str, asked: Asked, requests: list[Object]) -> Answer:
        provider = self._provider
        if name == "timeline" and asked.query.get("as") == "text":
            lines = [line_of(event) + "\n" for event in self._timeline.events()]
            return Answer(200, "".join(lines).encode(), PLAIN)
        if name == "payouts":
            on = date.fromisoformat(asked.query["on"])
            return json_answer(200, {"payouts": provider.payouts(on)}, JSON_TYPE)
        readings: dict[str, Callable[[], Object]] = {
            "payments": lambda: {"payments": provider.payments.payments()},
            "refunds": lambda: {"refunds": provider.refunds.refunds()},
            "chargebacks": lambda: {"chargebacks": provider.chargebacks.chargebacks()},
            "settlements": lambda: {"settlements": provider.settlements.settlements()},
            "movements": lambda: {"movements": provider.balance.movements()},
            "balance": lambda: {"cents": provider.balance.total_cents()},
            "requests": lambda: {"requests": requests},
            "idle": lambda: {"idle": self._callbacks.is_idle()},
            "date": lambda: {"date": provider.world.today().isoformat() if provider.world.clock.is_told() else None},
            "clock": lambda: {"instant": provider.world.stamp()},
            "timeline": lambda: {"events": self._timeline.events()},
            "bank": self._bank.overview,
        }
        if name not in readings:
            raise _NO_SUCH_CALL
        return json_answer(200, readings[name](), JSON_TYPE)

    def _doing(self, name: str, told: Object) -> Object | None:
        doings = self._time() | self._payers() | self._money() | self._disturbances() | self._bank.controls()
        if name not in doings:
            raise _NO_SUCH_CALL
        if name not in {"webhooks", "events", "faults"}:
            self._provider.world.happened("told", call=name, **{k: v for k, v in told.items() if k != "at"})
        done = doings[name](told)
        return done if isinstance(done, dict) else None

    def _time(self) -> dict[str, Callable[[Object], object]]:
        provider = self._provider
        return {
            "date": lambda told: provider.set_date(date.fromisoformat(told["date"])),
            "clock": lambda told: provider.set_clock(_instant(told["instant"])),
            "advance": lambda told: provider.set_clock(provider.world.now() + timedelta(seconds=int(told["seconds"]))),
            "expiring": lambda told: provider.world.store.put(("settings", "expiring", bool(told["on"]))),
        }

    def _payers(self) -> dict[str, Callable[[Object], object]]:
        provider = self._provider
        return {
            "payers": lambda told: provider.set_standing_payer(str(told["payer"]), pays=bool(told["pays"])),
            "decide": lambda told: provider.payments.decide(
                told["id"],
                told["outcome"],
                amount_cents=told.get("amount_cents"),
                method=told.get("method"),
                reason=told.get("reason"),
            ),
            "transfer": lambda told: provider.payments.transfer(told["id"], int(told["amount_cents"])),
            "charge-back": self._charge_back,
            "reverse": self._reverse,
            "mandate": lambda told: provider.customers.set_mandate(told["id"], str(told["status"])),
        }

    def _money(self) -> dict[str, Callable[[Object], object]]:
        provider = self._provider
        return {
            "refund": lambda told: provider.refunds.set_status(told["id"], str(told["status"])),
            "balance": self._set_balance,
            "movement": lambda told: provider.balance.move(str(told["type"]), int(told["cents"]), {}),
            "fee": lambda told: provider.tariff.set_rate(told["kind"], told["fixed"], told["percent"]),
            "limit": lambda told: provider.tariff.set_maximum(told["method"], int(told["cents"])),
            "fail-settlement": self._fail_settlement,
        }

    def _disturbances(self) -> dict[str, Callable[[Object], object]]:
        return {
            "webhooks": self._set_webhooks,
            "events": lambda told: self._provider.world.subscribe(told["url"], str(told["secret"])),
            "knock": self._knock,
            "faults": self._set_faults,
        }

    def _charge_back(self, told: Object) -> Object | None:
        cents, reason = told.get("amount_cents"), told.get("reason")
        if told.get("at") is None:
            return self._provider.chargebacks.charge_back(told["id"], cents, reason)
        self._provider.payments.payment(told["id"])
        self._provider.plan("charge-back", told["id"], _instant(told["at"]), amount_cents=cents, reason=reason)
        return None

    def _reverse(self, told: Object) -> Object | None:
        if told.get("at") is None:
            return self._provider.chargebacks.reverse(told["id"])
        self._provider.chargebacks.chargeback(told["id"])
        self._provider.plan("reverse", told["id"], _instant(told["at"]))
        return None

    def _set_balance(self, told: Object) -> None:
        if "strict" in told:
            self._provider.refunds.set_balance_strict(strict=bool(told["strict"]))
        if "short" in told:
            self._provider.refunds.set_balance_short(short=bool(told["short"]))

    def _fail_settlement(self, told: Object) -> None:
        if told.get("id") is None:
            self._provider.settlements.fail_next(after_days=int(told.get("after_days", 0)))
        else:
            self._provider.settlements.fail(self._provider.settlements.settlement(told["id"])["id"])

    def _knock(self, told: Object) -> None:
        self._provider.world.call(self._provider.payments.payment(told["id"]))

    def _set_webhooks(self, told: Object) -> None:
        self._callbacks.dropped = bool(told.get("dropped", self._callbacks.dropped))
        self._callbacks.copies = int(told.get("copies", self._callbacks.copies))
        if "disorder" in told:
            self._callbacks.disturb(Disorder(**told["disorder"]))
        if told.get("held"):
            self._callbacks.held = True
        elif told.get("held") is False:
            self._callbacks.release(seed=int(told.get("seed", 0)))

    def _set_faults(self, told: Object) -> None:
        if told.get("clear"):
            self._faults.clear()
        else:
            self._faults.add(FaultRule(**told))


def check_control(asked: Asked, token: str | None) -> None:
    """Control calls come from this machine, never from a page in a browser, which can't set the header, and show the
    token, if the sandbox was given one.
    """
    host = urlsplit(f"//{asked.headers.get('host', '')}").hostname
    if host not in LOCAL_HOSTS or CONTROL_HEADER not in asked.headers:
        raise ApiError(403, "Forbidden", "Control calls need the control header and come from this machine.")
    if token is not None and not hmac.compare_digest(asked.headers[CONTROL_HEADER].encode(), token.encode()):
        raise ApiError(403, "Forbidden", "The control header does not show this sandbox's token.")


def _instant(text: str) -> datetime:
    """An instant with its time zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant
