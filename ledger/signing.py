"""Which keys sign today: those of the newest policy that the log announces, and older ones until their last day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, PrivateKey, SigningKey
from ledger.log.keys import pick_keys, private_keys
from ledger.log.leaf import POLICY as POLICY_ENTRY
from ledger.log.note import VerifierKey
from ledger.log.policies import POLICIES, policy_path
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import POLICY, LogFolder
from ledger.verify.entry import parse_entry
from ledger.verify.policies import PolicyChain


@dataclass(frozen=True, slots=True)
class InForce:
    """`keys` sign, the newest policy's first. `known` are the keys of each policy that ever was, newest first: with one
    of them the last published checkpoint was signed. `ended` are the last heads of origins that were given up.
    """

    keys: tuple[SigningKey, ...]
    known: tuple[tuple[VerifierKey, ...], ...]
    ended: tuple[Checkpoint, ...] = ()

    @property
    def origin(self) -> str:
        """The name of the log today."""
        return self.keys[0].name


class KeysInForce:
    """The keys of one log, read again when the log's policies or the day have changed."""

    def __init__(
        self, log_dir: Path, keys_dir: Path, *, passphrase: bytes | None, tokens: Sequence[PrivateKey] = ()
    ) -> None:
        self._log = LogFolder(log_dir)
        self._keys_dir = keys_dir
        self._passphrase = passphrase
        self._tokens = tuple(tokens)
        self._known: tuple[object, InForce] | None = None

    def __call__(self, today: date) -> InForce:
        """Refuses `log-keys-missing`, `key-passphrase-wrong`, `log-keys-differ`, and an announcement that is wrong."""
        state = (self._log.read(POLICY), _openings(self._log.folder), today)
        if self._known is None or self._known[0] != state:
            self._known = state, self._read(today)
        return self._known[1]

    def _read(self, today: date) -> InForce:
        policies, untils = _policies(self._log)
        at_hand = (*private_keys(self._keys_dir, self._passphrase), *self._tokens)
        keys = list(pick_keys(at_hand, policies[0].origin, policies[0].log_keys, keys_dir=self._keys_dir))
        for verifier in _still_signing(policies, untils, today):
            keys += pick_keys(at_hand, verifier.name, (verifier,), keys_dir=self._keys_dir)
        ended = tuple(head for policy in policies for head in policy.ended)
        return InForce(tuple(keys), tuple(policy.log_keys for policy in policies), ended)


def over_keys(log_dir: Path, today: date) -> tuple[tuple[VerifierKey, ...], date | None]:
    """Keys whose last day is over, those of given up origins among them, and the last day of those that still sign."""
    policies, untils = _policies(LogFolder(log_dir))
    signing = {*policies[0].log_keys, *_still_signing(policies, untils, today)}
    over = dict.fromkeys(key for policy in policies for key in policy.log_keys if key not in signing)
    return tuple(over), max((until for until in untils if until is not None and until >= today), default=None)


def _policies(log: LogFolder) -> tuple[list[Policy], list[date | None]]:
    """The policies that the log's entries announce, newest first; and, beside all but the newest, until when its keys
    go on signing.
    """
    chain = _chain(log)
    announced = chain.announced
    if not announced:
        return [parse_policy(log.read(POLICY))], []
    first = parse_policy(log.read(policy_path(chain.genesis)))
    newest_first = [each.policy for each in reversed(announced)]
    return [*newest_first, first], [each.until_on for each in reversed(announced)]


def _chain(log: LogFolder) -> PolicyChain:
    """The chain as far as its openings are published: the integrator writes an opening after its entry."""
    chain, size = PolicyChain(), log.position()
    if size:
        chain.begin(parse_entry(log.entry(0, size), 0))
    for n in _openings(log.folder):
        if n < size:
            entry = parse_entry(log.entry(n, size), n)
            if entry["t"] != POLICY_ENTRY:
                raise Refusal("opening-of-another-entry", n=n, stated=str(entry["t"]))
            chain.follow(log, entry)
    return chain


def _openings(log_dir: Path) -> tuple[int, ...]:
    """The numbers of the entries whose openings are published."""
    folder = log_dir / POLICIES
    stems = [each.stem for each in folder.glob("*.json")] if folder.is_dir() else []
    return tuple(sorted(int(stem) for stem in stems if stem.isdecimal()))


def _still_signing(policies: Sequence[Policy], untils: Sequence[date | None], today: date) -> list[VerifierKey]:
    """Keys of older policies of today's origin, not in the newest, whose last day has not passed."""
    newest = policies[0]
    signing: dict[VerifierKey, None] = {}
    for policy, until_on in zip(policies[1:], untils, strict=True):
        if until_on is not None and today <= until_on and policy.origin == newest.origin:
            signing |= dict.fromkeys(key for key in policy.log_keys if key not in newest.log_keys)
    return list(signing)
