"""The reader of camt.053, a bank's statement of an account, in every version from .02 on.

A statement is taken whole or refused: opening balance and booked entries must give the closing balance, and a batch's
details must give its entry (ISO 20022 message definition report, Bank-to-Customer Cash Management; Febelfin,
implementation guidelines for camt.053). Entries that are not booked (pending, information) are no part of it.

    Stmt                            one account, one period
      Bal OPBD or PRCD, CLBD        what it opened and closed with
      Ntry                          one movement on the account
        NtryDtls / TxDtls           the payments that make it up, where the bank splits it
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date

from ledger.errors import Refusal
from ledger.payments.iso20022.document import (
    Element,
    child,
    children,
    day,
    lacking,
    line_of,
    needed,
    needed_text,
    open_document,
    text,
    unreadable,
    whole_number,
)
from ledger.payments.iso20022.entries import details_of, signed_cents
from ledger.payments.iso20022.model import Statement, StatementLine
from ledger.payments.references import checked_reference, reference_in

_BOOKED = "BOOK"
_OPENING = ("OPBD", "PRCD")
_CLOSING = ("CLBD",)
_NOT_PROVIDED = "NOTPROVIDED"
_DAYS = ("Dt", "DtTm")


def read_statements(file: bytes) -> list[Statement]:
    """Every statement in a camt.053 file, in the order of the file.

    Refuses what `open_document` refuses, and `bank-file-lacks-element`, `bank-file-value-unreadable`,
    `bank-file-currency-foreign`, `statement-batch-does-not-foot` and `statement-does-not-foot`.
    """
    message = open_document(file, "camt.053")
    message_id = needed_text(message, "GrpHdr/MsgId")
    return [_statement(element, message_id) for element in children(message, "Stmt")]


def _statement(element: Element, message_id: str) -> Statement:
    iban = needed_text(element, "Acct/Id/IBAN").upper()
    statement_id = needed_text(element, "Id")
    opening, closing = _balance(element, _OPENING), _balance(element, _CLOSING)
    lines = tuple(_lines(element, iban, statement_id))
    statement = Statement(
        iban=iban,
        statement_id=statement_id,
        sequence=_sequence(element),
        opened_on=day(opening, "Dt/Dt", "Dt/DtTm"),
        closed_on=day(closing, "Dt/Dt", "Dt/DtTm"),
        opening_cents=signed_cents(opening),
        closing_cents=signed_cents(closing),
        message=message_id,
        lines=lines,
    )
    total = sum(line.amount_cents for line in lines)
    if statement.opening_cents + total != statement.closing_cents:
        raise Refusal(
            "statement-does-not-foot",
            line=line_of(closing),
            opening_cents=statement.opening_cents,
            lines_cents=total,
            closing_cents=statement.closing_cents,
        )
    return statement


def _balance(element: Element, codes: tuple[str, ...]) -> Element:
    """The one balance with the first of `codes` that there is; two of them would leave open which one holds."""
    for code in codes:
        found = [bal for bal in children(element, "Bal") if text(bal, "Tp/CdOrPrtry/Cd") == code]
        if len(found) > 1:
            raise unreadable(needed(found[1], "Tp/CdOrPrtry/Cd"))
        if found:
            return found[0]
    raise lacking(element, f"Bal/Tp/CdOrPrtry/Cd={'|'.join(codes)}")


def _sequence(element: Element) -> int | None:
    """The bank's own number of the statement, by which a missing one is noticed."""
    electronic = child(element, "ElctrncSeqNb")
    found = electronic if electronic is not None else child(element, "LglSeqNb")
    return None if found is None else whole_number(found)


