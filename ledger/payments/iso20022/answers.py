"""The reader of pain.002, what a bank answers to an order file: for the file, for a batch or for one order.

Versions from .03 on; those whose schema is not among ours are read all the same, since nothing is posted from an
answer: money moves when the statement says so.
"""

from collections.abc import Iterator

from ledger.payments.iso20022.document import Element, children, lacking, needed_text, open_document, text
from ledger.payments.iso20022.model import OrderAnswer


def read_answers(file: bytes) -> list[OrderAnswer]:
    """Every status in a pain.002, in the order of the file; the wider one stands before those inside it.

    Refuses what `open_document` does, and `bank-file-lacks-element` where the file names no message or has no status.
    """
    message = open_document(file, "pain.002")
    message_id = needed_text(message, "OrgnlGrpInfAndSts/OrgnlMsgId")
    answers = [answer for element in children(message, "OrgnlGrpInfAndSts") for answer in _of_file(element, message_id)]
    for batch in children(message, "OrgnlPmtInfAndSts"):
        answers += _of_batch(batch, message_id)
    if not answers:
        raise lacking(message, "OrgnlGrpInfAndSts/GrpSts")
    return answers


def _of_file(element: Element, message_id: str) -> Iterator[OrderAnswer]:
    status = text(element, "GrpSts")
    if status is not None:
        yield OrderAnswer(message_id, status, reason=_reason(element))


def _of_batch(batch: Element, message_id: str) -> Iterator[OrderAnswer]:
    batch_id = needed_text(batch, "OrgnlPmtInfId")
    status = text(batch, "PmtInfSts")
    if status is not None:
        yield OrderAnswer(message_id, status, reason=_reason(batch), batch_id=batch_id)
    for order in children(batch, "TxInfAndSts"):
        yield OrderAnswer(
            message_id,
            needed_text(order, "TxSts"),
            end_to_end_id=needed_text(order, "OrgnlEndToEndId"),
            reason=_reason(order),
            batch_id=batch_id,
        )


def _reason(element: Element) -> str | None:
    """The first reason: a code of ISO 20022 or the bank's own."""
    return text(element, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
