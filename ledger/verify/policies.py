"""Following the policies that a log announces: from entry 0, through every policy/1, to the newest."""

from dataclasses import dataclass, field
from datetime import date

from ledger.errors import Refusal
from ledger.log.encoding import from_b64
from ledger.log.leaf import canonical_json, root_from_lines
from ledger.log.policies import opening_path, policy_path
from ledger.log.policy import Policy, parse_policy
from ledger.log.receipt import parse_opening
from ledger.log.tiles import POLICY, LogReader
from ledger.verify.entry import Line, check_line, commitment, lines_of


@dataclass(frozen=True, slots=True)
class Announced:
    """A policy that entry `n` announced; keys of the one before it go on signing up to `until_on`, if it is there."""

    n: int
    policy: Policy
    until_on: date | None


@dataclass(slots=True)
class PolicyChain:
    """The hash that entry 0 holds, and what was announced since."""

    genesis: bytes = b""
    announced: list[Announced] = field(default_factory=list)

    @property
    def newest(self) -> bytes:
        """The hash of the policy that was announced last."""
        return self.announced[-1].policy.sha256 if self.announced else self.genesis

    def start(self, genesis: Line) -> None:
        """Take the hash in entry 0."""
        self.genesis = from_b64(str(genesis["policy"]))

    def follow(self, log: LogReader, entry: Line) -> None:
        """Take a policy/1 of the log by its published opening.

        Refuses `log-file-missing`, `opening-malformed`, `opening-of-another-entry`, `opening-does-not-fit`,
        `line-malformed`, and `policy-out-of-order` where it does not follow the policy before.
        """
        n = int(str(entry["n"]))
        line = _opened(log.read(opening_path(n)), entry, n)
        if line["before"] != self.newest.hex():
            raise Refusal("policy-out-of-order", n=n)
        until = line.get("until")
        policy = parse_policy(str(line["policy"]).encode())
        self.announced.append(Announced(n, policy, date.fromisoformat(str(until)) if until else None))

    def policies(self, log: LogReader) -> tuple[Policy, list[tuple[Policy, date | None]]]:
        """The newest policy; and those before it, the later first, each with the last day of keys that end with it."""
        if not self.announced:
            return parse_policy(log.read(POLICY)), []
        texts = [parse_policy(log.read(policy_path(self.genesis))), *(each.policy for each in self.announced)]
        last_days = [each.until_on for each in self.announced]
        return texts[-1], list(zip(reversed(texts[:-1]), reversed(last_days), strict=True))

    def require(self, pinned: Policy) -> None:
        """Refuse `policy-differs-from-genesis` for a policy that neither entry 0 nor a later entry names."""
        if pinned.sha256 not in {self.genesis, *(each.policy.sha256 for each in self.announced)}:
            raise Refusal("policy-differs-from-genesis", policy=pinned.sha256.hex())

    def newer_than(self, pinned: Policy) -> Announced | None:
        """What was announced last, where the pinned policy is another."""
        return self.announced[-1] if self.announced and self.newest != pinned.sha256 else None


def _opened(encoded: bytes, entry: Line, n: int) -> Line:
    """The one line of a policy/1, held against what the entry commits to."""
    opening = parse_opening(encoded)
    if canonical_json(dict(opening.entry)) != canonical_json(dict(entry)):
        raise Refusal("opening-of-another-entry", n=n, stated=str(opening.entry.get("n"))[:40])
    count, root = lines_of(entry)
    lines = (opening.header, opening.line)
    found = {line.index: commitment(line.nonce, line.line) for line in lines}
    if opening.line.index != 1 or root_from_lines(count, found, opening.path) != root:
        raise Refusal("opening-does-not-fit", n=str(n))
    for line in lines:
        check_line(entry, line.index, line.line)
    return opening.line.line