def _lines(element: Element, iban: str, statement_id: str) -> Iterator[StatementLine]:
    """The booked lines; those that the servicer gave one reference are counted on."""
    indexes: Counter[str] = Counter()
    for position, entry in enumerate(children(element, "Ntry")):
        if text(entry, "Sts/Cd", "Sts") != _BOOKED:
            continue
        reference = text(entry, "AcctSvcrRef", "NtryRef") or f"#{position}"
        for detail, amount_cents, is_batch in details_of(entry):
            key = f"{iban}:{statement_id}:{reference}:{indexes[reference]}"
            indexes[reference] += 1
            if amount_cents:
                yield _line(entry, detail, amount_cents, key=key, reference=reference, is_batch=is_batch, iban=iban)


def _line(
    entry: Element, detail: Element, amount_cents: int, *, key: str, reference: str, is_batch: bool, iban: str
) -> StatementLine:
    booked_on = _day_of(entry, "BookgDt")
    return_reason = _return_reason(detail)
    is_reversal = text(entry, "RvslInd") in {"true", "1"}
    side = _other_side(amount_cents, iban, detail, is_back=is_reversal or return_reason is not None)
    structured, remittance = _remittance(entry, detail)
    end_to_end_id = text(detail, "Refs/EndToEndId")
    return StatementLine(
        key=key,
        amount_cents=amount_cents,
        booked_on=booked_on,
        value_on=_day_of(entry, "ValDt") if child(entry, "ValDt") is not None else booked_on,
        bank_code=_bank_code(detail) or _bank_code(entry) or "",
        servicer_reference=reference,
        end_to_end_id=None if end_to_end_id == _NOT_PROVIDED else end_to_end_id,
        mandate_reference=text(detail, "Refs/MndtId"),
        structured_reference=structured,
        remittance=remittance,
        counterparty_name=text(detail, f"RltdPties/{side}/Pty/Nm", f"RltdPties/{side}/Nm"),
        counterparty_iban=_iban_of(detail, side),
        return_reason=return_reason,
        is_reversal=is_reversal,
        is_batch=is_batch,
    )


def _day_of(entry: Element, name: str) -> date:
    return day(entry, *(f"{name}/{kind}" for kind in _DAYS))


def _return_reason(detail: Element) -> str | None:
    """The reason code of an R-transaction, or NARR (ISO 20022: given in words) where it came back without a code."""
    if child(detail, "RtrInf") is None:
        return None
    return text(detail, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry") or "NARR"


def _other_side(amount_cents: int, iban: str, detail: Element, *, is_back: bool) -> str:
    """Which party is not the account's holder: a payment that comes back names its parties as the first one did."""
    side, holder = ("Dbtr", "Cdtr") if (amount_cents > 0) is not is_back else ("Cdtr", "Dbtr")
    return holder if _iban_of(detail, side) == iban else side


def _iban_of(detail: Element, side: str) -> str | None:
    found = text(detail, f"RltdPties/{side}Acct/Id/IBAN")
    return None if found is None else found.upper()


def _bank_code(element: Element) -> str | None:
    """The bank transaction code, domain-family-subfamily of ISO 20022 or else the bank's own."""
    parts = [text(element, f"BkTxCd/Domn/{path}") for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    codes = [part for part in parts if part is not None]
    return "-".join(codes) if len(codes) == len(parts) else text(element, "BkTxCd/Prtry/Cd")


def _remittance(entry: Element, detail: Element) -> tuple[str | None, str]:
    """The valid structured reference, from its own field before free text, and the free text as it came.

    A reference whose check digits are wrong is kept in the text, for people to see.
    """
    stated = [(ref.text or "").strip() for ref in children(detail, "RmtInf/Strd/CdtrRefInf/Ref")]
    words = [(part.text or "").strip() for part in children(detail, "RmtInf/Ustrd")]
    words += [(part.text or "").strip() for part in children(detail, "RmtInf/Strd/AddtlRmtInf")]
    words += [ref for ref in stated if checked_reference(ref) is None]
    free_text = " ".join(filter(None, words)) or text(detail, "AddtlTxInf") or text(entry, "AddtlNtryInf") or ""
    valid = {reference for ref in stated if (reference := checked_reference(ref)) is not None}
    return (valid.pop() if len(valid) == 1 else reference_in(free_text)), free_text
