"""Log keys in a token: SoftHSM, which speaks PKCS #11 as hardware does, signs what verifiers accept."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.keys.pkcs11 import token_keys
from api.settings import SettingsError, read_settings
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.log.keys import create_log, key_files, load_keys, private_key_file
from ledger.signer import Signer
from ledger.signing import KeysInForce
from ledger.verify.log import verify_log
from ledger.verify.report import Verdict
from tests.commands import run_bxl
from tests.conftest import NOON
from tests.functional.test_log_commands import entries, environment_of
from tests.proof import ORIGIN, HandmadeLog

PIN, MODULE = "2468", "/usr/lib/softhsm/libsofthsm2.so"


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is missing: .ci/provision installs it"
    return path


def softhsm(*arguments: str) -> None:
    subprocess.run([tool("softhsm2-util"), *arguments], check=True, capture_output=True)


def uri(label: str, token: str = "log") -> str:
    return f"pkcs11:token={token};object={label}?module-path={MODULE}"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], bytes]]:
    """Puts a new Ed25519 key into the token "log"; its public side. The module reads its settings once a process."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "conf")
    softhsm("--init-token", "--free", "--label", "log", "--pin", PIN, "--so-pin", "1357")

    def put(label: str) -> bytes:
        private = Ed25519PrivateKey.generate()
        (folder / "key.pem").write_bytes(private_key_file(private, None))
        named = ("--token", "log", "--label", label, "--id", label.encode().hex(), "--pin", PIN)
        softhsm("--import", str(folder / "key.pem"), *named)
        (folder / "key.pem").unlink()
        return private.public_key().public_bytes_raw()

    for label in ("first", "second"):
        put(label)
    yield put
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.mark.usefixtures("token")
def test_a_log_whose_first_key_lies_in_a_token_is_signed_and_verifies(tmp_path: Path, monkeypatch) -> None:
    [key] = token_keys([uri("first")], PIN)
    folders = (tmp_path / "keys", tmp_path / "log")
    policy = create_log(*folders, origin=ORIGIN, receipt_certificate_sha256=None, passphrase=None, token=key)
    assert policy.log_keys[0].public == key.public_key().public_bytes_raw()
    assert [file.name for file in key_files(tmp_path / "keys")] == ["log-ml-dsa-44.pem"]
    with pytest.raises(Refusal, match="log-keys-missing"):
        load_keys(tmp_path / "keys", policy, passphrase=None)
    keys = KeysInForce(tmp_path / "log", tmp_path / "keys", passphrase=None, tokens=[key])
    signer = Signer(tmp_path / "log", tmp_path / "state.json", keys, FixedClock(NOON))
    monkeypatch.setattr("tests.proof.create_log", lambda *_folders, **_named: policy)
    monkeypatch.setattr("tests.proof.new_signer", lambda *_: signer)
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100")
    log.publish()
    assert verify_log(tmp_path / "log", policy).verdict is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("named", "pin", "code"),
    [
        (uri("none"), PIN, "token-key-missing"),
        (uri("first", token="none"), PIN, "token-unavailable"),
        (uri("first"), "0000", "token-unavailable"),
        (uri("first").replace("softhsm2", "none"), PIN, "token-unavailable"),
    ],
)
@pytest.mark.usefixtures("token")
def test_a_token_that_does_not_do_what_is_asked_is_told(named: str, pin: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        token_keys([named], pin)


def test_without_the_package_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(Refusal, match="token-needs-extra"):
        token_keys([uri("first")], PIN)


@pytest.mark.parametrize(
    "named",
    [
        "token=log;object=a?module-path=/lib/p.so",
        "pkcs11:token=log;object=a",
        "pkcs11:token=log;token=log;object=a?module-path=/lib/p.so",
    ],
)
def test_a_setting_that_names_no_key_is_told_at_once(named: str) -> None:
    with pytest.raises(SettingsError, match="BXL_LOG_KEY_PKCS11"):
        read_settings({"BXL_LOG_KEY_PKCS11": f"{uri('first')} {named}"})
    assert read_settings({"BXL_LOG_KEY_PKCS11": uri("first")}).log_key_uris == (uri("first"),)


@pytest.mark.usefixtures("token")
def test_a_new_key_in_the_token_takes_the_place_of_the_old_one_by_command(tmp_path: Path) -> None:
    first, second = uri("first"), uri("second")

    def bxl(*arguments: object, keys: str, given: str = "") -> subprocess.CompletedProcess[str]:
        named = {"BXL_DATA": str(tmp_path / "data"), "BXL_LOG_KEY_PKCS11": keys, "BXL_LOG_KEY_PIN": PIN}
        environment = environment_of(tmp_path, SOFTHSM2_CONF=os.environ["SOFTHSM2_CONF"], **named)
        return run_bxl(*arguments, given=given, env=environment)

    assert bxl("import", "-", keys=first, given=entries("a")).returncode == 0
    assert bxl("log", "publish", keys=first).returncode == 0
    old = tmp_path / "old"
    old.write_bytes((tmp_path / "data/log/policy").read_bytes())
    asking = ("log", "rotate-key", "--reason", "yearly", "--as", "s1", "--json")
    in_use = bxl(*asking, keys=first)
    assert (in_use.returncode, "token-key-in-use" in in_use.stdout) == (1, True), in_use.stderr
    asked = bxl(*asking, keys=f"{second} {first}")
    approval = json.loads(asked.stdout)["approval_id"]
    assert bxl("log", "announce", "--approval", approval, "--as", "s2", keys=f"{second} {first}").returncode == 0
    assert bxl("log", "publish", keys=second).returncode == 1  # both still sign
    assert bxl("log", "publish", keys=f"{second} {first}").returncode == 0
    assert (tmp_path / "data/log/policy").read_bytes() != old.read_bytes()
    for policy in (old, tmp_path / "data/log/policy"):
        assert bxl("verify", "log", tmp_path / "data/log", "--policy", policy, keys=second).returncode == 0
