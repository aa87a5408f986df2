"""A bank's answers are read for the file, for a batch and for an order, in the versions with a schema and without."""

import pytest

from ledger.errors import Refusal
from ledger.payments.iso20022.answers import read_answers
from ledger.payments.iso20022.model import OrderAnswer

VERSIONS = ("03", "10", "12", "14", "15")


def answer(*parts: str, version: str = "03") -> bytes:
    body = "\n".join(
        [
            "<GrpHdr><MsgId>ANS-1</MsgId><CreDtTm>2026-11-27T09:00:00</CreDtTm></GrpHdr>",
            "<OrgnlGrpInfAndSts><OrgnlMsgId>MSG-1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>",
            *parts,
        ]
    )
    namespace = f"urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}"
    return f'<Document xmlns="{namespace}"><CstmrPmtStsRpt>\n{body}\n</CstmrPmtStsRpt></Document>'.encode()


REASON = "<StsRsnInf><Rsn><Cd>{}</Cd></Rsn></StsRsnInf>"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_taken_in_part_names_the_orders_that_were_not(version: str) -> None:
    file = answer(
        "<GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>",
        "<OrgnlPmtInfAndSts><OrgnlPmtInfId>MSG-1-SCT</OrgnlPmtInfId>",
        f"<TxInfAndSts><OrgnlEndToEndId>CPN-1</OrgnlEndToEndId><TxSts>RJCT</TxSts>{REASON.format('AC04')}</TxInfAndSts>",
        "<TxInfAndSts><OrgnlEndToEndId>CPN-2</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>",
        version=version,
    )
    assert read_answers(file) == [
        OrderAnswer("MSG-1", "PART"),
        OrderAnswer("MSG-1", "RJCT", end_to_end_id="CPN-1", reason="AC04", batch_id="MSG-1-SCT"),
        OrderAnswer("MSG-1", "ACSC", end_to_end_id="CPN-2", batch_id="MSG-1-SCT"),
    ]


def test_a_batch_has_an_answer_of_its_own() -> None:
    batch = "<OrgnlPmtInfAndSts><OrgnlPmtInfId>MSG-1-FRST</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>"
    file = answer("</OrgnlGrpInfAndSts>", batch, f"{REASON.format('DT01')}</OrgnlPmtInfAndSts>")
    assert read_answers(file) == [OrderAnswer("MSG-1", "RJCT", reason="DT01", batch_id="MSG-1-FRST")]


def test_the_banks_own_reason_is_kept() -> None:
    reason = "<StsRsnInf><Rsn><Prtry>LIMIT</Prtry></Rsn></StsRsnInf>"
    file = answer(f"<GrpSts>RJCT</GrpSts>{reason}</OrgnlGrpInfAndSts>")
    assert read_answers(file) == [OrderAnswer("MSG-1", "RJCT", reason="LIMIT")]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (answer("</OrgnlGrpInfAndSts>"), "bank-file-lacks-element"),
        (answer("<GrpSts>MAYBE</GrpSts></OrgnlGrpInfAndSts>"), "bank-file-breaks-schema"),
        (answer("<GrpSts>RJCT</GrpSts>"), "bank-file-not-xml"),
        (answer("<GrpSts>RJCT</GrpSts></OrgnlGrpInfAndSts>", version="02"), "bank-file-kind-unknown"),
    ],
)
def test_a_file_that_answers_nothing_is_refused_by_line(file: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_answers(file)
    assert caught.value.code == code
    assert isinstance(caught.value.facts["line"], int)
