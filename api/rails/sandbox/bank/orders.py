"""Our orders at the twin, from the file that is handed in to what becomes of each transfer and debit.

    file      received ──> refused (RJCT) · taken (ACCP), or in part (PART)      at the end of the day it came
    order     accepted ──> booked ──> returned                                   on its day · on a later one
                       └─> rejected (no cash, or as the other account's fate says)

An account's fate is what happens to orders that concern it: `reject` before they are booked, or `return` some business
days later, with a reason code.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby

from api.rails.sandbox.bank.books import (
    DEBIT_BACK,
    DEBITS_IN,
    NAMES,
    TRANSFER_BACK,
    TRANSFER_IN,
    TRANSFER_OUT,
    Books,
    Note,
    Object,
)
from api.rails.sandbox.bank.files import Block, OrderFile, read_file
from api.rails.sandbox.bank.rules import refuse_block, refuse_file, refuse_order
from api.rails.sandbox.store import Store
from ledger.calendars import add_target_days, next_target_day

_RETURN_DAYS = 5
_REFUND_DAYS = {"MD06": 56, "MD01": 396}
"""Within eight weeks without a reason, within thirteen months without a mandate; SDD rulebooks 2025, 4.3.4."""


class RefusedError(ValueError):
    """What the twin does not do, with the reason code of ISO 20022 where there is one."""


class Orders:
    """Files, orders and answers, as JSON in the sandbox's store; the caller holds the store's lock."""

    def __init__(self, store: Store, books: Books, note: Note) -> None:
        self._store = store
        self._books = books
        self._note = note

    def take(self, content: bytes, message_id: str, on: date) -> None:
        """Keep a file until the day ends; the same file again changes nothing."""
        file = read_file(content)
        if file.message_id != message_id:
            raise RefusedError(f"FF01: the file's message id is {file.message_id!r}")
        known = self._store.get("bank-files", message_id)
        if known is not None and known["sha256"] != file.sha256:
            raise RefusedError("DU01: the message id was used for another file")
        if known is None:
            row = {"message_id": message_id, "kind": file.kind, "sha256": file.sha256, "on": on.isoformat()}
            row |= {"state": "received", "content": content.decode("utf-8")}
            self._store.put(("bank-files", message_id, row))
            self._note("bank-file", id=message_id, kind=file.kind, sha256=file.sha256)

    def end_day(self, on: date) -> None:
        """Answer what came, book what is due, send back what comes back."""
        for row in self._store.values("bank-files"):
            if row["state"] == "received":
                self._process(read_file(row["content"].encode()), on)
                self._store.put(("bank-files", row["message_id"], row | {"state": "processed", "content": ""}))
        due = [o for o in self._store.values("bank-orders") if o["state"] == "accepted" and o["on"] <= on.isoformat()]
        for _, group in groupby(due, key=lambda o: (o["message_id"], o["block_id"])):
            self._execute(list(group), on)
        for plan in self._store.values("bank-returns"):
            order = self._store.get("bank-orders", plan["order"])
            if plan["on"] <= on.isoformat() and order["state"] == "booked":
                self.send_back(plan["order"], plan["reason"], on)

    def orders(self) -> list[Object]:
        """Every order that was accepted, oldest first."""
        return self._store.values("bank-orders")

    def answers(self, *, since: date) -> list[Object]:
        """Every answer given on `since` or later, oldest first."""
        return [a for a in self._store.values("bank-answers") if a["on"] >= since.isoformat()]

    def answer(self, answer_id: str) -> Object | None:
        """One answer."""
        found: Object | None = self._store.get("bank-answers", answer_id)
        return found

    def send_back(self, end_to_end_id: str, reason: str, on: date) -> None:
        """Return a transfer, or return or refund a debit, that was booked; the scheme's deadlines hold."""
        order = self._store.get("bank-orders", end_to_end_id)
        if order is None or order["state"] != "booked":
            raise RefusedError(f"no booked order {end_to_end_id!r}")
        _refuse_late(order, reason, on)
        cents = order["cents"] if order["kind"] == "transfer" else -order["cents"]
        code = TRANSFER_BACK if order["kind"] == "transfer" else DEBIT_BACK
        self._books.book(order["ours"], on, [_detail(order, cents) | {"reason": reason}], code=code)
        self._store.put(("bank-orders", end_to_end_id, order | {"state": "returned", "reason": reason}))

    def _process(self, file: OrderFile, on: date) -> None:
        reason = refuse_file(file)
        if reason is not None:
            self._say(file.message_id, file.kind, on, status="RJCT", reason=reason)
            return
        refused: list[Object] = []
        for block in file.blocks:
            refused += self._take_block(file, block, on)
        count = sum(len(block.orders) for block in file.blocks)
        status = {0: "ACCP", count: "RJCT"}.get(len(refused), "PART")
        self._say(file.message_id, file.kind, on, status=status, orders=refused)

    def _take_block(self, file: OrderFile, block: Block, on: date) -> list[Object]:
        """Accept a block's orders; gives those that are refused."""
        collects, refused = file.is_collection, []
        whole = refuse_block(block, collects=collects, ours=NAMES, today=on)
        known = {o["end_to_end_id"] for o in self._store.values("bank-orders")}
        for order in block.orders:
            reason = whole or refuse_order(order, block, collects=collects, known=known)
            known.add(order.end_to_end_id)
            if reason is not None:
                refused.append(_refusal(block.block_id, order.end_to_end_id, reason))
                continue
            row = {
                "end_to_end_id": order.end_to_end_id,
                "message_id": file.message_id,
                "block_id": block.block_id,
                "file_kind": file.kind,
                "kind": "debit" if collects else "transfer",
                "ours": block.iban,
                "iban": order.iban,
                "name": order.name,
                "cents": order.cents,
                "reference": order.reference,
                "text": order.text,
                "mandate": order.mandate,
                "scheme": block.scheme,
                "is_batch": block.is_batch,
                "on": next_target_day(block.on).isoformat(),
                "state": "accepted",
            }
            self._store.put(("bank-orders", order.end_to_end_id, row))
        return refused

    def _execute(self, orders: Sequence[Object], on: date) -> None:
        """Book one block's orders, all of them or, without the cash, none; fates come first."""
        refused = []
        fated = {o["end_to_end_id"]: self._fate(o["iban"]) for o in orders}
        going = [o for o in orders if fated[o["end_to_end_id"]].get("outcome") != "reject"]
        refused += [(o, fated[o["end_to_end_id"]]["reason"]) for o in orders if o not in going]
        first = orders[0]
        total = sum(o["cents"] for o in going)
        if first["kind"] == "transfer" and total > self._books.available_cents(first["ours"], on):
            refused += [(o, "AM04") for o in going]
            going = []
        for order, reason in refused:
            self._store.put(("bank-orders", order["end_to_end_id"], order | {"state": "rejected", "reason": reason}))
        if refused:
            said = [_refusal(o["block_id"], o["end_to_end_id"], reason) for o, reason in refused]
            status = "PART" if going else "RJCT"
            self._say(first["message_id"], first["file_kind"], on, status=status, orders=said)
        self._book(going, on)
        for order in going:
            fate = fated[order["end_to_end_id"]]
            if fate.get("outcome") == "return":
                back_on = add_target_days(on, max(1, int(fate.get("days", 1))))
                plan = {"order": order["end_to_end_id"], "reason": fate["reason"], "on": back_on.isoformat()}
                self._store.put(("bank-returns", order["end_to_end_id"], plan))

    def _book(self, orders: Sequence[Object], on: date) -> None:
        """One line for a batch, or a line each; an account of ours that is paid gets its own."""
        for together in [orders] if orders and orders[0]["is_batch"] else [[order] for order in orders]:
            first = together[0]
            is_transfer = first["kind"] == "transfer"
            details = [_detail(o, -o["cents"] if is_transfer else o["cents"]) for o in together]
            code = TRANSFER_OUT if is_transfer else DEBITS_IN[first["scheme"]]
            self._books.book(first["ours"], on, details, code=code, batch_id=_batch_of(together))
        for order in orders:
            self._store.put(("bank-orders", order["end_to_end_id"], order | {"state": "booked", "on": on.isoformat()}))
            if order["kind"] == "transfer" and self._books.is_ours(order["iban"]):
                payer = {"name": NAMES[order["ours"]], "iban": order["ours"]}
                self._books.book(order["iban"], on, [_detail(order, order["cents"]) | payer], code=TRANSFER_IN)

    def _say(
        self,
        message_id: str,
        kind: str,
        on: date,
        *,
        status: str,
        reason: str | None = None,
        orders: Iterable[Object] = (),
    ) -> None:
        serial = int(self._store.get("settings", "bank-answer") or 0) + 1
        refused = list(orders)
        answer = {
            "id": f"ANSWER-{on:%Y%m%d}-{serial:05d}",
            "on": on.isoformat(),
            "message_id": message_id,
            "kind": kind,
            "status": status,
            "reason": reason,
            "orders": refused,
        }
        self._store.put(("settings", "bank-answer", serial), ("bank-answers", str(answer["id"]), answer))
        self._note("bank-answer", id=message_id, status=status, reason=reason, refused=len(refused))

    def _fate(self, iban: str) -> Object:
        account = self._store.get("bank-accounts", iban) or {}
        fate: Object = account.get("fate") or {}
        return fate


def _refuse_late(order: Object, reason: str, on: date) -> None:
    booked_on = date.fromisoformat(order["on"])
    if order["kind"] == "debit" and reason in _REFUND_DAYS:
        if order["scheme"] == "B2B":
            raise RefusedError("a B2B debit is not refunded")
        last_on = booked_on + timedelta(days=_REFUND_DAYS[reason])
    else:
        last_on = add_target_days(booked_on, _RETURN_DAYS)
    if on > last_on:
        raise RefusedError(f"{reason} was possible until {last_on}")


def _batch_of(orders: Sequence[Object]) -> str | None:
    return orders[0]["block_id"] if orders[0]["is_batch"] else None


def _refusal(block_id: str, end_to_end_id: str, reason: str) -> Object:
    return {"block_id": block_id, "end_to_end_id": end_to_end_id, "reason": reason}


def _detail(order: Object, cents: int) -> Object:
    names = ("end_to_end_id", "mandate", "reference", "text", "name", "iban")
    return {"cents": cents} | {name: order[name] for name in names if order[name]}
