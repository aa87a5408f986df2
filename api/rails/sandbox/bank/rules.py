"""By which rules the twin refuses a file, a block or an order; each refusal is a reason code of ISO 20022.

| code | what is wrong |
|---|---|
| FF01 | the file holds no order |
| DU01 | the message id was used for another file: said at once, before the file is taken |
| AM18, AM10 | number or sum of the orders differs from what the head states |
| AC02 | the account to debit or to credit is none of ours here |
| BE05 | the creditor identifier is not the one we are known by |
| DT01 | the day has passed, leaves no business day for a debit, or lies before the mandate's signature |
| AG02 | neither CORE nor B2B |
| AM01, AM03 | no amount; another currency than the euro |
| AC01 | the other party's IBAN is none |
| AM05 | the end-to-end id occurs twice |
| BE04 | an address without town and country in fields of their own (EPC, since 15 November 2026) |
| MD02 | the mandate's id or date of signature is missing |
"""

from collections.abc import Container
from datetime import date

from api.rails.sandbox.bank import CREDITOR_IDENTIFIER
from api.rails.sandbox.bank.files import Block, Order, OrderFile
from api.rails.sandbox.bank.numbers import is_iban
from ledger.calendars import add_target_days


def refuse_file(file: OrderFile) -> str | None:
    """Why nothing of a file is taken."""
    orders = [order for block in file.blocks for order in block.orders]
    if not orders or not file.message_id:
        return "FF01"
    if file.count != len(orders):
        return "AM18"
    if file.cents is not None and file.cents != sum(order.cents or 0 for order in orders):
        return "AM10"
    return None


def refuse_block(block: Block, *, collects: bool, ours: Container[str], today: date) -> str | None:
    """Why nothing of a block is taken."""
    if block.count is not None and block.count != len(block.orders):
        return "AM18"
    if block.cents is not None and block.cents != sum(order.cents or 0 for order in block.orders):
        return "AM10"
    if block.iban not in ours:
        return "AC02"
    if block.on < (add_target_days(today, 1) if collects else today):
        return "DT01"
    if collects and block.creditor_identifier != CREDITOR_IDENTIFIER:
        return "BE05"
    if collects and block.scheme not in {"CORE", "B2B"}:
        return "AG02"
    return None


def refuse_order(order: Order, block: Block, *, collects: bool, known: Container[str]) -> str | None:
    """Why one order is not taken; `known` are the end-to-end ids of those before it."""
    if not order.cents:
        return "AM01"
    if order.currency != "EUR":
        return "AM03"
    if not is_iban(order.iban):
        return "AC01"
    if order.end_to_end_id in known:
        return "AM05"
    if order.has_free_address:
        return "BE04"
    if collects and (order.mandate is None or order.signed_on is None):
        return "MD02"
    if order.signed_on is not None and order.signed_on > block.on:
        return "DT01"
    return None
