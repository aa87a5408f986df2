"""A timestamp authority (RFC 3161) for the demo's signatures and anchors: its stamps prove nothing to a stranger.

    POST /timestamps              a query in DER; the answer is a token of the machine's time
    GET  /timestamps/root.pem     the root that issued the certificate in each token

Keys are made once and kept with the sandbox's state, so that what an earlier run stamped still verifies.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from api.rails.sandbox.checks import ApiError
from api.rails.sandbox.http import NOTHING_HERE, Answer, Asked
from api.rails.sandbox.store import Store

STAMPS, ROOT = "/timestamps", "/timestamps/root.pem"
_BITS = 2048
_EARLIEST, _LATEST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)


class Stamps:
    """The authority, with its keys in `store`, and `now` as its clock."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def answer(self, asked: Asked) -> Answer:
        """A token, or the root's certificate; raises `ApiError` for a query that is none."""
        kept = self._kept()
        match asked.method, asked.path:
            case "GET", path if path == ROOT:
                return Answer(200, bytes.fromhex(kept["root"]), "application/x-pem-file")
            case "POST", path if path == STAMPS:
                return Answer(200, self._token(kept, _query(asked.body)), "application/timestamp-reply")
        raise NOTHING_HERE

    def _token(self, kept: dict[str, str], query: tsp.TimeStampReq) -> bytes:
        from pyhanko.sign.timestamps import DummyTimeStamper  # noqa: PLC0415 -- slow to load; payments do without it

        stamper = DummyTimeStamper(
            tsa_cert=asn1_x509.Certificate.load(bytes.fromhex(kept["signer"])),
            tsa_key=keys.PrivateKeyInfo.load(bytes.fromhex(kept["key"])),
            fixed_dt=self._now().astimezone(UTC).replace(microsecond=0),
        )
        token: bytes = stamper.request_tsa_response(query).dump()
        return token

    def _kept(self) -> dict[str, str]:
        """The root in PEM, the signer and its key in DER, all in hexadecimal; made where there are none."""
        with self._store.lock:
            kept: dict[str, str] | None = self._store.get("settings", "timestamps")
            if kept is None:
                kept = _made()
                self._store.put(("settings", "timestamps", kept))
            return kept


def _query(body: bytes) -> tsp.TimeStampReq:
    query = None
    try:
        query = tsp.TimeStampReq.load(body, strict=True)
        algorithm = query["message_imprint"]["hash_algorithm"]["algorithm"].native
        digest: Any = query["message_imprint"]["hashed_message"].native
        whole = query.native is not None and algorithm == "sha256" and len(digest) == SHA256.digest_size
    except (TypeError, ValueError):
        whole = False
    if query is None or not whole:
        raise ApiError(400, "Bad Request", "The body is not a timestamp query over a SHA-256 digest.")
    return query


def _made() -> dict[str, str]:
    root_key, signer_key = (rsa.generate_private_key(public_exponent=65_537, key_size=_BITS) for _ in range(2))
    root_name, signer_name = _name("Sandbox timestamp root"), _name("Sandbox timestamp authority")
    root = (
        _certificate(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, SHA256())
    )
    signer = (
        _certificate(signer_name, root_name, signer_key.public_key())
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(root_key, SHA256())
    )
    return {
        "root": root.public_bytes(Encoding.PEM).hex(),
        "signer": signer.public_bytes(Encoding.DER).hex(),
        "key": signer_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).hex(),
    }


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return named.serial_number(x509.random_serial_number()).not_valid_before(_EARLIEST).not_valid_after(_LATEST)
