"""Customers and their mandates for recurring payments."""

import re
from datetime import date
from typing import Any

from api.rails.sandbox.checks import Object, day_of, metadata_of, not_found, unprocessable
from api.rails.sandbox.methods import METHODS
from api.rails.sandbox.world import World

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
PAYER_IBAN = "BE71096123456769"
_MOST_REFERENCE = 35


class Customers:
    """Who pays more than once, and by which authority."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create(self, asked: Object) -> Object:
        """A new customer."""
        fields: dict[str, Any] = {name: asked.get(name) for name in ("name", "email", "locale")}
        customer = self._world.new("cst") | fields | {"metadata": metadata_of(asked)}
        self._world.store.put(("customers", customer["id"], customer))
        self._world.happened("customer-created", id=customer["id"])
        return customer

    def customers(self) -> list[Object]:
        """Every customer, newest first."""
        return self._world.store.newest("customers")

    def customer(self, customer_id: str) -> Object:
        """One customer, or 404."""
        found: Object | None = self._world.store.get("customers", customer_id)
        if found is None:
            raise not_found("customer", customer_id)
        return found

    def create_mandate(self, customer_id: str, asked: Object) -> Object:
        """A direct-debit mandate that was signed elsewhere; its reference is unique."""
        self.customer(customer_id)
        if asked.get("method") != "directdebit":
            raise unprocessable("Only mandates of the method directdebit are created directly.", "method")
        if not asked.get("consumerName"):
            raise unprocessable("The consumer's name is missing.", "consumerName")
        iban = str(asked.get("consumerAccount", "")).replace(" ", "")
        if _IBAN.fullmatch(iban) is None or _remainder(iban) != 1:
            raise unprocessable("The bank account is invalid.", "consumerAccount")
        signed = day_of(asked, "signatureDate") or self._world.today()
        if signed > self._world.today():
            raise unprocessable("The signature date lies in the future.", "signatureDate")
        reference = asked.get("mandateReference")
        if reference is not None and not 0 < len(str(reference)) <= _MOST_REFERENCE:
            raise unprocessable("The mandate reference has 1 to 35 characters.", "mandateReference")
        if reference and self._world.store.values("mandates", lambda m: m["reference"] == reference):
            raise unprocessable("The mandate reference is already in use.", "mandateReference")
        return self._new_mandate(customer_id, "directdebit", str(asked["consumerName"]), iban, reference, signed)

    def mandate_of_first(self, payment: Object) -> Object | None:
        """The mandate that a paid first payment gives, if its method gives one."""
        method = METHODS[payment["method"]].mandate
        if method is None:
            return None
        name = self.customer(payment["customerId"])["name"] or "T. Test"
        return self._new_mandate(payment["customerId"], method, name, PAYER_IBAN, None, self._world.today())

    def mandates(self, customer_id: str) -> list[Object]:
        """The mandates of a customer, newest first."""
        self.customer(customer_id)
        return self._world.store.newest("mandates", lambda m: m["customerId"] == customer_id)

    def mandate(self, customer_id: str, mandate_id: str) -> Object:
        """One mandate of a customer, or 404."""
        found: Object | None = self._world.store.get("mandates", mandate_id)
        if found is None or found["customerId"] != customer_id:
            raise not_found("mandate", mandate_id)
        return found

    def revoke(self, customer_id: str, mandate_id: str) -> None:
        """A mandate under which nothing more is collected."""
        self.set_mandate(self.mandate(customer_id, mandate_id)["id"], "invalid")

    def set_mandate(self, mandate_id: str, status: str) -> None:
        """Make a mandate pending, valid or invalid."""
        if status not in {"pending", "valid", "invalid"}:
            raise ValueError(f"no such state of a mandate: {status}")
        mandate = self._world.store.get("mandates", mandate_id)
        if mandate is None:
            raise not_found("mandate", mandate_id)
        self._world.store.put(("mandates", mandate_id, mandate | {"status": status}))
        self._world.happened(f"mandate-{status}", id=mandate_id)

    def mandate_for(self, asked: Object) -> Object:
        """The valid mandate under which a recurring payment is collected: the one that is named, else the newest."""
        customer_id = str(asked.get("customerId"))
        named = asked.get("mandateId")
        for mandate in self.mandates(customer_id):
            if mandate["status"] == "valid" and named in {None, mandate["id"]}:
                return mandate
        raise unprocessable("No suitable mandates found for customer.", "mandateId" if named else "customerId")

    def _new_mandate(
        self, customer_id: str, method: str, name: str, iban: str, reference: str | None, signed: date
    ) -> Object:
        mandate: dict[str, Any] = self._world.new("mdt") | {
            "customerId": customer_id,
            "method": method,
            "status": "valid",
            "consumerName": name,
            "consumerAccount": iban,
            "signatureDate": signed.isoformat(),
        }
        mandate["reference"] = reference or f"SD{mandate['serial']:08d}"
        self._world.store.put(("mandates", mandate["id"], mandate))
        self._world.happened("mandate-valid", id=mandate["id"], customer=customer_id)
        return mandate


def _remainder(iban: str) -> int:
    """An account number's remainder by 97, which is 1 (ISO 13616)."""
    return int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97
