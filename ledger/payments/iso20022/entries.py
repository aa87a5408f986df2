"""What an entry of a statement is made of: the payments that the bank split it into, proved to add up to it.

An entry may stand for one payment, for a batch, or for payments and the charges that the bank took with them. Charges
become a part of their own, so that every payment keeps its amount.
"""

from collections.abc import Iterator

from ledger.errors import Refusal
from ledger.money import EUR
from ledger.payments.iso20022.document import Element, child, children, euro_cents, lacking, line_of, needed, unreadable

_SIGNS = {"CRDT": 1, "DBIT": -1}


def details_of(entry: Element) -> Iterator[tuple[Element, int, bool]]:
    """Each part of an entry: the element that describes it, its signed cents, whether it is part of a batch.

    The parts add up to the entry. Refuses `statement-batch-does-not-foot`.
    """
    total = signed_cents(entry)
    details = children(entry, "NtryDtls/TxDtls")
    is_batch = len(details) > 1 or child(entry, "NtryDtls/Btch") is not None
    if not details:
        yield entry, total, is_batch
        return
    amounts = _amounts(entry, details, total)
    charges = total - sum(amounts)
    if charges not in {0, _charges_cents([entry, *details])}:
        raise Refusal(
            "statement-batch-does-not-foot", line=line_of(entry), entry_cents=total, details_cents=sum(amounts)
        )
    yield from ((detail, amount, is_batch) for detail, amount in zip(details, amounts, strict=True))
    if charges:
        yield entry, charges, True


def signed_cents(element: Element) -> int:
    """An amount with its sign, money in positive; refuses `bank-file-currency-foreign`."""
    return _sign(element) * euro_cents(needed(element, "Amt"))


def _amounts(entry: Element, details: list[Element], total: int) -> list[int]:
    """The signed cents of each detail; a lone one that states none, or none in euro, has the entry's."""
    stated = [_stated_amount(detail) for detail in details]
    if len(details) == 1 and (stated[0] is None or stated[0].get("Ccy") != EUR.code):
        return [total]
    amounts = []
    for detail, amount in zip(details, stated, strict=True):
        if amount is None:
            raise lacking(detail, "Amt")
        amounts.append(_sign(detail if _has_sign(detail) else entry) * euro_cents(amount))
    if sum(amounts) != total:
        # in version .02 a detail has no sign of its own: a return inside a batch goes against its entry
        turned = [-cents if _is_unsigned_return(d) else cents for d, cents in zip(details, amounts, strict=True)]
        if sum(turned) == total:
            return turned
    return amounts


def _stated_amount(detail: Element) -> Element | None:
    amount = child(detail, "Amt")
    return amount if amount is not None else child(detail, "AmtDtls/TxAmt/Amt")  # version .02


def _sign(element: Element) -> int:
    indicator = needed(element, "CdtDbtInd")
    if indicator.text not in _SIGNS:
        raise unreadable(indicator)
    return _SIGNS[indicator.text]


def _has_sign(detail: Element) -> bool:
    return child(detail, "CdtDbtInd") is not None


def _is_unsigned_return(detail: Element) -> bool:
    return child(detail, "RtrInf") is not None and not _has_sign(detail)


def _charges_cents(elements: list[Element]) -> int:
    """The signed charges that entry and details state; one without a sign was taken."""
    records = [record for element in elements for path in ("Chrgs/Rcrd", "Chrgs") for record in children(element, path)]
    stated = [record for record in records if child(record, "Amt") is not None]
    return sum((_sign(r) if _has_sign(r) else -1) * euro_cents(needed(r, "Amt")) for r in stated)
