"""What tests of the bank's files share: statements written in any version of camt.053, and orders to write."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from xml.sax.saxutils import escape

from ledger.payments.iso20022.model import Account, Address, CreditTransfer, DirectDebit
from ledger.payments.iso20022.orders import write_credit_transfers, write_direct_debits

VERSIONS = tuple(f"{number:02d}" for number in range(2, 15))
OURS, THEIRS = "BE71096123456769", "BE21001234567803"
CREATED_AT = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
EXECUTED_ON = date(2026, 11, 27)
HOLDER = Account(
    "BXL Invest, compte de tiers",
    OURS,
    bic="GKCCBEBB",
    address=Address("Bruxelles", "BE", "Rue de la Loi", "16", "1000"),
    creditor_identifier="DE98ZZZ09999999999",
)


@dataclass(frozen=True)
class Detail:
    """One payment in an entry; `amount` is signed cents, `returned` a reason code."""

    amount: int
    end_to_end_id: str = "NOTPROVIDED"
    mandate: str = ""
    reference: str = ""
    text: str = ""
    name: str = "Zoé Peeters"
    iban: str = THEIRS
    returned: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry; `amount` is signed cents."""

    amount: int
    details: tuple[Detail, ...] = ()
    servicer: str = ""
    status: str = "BOOK"
    is_reversal: bool = False
    booked_on: str = "2026-11-25"


def paid(amount: int, servicer: str, **about: str) -> Entry:
    """An entry of one payment."""
    return Entry(amount, (Detail(amount, **about),), servicer)


def camt(
    *entries: Entry,
    version: str = "08",
    opening: int = 100_000,
    closing: int | None = None,
    statement_id: str = "STMT-2026-225",
    sequence: int = 225,
) -> bytes:
    """A statement with `entries`; unless `closing` is given it foots."""
    booked = sum(entry.amount for entry in entries if entry.status == "BOOK")
    ends = opening + booked if closing is None else closing
    body = "\n".join(
        [
            f"<GrpHdr><MsgId>MSG-{statement_id}</MsgId><CreDtTm>2026-11-26T05:00:00</CreDtTm></GrpHdr>",
            f"<Stmt><Id>{statement_id}</Id><ElctrncSeqNb>{sequence}</ElctrncSeqNb>",
            "<CreDtTm>2026-11-26T05:00:00</CreDtTm>",
            f"<Acct><Id><IBAN>{OURS}</IBAN></Id></Acct>",
            _balance("OPBD", opening, "2026-11-25"),
            _balance("CLBD", ends, "2026-11-25"),
            *(_entry(entry, version) for entry in entries),
            "</Stmt>",
        ]
    )
    namespace = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace}"><BkToCstmrStmt>\n{body}\n'
        "</BkToCstmrStmt></Document>\n"
    ).encode()


def _balance(code: str, amount: int, on: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(amount)}{_sign(amount)}"
        f"<Dt><Dt>{on}</Dt></Dt></Bal>"
    )


def _amount(amount: int) -> str:
    return f'<Amt Ccy="EUR">{abs(amount) // 100}.{abs(amount) % 100:02d}</Amt>'


def _sign(amount: int) -> str:
    return f"<CdtDbtInd>{'CRDT' if amount >= 0 else 'DBIT'}</CdtDbtInd>"


def _entry(entry: Entry, version: str) -> str:
    status = f"<Cd>{entry.status}</Cd>" if version >= "07" else entry.status
    details = "".join(_detail(detail, version) for detail in entry.details)
    return "".join(
        [
            f"<Ntry>{_amount(entry.amount)}{_sign(entry.amount)}",
            "<RvslInd>true</RvslInd>" if entry.is_reversal else "",
            f"<Sts>{status}</Sts><BookgDt><Dt>{entry.booked_on}</Dt></BookgDt><ValDt><Dt>2026-11-26</Dt></ValDt>",
            f"<AcctSvcrRef>{entry.servicer}</AcctSvcrRef>" if entry.servicer else "",
            "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>",
            f"\n<NtryDtls>{details}</NtryDtls>" if details else "",
            "</Ntry>",
        ]
    )


def _detail(detail: Detail, version: str) -> str:
    amount = _amount(detail.amount)
    stated = f"{amount}{_sign(detail.amount)}" if version >= "03" else f"<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>"
    # what comes back names its parties as the first payment did
    side = "Dbtr" if (detail.amount > 0) is not bool(detail.returned) else "Cdtr"
    name = f"<Nm>{escape(detail.name)}</Nm>"
    party = f"<Pty>{name}</Pty>" if version >= "07" else name
    mandate = f"<MndtId>{detail.mandate}</MndtId>" if detail.mandate else ""
    return "".join(
        [
            f"\n<TxDtls><Refs><EndToEndId>{detail.end_to_end_id}</EndToEndId>{mandate}</Refs>{stated}",
            f"<RltdPties><{side}>{party}</{side}><{side}Acct><Id><IBAN>{detail.iban}</IBAN></Id></{side}Acct></RltdPties>",
            _remittance(detail),
            f"<RtrInf><Rsn><Cd>{detail.returned}</Cd></Rsn></RtrInf>" if detail.returned else "",
            "</TxDtls>",
        ]
    )


def _remittance(detail: Detail) -> str:
    kind = "<Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry><Issr>BBA</Issr></Tp>"
    parts = f"<Ustrd>{escape(detail.text)}</Ustrd>" if detail.text else ""
    if detail.reference:
        parts += f"<Strd><CdtrRefInf>{kind}<Ref>{detail.reference}</Ref></CdtrRefInf></Strd>"
    return f"<RmtInf>{parts}</RmtInf>" if parts else ""


def transfer(order: str = "CPN-1", amount: int = 4_250, **about: object) -> CreditTransfer:
    """A credit transfer to a holder; `about` replaces what it is made of."""
    creditor = Account("Zoé Peeters", THEIRS, address=Address("Ixelles", "BE"))
    return CreditTransfer(**{"end_to_end_id": order, "amount_cents": amount, "creditor": creditor, **about})  # type: ignore[arg-type] # tests pass what they try


def debit(order: str = "DD-1", amount: int = 50_000, **about: object) -> DirectDebit:
    """A debit of a borrower under a mandate; `about` replaces what it is made of."""
    usual = {
        "debtor": Account("Boulangerie du Midi SRL", THEIRS, address=Address("Saint-Gilles", "BE")),
        "mandate_reference": "MND-2026-7",
        "mandate_signed_on": date(2026, 3, 2),
        "scheme": "B2B",
        "sequence_type": "RCUR",
        "structured_reference": "123456789002",
    }
    return DirectDebit(**{"end_to_end_id": order, "amount_cents": amount, **usual, **about})  # type: ignore[arg-type] # tests pass what they try


def transfer_file(*transfers: CreditTransfer, message_id: str = "MSG-1", holder: Account = HOLDER) -> bytes:
    """The bytes of a pain.001."""
    out = BytesIO()
    write_credit_transfers(
        out, message_id=message_id, created_at=CREATED_AT, execute_on=EXECUTED_ON, debtor=holder, transfers=transfers
    )
    return out.getvalue()


def debit_file(*debits: DirectDebit, message_id: str = "MSG-2", holder: Account = HOLDER) -> bytes:
    """The bytes of a pain.008."""
    out = BytesIO()
    write_direct_debits(
        out, message_id=message_id, created_at=CREATED_AT, collect_on=EXECUTED_ON, creditor=holder, debits=debits
    )
    return out.getvalue()
