"""The code with which Go checks its module log, and Google's certificate-transparency verifier, judge the log."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.every_proof import every_proof
from tests.log_vectors.base import CONTENT, FOLDER, FORGED, INDEX, OURS, VERIFIED
from tests.strangers.material import (
    HERE,
    OF_INCLUSION,
    OF_LOG,
    OPENING,
    PROOF,
    Material,
    asked,
    installed,
)

GO_SOURCES = Path("/usr/share/gocode")
LIBRARIES = ("golang.org/x/mod/sumdb/tlog", "github.com/google/certificate-transparency/go/merkletree")
MODULE_LOG, TRANSPARENCY = "x/mod", "certificate-transparency"
LENIENT = {(TRANSPARENCY, "consistency-from-nothing")}
"""It takes every tree for a continuation of the empty one."""
ROWS = {row["name"]: row for row in json.loads((FOLDER / INDEX).read_bytes())}

Judge = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """The program under `go/`, compiled here from Debian's sources, without a network."""
    for library in LIBRARIES:
        assert (GO_SOURCES / "src" / library).is_dir(), f"{library} is missing: .ci/provision installs it"
    folder = tmp_path_factory.mktemp("go")
    settings = {"GO111MODULE": "off", "CGO_ENABLED": "0", "GOPATH": str(GO_SOURCES), "GOCACHE": str(folder / "cache")}
    environment = settings | {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    built = asked(installed("go"), "build", "-o", folder / "judge", ".", folder=HERE / "go", **environment)
    assert (built.returncode, built.stderr) == (0, "")
    return lambda *words, **given: asked(folder / "judge", *words, **given)


def test_go_accepts_the_log(judge: Judge, original: Material) -> None:
    answer = judge("log", original.path("log"), original.vkey)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["size"] == original.head.size > 300


@pytest.mark.parametrize("forgery", OF_LOG)
def test_go_refuses_a_forged_log(judge: Judge, material: Material, forgery: str) -> None:
    material.forge(forgery)
    assert judge("log", material.path("log"), material.vkey).returncode == 1


def test_go_accepts_the_receipt(judge: Judge, original: Material) -> None:
    answer = judge("receipt", original.path(PROOF), original.path(OPENING), original.vkey)
    assert answer.returncode == 0, answer.stderr
    index = json.loads(original.read(OPENING))["entry"]["n"]
    assert json.loads(answer.stdout) == {"index": index, "size": original.head.size}


@pytest.mark.parametrize("forgery", OF_INCLUSION)
def test_go_refuses_a_forged_receipt(judge: Judge, material: Material, forgery: str) -> None:
    material.forge(forgery)
    assert judge("receipt", material.path(PROOF), material.path(OPENING), material.vkey).returncode == 1


def test_go_has_our_verdict_on_every_vector_whose_rule_is_public(judge: Judge) -> None:
    """On the rest it may be more lenient, never stricter: it accepts whatever is right."""
    answer = judge("vectors", FOLDER)
    assert answer.returncode == 0, answer.stderr
    tried = dict.fromkeys((MODULE_LOG, TRANSPARENCY), 0)
    for library, verdicts in json.loads(answer.stdout).items():
        for name, accepted in verdicts.items():
            row = ROWS[name]
            if row["expected"] == VERIFIED:
                assert accepted, (library, name)
            elif row["expected"] == FORGED and row["rule"] not in {OURS, CONTENT} and (library, name) not in LENIENT:
                assert not accepted, (library, name, row["why"])
            tried[library] += 1
    assert tried[MODULE_LOG] > 300
    assert tried[TRANSPARENCY] > 100


def test_both_libraries_accept_every_proof_and_no_changed_one(judge: Judge, tmp_path: Path) -> None:
    """The same proofs and changes as `tests/conformance/test_every_proof.py` has for our own verifier."""
    file = tmp_path / "proofs"
    with file.open("wb") as out:
        for proof in every_proof():
            head = struct.pack(">4H", proof.kind, proof.first, proof.size, len(proof.path))
            out.write(head + b"".join(proof.path))
    judged = judge("proofs", given=file)
    assert judged.returncode == 0, judged.stderr
    counts = json.loads(judged.stdout)
    assert counts.pop("Wrong") == {MODULE_LOG: 0, TRANSPARENCY: 0}
    assert counts == {"Right": 67_860, "Same": 67_860, "Bits": 509_325, "Cuts": 67_599, "Additions": 67_860}
