"""A timestamp of the checkpoint (RFC 3161): openssl and rfc3161-client accept it, and refuse it of anything else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.strangers.material import CHECKPOINT, HERE, Material, asked, installed

FOREIGN = HERE / "foreign"
SETTINGS = FOREIGN / "timestamp.cnf"
PYTHON = HERE.parents[1] / ".venv-strangers" / "bin" / "python"

Accepts = Callable[[Path, Path], bool]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A timestamp authority of our own: the folder with its key and certificate."""
    folder = tmp_path_factory.mktemp("authority")
    (folder / "serial").write_text("01\n")
    made = asked(
        installed("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
        "-keyout", "key.pem", "-out", "certificate.pem", "-days", "3650", "-config", SETTINGS,
        "-extensions", "authority", folder=folder,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def token(authority: Path, original: Material, tmp_path: Path) -> Path:
    """The authority's answer for the checkpoint."""
    ts, query, answer = (installed("openssl"), "ts"), tmp_path / "query.tsq", tmp_path / "token.tsr"
    asked(*ts, "-query", "-data", original.path(CHECKPOINT), "-sha256", "-cert", "-out", query)
    asked(*ts, "-reply", "-config", SETTINGS, "-queryfile", query, "-out", answer, folder=authority)
    assert answer.stat().st_size > 500
    return answer


@pytest.fixture(params=["openssl", "rfc3161-client"])
def accepts(request: pytest.FixtureRequest, authority: Path) -> Accepts:
    """Whether a program takes the token for that file."""
    certificate = authority / "certificate.pem"

    def by_openssl(token: Path, file: Path) -> bool:
        words = ("ts", "-verify", "-data", file, "-in", token, "-CAfile", certificate)
        answer = asked(installed("openssl"), *words)
        assert ("Verification: OK" in answer.stdout) == (answer.returncode == 0)
        return answer.returncode == 0

    def by_client(token: Path, file: Path) -> bool:
        assert PYTHON.exists(), ".venv-strangers is missing: make .venv-strangers/.ready"
        answer = asked(PYTHON, FOREIGN / "timestamps.py", token, file, certificate)
        assert answer.stdout.strip() in {"accepted", "refused"}, answer.stderr
        return answer.stdout.strip() == "accepted"

    return by_openssl if request.param == "openssl" else by_client


def test_the_timestamp_of_the_checkpoint_is_accepted(accepts: Accepts, token: Path, original: Material) -> None:
    assert accepts(token, original.path(CHECKPOINT))


def test_the_timestamp_of_another_checkpoint_is_refused(accepts: Accepts, token: Path, material: Material) -> None:
    material.forge("checkpoint of another size")
    assert not accepts(token, material.path(CHECKPOINT))


@pytest.mark.parametrize("place", [-1, -30, 100, 130])
def test_a_changed_timestamp_is_refused(accepts: Accepts, token: Path, original: Material, place: int) -> None:
    """In the signature at the end, and in what it covers."""
    changed = bytearray(token.read_bytes())
    changed[place] ^= 1
    token.write_bytes(changed)
    assert not accepts(token, original.path(CHECKPOINT))
