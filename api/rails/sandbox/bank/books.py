"""What stands on the twin's accounts: booked lines, one statement of each account of ours a business day.

A line lies under its account and the day it is booked on, which has not ended yet; what was closed never changes. A
line's details are what its batch is made of, most lines have one.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from api.rails.sandbox.bank import CLIENT_IBAN, OWN_IBAN
from api.rails.sandbox.store import Store

Object = dict[str, Any]
Note = Callable[..., None]
"""Takes an event and its facts for the sandbox's timeline."""

NAMES = {CLIENT_IBAN: "BXL Invest compte de tiers", OWN_IBAN: "BXL Invest compte propre"}
TRANSFER_IN, TRANSFER_OUT, TRANSFER_BACK = "RCDT/ESCT", "ICDT/ESCT", "ICDT/RRTN"
DEBITS_IN = {"CORE": "IDDT/ESDD", "B2B": "IDDT/BBDD"}
DEBIT_BACK, CHARGES = "IDDT/UPDD", "MCOP/CHRG"
FAULTS = ("missing", "altered")
"""What can be wrong with a statement: it does not come, or one byte of it differs."""


class Books:
    """Accounts, lines and statements, as JSON in the sandbox's store; the caller holds the store's lock."""

    def __init__(self, store: Store, note: Note) -> None:
        self._store = store
        self._note = note

    def is_ours(self, iban: str) -> bool:
        """Whether the account is one of those that statements are written for."""
        return iban in NAMES

    def available_cents(self, iban: str, on: date) -> int:
        """What stands on an account of ours, the lines of the open day `on` included."""
        booked: list[int] = [line["cents"] for line in self.lines(iban, on) if not line["is_pending"]]
        return self._closing_cents(iban) + sum(booked)

    def lines(self, iban: str, on: date) -> list[Object]:
        """The lines of an account on a day, in the order they were booked."""
        return self._store.values(_lines_of(iban, on))

    def book(
        self,
        iban: str,
        on: date,
        details: Sequence[Object],
        *,
        code: str,
        batch_id: str | None = None,
        is_pending: bool = False,
    ) -> str:
        """Book details as one line on an account of ours; gives the bank's own reference of it."""
        serial = int(self._store.get("settings", "bank-serial") or 0) + 1
        reference = f"TWIN{on:%y%m%d}{serial:08d}"
        line = {
            "reference": reference,
            "cents": sum(detail["cents"] for detail in details),
            "code": code,
            "batch_id": batch_id,
            "is_pending": is_pending,
            "details": list(details),
        }
        self._store.put(("settings", "bank-serial", serial), (_lines_of(iban, on), str(serial), line))
        self._note("bank-line", iban=iban, on=on.isoformat(), cents=line["cents"], code=code, reference=reference)
        if not is_pending:
            for position, detail in enumerate(details):
                self._remember_outside(iban, on, f"{serial}:{position}", detail)
        return reference

    def close_day(self, on: date) -> None:
        """End a business day: every account of ours gets its statement."""
        for iban in NAMES:
            opening = self._closing_cents(iban)
            closing = self.available_cents(iban, on)
            sequence = int(self._store.get("settings", f"bank-sequence {iban}") or 0) + 1
            sequence += int(self._store.get("settings", f"bank-gap {iban}") or 0)
            statement = {
                "id": f"{iban}-{sequence:05d}",
                "iban": iban,
                "sequence": sequence,
                "on": on.isoformat(),
                "opening": opening,
                "closing": closing,
                "fault": self._store.get("settings", f"bank-fault {iban}"),
            }
            self._store.put(
                ("bank-statements", statement["id"], statement),
                ("settings", f"bank-sequence {iban}", sequence),
                ("settings", f"bank-closing {iban}", closing),
                ("settings", f"bank-gap {iban}", 0),
                ("settings", f"bank-fault {iban}", ""),
            )
            self._note("bank-statement", id=statement["id"], on=on.isoformat(), cents=closing)

    def statements(self, *, since: date) -> list[Object]:
        """The statements of days from `since` on, oldest first, without those that do not come."""
        found = self._store.values("bank-statements")
        return [s for s in found if s["on"] >= since.isoformat() and s["fault"] != "missing"]

    def statement(self, statement_id: str) -> Object | None:
        """One statement with its lines, unless it does not come."""
        found: Object | None = self._store.get("bank-statements", statement_id)
        if found is None or found["fault"] == "missing":
            return None
        return found | {"lines": self.lines(found["iban"], date.fromisoformat(found["on"]))}

    def spoil_next(self, iban: str, fault: str) -> None:
        """Let the next statement of an account be missing or altered, or skip a number (`gap`)."""
        if iban not in NAMES:
            raise ValueError(f"no account of ours: {iban}")
        if fault == "gap":
            self._store.put(("settings", f"bank-gap {iban}", 1))
        elif fault in FAULTS:
            self._store.put(("settings", f"bank-fault {iban}", fault))
        else:
            raise ValueError(f"no such fault: {fault}")

    def heal(self) -> None:
        """Let statements that were missing or altered come again as they are."""
        for statement in self._store.values("bank-statements"):
            if statement["fault"]:
                self._store.put(("bank-statements", statement["id"], statement | {"fault": ""}))

    def outside_lines(self, iban: str) -> list[Object]:
        """What an outside account sees of its dealings with ours, newest first; its money in is positive."""
        found = self._store.values(f"bank-outside {iban}")
        return sorted(found, key=lambda line: str(line["on"]), reverse=True)

    def _remember_outside(self, iban: str, on: date, key: str, detail: Object) -> None:
        other = detail.get("iban")
        if other and other not in NAMES:
            seen = {
                "on": on.isoformat(),
                "cents": -detail["cents"],
                "with": iban,
                "text": detail.get("reference") or detail.get("text") or "",
                "reason": detail.get("reason"),
            }
            self._store.put((f"bank-outside {other}", key, seen))

    def _closing_cents(self, iban: str) -> int:
        return int(self._store.get("settings", f"bank-closing {iban}") or 0)


def _lines_of(iban: str, on: date) -> str:
    return f"bank-lines {iban} {on.isoformat()}"
