"""The clients of sigstore, in JavaScript and in Python, judge a receipt as if it were a record of their own log."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.strangers.material import HERE, OF_INCLUSION, Material, as_sigstore_has_it, asked, installed

FOREIGN = HERE / "foreign"
PYTHON = HERE.parents[1] / ".venv-strangers" / "bin" / "python"

Accepts = Callable[[Path], bool]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """`@sigstore/verify`, installed from the committed lock."""
    modules = FOREIGN / "node_modules"
    if not (modules / "@sigstore" / "verify").exists():
        command = [installed("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=FOREIGN, check=True, timeout=120, capture_output=True)
    return modules


@pytest.fixture(params=["javascript", "python"])
def accepts(request: pytest.FixtureRequest) -> Accepts:
    """Whether a client takes the receipt in a file; what it says besides yes or no is a failure."""
    if request.param == "javascript":
        request.getfixturevalue("node_modules")
        command = [installed("node"), FOREIGN / "sigstore.cjs"]
    else:
        assert PYTHON.exists(), ".venv-strangers is missing: make .venv-strangers/.ready"
        command = [PYTHON, FOREIGN / "sigstore_receipt.py"]

    def judged(file: Path) -> bool:
        answer = asked(*command, file)
        assert answer.stdout.strip() in {"accepted", "refused"}, answer.stderr
        return answer.stdout.strip() == "accepted"

    return judged


def test_sigstore_accepts_the_receipt(accepts: Accepts, original: Material, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(as_sigstore_has_it(original))
    assert accepts(file)


@pytest.mark.parametrize("forgery", OF_INCLUSION)
def test_sigstore_refuses_a_forged_receipt(accepts: Accepts, material: Material, tmp_path: Path, forgery: str) -> None:
    material.forge(forgery)
    file = tmp_path / "receipt.json"
    file.write_bytes(as_sigstore_has_it(material))
    assert not accepts(file)
