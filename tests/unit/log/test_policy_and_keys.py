"""The policy file and the log's keys: made once, read strictly, never swapped."""

import hashlib
import stat
from pathlib import Path

import pytest

from ledger.errors import Refusal
from ledger.log.keys import create_log, load_keys
from ledger.log.policy import parse_policy

ORIGIN = "log.example/main"
FINGERPRINT = hashlib.sha256(b"certificate").hexdigest()


def make(folder: Path, passphrase: bytes | None = None, origin: str = ORIGIN):
    return create_log(
        folder / "keys",
        folder / "log",
        origin=origin,
        receipt_certificate_sha256=FINGERPRINT,
        passphrase=passphrase,
    )


def test_keys_and_policy_are_made_once_and_private_keys_are_private(tmp_path: Path) -> None:
    policy = make(tmp_path)
    assert make(tmp_path) == policy
    assert policy.sha256 == hashlib.sha256((tmp_path / "log/policy").read_bytes()).digest()
    assert (policy.origin, policy.book, policy.receipt_certificate_sha256) == (ORIGIN, "main", FINGERPRINT)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    for file in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [key.verifier() for key in load_keys(tmp_path / "keys", policy, passphrase=None)] == list(policy.log_keys)


def test_a_passphrase_encrypts_the_keys_and_only_it_opens_them(tmp_path: Path) -> None:
    policy = make(tmp_path, b"secret")
    assert all(b"ENCRYPTED" in file.read_bytes() for file in (tmp_path / "keys").iterdir())
    assert len(load_keys(tmp_path / "keys", policy, passphrase=b"secret")) == 2
    for wrong in (b"Secret", None):
        with pytest.raises(Refusal, match="key-passphrase-wrong"):
            load_keys(tmp_path / "keys", policy, passphrase=wrong)


def test_a_log_whose_keys_are_gone_is_never_continued(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "keys/log-ed25519.pem").unlink()
    with pytest.raises(Refusal, match="log-keys-missing"):
        make(tmp_path)
    assert not (tmp_path / "keys/log-ed25519.pem").exists()


def test_a_log_whose_policy_is_gone_is_never_given_new_keys(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "log/policy").rename(tmp_path / "log/checkpoint")
    with pytest.raises(Refusal, match="log-keys-missing"):
        make(tmp_path)
    assert not (tmp_path / "log/policy").exists()


def test_keys_of_another_log_are_refused(tmp_path: Path) -> None:
    policy = make(tmp_path / "one")
    make(tmp_path / "two")
    with pytest.raises(Refusal, match="log-keys-differ"):
        load_keys(tmp_path / "two" / "keys", policy, passphrase=None)


def test_a_folder_holds_the_log_of_one_book(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(Refusal, match="log-of-another-book"):
        make(tmp_path, origin="log.example/other")


@pytest.mark.parametrize("origin", ["", "main", "log example/main", "log+example/main", "x" * 256 + "/main"])
def test_an_origin_that_cannot_name_a_log_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(Refusal, match="origin-malformed"):
        make(tmp_path, origin=origin)
    assert not (tmp_path / "log").exists()


def test_a_policy_allows_what_the_specification_allows(tmp_path: Path) -> None:
    make(tmp_path)
    text = (tmp_path / "log/policy").read_text()
    keys = [line.removeprefix("log ") for line in text.splitlines() if line.startswith("log ")]
    spaced = f"\n  # comment \n\tlog\t{keys[0]}   https://log.example/main \nquorum none\n"
    assert [key.vkey() for key in parse_policy(spaced.encode()).log_keys] == keys[:1]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"quorum none\n", b""),
        lambda text: text + b"quorum none\n",
        lambda text: text.replace(b"quorum none", b"quorum w1"),
        lambda text: text + b"witness w1 key\n",
        lambda text: text + b"group g any w1\n",
        lambda text: text[:-1],
        lambda text: text.replace(b"log ", b"log\x0b", 1),
        lambda text: text + b"log " + text.split(b"log ")[-1].split(b"\n")[0] + b"\n",
        lambda text: text + b"# receipt-certificate sha256:" + b"0" * 64 + b"\n",
        lambda text: b"quorum none\n",
        lambda text: b"",
    ],
)
def test_a_policy_that_says_too_little_too_much_or_the_unknown_is_refused(tmp_path: Path, change) -> None:
    make(tmp_path)
    with pytest.raises(Refusal, match=r"policy-malformed|verifier-key-malformed"):
        parse_policy(change((tmp_path / "log/policy").read_bytes()))
