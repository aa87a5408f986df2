"""Statements of a bank as files, made for a story: camt.053 in an old and a new version.

bank = Bank()                                   an account with its running balance
bank.statement(Move(50_000, ogm=...), day=...)  the file of the next statement
bank.file(1, 2, version="02")                   one file with statements that were written before
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

_NUMBERS = itertools.count(1)


def belgian_iban(number: int) -> str:
    """The account with this number at one bank, with both kinds of check digits."""
    base = 96_0000000 + number
    domestic = f"{base:010d}{base % 97 or 97:02d}"
    return f"BE{98 - int(domestic + '111400') % 97:02d}{domestic}"


CLIENT_IBAN = belgian_iban(9_999_999)


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One payment of a batch."""

    cents: int
    end_to_end_id: str | None = None
    ogm: str | None = None
    text: str = ""
    name: str | None = None
    iban: str | None = None
    mandate: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Move:
    """One movement on the account: signed cents, and what the bank says of it."""

    cents: int
    reference: str = field(default_factory=lambda: f"REF{next(_NUMBERS):06d}")
    end_to_end_id: str | None = None
    ogm: str | None = None
    text: str = ""
    name: str | None = None
    iban: str | None = None
    mandate: str | None = None
    reason: str | None = None
    code: str = "PMNT-RCDT-ESCT"
    status: str = "BOOK"
    is_reversal: bool = False
    details: tuple[Detail, ...] = ()


@dataclass
class Bank:
    """One account at a bank that writes a statement when it is asked to, and can write it again."""

    iban: str = CLIENT_IBAN
    balance_cents: int = 0
    sequence: int = 0
    stated: dict[int, tuple[tuple[Move, ...], dict[str, Any]]] = field(default_factory=dict)

    def statement(self, *moves: Move, day: date, skip: int = 0, version: str = "08") -> bytes:
        """The file with the next statement; `skip` numbers are left out before it."""
        self.sequence += 1 + skip
        opening_cents = self.balance_cents
        self.balance_cents += sum(move.cents for move in moves if move.status == "BOOK")
        described = {
            "iban": self.iban,
            "statement_id": f"S{day.year}-{self.sequence:04d}",
            "sequence": self.sequence,
            "opening_cents": opening_cents,
            "closing_cents": self.balance_cents,
            "day": day,
        }
        self.stated[self.sequence] = (moves, described)
        return self.file(self.sequence, version=version)

    def file(self, *numbers: int, version: str = "08") -> bytes:
        """A file with these statements again."""
        parts = [statement_xml(self.stated[n][0], **self.stated[n][1], version=version) for n in numbers]
        return file_of(*parts, version=version)


def file_of(*statements: str, version: str = "08", message: str = "MSG1") -> bytes:
    """A camt.053 file of these statements."""
    header = f"<GrpHdr><MsgId>{message}</MsgId><CreDtTm>2026-03-02T18:00:00</CreDtTm></GrpHdr>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>'
        f"{header}{''.join(statements)}</BkToCstmrStmt></Document>"
    ).encode()


def statement_xml(
    moves: Sequence[Move],
    *,
    iban: str,
    statement_id: str,
    sequence: int | None,
    opening_cents: int,
    closing_cents: int,
    day: date,
    version: str = "08",
) -> str:
    """One statement as XML."""
    number = f"<ElctrncSeqNb>{sequence}</ElctrncSeqNb>" if sequence is not None else ""
    balances = _balance("OPBD", opening_cents, day) + _balance("CLBD", closing_cents, day)
    entries = "".join(_entry(move, day, version) for move in moves)
    return (
        f"<Stmt><Id>{statement_id}</Id>{number}<CreDtTm>{day}T18:00:00</CreDtTm>"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>EUR</Ccy></Acct>{balances}{entries}</Stmt>"
    )


def _balance(code: str, cents: int, day: date) -> str:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    return f"<Bal>{kind}{_amount(cents)}{_sign(cents)}<Dt><Dt>{day}</Dt></Dt></Bal>"


def _entry(move: Move, day: date, version: str) -> str:
    status = move.status if version == "02" else f"<Cd>{move.status}</Cd>"
    domain, family, subfamily = move.code.split("-")
    details = move.details or (
        Detail(
            cents=move.cents,
            end_to_end_id=move.end_to_end_id,
            ogm=move.ogm,
            text=move.text,
            name=move.name,
            iban=move.iban,
            mandate=move.mandate,
            reason=move.reason,
        ),
    )
    return (
        f"<Ntry>{_amount(move.cents)}{_sign(move.cents)}"
        f"{'<RvslInd>true</RvslInd>' if move.is_reversal else ''}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>{move.reference}</AcctSvcrRef>"
        f"<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{subfamily}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls>{''.join(_detail(each, version) for each in details)}</NtryDtls></Ntry>"
    )


def _detail(detail: Detail, version: str) -> str:
    end_to_end = f"<EndToEndId>{detail.end_to_end_id or 'NOTPROVIDED'}</EndToEndId>"
    mandate = f"<MndtId>{detail.mandate}</MndtId>" if detail.mandate else ""
    amount = _amount(detail.cents) + _sign(detail.cents)
    if version == "02":
        amount = f"<AmtDtls><TxAmt>{_amount(detail.cents)}</TxAmt></AmtDtls>"
    stated = f"<Ustrd>{escape(detail.text)}</Ustrd>" if detail.text else ""
    if detail.ogm:
        kind = "<Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry><Issr>BBA</Issr></Tp>"
        stated += f"<Strd><CdtrRefInf>{kind}<Ref>{detail.ogm}</Ref></CdtrRefInf></Strd>"
    remittance = f"<RmtInf>{stated}</RmtInf>" if stated else ""
    back = f"<RtrInf><Rsn><Cd>{detail.reason}</Cd></Rsn></RtrInf>" if detail.reason else ""
    return f"<TxDtls><Refs>{end_to_end}{mandate}</Refs>{amount}{_parties(detail, version)}{remittance}{back}</TxDtls>"


def _parties(detail: Detail, version: str) -> str:
    comes_in = (detail.cents > 0) is not (detail.reason is not None)
    side = "Dbtr" if comes_in else "Cdtr"
    name = f"<Nm>{escape(detail.name)}</Nm>" if detail.name else ""
    if name and version != "02":
        name = f"<Pty>{name}</Pty>"
    party = f"<{side}>{name}</{side}>" if name else ""
    account = f"<{side}Acct><Id><IBAN>{detail.iban}</IBAN></Id></{side}Acct>" if detail.iban else ""
    return f"<RltdPties>{party}{account}</RltdPties>" if party or account else ""


def _amount(cents: int) -> str:
    return f'<Amt Ccy="EUR">{abs(cents) // 100}.{abs(cents) % 100:02d}</Amt>'


def _sign(cents: int) -> str:
    return f"<CdtDbtInd>{'CRDT' if cents >= 0 else 'DBIT'}</CdtDbtInd>"
