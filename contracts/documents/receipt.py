"""The receipt a holder keeps: a readable page, the proof and the opening attached, signed so that every byte counts."""

from contracts.documents.model import Language, ReceiptData


def render_receipt(data: ReceiptData, language: Language, *, proof: bytes, opening: bytes) -> bytes:
    """The unsigned receipt with `receipt.tlog-proof` and `opening.json` attached."""
    raise NotImplementedError
