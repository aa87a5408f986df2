"""The drawn papers: tagged, archivable as far as can be checked here, and the same bytes every time."""

import hashlib
import io
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pdfua
import pikepdf
import pytest

from contracts.documents.agreement import render_agreement
from contracts.documents.extract import render_extract
from contracts.documents.key_information import render_key_information
from contracts.documents.model import LANGUAGES
from contracts.documents.paper import Column, Paper, Table
from contracts.documents.receipt import render_receipt
from contracts.documents.statement import render_statement
from tests import papers

KINDS = ("agreement", "receipt", "extract", "statement", "key-information")


def render(kind: str, language: str) -> bytes:
    match kind:
        case "agreement":
            return render_agreement(papers.agreement(sandbox=True), language)
        case "receipt":
            return render_receipt(papers.receipt(), language, proof=papers.PROOF, opening=papers.OPENING)
        case "extract":
            return render_extract(papers.extract(sandbox=True), language, proof=papers.PROOF, opening=papers.OPENING)
        case "key-information":
            return render_key_information(papers.key_information(), language)
        case _:
            return render_statement(papers.statement(), language, totals=papers.totals())


def elements(node: pikepdf.Object, found: list[pikepdf.Object]) -> list[pikepdf.Object]:
    """All structure elements below `node`, in order."""
    for kid in node.K:
        if "/S" in kid:
            found.append(kid)
            elements(kid, found)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_paper_carries_what_an_archive_asks_for(kind: str, language: str) -> None:
    with pikepdf.open(io.BytesIO(render(kind, language))) as pdf:
        assert str(pdf.Root.Lang) == f"{language}-BE"
        assert pdf.Root.MarkInfo.Marked
        assert pdf.Root.ViewerPreferences.DisplayDocTitle
        assert pdf.Root.OutputIntents[0].S == "/GTS_PDFA1"
        xmp = pdf.Root.Metadata.read_bytes()
        assert b"<pdfaid:part>3</pdfaid:part>" in xmp
        assert b"<pdfuaid:part>1</pdfuaid:part>" in xmp
        assert not pdf.is_encrypted
        assert not {"/OpenAction", "/AA"} & set(pdf.Root.keys())
        for thing in pdf.objects:
            if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream) and thing.get("/Type") == "/Font":
                assert "/FontFile2" in thing.FontDescriptor, f"{thing.BaseFont} is not embedded"
                assert "/ToUnicode" in thing


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_checker_of_accessibility_finds_nothing(kind: str, language: str, tmp_path: Path) -> None:
    file = tmp_path / "paper.pdf"
    file.write_bytes(render(kind, language))
    assert pdfua.validate(file).findings == ()


def test_the_checker_finds_what_is_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "paper.pdf"
    with pikepdf.open(io.BytesIO(render("agreement", "en"))) as pdf:
        del pdf.Root.StructTreeRoot
        pdf.save(file)
    assert pdfua.validate(file).findings


@pytest.mark.parametrize("kind", KINDS)
def test_every_mark_belongs_to_one_element_or_is_an_artifact(kind: str) -> None:
    with pikepdf.open(io.BytesIO(render(kind, "nl"))) as pdf:
        tree = pdf.Root.StructTreeRoot
        by_page = {int(n): owners for n, owners in zip(*[iter(tree.ParentTree.Nums)] * 2, strict=True)}
        for page in pdf.pages:
            marks, depth = [], 0
            for instruction in pikepdf.parse_content_stream(page):
                match str(instruction.operator):
                    case "BDC" | "BMC":
                        depth += 1
                        assert depth == 1, "marked content is not nested"
                        if len(instruction.operands) == 2 and "/MCID" in instruction.operands[1]:
                            marks.append(int(instruction.operands[1].MCID))
                    case "EMC":
                        depth -= 1
                    case "Tj" | "TJ" | "re" | "l" if depth == 0:
                        pytest.fail("something is drawn outside marked content")
            assert depth == 0
            assert marks == list(range(len(marks)))
            assert len(by_page[int(page.obj.StructParents)]) == len(marks)


def test_headings_tables_and_figures_are_named_for_a_screen_reader() -> None:
    with pikepdf.open(io.BytesIO(render("statement", "en"))) as pdf:
        found = elements(pdf.Root.StructTreeRoot.K, [])
        counted = Counter(str(element.S) for element in found)
        assert counted["/H1"] == 1
        assert counted["/Figure"] == 1
        figure = next(element for element in found if element.S == "/Figure")
        assert "was expected" in str(figure.Alt)
        for table in (element for element in found if element.S == "/Table"):
            assert all(row.S == "/TR" for row in table.K)
            header = table.K[0].K[0]
            assert header.S == "/TH"
            assert header.A.Scope in {"/Column", "/Row"}


def test_the_attachments_are_named_and_related() -> None:
    with pikepdf.open(io.BytesIO(render("receipt", "fr"))) as pdf:
        assert set(pdf.attachments) == {"receipt.tlog-proof", "opening.json"}
        assert pdf.attachments["receipt.tlog-proof"].get_file().read_bytes() == papers.PROOF
        assert pdf.attachments["opening.json"].get_file().read_bytes() == papers.OPENING
        assert [str(spec.AFRelationship) for spec in pdf.Root.AF] == ["/Data", "/Data"]


def test_the_same_data_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib\nfrom tests.unit.documents import test_pdf\n"
        "for kind in test_pdf.KINDS:\n    print(hashlib.sha256(test_pdf.render(kind, 'fr')).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "TZ": "Asia/Tokyo", "PYTHONPATH": str(Path.cwd())}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert other.stdout.split() == [hashlib.sha256(render(kind, "fr")).hexdigest() for kind in KINDS]


def test_another_figure_gives_other_bytes() -> None:
    one = render_receipt(papers.receipt(), "fr", proof=papers.PROOF, opening=papers.OPENING)
    other = render_receipt(papers.receipt(amount_cents=2614), "fr", proof=papers.PROOF, opening=papers.OPENING)
    assert one != other


@pytest.mark.parametrize("rows", range(30, 80, 7))
def test_a_long_table_breaks_between_rows_and_keeps_its_total_company(rows: int) -> None:
    paper = Paper(
        language="en",
        title="T",
        subtitle="s",
        kind="k",
        issuer="i",
        identifier="d1",
        issued_on=papers.AT.date(),
        footer="f",
        page_label="{number} / {count}",
        blocks=(
            Table(
                (Column("n", 1, figures=True), Column("text", 2)),
                tuple((str(n), f"row {n}") for n in range(rows)),
                ("", "total"),
            ),
        ),
    )
    with pikepdf.open(io.BytesIO(paper.render())) as pdf:
        (table,) = (e for e in elements(pdf.Root.StructTreeRoot.K, []) if e.S == "/Table")
        assert [row.K[0].S for row in table.K].count("/TH") == 1, "a repeated header is no content"
        assert len(table.K) == rows + 2
        pages = [row.K[0].K[0].Pg.objgen for row in table.K]
        assert all(row.K[0].K for row in table.K)
        assert Counter(pages)[pages[-1]] >= 2, "the total stands with a row"


def test_nothing_heavy_is_loaded_until_a_paper_is_drawn_or_signed() -> None:
    code = (
        "import sys\n"
        "import contracts.documents.agreement, contracts.documents.receipt, contracts.documents.statement\n"
        "import contracts.documents.signature, contracts.documents.verify, contracts.documents.service\n"
        "print(sorted({'reportlab', 'pyhanko', 'pikepdf'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
