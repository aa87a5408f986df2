"""A witness's own key: made once, kept as the log's keys are, and named.

    <state>/witness.pem      private, PKCS #8, encrypted where there is a passphrase
    <state>/witness.vkey     public: name, id and key in one line, for policies

Without a passphrase the private key is as safe as the file system is.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.errors import Refusal
from ledger.log.checkpoint import SigningKey
from ledger.log.cosignature import cosigner
from ledger.log.files import PRIVATE_MODE, locked, write_atomically
from ledger.log.keys import FileKey, load_private_key, private_key_file
from ledger.log.note import VerifierKey, is_key_name

_PRIVATE, _PUBLIC = "witness.pem", "witness.vkey"
_MAX_NAME = 255


def make_witness_key(state: Path, *, name: str, ml_dsa: bool = False, passphrase: bytes | None) -> SigningKey:
    """Make the key under `state`, or return the one that stands; doing it twice does it once.

    Refuses `witness-name-malformed`, and `witness-key-differs` where another name's key stands.
    """
    if not is_key_name(name) or len(name.encode()) > _MAX_NAME:
        raise Refusal("witness-name-malformed", name=name[:80])
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    with locked(state / "key.lock"):
        if not (state / _PUBLIC).exists():
            _make(state, name, passphrase, ml_dsa=ml_dsa)
    key = load_witness_key(state, passphrase=passphrase)
    if key.name != name:
        raise Refusal("witness-key-differs", name=name, stands=key.name)
    return key


def load_witness_key(state: Path, *, passphrase: bytes | None) -> SigningKey:
    """The key under `state`; refuses `witness-key-missing`, `key-passphrase-wrong`, `witness-key-differs`."""
    try:
        public = VerifierKey.parse((state / _PUBLIC).read_text("utf-8").removesuffix("\n"))
    except FileNotFoundError as error:
        raise Refusal("witness-key-missing", folder=str(state)) from error
    key = SigningKey(public.name, load_private_key(state / _PRIVATE, passphrase))
    if cosigner(key) != public:
        raise Refusal("witness-key-differs", name=public.name, stands=cosigner(key).vkey()[:80])
    return key


def _make(state: Path, name: str, passphrase: bytes | None, *, ml_dsa: bool) -> None:
    """The private key first: one that a crash left without its public side has signed nothing and is replaced."""
    private: FileKey = MLDSA44PrivateKey.generate() if ml_dsa else Ed25519PrivateKey.generate()
    write_atomically(state / _PRIVATE, private_key_file(private, passphrase), mode=PRIVATE_MODE)
    write_atomically(state / _PUBLIC, f"{cosigner(SigningKey(name, private)).vkey()}\n".encode())
