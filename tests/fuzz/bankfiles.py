"""Statements, order files and answers with one thing changed, and what may come of reading them."""

import random
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from api.refusals import LOCALES, sentence
from ledger.errors import Refusal
from ledger.payments.iso20022.answers import read_answers
from ledger.payments.iso20022.statements import read_statements
from ledger.payments.iso20022.totals import read_totals
from tests.bankfiles_kit import Detail, Entry, camt, debit, debit_file, paid, transfer, transfer_file

PIECES = (
    b"&big;", b"<!DOCTYPE x [<!ENTITY big 'x'>]>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x y?>", b"\x00", b"\xff",
    b"\xef\xbb\xbf", b"<", b">", b"&", b"&#0;", b"&#x10FFFF;", b'"', b"'", b"-", b".", b"0", b"9" * 40, b"1e9", b"NaN",
    b" ", b"\n", "٣".encode(), "\u202e".encode(), b"<Amt/>", b'<Amt Ccy="EUR">1.00</Amt>', b"DBIT", b"CRDT", b"PDNG",
    b"EUR", b"USD", b"xmlns=''", b"x" * 5_000, b"<a>" * 300,
)  # fmt: skip

VALUES = (
    "", " ", "0", "0.00", "-1.00", "+40.00", " 40.00 ", ".5", "5.", "1e3", "9" * 18, "9" * 19, "1.234", "1,00", "٣",
    "NaN", "INF", "DBIT", "CRDT", "BOOK", "PDNG", "INFO", "OPBD", "PRCD", "CLBD", "2026-02-30", "2026-11-25Z",
    "-2026-01-01", "12026-01-01", "true", "1", "RJCT", "ACSC", "x" * 200,
)  # fmt: skip
BYTES_SHARE = 0.3


@dataclass(frozen=True)
class Sample:
    """A valid file, and what of it money depends on."""

    name: str
    file: bytes
    money: Callable[[bytes], object]


def fuzz(mutations: int, *, seed: int) -> dict[str, int]:
    """How often each outcome came about; raises `AssertionError` with the seed's turn at one that may not be."""
    draws = random.Random(seed)
    samples = _samples()
    expected = {sample.name: sample.money(sample.file) for sample in samples}
    outcomes: Counter[str] = Counter()
    for turn in range(mutations):
        sample = draws.choice(samples)
        changed = mutated(sample.file, draws)
        outcomes[_outcome(sample, changed, expected[sample.name], f"seed {seed}, turn {turn}, {sample.name}")] += 1
    return dict(sorted(outcomes.items()))


def _outcome(sample: Sample, changed: bytes, expected: object, place: str) -> str:
    """The code of the refusal, or that the money is the same."""
    try:
        money = sample.money(changed)
    except Refusal as caught:
        refusal = caught
    except Exception as error:
        raise AssertionError(f"{place}: {error!r}") from error
    else:
        assert money == expected, (place, money)
        return "same money"
    assert isinstance(refusal.facts.get("line"), int), (place, refusal)
    assert all(sentence(refusal, language) for language in LOCALES), (place, refusal)
    return refusal.code


def mutated(file: bytes, draws: random.Random) -> bytes:
    """The file with one thing changed, in its bytes or among its elements."""
    return _bytes_changed(file, draws) if draws.random() < BYTES_SHARE else _element_changed(file, draws)


def _bytes_changed(file: bytes, draws: random.Random) -> bytes:
    """A bit turned, a stretch left out, doubled, moved or overwritten, a piece put in."""
    begin = draws.randrange(len(file))
    end = min(len(file), begin + draws.choice((1, 2, 5, 20, 100, 1_000)))
    match draws.randrange(6):
        case 0:
            return file[:begin] + bytes([file[begin] ^ 1 << draws.randrange(8)]) + file[begin + 1 :]
        case 1:
            return file[:begin] + file[end:]
        case 2:
            return file[:end] + file[begin:end] + file[end:]
        case 3:
            place = draws.randrange(len(file))
            return file[:place] + file[begin:end] + file[place:]
        case 4:
            return file[:begin] + draws.choice(PIECES) + file[begin:]
        case _:
            return file[:begin] + draws.choice(PIECES) + file[end:]


def _element_changed(file: bytes, draws: random.Random) -> bytes:
    """An element left out, doubled, renamed, emptied or given another value, so that the file stays well-formed."""
    root = etree.fromstring(file)
    element = draws.choice(list(root.iter()))
    parent = element.getparent()
    match draws.randrange(6) if parent is not None else 5:
        case 0:
            parent.remove(element)
        case 1:
            parent.insert(draws.randrange(len(parent) + 1), deepcopy(element))
        case 2:
            parent.append(deepcopy(draws.choice(list(root.iter()))))
        case 3:
            element.tag = draws.choice(list(root.iter())).tag
        case 4:
            other = draws.choice(list(root.iter()))
            element.text, other.text = other.text, element.text
        case _:
            element.text = draws.choice((*VALUES, (element.text or "")[:-1], (element.text or "") + "1"))
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _samples() -> list[Sample]:
    entries = (
        paid(25_000, "A1", reference="123456789002", end_to_end_id="E2E-1", text="prêt"),
        Entry(-9_000, (Detail(-4_000), Detail(-5_000)), "B2"),
        Entry(20_000, (Detail(25_000, "DD-1", mandate="M-1"), Detail(-5_000, "DD-0", returned="MD06")), "C3"),
        Entry(7_000, (Detail(7_000),), "P1", status="PDNG"),
        paid(4_250, "R1", end_to_end_id="CPN-7", returned="AC04"),
    )
    orders = [transfer("CPN-1", text="Coupon"), transfer("CPN-2", 99, structured_reference="123456789002")]
    return [
        *(Sample(f"camt.053 .{version}", camt(*entries, version=version), _of_statements) for version in ("02", "08")),
        Sample("pain.001", transfer_file(*orders), _of_orders),
        Sample("pain.008", debit_file(debit("DD-1", sequence_type="FRST"), debit("DD-2")), _of_orders),
        Sample("pain.002", _answer(), _of_answers),
    ]


def _of_statements(file: bytes) -> object:
    """What each entry of each different statement moves.

    That a statement stands in the file twice changes nothing, since it is imported by key; and an entry whose details
    were taken out is a bank's entry without details.
    """
    money = set()
    for statement in read_statements(file):
        entries: Counter[str] = Counter()
        for line in statement.lines:
            entries[line.servicer_reference] += line.amount_cents
        assert statement.opening_cents + entries.total() == statement.closing_cents
        money.add((statement.opening_cents, statement.closing_cents, *sorted(entries.values())))
    return money


def _of_orders(file: bytes) -> object:
    totals = read_totals(file)
    return totals.count, totals.total_cents


def _of_answers(file: bytes) -> object:
    """An answer moves nothing: it is only never empty."""
    return bool(read_answers(file))


def _answer() -> bytes:
    reason = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
    orders = f"<TxInfAndSts><OrgnlEndToEndId>CPN-1</OrgnlEndToEndId><TxSts>RJCT</TxSts>{reason}</TxInfAndSts>"
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>'
        "<GrpHdr><MsgId>ANS-1</MsgId><CreDtTm>2026-11-27T09:00:00</CreDtTm></GrpHdr>\n"
        "<OrgnlGrpInfAndSts><OrgnlMsgId>MSG-1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        "<GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>\n"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>MSG-1-SCT</OrgnlPmtInfId>\n{orders}</OrgnlPmtInfAndSts>"
        "</CstmrPmtStsRpt></Document>"
    ).encode()
