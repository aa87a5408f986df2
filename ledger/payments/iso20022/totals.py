"""What an order file adds up to, read back from its bytes before it is released.

Independent of the writers: any pain.001 or pain.008 is read, checked against its schema, counted and summed order by
order, and refused where it states another count or sum than it has, or an EndToEndId twice. A file that was exported
into itself keeps its schema and may state its doubled sum; it cannot keep its identifiers apart.
"""

import hashlib
from dataclasses import dataclass

from ledger.errors import Refusal
from ledger.payments.iso20022.document import (
    Element,
    cents,
    child,
    euro_cents,
    forget,
    line_of,
    name_of,
    needed,
    needed_text,
    stream_elements,
    whole_number,
)
from ledger.payments.iso20022.model import FileTotals

_ORDERS = {"CdtTrfTxInf": "Amt/InstdAmt", "DrctDbtTxInf": "InstdAmt"}


def read_totals(file: bytes) -> FileTotals:
    """The message id, the number of orders and their sum, from the orders themselves.

    Refuses what `document` refuses, `order-file-repeats-order` and `order-file-totals-differ`. Memory does not grow
    with the file but for its EndToEndIds.
    """
    header = _Stated("", 1, None, None)
    known: set[str] = set()
    total_cents = batch_count = batch_cents = 0
    for element in stream_elements(file, ("pain.001", "pain.008"), names=("GrpHdr", "PmtInf", *_ORDERS)):
        name = name_of(element)
        if name in _ORDERS:
            batch_count += 1
            batch_cents += euro_cents(needed(element, _ORDERS[name]))
            _keep(known, element)
        elif name == "GrpHdr":
            header = _stated(element, "MsgId")
        else:
            _stated(element, "PmtInfId").compare(batch_count, batch_cents)
            total_cents += batch_cents
            batch_count = batch_cents = 0
        forget(element)
    header.compare(len(known), total_cents)
    return FileTotals(header.identifier, len(known), total_cents, hashlib.sha256(file).hexdigest())


@dataclass(frozen=True, slots=True)
class _Stated:
    """What a header says of its orders; a batch may leave it out."""

    identifier: str
    line: int
    count: int | None
    total_cents: int | None

    def compare(self, count: int, total_cents: int) -> None:
        """Refuse `order-file-totals-differ`."""
        if self.count not in {None, count} or self.total_cents not in {None, total_cents}:
            raise Refusal(
                "order-file-totals-differ",
                line=self.line,
                stated_count=count if self.count is None else self.count,
                stated_cents=total_cents if self.total_cents is None else self.total_cents,
                count=count,
                total_cents=total_cents,
            )


def _stated(element: Element, identifier: str) -> _Stated:
    count, total = child(element, "NbOfTxs"), child(element, "CtrlSum")
    return _Stated(
        identifier=needed_text(element, identifier),
        line=line_of(element),
        count=None if count is None else whole_number(count),
        total_cents=None if total is None else cents(total),
    )


def _keep(known: set[str], element: Element) -> None:
    order = needed_text(element, "PmtId/EndToEndId")
    if order in known:
        raise Refusal("order-file-repeats-order", line=line_of(element), order=order)
    known.add(order)
