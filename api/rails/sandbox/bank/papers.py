"""The files that the twin writes: statements (camt.053.001.08) and answers to order files (pain.002.001.12).

The same statement or answer always gives the same bytes: their instants come from their day, not from a clock.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time
from html import escape

from api.rails.sandbox.bank import BIC
from api.rails.sandbox.bank.books import NAMES, Object
from api.rails.sandbox.bank.numbers import ogm_of
from ledger.clock import BRUSSELS

_CAMT = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_PAIN = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"
_CLOSING = time(22)


def statement_file(statement: Object) -> bytes:
    """A statement with its lines; one that was altered has one digit of an amount wrong."""
    on = date.fromisoformat(statement["on"])
    at = datetime.combine(on, _CLOSING, BRUSSELS).isoformat()
    lines = "".join(_entry(line, on) for line in statement["lines"])
    text = (
        f"<BkToCstmrStmt><GrpHdr><MsgId>{statement['id']}</MsgId><CreDtTm>{at}</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{statement['id']}</Id><ElctrncSeqNb>{statement['sequence']}</ElctrncSeqNb>"
        f"<LglSeqNb>{statement['sequence']}</LglSeqNb><CreDtTm>{at}</CreDtTm>"
        f"<FrToDt><FrDtTm>{on}T00:00:00</FrDtTm><ToDtTm>{on}T23:59:59</ToDtTm></FrToDt>"
        f"<Acct><Id><IBAN>{statement['iban']}</IBAN></Id><Ccy>EUR</Ccy>"
        f"<Ownr><Nm>{escape(NAMES[statement['iban']])}</Nm></Ownr>"
        f"<Svcr><FinInstnId><BICFI>{BIC}</BICFI></FinInstnId></Svcr></Acct>"
        f"{_balance('OPBD', statement['opening'], on)}{_balance('CLBD', statement['closing'], on)}"
        f"{lines}</Stmt></BkToCstmrStmt>"
    )
    content = _document(_CAMT, text)
    return _with_wrong_digit(content) if statement["fault"] == "altered" else content


def answer_file(answer: Object) -> bytes:
    """An answer to an order file; only what was refused is listed order by order."""
    at = datetime.combine(date.fromisoformat(answer["on"]), _CLOSING, BRUSSELS).isoformat()
    blocks: dict[str, list[Object]] = defaultdict(list)
    for order in answer["orders"]:
        blocks[order["block_id"]].append(order)
    reason = f"<StsRsnInf>{_reason(answer['reason'])}</StsRsnInf>" if answer["reason"] else ""
    return _document(
        _PAIN,
        f"<CstmrPmtStsRpt><GrpHdr><MsgId>{answer['id']}</MsgId><CreDtTm>{at}</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{escape(answer['message_id'])}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>{answer['kind']}</OrgnlMsgNmId><GrpSts>{answer['status']}</GrpSts>{reason}</OrgnlGrpInfAndSts>"
        f"{''.join(_refused(block_id, orders) for block_id, orders in blocks.items())}</CstmrPmtStsRpt>",
    )


def _refused(block_id: str, orders: Iterable[Object]) -> str:
    listed = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{escape(order['end_to_end_id'])}</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
        f"<StsRsnInf>{_reason(order['reason'])}</StsRsnInf></TxInfAndSts>"
        for order in orders
    )
    return f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{escape(block_id)}</OrgnlPmtInfId>{listed}</OrgnlPmtInfAndSts>"


def _entry(line: Object, on: date) -> str:
    details = line["details"]
    batch = line["batch_id"]
    head = (
        f"<Btch><PmtInfId>{escape(batch)}</PmtInfId><NbOfTxs>{len(details)}</NbOfTxs>"
        f"{_amount('TtlAmt', line['cents'])}{_sign(line['cents'])}</Btch>"
        if batch
        else ""
    )
    return (
        f"<Ntry>{_amount('Amt', line['cents'])}{_sign(line['cents'])}"
        f"<Sts><Cd>{'PDNG' if line['is_pending'] else 'BOOK'}</Cd></Sts>"
        f"<BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt>"
        f"<AcctSvcrRef>{line['reference']}</AcctSvcrRef>{_code(line['code'])}"
        f"<NtryDtls>{head}{''.join(_detail(each) for each in details)}</NtryDtls></Ntry>"
    )


def _detail(detail: Object) -> str:
    mandate = f"<MndtId>{escape(detail['mandate'])}</MndtId>" if detail.get("mandate") else ""
    returned = f"<RtrInf>{_reason(detail['reason'])}</RtrInf>" if detail.get("reason") else ""
    end_to_end = escape(detail.get("end_to_end_id") or "NOTPROVIDED")
    return (
        f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId>{mandate}</Refs>"
        f"{_amount('Amt', detail['cents'])}{_sign(detail['cents'])}{_parties(detail)}{_remittance(detail)}{returned}"
        "</TxDtls>"
    )


def _parties(detail: Object) -> str:
    """Who the other party is; in a return it keeps the part it had in the order."""
    if not detail.get("iban"):
        return ""
    is_debtor = (detail["cents"] > 0) != bool(detail.get("reason"))
    side = "Dbtr" if is_debtor else "Cdtr"
    name = f"<{side}><Pty><Nm>{escape(detail['name'])}</Nm></Pty></{side}>" if detail.get("name") else ""
    return f"<RltdPties>{name}<{side}Acct><Id><IBAN>{detail['iban']}</IBAN></Id></{side}Acct></RltdPties>"


def _remittance(detail: Object) -> str:
    reference, text = detail.get("reference"), detail.get("text")
    if reference:
        issuer = "<Issr>BBA</Issr>" if ogm_of(reference) else "<Issr>ISO</Issr>"
        kind = f"<Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry>{issuer}</Tp>"
        return f"<RmtInf><Strd><CdtrRefInf>{kind}<Ref>{escape(reference)}</Ref></CdtrRefInf></Strd></RmtInf>"
    return f"<RmtInf><Ustrd>{escape(text)}</Ustrd></RmtInf>" if text else ""


def _code(code: str) -> str:
    family, sub = code.split("/")
    return f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn></BkTxCd>"


def _reason(code: str) -> str:
    return f"<Rsn><Cd>{code}</Cd></Rsn>"


def _balance(kind: str, cents: int, on: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_amount('Amt', cents)}{_sign(cents)}"
        f"<Dt><Dt>{on}</Dt></Dt></Bal>"
    )


def _amount(tag: str, cents: int) -> str:
    euro, rest = divmod(abs(cents), 100)
    return f'<{tag} Ccy="EUR">{euro}.{rest:02d}</{tag}>'


def _sign(cents: int) -> str:
    return f"<CdtDbtInd>{'CRDT' if cents >= 0 else 'DBIT'}</CdtDbtInd>"


def _document(namespace: str, content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace}">{content}</Document>\n'.encode()


def _with_wrong_digit(content: bytes) -> bytes:
    """One byte differs: the last digit of the first line's amount, or of the closing balance."""
    line = content.find(b"<Ntry>")
    at = (content.rindex(b"</Amt>") if line < 0 else content.index(b"</Amt>", line)) - 1
    return content[:at] + (b"1" if content[at : at + 1] == b"0" else b"0") + content[at + 1 :]
