"""The Merkle sum tree of a closed period: one tree per group of accounts, whose root binds the sum of all balances.

    balance ── three random shares ──> leaves (cents, hash), ascending by nonce ──> nodes ──> root and sum

    leaf   SHA-256("bxl-sum-leaf/1" 00 || nonce32 || share (1 byte) || cents of the share (8) || statement)
    node   SHA-256("bxl-sum-node/1" 00 || left sum (8) || left hash || right sum (8) || right hash)

A node binds both sums and both hashes: Maxwell's tree of 2013 bound only their total, and understated debts verified
(Hu, Zhang, Guo 2019). Sums are unsigned 64 bits, so that neither a negative leaf nor an overflow has an encoding. The
statement is canonical JSON of the whole account, its last chain entry and balance, so no leaf fits two accounts.

Nonces, shares and padding follow from one secret seed per period, which follows from the nonce that hides the header
of the closing entry: the operator can derive it, and an auditor is given it with the openings. Sorting by nonces is a
random order that needs no other key. Padding leaves look like those of an account with nothing, and stand anywhere. So
the tree is never stored: it is made again whenever a path is asked for or an auditor wants the root.
"""

import hashlib
import hmac
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON, NONCE_SIZE, canonical_json, parse_canonical
from ledger.log.merkle import HASH_SIZE

FORMAT = "bxl-share/1"
SHARES = 3
CREDIT, DEBIT = "credit", "debit"
STEP_SIZE = 8 + HASH_SIZE
MAX_CENTS = 2**53 - 1
_LEAF, _NODE = b"bxl-sum-leaf/1\x00", b"bxl-sum-node/1\x00"
_SEED, _PADDING = b"bxl-sum-seed/1", b"padding\x00"
_U64 = 2**64
_MAX_DEPTH = 40
_TEXT = re.compile(r"[A-Za-z0-9:._+/=-]*")
"""No quotes: what is written out without escapes has one reading."""
_MEMBERS = {"account", "asset", "cents", "format", "group", "head", "period", "shares", "v"}
_SHARE = {"cents", "index", "nonce", "path"}


class Sum(NamedTuple):
    """A subtree: what its leaves come to, and its hash."""

    cents: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account comes to at the close: `cents` on its group's side after posting `v`, committed as `head`."""

    account: str
    asset: str
    group: str
    period: str
    cents: int
    v: int
    head: bytes

    def statement(self) -> bytes:
        """What each of the account's leaves binds beside its share: `members` in canonical JSON, written out."""
        first = f'{{"account":"{self.account}","asset":"{self.asset}","cents":{self.cents},"group":"{self.group}"'
        return f'{first},"head":"{b64(self.head)}","period":"{self.period}","v":{self.v}}}'.encode()

    def members(self) -> dict[str, JSON]:
        """The same as an object."""
        named: dict[str, JSON] = {"account": self.account, "asset": self.asset, "group": self.group}
        return named | {"cents": self.cents, "head": b64(self.head), "period": self.period, "v": self.v}


