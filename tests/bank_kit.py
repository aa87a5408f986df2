"""What tests of the bank share: order files written by hand, and the rails with the bank's side of each.

The files are plain text on purpose: a test can get any figure of them wrong.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree as ET

from api.rails.sandbox.bank import CLIENT_IBAN, CREDITOR_IDENTIFIER
from api.rails.sandbox.bank.control import BankControl
from api.rails.sandbox.server import SandboxServer
from api.rails.sepa import FolderBank, SepaRail
from ledger.payments.model import Mode
from ledger.payments.rail import BankRail, PayeeCheck

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
TOKEN = "test_" + "bank" * 8
AMELIE, BRAM = "BE46096900054836", "BE68001900068534"


@dataclass(frozen=True)
class Paid:
    """One order of a file."""

    end_to_end_id: str
    cents: int
    iban: str = AMELIE
    name: str = "Amélie Dubois"
    reference: str | None = None
    address: str = ""
    signed_on: str = "2026-01-15"
    mandate: str = "MNDT1"


def transfer_file(message_id: str, orders: Sequence[Paid], *, on: date = MONDAY, **wrong: object) -> bytes:
    """A pain.001.001.09; `wrong` replaces count, cents, iban, batch or currency."""
    facts = _facts(orders) | wrong
    listed = "".join(
        f"<CdtTrfTxInf><PmtId><EndToEndId>{o.end_to_end_id}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="{facts["currency"]}">{_euro(o.cents)}</InstdAmt></Amt>'
        f"<Cdtr><Nm>{o.name}</Nm>{o.address}</Cdtr><CdtrAcct><Id><IBAN>{o.iban}</IBAN></Id></CdtrAcct>"
        f"{_said(o)}</CdtTrfTxInf>"
        for o in orders
    )
    return _document(
        "pain.001.001.09",
        f"<CstmrCdtTrfInitn>{_head(message_id, facts)}<PmtInf><PmtInfId>{message_id}-1</PmtInfId><PmtMtd>TRF</PmtMtd>"
        f"<BtchBookg>{facts['batch']}</BtchBookg><NbOfTxs>{len(orders)}</NbOfTxs>"
        f"<ReqdExctnDt><Dt>{on}</Dt></ReqdExctnDt><Dbtr><Nm>BXL Invest</Nm></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{facts['iban']}</IBAN></Id></DbtrAcct>{listed}</PmtInf></CstmrCdtTrfInitn>",
    )


def debit_file(message_id: str, orders: Sequence[Paid], *, on: date, **wrong: object) -> bytes:
    """A pain.008.001.08; `wrong` as above, and scheme or creditor."""
    facts = _facts(orders) | {"scheme": "CORE", "creditor": CREDITOR_IDENTIFIER} | wrong
    listed = "".join(
        f"<DrctDbtTxInf><PmtId><EndToEndId>{o.end_to_end_id}</EndToEndId></PmtId>"
        f'<InstdAmt Ccy="{facts["currency"]}">{_euro(o.cents)}</InstdAmt><DrctDbtTx><MndtRltdInf>'
        f"<MndtId>{o.mandate}</MndtId><DtOfSgntr>{o.signed_on}</DtOfSgntr></MndtRltdInf></DrctDbtTx>"
        f"<Dbtr><Nm>{o.name}</Nm></Dbtr><DbtrAcct><Id><IBAN>{o.iban}</IBAN></Id></DbtrAcct>{_said(o)}</DrctDbtTxInf>"
        for o in orders
    )
    return _document(
        "pain.008.001.08",
        f"<CstmrDrctDbtInitn>{_head(message_id, facts)}<PmtInf><PmtInfId>{message_id}-1</PmtInfId><PmtMtd>DD</PmtMtd>"
        f"<BtchBookg>{facts['batch']}</BtchBookg><NbOfTxs>{len(orders)}</NbOfTxs>"
        f"<PmtTpInf><LclInstrm><Cd>{facts['scheme']}</Cd></LclInstrm><SeqTp>RCUR</SeqTp></PmtTpInf>"
        f"<ReqdColltnDt>{on}</ReqdColltnDt><CdtrAcct><Id><IBAN>{facts['iban']}</IBAN></Id></CdtrAcct>"
        f"<CdtrSchmeId><Id><PrvtId><Othr><Id>{facts['creditor']}</Id></Othr></PrvtId></Id></CdtrSchmeId>"
        f"{listed}</PmtInf></CstmrDrctDbtInitn>",
    )


class BankSide(Protocol):
    """A bank's rail with the bank's side of it; `carry` brings what is on its way to where it goes."""

    rail: BankRail
    payees: PayeeCheck
    control: BankControl

    def carry(self) -> None:
        """Let a transport program run, where there is one."""


class TwinSide:
    """The twin reached by HTTP."""

    def __init__(self, url: str) -> None:
        self.control = BankControl(url)
        self.control.set_date(MONDAY)
        self.rail = self.payees = SepaRail(TOKEN, url, iban=CLIENT_IBAN)

    def carry(self) -> None:
        """HTTP needs no carrying."""


class FolderSide:
    """A folder, whose transport program brings files to the twin and from it, as a client of EBICS would."""

    def __init__(self, url: str, folder: Path) -> None:
        self.control = BankControl(url)
        self.control.set_date(MONDAY)
        self.rail = self.payees = FolderBank(folder, Mode.TEST)
        self._folder = folder
        self._twin = SepaRail(TOKEN, url, iban=CLIENT_IBAN)

    def carry(self) -> None:
        for waiting in sorted((self._folder / "out").glob("*.xml")):
            self._twin.submit(waiting.read_bytes(), waiting.stem)
            waiting.unlink()
        received = self._folder / "in"
        received.mkdir(parents=True, exist_ok=True)
        for kind, files in (("z", self._twin.statements(since=MONDAY)), ("a", self._twin.answers(since=MONDAY))):
            for number, content in enumerate(files):
                (received / f"{kind}{number}.xml").write_bytes(content)


@contextmanager
def bank_side(kind: str, folder: Path | None = None) -> Iterator[BankSide]:
    """A rail `by-http` or `by-folder`, over a twin of its own."""
    server = SandboxServer()
    server.start()
    try:
        yield TwinSide(server.base) if folder is None or kind == "by-http" else FolderSide(server.base, folder)
    finally:
        server.close()


def texts(content: bytes, name: str) -> list[str]:
    """The text of every element of that name, in whatever namespace."""
    return [e.text or "" for e in ET.fromstring(content).iter() if e.tag.rpartition("}")[2] == name]


def said(answer: bytes) -> tuple[str, list[tuple[str, str]]]:
    """An answer's status for the file, with the orders it refuses and why."""
    root = ET.fromstring(answer)
    orders = [e for e in root.iter() if e.tag.endswith("}TxInfAndSts")]
    refused = [(_text(e, "OrgnlEndToEndId"), _text(e, "Cd")) for e in orders]
    return _text(root, "GrpSts"), refused


def _text(element: ET.Element, name: str) -> str:
    return next(e.text or "" for e in element.iter() if e.tag.rpartition("}")[2] == name)


def _facts(orders: Sequence[Paid]) -> dict[str, object]:
    total = sum(o.cents for o in orders)
    return {"count": len(orders), "cents": total, "iban": CLIENT_IBAN, "batch": "true", "currency": "EUR"}


def _head(message_id: str, facts: dict[str, object]) -> str:
    return (
        f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>2026-03-02T09:00:00</CreDtTm><NbOfTxs>{facts['count']}</NbOfTxs>"
        f"<CtrlSum>{_euro(facts['cents'])}</CtrlSum><InitgPty><Nm>BXL Invest</Nm></InitgPty></GrpHdr>"
    )


def _said(order: Paid) -> str:
    if order.reference is None:
        return ""
    return f"<RmtInf><Strd><CdtrRefInf><Ref>{order.reference}</Ref></CdtrRefInf></Strd></RmtInf>"


def _euro(cents: object) -> str:
    assert isinstance(cents, int)
    return f"{cents // 100}.{cents % 100:02d}"


def _document(kind: str, content: str) -> bytes:
    return f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}">{content}</Document>'.encode()
