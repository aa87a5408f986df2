"""Who must have cosigned a checkpoint: the lines `witness`, `group` and `quorum` of a C2SP tlog-policy.

    witness <name> <vkey> [<url>]
    group <name> <k|any|all> <member>...         members are witnesses or groups of lines before, each in one group only
    quorum <name|none>                           exactly one

Names mean nothing outside the policy. Whether a set of witnesses is enough is decided here, by whoever verifies; what a
server says of it does not count.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.errors import Refusal
from ledger.log.note import COSIGNATURE, ED25519, MAX_SIGNATURES, ML_DSA_44, VerifierKey

NONE = "none"
MAX_WITNESSES = MAX_SIGNATURES - 2
"""A note has this many lines beside those of the log's two keys."""
_THRESHOLDS = {"any", "all"}


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness under its name in the policy; `url` is the prefix to which checkpoints are submitted."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Stands when at least `threshold` of its members do."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quorum:
    """The witnesses, the groups over them, and the one name that must stand; no name means that none is asked for."""

    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    name: str | None = None

    def is_met_by(self, names: Collection[str]) -> bool:
        """Whether the witnesses with these `names`, all of whose cosignatures hold, are enough.

        >>> Quorum(groups=(Group("g", 2, ("a", "b", "c")),), name="g").is_met_by({"a", "c"})
        True
        """
        if self.name is None:
            return True
        standing = {name for name in names if name in self._witness_names()}
        for group in self.groups:  # members are defined before, so one pass is enough
            if sum(member in standing for member in group.members) >= group.threshold:
                standing.add(group.name)
        return self.name in standing

    def needed_of(self, names: Collection[str]) -> tuple[str, ...]:
        """Of `names`, which are enough, a part that still is and of which nobody can be left out, in policy order.

        Where it can be chosen, those that stand first in the policy are kept.
        """
        kept = [name for name in self._witness_names() if name in names]
        for name in reversed(tuple(kept)):
            fewer = [other for other in kept if other != name]
            if self.is_met_by(fewer):
                kept = fewer
        return tuple(kept)

    def lines(self) -> list[str]:
        """The lines of a policy file."""
        named = [f"witness {w.name} {w.key.vkey()}" + (f" {w.url}" if w.url else "") for w in self.witnesses]
        grouped = [f"group {g.name} {g.threshold} {' '.join(g.members)}" for g in self.groups]
        return [*named, *grouped, f"quorum {self.name or NONE}"]

    def _witness_names(self) -> tuple[str, ...]:
        return tuple(witness.name for witness in self.witnesses)


NO_QUORUM = Quorum()
"""No witness is asked for."""


@dataclass(slots=True)
class QuorumLines:
    """Takes in the lines of a policy in their order."""

    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorums: list[str] = field(default_factory=list)
    _grouped: set[str] = field(default_factory=set)

    def take(self, words: Sequence[str]) -> bool:
        """Take in one line; False where it is none of ours. Refuses `policy-malformed`, `verifier-key-malformed`."""
        match words:
            case ["witness", name, vkey, *urls] if len(urls) <= 1:
                self._define_witness(name, VerifierKey.parse(vkey), urls[0] if urls else None)
            case ["group", name, threshold, first, *others]:
                self._define_group(name, threshold, (first, *others))
            case ["quorum", name]:
                if name != NONE and name not in self._defined():
                    raise malformed(f"quorum {name}: no such witness or group before it")
                self.quorums.append(name)
            case _:
                return False
        return True

    def finish(self) -> Quorum:
        """The whole; refuses `policy-malformed` without exactly one quorum line."""
        if len(self.quorums) != 1:
            raise malformed("one quorum line")
        [name] = self.quorums
        return Quorum(tuple(self.witnesses), tuple(self.groups), None if name == NONE else name)

    def _defined(self) -> Mapping[str, Witness | Group]:
        witnesses: dict[str, Witness | Group] = {witness.name: witness for witness in self.witnesses}
        return witnesses | {group.name: group for group in self.groups}

    def _define(self, name: str) -> None:
        if name == NONE or not name.isprintable() or name in self._defined():
            raise malformed(f"the name {name!r} is taken, reserved or unprintable")

    def _define_witness(self, name: str, key: VerifierKey, url: str | None) -> None:
        self._define(name)
        if key.kind not in {ED25519, COSIGNATURE, ML_DSA_44}:
            raise malformed(f"witness {name}: no key that cosigns")
        if key.kind == ED25519:  # some tools write a witness's key as that of a note; its cosignatures are of type 04
            key = VerifierKey(key.name, COSIGNATURE, key.public)
        if any(key.public == other.key.public for other in self.witnesses):
            raise malformed(f"witness {name}: this key stands twice")
        if len(self.witnesses) == MAX_WITNESSES:
            raise malformed(f"more than {MAX_WITNESSES} witnesses")
        if url is not None and not url.isprintable():
            raise malformed(f"witness {name}: its address")
        self.witnesses.append(Witness(name, key, url))

    def _define_group(self, name: str, stated: str, members: tuple[str, ...]) -> None:
        self._define(name)
        for member in members:
            if member not in self._defined() or member in self._grouped:
                raise malformed(f"group {name}: {member} is not defined before, or in a group already")
            self._grouped.add(member)
        self.groups.append(Group(name, _threshold(name, stated, len(members)), members))


def malformed(line: str) -> Refusal:
    """`policy-malformed`, naming the line."""
    return Refusal("policy-malformed", line=line[:120])


def _threshold(name: str, stated: str, count: int) -> int:
    if stated in _THRESHOLDS:
        return 1 if stated == "any" else count
    if not (stated.isascii() and stated.isdecimal()) or len(stated) > len(str(count)) or not 1 <= int(stated) <= count:
        raise malformed(f"group {name}: {stated} of {count}")
    return int(stated)