@dataclass(frozen=True, slots=True)
class Share:
    """One share of a holding: where its leaf stands, and the subtrees beside its path, deepest first."""

    index: int
    nonce: bytes
    cents: int
    path: tuple[Sum, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a holder keeps: her account's holding and all its shares."""

    holding: Holding
    shares: tuple[Share, ...]

    def encode(self) -> bytes:
        """One object in canonical JSON."""
        shares: list[JSON] = [
            {
                "cents": share.cents,
                "index": share.index,
                "nonce": b64(share.nonce),
                "path": b64(b"".join(_u64(step.cents) + step.hash for step in share.path)),
            }
            for share in self.shares
        ]
        return canonical_json(self.holding.members() | {"format": FORMAT, "shares": shares})


def group_of(account: str, signed: int) -> str:
    """The group of an account with this balance, debits minus credits: its code and side; nothing is a credit.

    >>> group_of("489100:c17", -5), group_of("020000:c17", 5)
    ('489100-credit', '020000-debit')
    """
    return f"{account.partition(':')[0]}-{DEBIT if signed > 0 else CREDIT}"


def seed_of(header_nonce: bytes) -> bytes:
    """The secret that a period's trees follow from, of the nonce that hides line 0 of its closing entry."""
    return hmac.digest(header_nonce, _SEED, "sha256")


class SumTree:
    """The tree over the holdings of one group, which are of one asset and one period."""

    def __init__(self, seed: bytes, holdings: Iterable[Holding]) -> None:
        leaves: list[tuple[bytes, int, bytes]] = []
        accounts = 0
        for holding in holdings:
            leaves += _leaves(seed, holding)
            accounts += 1
            scope = _scope(holding)
        if not accounts:
            raise Refusal("totals-malformed", reason="a group without accounts")
        self.accounts = accounts
        missing = (1 << (len(leaves) - 1).bit_length()) - len(leaves)
        key = hmac.digest(seed, _PADDING + scope, "sha256")
        leaves += [_padding(key, number) for number in range(missing)]
        leaves.sort(key=itemgetter(0))
        self._nonces = [leaf[0] for leaf in leaves]
        self._seed = seed
        self._cents = [[leaf[1] for leaf in leaves]]
        self._hashes = [[leaf[2] for leaf in leaves]]
        while len(self._hashes[-1]) > 1:
            self._grow()

    @property
    def leaves(self) -> int:
        """How many leaves it has, padding included: a power of two."""
        return len(self._nonces)

    @property
    def root(self) -> Sum:
        """Its root, and the sum of all holdings."""
        return Sum(self._cents[-1][0], self._hashes[-1][0])

    def prove(self, holding: Holding) -> Proof:
        """The proof of one of its holdings."""
        shares = [
            Share(index := bisect_left(self._nonces, nonce), nonce, cents, tuple(self._path(index)))
            for nonce, cents, _ in _leaves(self._seed, holding)
        ]
        return Proof(holding, tuple(shares))

    def _path(self, index: int) -> Iterable[Sum]:
        for cents, hashes in zip(self._cents[:-1], self._hashes[:-1], strict=True):
            yield Sum(cents[index ^ 1], hashes[index ^ 1])
            index >>= 1

    def _grow(self) -> None:
        """The level above: written out, since a million accounts make four million nodes."""
        cents, hashes, sha256 = self._cents[-1], self._hashes[-1], hashlib.sha256
        encoded = [value.to_bytes(8, "big") for value in cents]
        pairs = zip(encoded[::2], hashes[::2], encoded[1::2], hashes[1::2], strict=True)
        self._hashes.append([sha256(b"".join((_NODE, *pair))).digest() for pair in pairs])
        sums = [left + right for left, right in zip(cents[::2], cents[1::2], strict=True)]
        if max(sums) > MAX_CENTS:
            raise Refusal("totals-malformed", reason="a sum of 2^53 or more")
        self._cents.append(sums)


def leaf_of(holding: Holding, share: int, cents: int, nonce: bytes) -> Sum:
    """The leaf of share 1, 2 or 3 of a holding; refuses `totals-malformed` for cents that are no unsigned 64 bits."""
    return Sum(cents, _leaf_hash(nonce, share, _u64(cents), holding.statement()))


def node_of(left: Sum, right: Sum) -> Sum:
    """The node above two subtrees; refuses `totals-malformed` where a sum is negative or does not fit in 64 bits."""
    cents = left.cents + right.cents
    _u64(cents)
    bound = (_NODE, _u64(left.cents), left.hash, _u64(right.cents), right.hash)
    return Sum(cents, hashlib.sha256(b"".join(bound)).digest())


def verify(proof: Proof, *, root: Sum, leaves: int) -> bool:
    """Whether all shares of the holding stand in the tree with `root` and `leaves`, apart, and come to its cents."""
    depth = max(leaves.bit_length() - 1, 0)
    apart = len({share.index for share in proof.shares}) == len(proof.shares) == SHARES
    if not apart or leaves != 1 << depth or sum(share.cents for share in proof.shares) != proof.holding.cents:
        return False
    fits = all(0 <= share.index < leaves and len(share.path) == depth for share in proof.shares)
    try:
        return fits and all(
            _climb(leaf_of(proof.holding, number, share.cents, share.nonce), share) == root
            for number, share in enumerate(proof.shares, start=1)
        )
    except Refusal:
        return False


def parse_proof(encoded: bytes) -> Proof:
    """The proof in `encoded`, unverified; refuses `totals-proof-malformed`."""
    try:
        value = parse_canonical(encoded)
        proof = _parsed(_members(value, _MEMBERS))
        if proof.encode() != encoded:
            raise _malformed("another encoding of the same proof")
    except Refusal as refusal:
        raise Refusal("totals-proof-malformed", reason=str(refusal.facts.get("reason", refusal.code))) from refusal
    return proof


def _totals_line(tree: SumTree, holding: Holding, at: int) -> dict[str, JSON]:
    """The line of a totals/1 entry: the group of `holding`, its tree's root and sum, as known at entry `at`."""
    cents, root = tree.root
    named: dict[str, JSON] = {"asset": holding.asset, "at": at, "group": holding.group, "period": holding.period}
    return named | {"accounts": tree.accounts, "leaves": tree.leaves, "root": b64(root), "sum": cents}


def totals_key(period: str) -> str:
    """The fact key of the totals of the period that ends on that day."""
    return f"totals:{period}"


def totals_lines(seed: bytes, holdings: Iterable[Holding], at: int) -> list[Mapping[str, JSON]]:
    """The lines of a totals/1 entry over all holdings of a period, by asset and group."""
    groups = grouped(holdings)
    return [_totals_line(SumTree(seed, groups[name]), groups[name][0], at) for name in sorted(groups)]


def grouped(holdings: Iterable[Holding]) -> dict[tuple[str, str], Sequence[Holding]]:
    """The holdings of each asset and group."""
    groups: dict[tuple[str, str], list[Holding]] = {}
    for holding in holdings:
        groups.setdefault((holding.asset, holding.group), []).append(holding)
    return dict(groups)


def _climb(leaf: Sum, share: Share) -> Sum:
    result, index = leaf, share.index
    for step in share.path:
        result = node_of(step, result) if index & 1 else node_of(result, step)
        index >>= 1
    return result


def _leaves(seed: bytes, holding: Holding) -> list[tuple[bytes, int, bytes]]:
    """Nonce, cents and hash of each share. Two cuts, uniform in 0...cents, make three shares that are not negative."""
    if not 0 <= holding.cents <= MAX_CENTS:
        raise Refusal("totals-malformed", reason="a balance that is negative, or 2^53 or more")
    statement = holding.statement()
    key = hmac.digest(seed, _scope(holding) + holding.account.encode(), "sha256")
    cuts = _derived(key, b"\x00")
    span = holding.cents + 1
    low, high = sorted((int.from_bytes(cuts[:16], "big") % span, int.from_bytes(cuts[16:], "big") % span))
    made = []
    for share, cents in enumerate((low, high - low, holding.cents - high), start=1):
        nonce = _derived(key, share.to_bytes(1, "big"))
        made.append((nonce, cents, _leaf_hash(nonce, share, _u64(cents), statement)))
    return made


def _padding(key: bytes, number: int) -> tuple[bytes, int, bytes]:
    """A leaf of nothing, whose statement is empty: only its nonce, which nobody is given, makes its hash."""
    nonce = _derived(key, number.to_bytes(8, "big"))
    return nonce, 0, _leaf_hash(nonce, 0, _u64(0), b"")


def _derived(key: bytes, message: bytes) -> bytes:
    """Of a secret key and a message of known length, so that it needs no HMAC, which would take three times as long."""
    return hashlib.sha256(key + message).digest()


def _scope(holding: Holding) -> bytes:
    return f"{holding.group}\x00{holding.asset}\x00".encode()


def _leaf_hash(nonce: bytes, share: int, cents: bytes, statement: bytes) -> bytes:
    return hashlib.sha256(b"".join((_LEAF, nonce, share.to_bytes(1, "big"), cents, statement))).digest()


def _u64(cents: int) -> bytes:
    if not 0 <= cents < _U64:
        raise Refusal("totals-malformed", reason="cents that are negative or do not fit in 64 bits")
    return cents.to_bytes(8, "big")


def _parsed(members: Mapping[str, JSON]) -> Proof:
    shares = members["shares"]
    if members["format"] != FORMAT or not isinstance(shares, list) or len(shares) != SHARES:
        raise _malformed("its format or its shares")
    holding = Holding(
        account=_text(members["account"]),
        asset=_text(members["asset"]),
        group=_text(members["group"]),
        period=_text(members["period"]),
        cents=_count(members["cents"]),
        v=_count(members["v"]),
        head=_bytes(members["head"], HASH_SIZE),
    )
    return Proof(holding, tuple(_share(_members(share, _SHARE)) for share in shares))


def _share(members: Mapping[str, JSON]) -> Share:
    path = from_b64(_text(members["path"]))
    if len(path) % STEP_SIZE or len(path) > _MAX_DEPTH * STEP_SIZE:
        raise _malformed("the length of a path")
    steps = [path[at : at + STEP_SIZE] for at in range(0, len(path), STEP_SIZE)]
    sums = tuple(Sum(int.from_bytes(step[:8], "big"), step[8:]) for step in steps)
    return Share(_count(members["index"]), _bytes(members["nonce"], NONCE_SIZE), _count(members["cents"]), sums)


def _members(value: JSON, names: set[str]) -> Mapping[str, JSON]:
    if not isinstance(value, dict) or value.keys() != names:
        raise _malformed(f"an object with the members {sorted(names)} is missing")
    return value


def _text(value: JSON) -> str:
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        raise _malformed("a text of plain characters is missing")
    return value


def _count(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _malformed("a count is missing")
    return value


def _bytes(value: JSON, size: int) -> bytes:
    raw = from_b64(_text(value))
    if len(raw) != size:
        raise _malformed(f"{size} bytes are missing")
    return raw


def _malformed(reason: str) -> Refusal:
    return Refusal("totals-proof-malformed", reason=reason)
