"""A proven balance held against the policy: of one account of a person, on a day D, as known at entry K.

The file is JSON Lines, each line canonical JSON:

    {"account", "asset", "balance", "checkpoint", "entries", "format": "bxl-balance/1", "known_at", "next", "on"?}
    {"entry", "header", "inclusion", "lines", "path"}        one per entry that posts to the account, up to entry K
    {...}                                                    with "next": the one after K, where there is one

Each line of a person's account holds its sequence number and the commitment before it, so that 1...v without a gap is
all there is up to v. That v is the last one up to entry K is shown by the next posting, whose number is above K. Where
the account has none yet, the operator's word stands for that alone, and the report says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON, NONCE_SIZE, POSTING, canonical_json, parse_canonical, root_from_lines
from ledger.log.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from ledger.log.policy import Policy
from ledger.verify.entry import Line, check_entry, check_line, commitment, lines_of
from ledger.verify.receipt import NO_POLICY, NO_TRUTH, check_checkpoint
from ledger.verify.report import Report, stopping

FORMAT = "bxl-balance/1"
NO_NEXT = "that the account has no later posting up to entry {known_at}: none is shown after number {v}"
_STATED = {"account", "asset", "balance", "checkpoint", "entries", "format", "known_at", "next"}
_RECORD = {"entry", "header", "inclusion", "lines", "path"}


@dataclass(slots=True)
class _Chain:
    """What the entries so far have made of the account."""

    account: str
    asset: str
    on: str | None
    v: int = 0
    prev: str | None = None
    balance: int = 0
    counted: int = 0
    last_n: int = -1

    def apply(self, n: int, header: Line, lines: Sequence[tuple[int, Line, bytes]]) -> None:
        """Take in one entry's lines of the account; refuses `account-chain-broken` and `proof-of-another-account`."""
        for index, line, committed in lines:
            if (line["account"], line["asset"]) != (self.account, self.asset):
                raise Refusal("proof-of-another-account", n=n, line=index, account=str(line["account"]))
            if line.get("v") != self.v + 1 or line.get("prev") != self.prev:
                raise Refusal("account-chain-broken", n=n, line=index, account=self.account)
            self.v, self.prev = self.v + 1, b64(committed)
            if self.on is None or str(header["on"]) <= self.on:
                self.balance += _signed(line)
                self.counted += 1
        self.last_n = n


def verify_balance(proof: bytes, policy: Policy | None, *, file: str = "balance.jsonl") -> Report:
    """Check one file. Without a policy all but the signatures is checked and the verdict is at best incomplete."""
    report = Report(f"balance {file}")
    with stopping(report):
        _verify(report, proof, policy, file)
    if policy is None:
        report.missing.append(NO_POLICY)
    report.not_checked.append(NO_TRUTH)
    return report


def _verify(report: Report, proof: bytes, policy: Policy | None, file: str) -> None:
    with report.check("form", file, f"{len(proof)} bytes of canonical JSON lines"):
        stated, records = _parse(proof)
    checkpoint = check_checkpoint(report, str(stated["checkpoint"]).encode(), policy, file)
    known_at, entries = _count(stated["known_at"]), _count(stated["entries"])
    with report.check("reach", file, f"entry {known_at} is among the {checkpoint.size} under the checkpoint"):
        if known_at >= checkpoint.size:
            raise Refusal("proof-beyond-checkpoint", known_at=known_at, size=checkpoint.size)
    on = None if "on" not in stated else str(stated["on"])
    chain = _Chain(str(stated["account"]), str(stated["asset"]), on)
    opened = f"{entries} entries, each in the log and opened"
    with report.check("entries and chain", file, lambda: f"{opened}; lines 1 to {chain.v} without a gap"):
        for record in records[:entries]:
            _apply(chain, record, checkpoint)
        if chain.last_n > known_at:
            raise Refusal("proof-beyond-checkpoint", known_at=known_at, size=chain.last_n)
    total, v = chain.balance, chain.v
    with report.check("balance", file, f"{chain.counted} postings come to {total} (debits minus credits)"):
        if total != stated["balance"]:
            raise Refusal("proven-balance-differs", stated=str(stated["balance"])[:40], derived=total)
    _check_completeness(report, chain, records[entries:], checkpoint, known_at=known_at, file=file)
    report.figures |= {"account": chain.account, "asset": chain.asset, "balance": total, "known_at": known_at}
    report.figures |= {"postings": v, "log": checkpoint.origin, "log_size": checkpoint.size}
    report.figures |= {} if on is None else {"on": on}


