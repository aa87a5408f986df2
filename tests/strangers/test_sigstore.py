"""The clients of sigstore, in JavaScript and in Python, judge a receipt as if it were a record of their own log."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.strangers.material import HERE, OF_INCLUSION, Material, as_sigstore_has_it, asked, installed

FOREIGN = HERE / "foreign"
PYTHON = HERE.parents[1] / ".venv-strangers" / "bin" / "python"

Accepted = Callable[[list[Path]], list[bool]]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """`@sigstore/verify`, installed from the committed lock."""
    modules = FOREIGN / "node_modules"
    if not (modules / "@sigstore" / "verify").exists():
        command = [installed("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=FOREIGN, check=True, timeout=120, capture_output=True)
    return modules


@pytest.fixture(params=["javascript", "python"])
def accepted(request: pytest.FixtureRequest) -> Accepted:
    """Which of the receipts in these files a client takes; whatever it says besides yes or no is a failure."""
    if request.param == "javascript":
        request.getfixturevalue("node_modules")
        command = [installed("node"), FOREIGN / "sigstore_receipt.cjs"]
    else:
        assert PYTHON.exists(), ".venv-strangers is missing: make .venv-strangers/.ready"
        command = [PYTHON, FOREIGN / "sigstore_receipt.py"]

    def judged(files: list[Path]) -> list[bool]:
        answer = asked(*command, *files)
        words = answer.stdout.split()
        assert len(words) == len(files), answer.stderr
        assert set(words) <= {"accepted", "refused"}, answer.stdout
        return [word == "accepted" for word in words]

    return judged


def test_sigstore_accepts_the_receipt(accepted: Accepted, original: Material, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(as_sigstore_has_it(original))
    assert accepted([file]) == [True]


def test_sigstore_refuses_every_forged_receipt(accepted: Accepted, original: Material, tmp_path: Path) -> None:
    files = []
    for number, forgery in enumerate(OF_INCLUSION):
        material = original.copied_to(tmp_path / str(number))
        material.forge(forgery)
        files.append(tmp_path / f"{number}.json")
        files[-1].write_bytes(as_sigstore_has_it(material))
    wrong = [forgery for forgery, taken in zip(OF_INCLUSION, accepted(files), strict=True) if taken]
    assert wrong == []
