"""The elements that both kinds of order file are made of, as markup; whatever can't be written is refused here.

All text is brought to the EPC's character set first, which has none of the characters that markup escapes. Refusals
name the order by its EndToEndId (the file's own account by the message id) and the element as ISO 20022 does.
"""

import re
from string import ascii_uppercase

from ledger.errors import InvariantError, Refusal
from ledger.money import EUR
from ledger.payments.bodies import euro_text
from ledger.payments.iso20022.charset import in_sepa_characters, is_sepa_identifier
from ledger.payments.iso20022.model import Account, Address
from ledger.payments.references import checked_reference, is_structured_communication

LONGEST_NAME = 70
"""A name in SEPA, though ISO 20022 has room for 140 characters."""

_LONGEST_TEXT, _LONGEST_STREET, _LONGEST_TOWN, _LONGEST_NUMBER = 140, 70, 35, 16
_LARGEST_CENTS = 99_999_999_999
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_LETTER_NUMBERS = {ord(letter): str(number) for number, letter in enumerate(ascii_uppercase, start=10)}
_COUNTRY = re.compile(r"[A-Z]{2}")
_CREDITOR_IDENTIFIER = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}")


def tag(name: str, *content: str) -> str:
    """An element around `content`; nothing at all where that is empty."""
    inner = "".join(content)
    return f"<{name}>{inner}</{name}>" if inner else ""


def identifier(name: str, value: str, *, order: str) -> str:
    """An element that identifies; refuses `order-reference-invalid`."""
    if not is_sepa_identifier(value):
        raise Refusal("order-reference-invalid", order=order, element=name, value=value)
    return tag(name, value)


def amount(cents: int, *, order: str) -> str:
    """`InstdAmt`; refuses `order-amount-out-of-range`: 0.01 to 999,999,999.99 euro (EPC125-05)."""
    if not 0 < cents <= _LARGEST_CENTS:
        raise Refusal("order-amount-out-of-range", order=order, amount_cents=cents)
    return f'<InstdAmt Ccy="{EUR.code}">{euro_text(cents)}</InstdAmt>'


def party(role: str, account: Account, *, order: str) -> str:
    """Who holds an account: name and structured address, in an element `role` (`Dbtr`, `Cdtr`)."""
    name = words("Nm", account.name, longest=LONGEST_NAME, order=order)
    if not name:
        raise Refusal("order-reference-invalid", order=order, element=f"{role}/Nm", value=account.name)
    return tag(role, name, _address(account.address, order=order) if account.address is not None else "")


def account_number(role: str, account: Account, *, order: str) -> str:
    """The IBAN; refuses `order-account-invalid` where its check digits are wrong (ISO 13616)."""
    if not is_iban(account.iban):
        raise Refusal("order-account-invalid", order=order, iban=account.iban)
    return tag(f"{role}Acct", tag("Id", tag("IBAN", account.iban)))


def agent(role: str, account: Account, *, order: str) -> str:
    """The bank of an account, by its BIC, or `NOTPROVIDED` where the IBAN alone has to do (EPC132-08)."""
    if account.bic is None:
        return tag(f"{role}Agt", tag("FinInstnId", tag("Othr", tag("Id", "NOTPROVIDED"))))
    if _BIC.fullmatch(account.bic) is None:
        raise Refusal("order-reference-invalid", order=order, element="BICFI", value=account.bic)
    return tag(f"{role}Agt", tag("FinInstnId", tag("BICFI", account.bic)))


def creditor_scheme(account: Account, *, order: str) -> str:
    """The creditor identifier of whoever collects (EPC262-08); refuses `order-reference-invalid`."""
    number = account.creditor_identifier or ""
    if not is_creditor_identifier(number):
        raise Refusal("order-reference-invalid", order=order, element="CdtrSchmeId", value=number)
    other = tag("Othr", tag("Id", number), tag("SchmeNm", tag("Prtry", "SEPA")))
    return tag("CdtrSchmeId", tag("Id", tag("PrvtId", other)))


def remittance(structured_reference: str | None, text: str, *, order: str) -> str:
    """What the payment is for: a structured reference or free text, never both (EPC132-08)."""
    if structured_reference is None:
        return tag("RmtInf", words("Ustrd", text, longest=_LONGEST_TEXT, order=order))
    if text:
        raise InvariantError("an order has a structured reference or free text, not both")
    if checked_reference(structured_reference) != structured_reference:
        raise Refusal("order-reference-invalid", order=order, element="CdtrRefInf/Ref", value=structured_reference)
    issuer = "BBA" if is_structured_communication(structured_reference) else "ISO"
    kind = tag("Tp", tag("CdOrPrtry", tag("Cd", "SCOR")), tag("Issr", issuer))
    return tag("RmtInf", tag("Strd", tag("CdtrRefInf", kind, tag("Ref", structured_reference))))


def words(name: str, text: str, *, longest: int, order: str) -> str:
    """An element of text in the set; refuses `order-text-unwritable` and `order-text-too-long`, and cuts nothing."""
    written = in_sepa_characters(text)
    if written is None:
        raise Refusal("order-text-unwritable", order=order, element=name, value=text)
    if len(written) > longest:
        raise Refusal("order-text-too-long", order=order, element=name, longest=longest)
    return tag(name, written)


def is_iban(text: str) -> bool:
    """Whether the check digits of an account number are right; the country's own rule was tried when it was recorded.

    >>> is_iban("BE71096123456769"), is_iban("BE71096123456768")
    (True, False)
    """
    return _IBAN.fullmatch(text) is not None and _modulo_97(text[4:] + text[:4]) == 1


def is_creditor_identifier(text: str) -> bool:
    """Whether the check digits of a SEPA creditor identifier are right; its business code is no part of them.

    >>> is_creditor_identifier("DE98ZZZ09999999999"), is_creditor_identifier("DE97ZZZ09999999999")
    (True, False)
    """
    return _CREDITOR_IDENTIFIER.fullmatch(text) is not None and _modulo_97(text[7:] + text[:4]) == 1


def _modulo_97(text: str) -> int:
    """ISO 7064, MOD 97-10: a letter counts as two digits."""
    return int(text.translate(_LETTER_NUMBERS)) % 97


def _address(address: Address, *, order: str) -> str:
    """A structured address; refuses `order-address-incomplete` without town or country."""
    if not address.town.strip() or _COUNTRY.fullmatch(address.country) is None:
        raise Refusal("order-address-incomplete", order=order)
    return tag(
        "PstlAdr",
        words("StrtNm", address.street or "", longest=_LONGEST_STREET, order=order),
        words("BldgNb", address.building or "", longest=_LONGEST_NUMBER, order=order),
        words("PstCd", address.postcode or "", longest=_LONGEST_NUMBER, order=order),
        words("TwnNm", address.town, longest=_LONGEST_TOWN, order=order),
        tag("Ctry", address.country),
    )
