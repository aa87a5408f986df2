"""The platform's certificates: made once, chained to one root, naming tokens and never people."""

import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from contracts.documents import authority
from ledger.errors import InvariantError, Refusal

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_an_identity_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = authority.party_identity(tmp_path, party="cabcdefghi", now=NOW)
    again = authority.party_identity(tmp_path, party="cabcdefghi", now=NOW.replace(year=2027))
    assert first.certificate == again.certificate
    assert authority.party_identity(tmp_path, party="eabcdefghi", now=NOW).certificate != first.certificate


def test_a_certificate_is_signed_by_the_root_and_names_the_token_only(tmp_path: Path) -> None:
    identity = authority.party_identity(tmp_path, party="cabcdefghi", now=NOW)
    root = authority.root_certificate(tmp_path)
    identity.certificate.verify_directly_issued_by(root)
    names = {attribute.rfc4514_attribute_name: attribute.value for attribute in identity.certificate.subject}
    assert names == {"O": "BXL Invest, non-qualified signatures", "CN": "cabcdefghi"}
    assert identity.chain == (root,)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not identity.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_only_the_owner_can_read_the_keys(tmp_path: Path) -> None:
    authority.party_identity(tmp_path, party="cabcdefghi", now=NOW)
    authority.make_receipt_identity(tmp_path, now=NOW)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"root.pem", "cabcdefghi.pem", "receipt.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_two_that_make_the_same_key_at_once_get_one(tmp_path: Path) -> None:
    found: list[str] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        found.append(authority.make_receipt_identity(tmp_path, now=NOW).certificate_sha256)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.pem"]


def test_a_passphrase_encrypts_the_key_at_rest(tmp_path: Path) -> None:
    made = authority.make_receipt_identity(tmp_path, now=NOW, passphrase=b"open sesame")
    assert b"ENCRYPTED" in (tmp_path / "receipt.pem").read_bytes()
    assert authority.make_receipt_identity(tmp_path, now=NOW, passphrase=b"open sesame").certificate == made.certificate
    with pytest.raises(Refusal) as found:
        authority.make_receipt_identity(tmp_path, now=NOW, passphrase=b"wrong")
    assert found.value == Refusal("key-passphrase-wrong", file="receipt.pem")


def test_the_root_is_not_made_by_asking_for_it(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as found:
        authority.root_certificate(tmp_path)
    assert found.value.code == "signing-root-missing"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("party", ["../root", "", "Élodie", "a/b", "x" * 40])
def test_a_token_that_is_no_file_name_is_a_defect(party: str, tmp_path: Path) -> None:
    with pytest.raises(InvariantError):
        authority.party_identity(tmp_path, party=party, now=NOW)
