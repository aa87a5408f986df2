"""The log's own keys and policy, made together before the first entry.

    <data>/keys/log-ed25519.pem, log-ml-dsa-44.pem    private, PKCS #8, folder 0700, files 0600
    <data>/keys/ack-ed25519.pem                       the same; signs acknowledgements and never a checkpoint
    <data>/keys/log-ed25519-<key id>.pem, …           the same, of keys made for a later policy
    <data>/log/policy                                 public

With a passphrase the private keys are encrypted at rest (PKCS #8, PBES2). Without one they are as safe as the file
system is: enough for a demonstration, not for a service.
"""

from collections.abc import Sequence
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
from ledger.log.note import VerifierKey, is_key_name
from ledger.log.policies import POLICIES
from ledger.log.policy import Policy, parse_policy, policy_text
from ledger.log.quorum import NO_QUORUM, Quorum
from ledger.log.tiles import CHECKPOINT, POLICY, tile_path

_KINDS = ("log-ed25519", "log-ml-dsa-44")
_ACKNOWLEDGEMENT_FILE = "ack-ed25519.pem"
_MAX_ORIGIN = 255

FileKey = Ed25519PrivateKey | MLDSA44PrivateKey
"""A private key that can be written to a file."""


def create_log(
    keys_dir: Path,
    log_dir: Path,
    *,
    origin: str,
    receipt_certificate_sha256: str | None,
    passphrase: bytes | None,
    quorum: Quorum = NO_QUORUM,
    token: PrivateKey | None = None,
) -> Policy:
    """Make the log's two keys and its policy file, or return the policy that stands; doing it twice does it once.

    `quorum` names the witnesses of a new policy. `origin` ends with `/` and the book's name. `token` is an Ed25519 key
    that lies elsewhere than in a file. Refuses `origin-malformed`, `log-of-another-book`, and `log-keys-missing` where
    a log or a policy stands without its keys: new keys need a new origin and a new folder, never the old one.
    """
    if (log_dir / POLICY).exists():
        policy = parse_policy((log_dir / POLICY).read_bytes())
        if policy.book != origin.rpartition("/")[2]:
            raise Refusal("log-of-another-book", origin=policy.origin, folder=str(log_dir))
        if not (log_dir / POLICIES).is_dir():  # later keys are looked for by whoever signs
            load_keys(keys_dir, policy, passphrase=passphrase, tokens=(token,) if token else ())
        return policy
    if (log_dir / CHECKPOINT).exists() or (log_dir / tile_path(0, 0)).parent.exists():
        raise Refusal("log-keys-missing", folder=str(keys_dir))
    if not is_key_name(origin) or len(origin.encode()) > _MAX_ORIGIN or "/" not in origin:
        raise Refusal("origin-malformed", origin=origin[:80])
    keys = _make_keys(keys_dir, origin, passphrase, token)
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


def load_keys(
    keys_dir: Path, policy: Policy, *, passphrase: bytes | None, tokens: Sequence[PrivateKey] = ()
) -> tuple[SigningKey, ...]:
    """The private keys that the policy names, in its order.

    Refuses `log-keys-missing`, `key-passphrase-wrong`, `log-keys-differ`.
    """
    at_hand = (*private_keys(keys_dir, passphrase), *tokens)
    return pick_keys(at_hand, policy.origin, policy.log_keys, keys_dir=keys_dir)


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


def private_keys(keys_dir: Path, passphrase: bytes | None) -> tuple[PrivateKey, ...]:
    """Every private key of the log that lies in a file; refuses `key-passphrase-wrong`."""
    return tuple(load_private_key(file, passphrase) for file in key_files(keys_dir))


def key_files(keys_dir: Path) -> list[Path]:
    """The files of the log's private keys."""
    return sorted(file for kind in _KINDS for file in keys_dir.glob(f"{kind}*.pem"))


def pick_keys(
    at_hand: Sequence[PrivateKey], origin: str, wanted: Sequence[VerifierKey], *, keys_dir: Path
) -> tuple[SigningKey, ...]:
    """The keys whose public sides are `wanted`, in that order.

    Refuses `log-keys-missing` where fewer keys are at hand than are wanted, and `log-keys-differ` where others are.
    """
    named = (SigningKey(origin, private) for private in at_hand)
    by_public = {key.verifier(): key for key in named}
    if len(by_public) < len(wanted):
        raise Refusal("log-keys-missing", folder=str(keys_dir))
    if not by_public.keys() >= set(wanted):
        raise Refusal("log-keys-differ", origin=origin)
    return tuple(by_public[verifier] for verifier in wanted)


def make_later_keys(
    keys_dir: Path, origin: str, *, passphrase: bytes | None, token: PrivateKey | None = None
) -> tuple[VerifierKey, ...]:
    """Two new keys for a later policy, in files named after their ids; with `token` the first is that one.

    They have signed nothing until a policy that names them is announced.
    """
    first = token or _make_later(keys_dir, _KINDS[0], Ed25519PrivateKey.generate(), origin, passphrase)
    second = _make_later(keys_dir, _KINDS[1], MLDSA44PrivateKey.generate(), origin, passphrase)
    return SigningKey(origin, first).verifier(), SigningKey(origin, second).verifier()


def _made_acknowledgement_key(keys_dir: Path, name: str, passphrase: bytes | None) -> SigningKey:
    file = keys_dir / _ACKNOWLEDGEMENT_FILE
    if not file.exists():
        write_new(file, private_key_file(Ed25519PrivateKey.generate(), passphrase), mode=PRIVATE_MODE)
    return SigningKey(name, load_private_key(file, passphrase))


def _make_later(keys_dir: Path, kind: str, private: FileKey, origin: str, passphrase: bytes | None) -> FileKey:
    key_id = SigningKey(origin, private).verifier().key_id.hex()
    write_atomically(keys_dir / f"{kind}-{key_id}.pem", private_key_file(private, passphrase), mode=PRIVATE_MODE)
    return private


def _make_keys(
    keys_dir: Path, origin: str, passphrase: bytes | None, token: PrivateKey | None
) -> tuple[SigningKey, ...]:
    """Keys that a crash left behind without a policy have signed nothing and are taken up again."""
    keys_dir.mkdir(parents=True, exist_ok=True)
    keys_dir.chmod(0o700)
    made: tuple[FileKey, ...] = (Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())
    files = [keys_dir / f"{kind}.pem" for kind in _KINDS]
    for file, private in zip(files, made, strict=True):
        if not (file.exists() or (token and file == files[0])):
            write_atomically(file, private_key_file(private, passphrase), mode=PRIVATE_MODE)
    first = token or load_private_key(files[0], passphrase)
    return SigningKey(origin, first), SigningKey(origin, load_private_key(files[1], passphrase))


def private_key_file(private: FileKey, passphrase: bytes | None) -> bytes:
    """The bytes of a private key's file, encrypted where there is a passphrase."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def load_private_key(path: Path, passphrase: bytes | None) -> FileKey:
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
