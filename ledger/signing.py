"""Which keys sign today: those of the newest policy that the log announces, and older ones until their last day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.checkpoint import PrivateKey, SigningKey, parse_checkpoint
from ledger.log.cosignature import open_published
from ledger.log.files import write_once
from ledger.log.keys import pick_keys, private_keys
from ledger.log.leaf import POLICY as POLICY_ENTRY
from ledger.log.note import VerifierKey, parse_note
from ledger.log.policies import POLICIES, policy_path, trust
from ledger.log.policy import Policy
from ledger.log.tiles import POLICY, LogFolder
from ledger.verify.entry import parse_entry
from ledger.verify.policies import PolicyChain


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """`keys` sign, the newest policy's first. `policy` is the newest, with those before it: under one of them the last
    published checkpoint stands. `announced` are the entries that were followed.
    """

    keys: tuple[SigningKey, ...]
    policy: Policy
    announced: frozenset[int] = frozenset()


class KeysInForce:
    """The keys of one log, read again when the log's policies or the day have changed."""

    def __init__(
        self, log_dir: Path, keys_dir: Path, *, passphrase: bytes | None, tokens: Sequence[PrivateKey] = ()
    ) -> None:
        self._log = LogFolder(log_dir)
        self._keys_dir = keys_dir
        self._passphrase = passphrase
        self._tokens = tuple(tokens)
        self._known: tuple[object, SigningKeys] | None = None

    def __call__(self, today: date, size: int) -> SigningKeys:
        """What signs the first `size` entries on this day.

        Refuses `log-keys-missing`, `key-passphrase-wrong`, `log-keys-differ`, and an announcement that is wrong.
        """
        state = (_openings(self._log.folder, size), today)
        if self._known is None or self._known[0] != state:
            self._known = state, self._read(today, size)
        return self._known[1]

    def _read(self, today: date, size: int) -> SigningKeys:
        chain = chain_of(self._log, size)
        policy, older = chain.policies(self._log)
        at_hand = (*private_keys(self._keys_dir, self._passphrase), *self._tokens)
        keys = list(pick_keys(at_hand, policy.origin, policy.log_keys, keys_dir=self._keys_dir))
        for verifier in _still_signing(policy, older, today):
            keys += pick_keys(at_hand, verifier.name, (verifier,), keys_dir=self._keys_dir)
        trusted = trust((policy, *(each for each, _ in older)))
        return SigningKeys(tuple(keys), trusted, frozenset(each.n for each in chain.announced))


def policy_in_force(log_dir: Path, size: int | None = None) -> Policy:
    """The newest policy that the log's entries, or the first `size` of them, announce, with those before it.

    Refuses `log-file-missing` where there is none.
    """
    log = LogFolder(log_dir)
    policy, older = chain_of(log, log.position() if size is None else size).policies(log)
    return trust((policy, *(each for each, _ in older)))


def newest_policy_file(log_dir: Path) -> Path:
    """Where the newest policy that the log announces lies, installed or not yet."""
    if not (log_dir / POLICIES).is_dir():
        return log_dir / POLICY
    return log_dir / policy_path(policy_in_force(log_dir).sha256)


def install_policy(log_dir: Path, note: bytes) -> None:
    """Make the newest policy that the log announces `log/policy`, once the published `note` stands under it."""
    if not (log_dir / POLICIES).is_dir():
        return
    newest = policy_in_force(log_dir, parse_checkpoint(parse_note(note).text).size)
    try:
        open_published(note, newest)
    except Refusal:
        return  # until then the old policy is the one that strangers need
    write_once(log_dir / POLICY, (log_dir / policy_path(newest.sha256)).read_bytes())


def keys_over(log_dir: Path, today: date) -> tuple[frozenset[VerifierKey], date | None]:
    """Keys whose last day is over, or that were compromised; and the last day of those that still sign, if any do."""
    log = LogFolder(log_dir)
    policy, older = chain_of(log, log.position()).policies(log)
    still = _still_signing(policy, older, today)
    over = {key for each, _ in older for key in each.log_keys} - {*policy.log_keys, *still}
    return frozenset(over), max((until for _, until in older if until and until >= today), default=None)


def chain_of(log: LogFolder, size: int) -> PolicyChain:
    """What the first `size` entries announce, by the openings that are published before the entries are."""
    chain = PolicyChain()
    if size:
        chain.start(parse_entry(log.entry(0, size), 0))
    for n in _openings(log.folder, size):
        entry = parse_entry(log.entry(n, size), n)
        if entry["t"] != POLICY_ENTRY:
            raise Refusal("opening-of-another-entry", n=n, stated=str(entry["t"]))
        chain.follow(log, entry)
    return chain


def _openings(log_dir: Path, size: int) -> tuple[int, ...]:
    """The numbers below `size` of the entries whose openings are published."""
    folder = log_dir / POLICIES
    stems = [each.stem for each in folder.glob("*.json")] if folder.is_dir() else []
    return tuple(sorted(n for n in (int(stem) for stem in stems if stem.isdecimal()) if n < size))


def _still_signing(newest: Policy, older: Sequence[tuple[Policy, date | None]], today: date) -> tuple[VerifierKey, ...]:
    """Keys of older policies of today's origin, not in the newest, whose last day has not passed."""
    signing: dict[VerifierKey, None] = {}
    for policy, until_on in older:
        if until_on is not None and today <= until_on and policy.origin == newest.origin:
            signing |= dict.fromkeys(key for key in policy.log_keys if key not in newest.log_keys)
    return tuple(signing)
