"""A timestamp authority of the tests (RFC 3161): OpenSSL stamps, behind a server on this machine."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""
EARLIEST, LATEST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
Answer = Callable[[bytes], tuple[int, bytes]]


@dataclass(frozen=True)
class Authority:
    """An authority whose `root` signed the certificate that its tokens carry."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def reply(self, query: bytes) -> bytes:
        """What it answers to a request, as of now."""
        (self.folder / "query").write_bytes(query)
        signer = ["-signer", str(self.folder / "signer.pem"), "-inkey", str(self.folder / "signer.key")]
        files = ["-config", str(self.folder / "config"), "-queryfile", str(self.folder / "query")]
        return openssl("ts", "-reply", *files, *signer)

    def token_over(self, stamped: bytes) -> bytes:
        """A token over these bytes, to a request with a nonce and for the certificate."""
        (self.folder / "stamped").write_bytes(stamped)
        return self.reply(openssl("ts", "-query", "-data", str(self.folder / "stamped"), "-sha256", "-cert"))


def make_authority(folder: Path, *, until: datetime = LATEST) -> Authority:
    """Keys and certificates in `folder`; the signer's is good until `until`."""
    folder.mkdir(parents=True)
    ca, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name, signer_name = _name(f"Root of {folder.name}"), _name(f"Signer of {folder.name}")
    root = _builder(name, name, ca.public_key(), LATEST)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    leaf = _builder(signer_name, name, signer.public_key(), until).add_extension(usage, critical=True)
    (folder / "root.pem").write_bytes(root.sign(ca, SHA256()).public_bytes(Encoding.PEM))
    (folder / "signer.pem").write_bytes(leaf.sign(ca, SHA256()).public_bytes(Encoding.PEM))
    (folder / "signer.key").write_bytes(signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "serial").write_text("01\n")
    (folder / "config").write_text(CONFIG.format(folder=folder))
    return Authority(folder)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server that answers each request with a status and a body; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def openssl(*arguments: str) -> bytes:
    """What the program prints; it must not complain."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def openssl_accepts(token: Path, stamped: Path, root: Path) -> bool:
    """Whether `openssl ts -verify` does."""
    command = ["openssl", "ts", "-verify", "-in", str(token), "-data", str(stamped), "-CAfile", str(root)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime):
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return named.serial_number(x509.random_serial_number()).not_valid_before(EARLIEST).not_valid_after(until)
