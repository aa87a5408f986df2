"""The log's own keys and policy, made together before the first entry.

    <data>/keys/log-ed25519.pem, log-ml-dsa-44.pem    private, PKCS #8, folder 0700, files 0600
    <data>/keys/ack-ed25519.pem                       the same; signs acknowledgements and never a checkpoint
    <data>/log/policy                                 public

With a passphrase the private keys are encrypted at rest (PKCS #8, PBES2). Without one they are as safe as the file
system is: enough for a demonstration, not for a service.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.errors import Refusal
from ledger.log.acknowledgement import acknowledger
from ledger.log.checkpoint import PrivateKey, SigningKey
from ledger.log.files import PRIVATE_MODE, write_atomically, write_new
from ledger.log.note import is_key_name
from ledger.log.policy import Policy, parse_policy, policy_text
from ledger.log.quorum import NO_QUORUM, Quorum
from ledger.log.tiles import CHECKPOINT, POLICY, tile_path

_FILES = ("log-ed25519.pem", "log-ml-dsa-44.pem")
_ACKNOWLEDGEMENT_FILE = "ack-ed25519.pem"
_MAX_ORIGIN = 255


def create_log(
    keys_dir: Path,
    log_dir: Path,
    *,
    origin: str,
    receipt_certificate_sha256: str | None,
    passphrase: bytes | None,
    quorum: Quorum = NO_QUORUM,
) -> Policy:
    """Make the log's two keys and its policy file, or return the policy that stands; doing it twice does it once.

    `quorum` names the witnesses of a new policy. `origin` ends with `/` and the book's name. Refuses
    `origin-malformed`, `log-of-another-book`, and `log-keys-missing` where a log or a policy stands without its keys:
    new keys need a new origin and a new folder, never the old one.
    """
    if (log_dir / POLICY).exists():
        policy = parse_policy((log_dir / POLICY).read_bytes())
        if policy.book != origin.rpartition("/")[2]:
            raise Refusal("log-of-another-book", origin=policy.origin, folder=str(log_dir))
        load_keys(keys_dir, policy, passphrase=passphrase)
        return policy
    if (log_dir / CHECKPOINT).exists() or (log_dir / tile_path(0, 0)).parent.exists():
        raise Refusal("log-keys-missing", folder=str(keys_dir))
    if not is_key_name(origin) or len(origin.encode()) > _MAX_ORIGIN or "/" not in origin:
        raise Refusal("origin-malformed", origin=origin[:80])
    keys = _make_keys(keys_dir, origin, passphrase)
    promises = _made_acknowledgement_key(keys_dir, acknowledger(origin), passphrase)
    text = policy_text(
        [key.verifier() for key in keys],
        receipt_certificate_sha256=receipt_certificate_sha256,
        acknowledgement_key=promises.verifier(),
        quorum=quorum,
    )
    policy = parse_policy(text)
    write_atomically(log_dir / POLICY, text)
    return policy


def load_keys(keys_dir: Path, policy: Policy, *, passphrase: bytes | None) -> tuple[SigningKey, ...]:
    """The private keys that the policy names, in its order.

    Refuses `log-keys-missing`, `key-passphrase-wrong`, `log-keys-differ`.
    """
    keys = tuple(SigningKey(policy.origin, load_private_key(keys_dir / file, passphrase)) for file in _FILES)
    if tuple(key.verifier() for key in keys) != policy.log_keys:
        raise Refusal("log-keys-differ", origin=policy.origin)
    return keys


def acknowledgement_key(keys_dir: Path, policy: Policy, *, passphrase: bytes | None) -> SigningKey:
    """The key that signs acknowledgements: the one that the policy names; where it names none, one made at first use.

    Refuses `log-keys-missing`, `key-passphrase-wrong`, `log-keys-differ`.
    """
    if policy.acknowledgement_key is None:
        return _made_acknowledgement_key(keys_dir, acknowledger(policy.origin), passphrase)
    key = SigningKey(policy.acknowledgement_key.name, load_private_key(keys_dir / _ACKNOWLEDGEMENT_FILE, passphrase))
    if key.verifier() != policy.acknowledgement_key:
        raise Refusal("log-keys-differ", origin=policy.origin)
    return key


def _made_acknowledgement_key(keys_dir: Path, name: str, passphrase: bytes | None) -> SigningKey:
    file = keys_dir / _ACKNOWLEDGEMENT_FILE
    if not file.exists():
        write_new(file, private_key_file(Ed25519PrivateKey.generate(), passphrase), mode=PRIVATE_MODE)
    return SigningKey(name, load_private_key(file, passphrase))


def _make_keys(keys_dir: Path, origin: str, passphrase: bytes | None) -> tuple[SigningKey, ...]:
    """Keys that a crash left behind without a policy have signed nothing and are taken up again."""
    keys_dir.mkdir(parents=True, exist_ok=True)
    keys_dir.chmod(0o700)
    made: tuple[PrivateKey, ...] = (Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())
    for file, private in zip(_FILES, made, strict=True):
        if not (keys_dir / file).exists():
            write_atomically(keys_dir / file, private_key_file(private, passphrase), mode=PRIVATE_MODE)
    return tuple(SigningKey(origin, load_private_key(keys_dir / file, passphrase)) for file in _FILES)


def private_key_file(private: PrivateKey, passphrase: bytes | None) -> bytes:
    """The bytes of a private key's file, encrypted where there is a passphrase."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def load_private_key(path: Path, passphrase: bytes | None) -> PrivateKey:
    """A private key from its file; refuses `log-keys-missing`, `key-passphrase-wrong`."""
    try:
        encoded = path.read_bytes()
    except FileNotFoundError as error:
        raise Refusal("log-keys-missing", folder=str(path.parent)) from error
    try:
        # a key without encryption refuses a passphrase; the demonstration may have been begun without one
        private = load_pem_private_key(encoded, passphrase if b"ENCRYPTED" in encoded else None)
    except (ValueError, TypeError) as error:
        raise Refusal("key-passphrase-wrong", file=path.name) from error
    if not isinstance(private, Ed25519PrivateKey | MLDSA44PrivateKey):
        raise Refusal("key-passphrase-wrong", file=path.name)
    return private
