"""The platform's own small certificate authority: a root, one P-256 certificate per party, and the receipt key.

    <keys>/signing/root.pem            the root, self-signed
    <keys>/signing/<party>.pem         a party's key and certificate, signed by the root
    <keys>/receipt.pem                 the receipt key, self-signed: the log's policy pins its certificate

These are the platform's own, NON-QUALIFIED signatures in the sense of Regulation (EU) 910/2014: they show that a paper
has not changed since the platform applied the signatures for the parties, and nothing about who held a pen. A
certificate names the party by its opaque token, so that no name outlives the erasure of a person. The private keys are
as safe as the folder is, unless a passphrase encrypts them.
"""

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from ledger.errors import InvariantError, Refusal
from ledger.log.files import PRIVATE_MODE, write_atomically

_ORGANISATION = "BXL Invest, non-qualified signatures"
_ROOT_YEARS, _PARTY_YEARS = 30, 10
_PARTY = re.compile(r"[a-z][a-z0-9]{0,31}")


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A private key with its certificate and the chain above it, up to the root."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate_sha256(self) -> str:
        """The fingerprint of the certificate, in lower-case hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def party_identity(keys_dir: Path, *, party: str, now: datetime, passphrase: bytes | None = None) -> SigningIdentity:
    """The party's signing identity, made on first use under `keys_dir` (with the root, if there is none yet)."""
    if not _PARTY.fullmatch(party):
        raise InvariantError("a party's token names its key file")
    root = _root(keys_dir, now=now, passphrase=passphrase)
    path = keys_dir / "signing" / f"{party}.pem"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(party, key, issuer=root, now=now, years=_PARTY_YEARS, is_authority=False)
        _create_once(path, _pem(key, certificate, passphrase))
    return _load(path, passphrase, chain=(root.certificate,))


def make_receipt_identity(keys_dir: Path, *, now: datetime, passphrase: bytes | None = None) -> SigningIdentity:
    """The receipt key and certificate under `keys_dir`, made once; the log's policy pins its fingerprint."""
    path = keys_dir / "receipt.pem"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _create_once(path, _pem(key, _self_signed("receipts", key, now=now, is_authority=False), passphrase))
    return _load(path, passphrase, chain=())


def root_certificate(keys_dir: Path, *, passphrase: bytes | None = None) -> x509.Certificate:
    """The root that verifiers of agreements pin; refuses `signing-root-missing` before the first signature."""
    path = keys_dir / "signing" / "root.pem"
    if not path.exists():
        raise Refusal("signing-root-missing", folder=str(path.parent))
    return _load(path, passphrase, chain=()).certificate


def _root(keys_dir: Path, *, now: datetime, passphrase: bytes | None) -> SigningIdentity:
    path = keys_dir / "signing" / "root.pem"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _create_once(path, _pem(key, _self_signed("signature authority", key, now=now, is_authority=True), passphrase))
    return _load(path, passphrase, chain=())


def _self_signed(name: str, key: ec.EllipticCurvePrivateKey, *, now: datetime, is_authority: bool) -> x509.Certificate:
    return _certificate(name, key, issuer=None, now=now, years=_ROOT_YEARS, is_authority=is_authority)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: SigningIdentity | None,
    now: datetime,
    years: int,
    is_authority: bool,
) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(day)
        .not_valid_after(day + timedelta(days=365 * years))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key if issuer is None else issuer.key, hashes.SHA256())
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=not is_authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, passphrase: bytes | None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption) + certificate.public_bytes(Encoding.PEM)


def _load(path: Path, passphrase: bytes | None, *, chain: tuple[x509.Certificate, ...]) -> SigningIdentity:
    encoded = path.read_bytes()
    try:
        key = load_pem_private_key(encoded, passphrase if b"ENCRYPTED" in encoded else None)
    except (ValueError, TypeError) as error:
        raise Refusal("key-passphrase-wrong", file=path.name) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvariantError("a signing key that is not elliptic")
    return SigningIdentity(key, x509.load_pem_x509_certificate(encoded), chain)


def _create_once(path: Path, content: bytes) -> None:
    """Put key and certificate at `path` in one step; where another process was first, its pair stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    write_atomically(made, content, mode=PRIVATE_MODE)
    with contextlib.suppress(FileExistsError):
        os.link(made, path)
    made.unlink()
