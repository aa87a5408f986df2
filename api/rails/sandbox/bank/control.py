"""The control calls of the bank twin in a running sandbox. Loopback only."""

from typing import Any

from api.rails.sandbox.bank import CLIENT_IBAN
from api.rails.sandbox.control import SandboxControl


class BankControl(SandboxControl):
    """Tells the twin of the sandbox at `url` what to do; what it can't do is an `HTTPError` 422."""

    def credit_transfer(
        self,
        cents: int,
        *,
        name: str,
        iban: str,
        text: str = "",
        to: str = CLIENT_IBAN,
        end_to_end_id: str | None = None,
        is_pending: bool = False,
    ) -> str:
        """A customer sends us money, or we from one account to the other; gives the bank's reference of the line."""
        told = {"cents": cents, "name": name, "iban": iban, "text": text, "to": to}
        told |= {"end_to_end_id": end_to_end_id, "is_pending": is_pending}
        return str(self._post("bank/transfer", told)["reference"])

    def charge(self, iban: str, cents: int, text: str) -> None:
        """The bank takes charges from an account of ours."""
        self._post("bank/charge", {"iban": iban, "cents": cents, "text": text})

    def keep_account(self, iban: str, name: str) -> None:
        """An account at any bank is held under this name, and orders that concern it are carried out."""
        self._post("bank/account", {"iban": iban, "name": name})

    def doom_account(self, iban: str, name: str, *, outcome: str, reason: str, days: int = 1) -> None:
        """Orders that concern the account are rejected, or `return` that many business days later."""
        fate = {"outcome": outcome, "reason": reason, "days": days}
        self._post("bank/account", {"iban": iban, "name": name, "fate": fate})

    def send_back(self, end_to_end_id: str, reason: str) -> None:
        """A booked transfer comes back today, or a booked debit is returned or refunded."""
        self._post("bank/return", {"end_to_end_id": end_to_end_id, "reason": reason})

    def answer_now(self) -> None:
        """Answer the files that came today, and book what is due, before the day ends."""
        self._post("bank/answer", {})

    def spoil_next(self, fault: str, *, iban: str = CLIENT_IBAN) -> None:
        """Let the next statement be `missing` or `altered`, or leave a `gap` in the numbers before it."""
        self._post("bank/spoil", {"iban": iban, "fault": fault})

    def heal(self) -> None:
        """Let statements that were missing or altered come as they are."""
        self._post("bank/heal", {})

    def cents(self, iban: str = CLIENT_IBAN) -> int:
        """What stands on an account of ours, the lines of the open day included."""
        return int(self._get("bank")["cents"][iban])

    def orders(self) -> list[dict[str, Any]]:
        """Every order that was accepted, oldest first, in the twin's own form."""
        found: list[dict[str, Any]] = self._get("bank")["orders"]
        return found
