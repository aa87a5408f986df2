"""What all parts of the sandbox stand on: state, time, ids, what is planned, what happened, who is called."""

import hashlib
import heapq
import string
from datetime import UTC, date, datetime

from api.rails.sandbox.callbacks import Callbacks, form_about, signed_event
from api.rails.sandbox.checks import Object, webhook_of
from api.rails.sandbox.clock import VirtualClock
from api.rails.sandbox.store import Store
from api.rails.sandbox.timeline import Timeline

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12
_UNSEEDED = "settings", "seed"
_SUBSCRIBED = "settings", "events"


class World:
    """State, time and record of one sandbox; the same `seed` gives the same ids in the same order."""

    def __init__(self, store: Store, clock: VirtualClock, callbacks: Callbacks, timeline: Timeline, seed: str) -> None:
        self.store = store
        self.clock = clock
        self._callbacks = callbacks
        self._timeline = timeline
        if store.get(*_UNSEEDED) is None:
            store.put((*_UNSEEDED, seed))
        self._seed = str(store.get(*_UNSEEDED))
        self._due = [(plan["at"], plan["order"], key) for plan in store.values("plans") for key in [_key_of(plan)]]
        heapq.heapify(self._due)

    def now(self) -> datetime:
        """The instant that new objects carry."""
        return self.clock.now()

    def today(self) -> date:
        """The date in Brussels."""
        return self.now().date()

    def stamp(self) -> str:
        """The instant as the provider writes it."""
        return self.now().isoformat()

    def new(self, prefix: str) -> Object:
        """The id, the place in the order and the instant of a new object."""
        serial = int(self.store.get("settings", "serial") or 0) + 1
        self.store.put(("settings", "serial", serial))
        return {"id": f"{prefix}_{self._token(prefix, serial)}", "serial": serial, "createdAt": self.stamp()}

    def plan(self, at: datetime, what: str, of: str, **facts: object) -> None:
        """Let `what` happen to the object `of` at an instant; a plan of that name for the same object is replaced."""
        order = int(self.store.get("settings", "planned") or 0) + 1
        plan = {"at": _utc(at), "order": order, "what": what, "of": of} | facts
        self.store.put(("settings", "planned", order), ("plans", _key_of(plan), plan))
        heapq.heappush(self._due, (plan["at"], order, _key_of(plan)))

    def unplan(self, what: str, of: str) -> None:
        """Let it not happen."""
        self.store.put(("plans", _key_of({"what": what, "of": of}), None))

    def next_plan(self, until: datetime) -> Object | None:
        """The earliest plan due by then, taken out; plans of one instant in the order they were made."""
        limit = _utc(until)
        while self._due and self._due[0][0] <= limit:
            _, order, key = heapq.heappop(self._due)
            plan: Object | None = self.store.get("plans", key)
            if plan is not None and plan["order"] == order:  # else it was replaced, or is not to happen
                self.unplan(plan["what"], plan["of"])
                return plan
        return None

    def happened(self, event: str, **facts: object) -> None:
        """Note an event."""
        self._timeline.add(self.now(), event, **facts)

    def call(self, payment: Object) -> None:
        """Call the webhook of a payment, if it has one."""
        if payment["webhookUrl"] is not None:
            self._callbacks.send(form_about(payment["id"], payment["webhookUrl"]))

    def announce(self, event: str, entity: Object) -> None:
        """Send a signed event about an object, if anybody subscribed."""
        subscribed = self.store.get(*_SUBSCRIBED)
        if subscribed is not None:
            fresh = self.new("event")
            told: Object = {"resource": "event", "id": fresh["id"], "type": event, "entityId": entity["id"]}
            told["createdAt"] = fresh["createdAt"]
            told["_embedded"] = {"entity": {n: entity[n] for n in ("id", "paymentId", "status") if n in entity}}
            self._callbacks.send(signed_event(told, subscribed["url"], subscribed["secret"]))

    def subscribe(self, url: str | None, secret: str) -> None:
        """Announce events to that address of this machine, signed with `secret`, from now on; or to nobody."""
        webhook_of({"webhookUrl": url})
        self.store.put((*_SUBSCRIBED, url and {"url": url, "secret": secret}))

    def _token(self, prefix: str, serial: int) -> str:
        number = int.from_bytes(hashlib.sha256(f"{self._seed}:{prefix}:{serial}".encode()).digest())
        return "".join(_ALPHABET[number // 62**place % 62] for place in range(_ID_LENGTH))


def _key_of(plan: Object) -> str:
    return f"{plan['what']}:{plan['of']}"


def _utc(instant: datetime) -> str:
    """Instants as texts that sort."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