def _check_completeness(
    report: Report, chain: _Chain, following: Sequence[Line], checkpoint: Checkpoint, *, known_at: int, file: str
) -> None:
    v = chain.v
    if not following:
        report.not_checked.append(NO_NEXT.format(known_at=known_at, v=v))
        return
    shown = f"posting {v + 1} is in an entry after {known_at}, so {v} was the last one known"
    with report.check("completeness", file, shown):
        _apply(chain, following[0], checkpoint)
        if chain.last_n <= known_at:
            raise Refusal("proof-leaves-out-entry", n=chain.last_n, known_at=known_at)


def _parse(proof: bytes) -> tuple[Line, list[Line]]:
    if not proof.endswith(b"\n"):
        raise _malformed(1, "the last line does not end")
    stated, *records = [_object(line, number) for number, line in enumerate(proof[:-1].split(b"\n"), start=1)]
    if stated.keys() - {"on"} != _STATED or stated["format"] != FORMAT or not isinstance(stated["next"], bool):
        raise _malformed(1, "members of the first line")
    numbers = [stated[name] for name in ("balance", "entries", "known_at")]
    texts = [stated[name] for name in ("account", "asset", "checkpoint", *stated.keys() & {"on"})]
    if not all(_is_integer(number) for number in numbers) or not all(isinstance(text, str) for text in texts):
        raise _malformed(1, "values of the first line")
    if len(records) != _count(stated["entries"]) + stated["next"]:
        raise _malformed(1, "number of entries")
    for number, record in enumerate(records, start=2):
        if record.keys() != _RECORD:
            raise _malformed(number, "members")
    return stated, records


def _apply(chain: _Chain, record: Line, checkpoint: Checkpoint) -> None:
    entry = _mapping(record["entry"])
    n = entry.get("n")
    if not _is_integer(n) or not isinstance(n, int) or n <= chain.last_n:
        raise Refusal("openings-out-of-order", n=str(n)[:40])
    check_entry(entry, n)
    if entry["t"] != POSTING:
        raise Refusal("proof-of-another-account", n=n, line=0, account=str(entry["t"]))
    inclusion = [_hash(step) for step in _list(record["inclusion"])]
    leaf = leaf_hash(canonical_json(dict(entry)))
    if not verify_inclusion(leaf, n, checkpoint.size, inclusion, checkpoint.root):
        raise Refusal("entry-not-in-log", n=n, size=checkpoint.size)
    header, lines = _opened(record, entry, n)
    chain.apply(n, header, lines)


def _opened(record: Line, entry: Line, n: int) -> tuple[Line, list[tuple[int, Line, bytes]]]:
    """The header and the account's lines, held against what the entry commits to."""
    header = _mapping(record["header"])
    opened = {0: (_mapping(header["line"]), _nonce(header["nonce"]))}
    for stated in map(_mapping, _list(record["lines"])):
        index = _count(stated["index"])
        if index in opened or stated.keys() != {"index", "line", "nonce"}:
            raise Refusal("opening-does-not-fit", n=n)
        opened[index] = (_mapping(stated["line"]), _nonce(stated["nonce"]))
    count, root = lines_of(entry)
    committed = {index: commitment(nonce, line) for index, (line, nonce) in opened.items()}
    path = [_hash(step) for step in _list(record["path"])]
    if len(opened) == 1 or root_from_lines(count, committed, path) != root:
        raise Refusal("opening-does-not-fit", n=n)
    for index, (line, _) in opened.items():
        check_line(entry, index, line)
    indexes = sorted(opened)[1:]
    return opened[0][0], [(index, opened[index][0], committed[index]) for index in indexes]


def _object(encoded: bytes, number: int) -> Line:
    try:
        value = parse_canonical(encoded)
    except Refusal as refusal:
        raise _malformed(number, str(refusal.facts.get("reason", refusal.code))) from refusal
    if not isinstance(value, dict):
        raise _malformed(number, "no object")
    return value


def _mapping(value: JSON) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise _malformed(0, "no object")
    return _Members(value)


class _Members(dict[str, JSON]):
    """An object whose missing members are refused."""

    def __missing__(self, name: str) -> JSON:
        raise _malformed(0, f"no member {name}")


def _list(value: JSON) -> Sequence[JSON]:
    if not isinstance(value, list):
        raise _malformed(0, "no list")
    return value


def _count(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _malformed(0, "no count")
    return value


def _nonce(value: JSON) -> bytes:
    return _bytes(value, NONCE_SIZE)


def _hash(value: JSON) -> bytes:
    return _bytes(value, HASH_SIZE)


def _bytes(value: JSON, size: int) -> bytes:
    raw = from_b64(value) if isinstance(value, str) else b""
    if len(raw) != size:
        raise _malformed(0, f"not {size} bytes")
    return raw


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _signed(line: Line) -> int:
    debit, credit = line.get("debit", 0), line.get("credit", 0)
    assert isinstance(debit, int)
    assert isinstance(credit, int)
    return debit - credit


def _malformed(line: int, reason: str) -> Refusal:
    return Refusal("balance-proof-malformed", line=line, reason=reason)
