"""A shell script of sixty lines, openssl and coreutils check a whole receipt, also one that comes out of a PDF.

The attachments are cut out by poppler and by qpdf, and poppler judges the seal over them.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.log_vectors.base import CONTENT, FOLDER, INDEX, VERIFIED
from tests.strangers.material import HERE, OF_RECEIPT, OPENING, PDF, PROOF, Material, asked, installed

SCRIPT = HERE / "check-receipt.sh"
ROLES = ("proof", "opening", "policy")
ROWS = [row for row in json.loads((FOLDER / INDEX).read_bytes()) if row["kind"] == "receipt"]
JUDGED = [row for row in ROWS if row["rule"] != CONTENT and set(ROLES) <= row["files"].keys()]
"""It looks at hashes and signatures, not at what lines may say, and asks for a policy."""


def accepts(proof: Path, opening: Path, policy: Path) -> bool:
    """The script's verdict; whatever it refuses, it says so in one line."""
    answer = asked(installed("bash"), SCRIPT, proof, opening, policy)
    assert answer.returncode in {0, 1}
    assert (answer.stderr == "") == (answer.returncode == 0), answer.stderr
    return answer.returncode == 0


def test_the_script_accepts_the_receipt(original: Material) -> None:
    assert accepts(original.path(PROOF), original.path(OPENING), original.path("log/policy"))


@pytest.mark.parametrize("forgery", OF_RECEIPT)
def test_the_script_refuses_a_forged_receipt(material: Material, forgery: str) -> None:
    material.forge(forgery)
    assert not accepts(material.path(PROOF), material.path(OPENING), material.path("log/policy"))


@pytest.mark.parametrize("row", JUDGED, ids=lambda row: row["name"])
def test_the_script_has_our_verdict_on_every_receipt_among_the_vectors(row: dict) -> None:
    assert accepts(*(FOLDER / row["files"][role] for role in ROLES)) == (row["expected"] == VERIFIED), row["why"]


def test_the_script_has_sixty_lines() -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 60


def cut_out_by_poppler(pdf: Path, folder: Path) -> None:
    answer = asked(installed("pdfdetach"), "-saveall", "-o", folder, pdf)
    assert answer.returncode == 0, answer.stderr


def cut_out_by_qpdf(pdf: Path, folder: Path) -> None:
    for name in (PROOF, OPENING):
        answer = asked(installed("sh"), "-c", 'qpdf "$1" --show-attachment="$2" >"$3"', "sh", pdf, name, folder / name)
        assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("cut_out", [cut_out_by_poppler, cut_out_by_qpdf])
def test_the_script_accepts_what_others_cut_out_of_the_paper(
    original: Material, tmp_path: Path, cut_out: Callable[[Path, Path], None]
) -> None:
    cut_out(original.path(PDF), tmp_path)
    assert accepts(tmp_path / PROOF, tmp_path / OPENING, original.path("log/policy"))
    for name in (PROOF, OPENING):
        assert (tmp_path / name).read_bytes() == original.read(name)


def test_poppler_sees_whether_the_paper_was_changed(material: Material) -> None:
    pdfsig, valid = installed("pdfsig"), "Signature Validation: Signature is Valid."
    assert valid in asked(pdfsig, material.path(PDF)).stdout
    changed = bytearray(material.read(PDF))
    changed[len(changed) // 2] ^= 1
    material.path(PDF).write_bytes(changed)
    assert valid not in asked(pdfsig, material.path(PDF)).stdout


def test_qpdf_finds_nothing_wrong_with_the_paper(original: Material) -> None:
    answer = asked(installed("qpdf"), "--check", original.path(PDF))
    assert answer.returncode == 0, answer.stdout + answer.stderr
