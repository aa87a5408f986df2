"""Vectors of receipts: one log that holds lines of every kind, right and wrong, all hashed and signed as they stand."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.leaf import entry_bytes, lines_path
from ledger.log.merkle import inclusion_proof, leaf_hash, root, subtree_of
from ledger.log.receipt import TlogProof
from tests.log_vectors.base import (
    CONTENT,
    FORGED,
    INCOMPLETE,
    MINUTE,
    ORIGIN,
    OTHER_ED,
    OTHER_POLICY,
    OTHER_PQ,
    OURS,
    POLICY,
    POLICY_FILE,
    VERIFIED,
    Vector,
    secret,
    signed,
)

Line = dict[str, object]
HEADER: Line = {"actor": "s1", "at": "2026-03-02T11:00:00.000000Z"}
DATED = HEADER | {"on": "2026-03-02", "purpose": "payment-received"}
BANK: Line = {"account": "550100", "asset": "EUR", "debit": 6000}
PREV = b64(hashlib.sha256(b"the commitment before").digest())
PERSON: Line = {"account": "489100:c17", "asset": "EUR", "credit": 6000, "prev": PREV, "v": 2}
LARGEST = 2**53 - 1

RIGHT: dict[str, tuple[str, Line, list[Line], int]] = {
    "posting": ("posting/1", DATED, [BANK, PERSON], 2),
    "posting-first-line": ("posting/1", DATED, [BANK, PERSON], 1),
    "posting-first-of-a-chain": (
        "posting/1", DATED, [BANK, {"account": "489100:c17", "asset": "EUR", "credit": 6000, "v": 1}], 2,
    ),
    "posting-wide": (
        "posting/1", DATED, [BANK, *({**PERSON, "account": f"489100:c{i}", "credit": 150} for i in range(40))], 23,
    ),
    "posting-largest-amount": ("posting/1", DATED, [{**BANK, "debit": LARGEST}, {**PERSON, "credit": LARGEST}], 1),
    "posting-every-member": (
        "posting/1",
        DATED | {"approvals": ["a1", "a2"], "evidence": "a1" * 32, "meta": {"loan": "l1"}, "restates": "2026-03-31",
                 "reverses": 1},
        [BANK, PERSON],
        2,
    ),
    "posting-that-settles": ("posting/1", DATED | {"hold": 4, "rest": "released"}, [BANK, PERSON], 2),
    "purpose-of-200-characters-outside-the-first-plane": (
        "posting/1", DATED | {"purpose": "\N{HERB}" * 200}, [BANK, PERSON], 2,
    ),
    "purpose-in-three-languages": (
        "posting/1", DATED | {"purpose": "remboursé à l'échéance · coëfficiënt · \"paid\" \\ \u0001\u2028"},
        [BANK, PERSON], 2,
    ),
    "hold": ("hold/1", DATED | {"expires": "2026-03-09T11:00:00.000001Z"},
             [{**BANK}, {"account": "489100:c17", "asset": "EUR", "credit": 6000}], 2),
    "accounts": ("accounts/1", HEADER, [{"asset": "LOAN-7", "scale": 0},
                 {"account": "489100:c17", "asset": "EUR", "maximum": 9, "minimum": -9}], 2),
    "accounts-asset": ("accounts/1", HEADER, [{"asset": "LOAN-7", "scale": 9}], 1),
    "rules": ("rules/1", HEADER, [{"account": "489100:c17", "asset": "EUR", "closed": True, "version": 2}], 1),
    "state": ("state/1", HEADER, [{"relation": "party", "root": PREV, "rows": 3}], 1),
}  # fmt: skip
"""Type, header (a key is added where the type has one), lines, and which line the receipt opens."""

WRONG_HEADERS: dict[str, tuple[Line, str]] = {
    "header-without-actor": ({"actor": None}, "the header names no actor"),
    "header-without-purpose": ({"purpose": None}, "the header of a posting has a purpose"),
    "header-unknown-member": ({"remark": "x"}, "an unknown member"),
    "header-member-of-another-type": ({"about": 1}, "a posting is about nothing: that is a note's"),
    "header-other-minute": ({"at": "2026-03-02T11:01:00.000000Z"}, "the instant is not of the minute that is public"),
    "header-instant-without-fraction": ({"at": "2026-03-02T11:00:00Z"}, "an instant has six decimals"),
    "header-instant-that-is-none": ({"at": "2026-03-02T11:00:61.000000Z"}, "there is no second 61"),
    "header-day-that-is-none": ({"on": "2026-02-30"}, "there is no 30 February"),
    "header-day-in-short": ({"on": "20260302"}, "a day is written with hyphens"),
    "header-purpose-empty": ({"purpose": ""}, "a text has a character at least"),
    "header-purpose-of-201": ({"purpose": "x" * 201}, "a text has 200 characters at most"),
    "header-actor-with-capital": ({"actor": "S1"}, "actors are in small letters"),
    "header-evidence-short": ({"evidence": "a1" * 31}, "evidence is 64 hexadecimal digits"),
    "header-evidence-in-capitals": ({"evidence": "A1" * 32}, "hexadecimal digits are small"),
    "header-approvals-empty": ({"approvals": []}, "approvals are one or more"),
    "header-approvals-of-numbers": ({"approvals": [1]}, "approvals are texts"),
    "header-meta-empty": ({"meta": {}}, "meta has a text at least"),
    "header-meta-with-capital": ({"meta": {"Loan": "1"}}, "names in meta are in small letters"),
    "header-reverses-0": ({"reverses": 0}, "nothing reverses the genesis entry"),
    "header-reverses-true": ({"reverses": True}, "true is no number"),
    "header-hold-and-reverses": ({"hold": 1, "reverses": 1}, "a posting has not both"),
    "header-rest-without-hold": ({"rest": "released"}, "there is no hold whose rest could be free"),
}
"""What is changed in the header of a posting; `None` takes a member out."""

WRONG_LINES: dict[str, tuple[Line, str]] = {
    "line-both-sides": ({"debit": 1}, "a line has one side"),
    "line-no-side": ({"credit": None}, "a line has one side"),
    "line-amount-0": ({"credit": 0}, "an amount is 1 or more"),
    "line-amount-negative": ({"credit": -1}, "an amount is 1 or more"),
    "line-amount-true": ({"credit": True}, "true is no amount"),
    "line-amount-text": ({"credit": "6000"}, "an amount is a number"),
    "line-amount-of-2-to-the-53": ({"credit": 2**53}, "integers stay below 2^53"),
    "line-amount-with-decimals": ({"credit": 60.5}, "an amount is an integer in the smallest unit"),
    "line-unknown-member": ({"note": "x"}, "an unknown member"),
    "line-null": ({"note": None}, "what does not apply is left out"),
    "line-account-short": ({"account": "4"}, "an account has two digits at least"),
    "line-owner-empty": ({"account": "489100:"}, "a colon has an owner after it"),
    "line-asset-in-small-letters": ({"asset": "eur"}, "assets are in capitals"),
    "line-v-0": ({"v": 0}, "postings of an account are counted from 1"),
    "line-v-without-prev": ({"prev": None}, "from the second posting on a line names the one before"),
    "line-prev-without-v": ({"v": None}, "what names the one before is counted"),
    "line-first-with-prev": ({"v": 1}, "the first posting has none before it"),
    "line-prev-of-31-bytes": ({"prev": b64(bytes(31))}, "a commitment has 32 bytes"),
    "line-account-not-in-form-c": ({"account": "489100:e\u0301"}, "text is in Unicode form C, and owners are ASCII"),
}
"""What is changed in the holder's line."""

WRONG_ENTRIES: dict[str, tuple[Line, str]] = {
    "entry-of-unknown-type": ({"t": "other/1"}, "the type is unknown"),
    "entry-with-another-number": ({"n": 1}, "the number is not the place in the log"),
    "entry-unknown-member": ({"x": 1}, "an unknown member"),
    "entry-with-seconds": ({"ts": "2026-03-02T11:00:01Z"}, "the public instant is cut to the minute"),
    "entry-without-instant": ({"ts": None}, "the public instant is missing"),
    "entry-of-genesis-type": ({"t": "genesis/1"}, "only entry 0 is genesis"),
    "entry-number-as-text": ({"n": "{n}"}, "the number is a text"),
}
"""What is changed in the public entry before it is hashed into the log."""


@dataclass
class Log:
    """The entries of the vectors' log with what opens them."""

    entries: list[bytes] = field(default_factory=list)
    openings: list[tuple[list[Line], list[bytes]]] = field(default_factory=list)

    def add(self, kind: str, header: Line, lines: list[Line], changes: Line | None = None) -> int:
        """Put an entry at the end, its public bytes changed; its number."""
        n = len(self.entries)
        named = header if kind == "accounts/1" else {"key": f"k{n}"} | header
        commitments = [_commitment(n, index, line) for index, line in enumerate([named, *lines])]
        public = json.loads(entry_bytes(n, kind, MINUTE, commitments))
        changed = {name: n_as_text(value, n) for name, value in (changes or {}).items()}
        self.entries.append(encoded(_changed(public, changed)))
        self.openings.append(([named, *lines], commitments))
        return n

    def opening(self, n: int, line: int) -> Line:
        """What opens `line` of entry `n`, as it stands in `opening.json`."""
        lines, commitments = self.openings[n]
        return {
            "entry": json.loads(self.entries[n]),
            "header": {"line": lines[0], "nonce": b64(_nonce(n, 0))},
            "line": {"index": line, "line": lines[line], "nonce": b64(_nonce(n, line))},
            "path": [b64(step) for step in lines_path(commitments, (0, line))],
        }

    def proof(self, n: int, note: bytes) -> TlogProof:
        """The proof of entry `n` under the head of the whole log."""
        leaves = [leaf_hash(entry) for entry in self.entries]
        return TlogProof(n, tuple(inclusion_proof(n, len(leaves), subtree_of(leaves))), note)

    def head(self, size: int | None = None) -> Checkpoint:
        """The head at a size, by default the last."""
        leaves = [leaf_hash(entry) for entry in self.entries[:size]]
        return Checkpoint(ORIGIN, len(leaves), root(leaves))


@dataclass(frozen=True, slots=True)
class Case:
    """An entry of the log that has a vector of its own."""

    name: str
    n: int
    line: int
    expected: str
    why: str

    @property
    def rule(self) -> str:
        """Hashes and signatures are right in every one of them."""
        return OURS if self.expected == VERIFIED else CONTENT


def built_log() -> tuple[Log, list[Case]]:
    """The log, and the receipts it is made for."""
    log, cases = Log(), []
    genesis = {"n": 0, "policy": b64(hashlib.sha256(POLICY).digest()), "t": "genesis/1", "ts": "2026-03-02T11:00:00Z"}
    log.entries.append(encoded(genesis))
    log.openings.append(([], []))
    for name, (kind, header, lines, line) in RIGHT.items():
        cases.append(Case(name, log.add(kind, header, lines), line, VERIFIED, f"line {line} of an entry {kind}"))
    for name, (changes, why) in WRONG_HEADERS.items():
        n = log.add("posting/1", _changed(DATED, changes), [BANK, PERSON])
        cases.append(Case(name, n, 2, FORGED, why))
    for name, (changes, why) in WRONG_LINES.items():
        n = log.add("posting/1", DATED, [BANK, _changed(PERSON, changes, keep_null=name == "line-null")])
        cases.append(Case(name, n, 2, FORGED, why))
    for name, (changes, why) in WRONG_ENTRIES.items():
        cases.append(Case(name, log.add("posting/1", DATED, [BANK, PERSON], changes), 2, FORGED, why))
    return log, cases


def receipt_vectors() -> Iterator[Vector]:
    """All of them."""
    log, cases = built_log()
    note = signed("receipt/log/checkpoint", log.head())
    for case in cases:
        proof, opening = log.proof(case.n, note).encode(), encoded(log.opening(case.n, case.line))
        files = {"proof": (f"receipt/{case.name}.tlog-proof", proof), "opening": (f"receipt/{case.name}.json", opening)}
        yield Vector(
            f"receipt-{case.name}", "receipt", files | {"policy": POLICY_FILE}, case.expected, case.rule, case.why
        )
    yield from _altered_openings(log, note)
    yield from _altered_proofs(log, note)
    yield from _other_trust(log, note)


def _altered_openings(log: Log, note: bytes) -> Iterator[Vector]:
    """A right proof of the wide posting, beside an opening that is not the one that was made."""
    n, line = 4, 23
    proof, right = log.proof(n, note).encode(), log.opening(n, line)
    path: list[str] = list(right["path"])
    changes: dict[str, tuple[tuple[str, ...], object, str]] = {
        "amount": (("line", "line", "credit"), 999_900, "the amount was changed"),
        "holder": (("line", "line", "account"), "489100:c99", "the account was changed"),
        "nonce": (("line", "nonce"), b64(bytes(32)), "the nonce was changed"),
        "nonce-of-31-bytes": (("line", "nonce"), b64(bytes(31)), "a nonce has 32 bytes"),
        "header-nonce": (("header", "nonce"), b64(bytes(32)), "the header's nonce was changed"),
        "day": (("header", "line", "on"), "2026-03-01", "the day was changed"),
        "index-of-the-neighbour": (("line", "index"), 22, "the line is given another place"),
        "index-0": (("line", "index"), 0, "line 0 is the header"),
        "index-of-the-count": (("line", "index"), 41, "there is no such line"),
        "index-true": (("line", "index"), True, "true is no number"),
        "count-of-lines": (("entry", "l", "n"), 40, "the entry is not the one in the log"),
        "root-of-lines": (("entry", "l", "root"), PREV, "the entry is not the one in the log"),
        "instant": (("entry", "ts"), "2026-03-02T11:01:00Z", "the entry is not the one in the log"),
        "entry-number": (("entry", "n"), 5, "proof and opening are about different entries"),
        "path-reordered": (("path",), [path[1], path[0], *path[2:]], "two hashes of the path changed places"),
        "path-short": (("path",), path[:-1], "the path lacks its last hash"),
        "path-long": (("path",), [*path, PREV], "a hash of the path is left over"),
        "path-empty": (("path",), [], "there is no path"),
        "path-with-31-bytes": (("path",), [b64(bytes(31)), *path[1:]], "a hash of the path has 31 bytes"),
        "path-that-is-no-list": (("path",), {}, "the path is a list"),
        "unknown-member": (("remark",), "x", "an unknown member"),
        "entry-that-is-no-object": (("entry",), [], "the entry is an object"),
    }
    for name, (place, value, why) in changes.items():
        yield _opening(name, proof, encoded(_replaced(right, place, value)), why)
    yield from _written_otherwise(proof, right)


def _written_otherwise(proof: bytes, right: Line) -> Iterator[Vector]:
    """The right opening in bytes that are not canonical."""
    plain = encoded(right)
    written = {
        "spaced": (json.dumps(right, sort_keys=True).encode(), "spaces stand between the members"),
        "unsorted": (json.dumps(dict(reversed(right.items())), separators=(",", ":")).encode(), "members are sorted"),
        "escaped": (plain.replace(b'"EUR"', b'"\\u0045UR"'), "a letter is written as an escape"),
        "member-twice": (plain.replace(b'"index":23', b'"index":22,"index":23'), "a member stands twice"),
        "float": (plain.replace(b'"credit":150', b'"credit":150.0'), "a number has decimals"),
        "exponent": (plain.replace(b'"credit":150', b'"credit":15e1'), "a number has an exponent"),
        "leading-zero": (plain.replace(b'"credit":150', b'"credit":0150'), "a number has a leading zero"),
        "newline-at-the-end": (plain + b"\n", "something follows the object"),
        "cut-short": (plain[:-1], "the last brace is missing"),
        "base64-without-padding": (plain.replace(b'="},"line"', b'"},"line"', 1), "the base64 lacks its padding"),
        "base64-for-urls": (plain.replace(b"/", b"_").replace(b"posting_1", b"posting/1"), "the base64 has - and _"),
        "byte-order-mark": (b"\xef\xbb\xbf" + plain, "the file begins with a byte order mark"),
        "empty": (b"", "the file is empty"),
    }
    for name, (other, why) in written.items():
        if other == plain:
            raise ValueError(f"{name} changes nothing")
        yield _opening(name, proof, other, why)


def _altered_proofs(log: Log, note: bytes) -> Iterator[Vector]:
    """The right opening of the wide posting, beside a proof that is not the one that was made."""
    n, line = 4, 23
    opening, right = encoded(log.opening(n, line)), log.proof(n, note)
    plain, path = right.encode(), right.path
    changed = {
        "index-of-the-neighbour": (TlogProof(5, path, note).encode(), "the index is another"),
        "of-the-neighbour": (log.proof(5, note).encode(), "the proof is that of another entry"),
        "path-reordered": (TlogProof(n, (path[1], path[0], *path[2:]), note).encode(), "two hashes changed places"),
        "path-short": (TlogProof(n, path[:-1], note).encode(), "the path lacks its last hash"),
        "path-long": (TlogProof(n, (*path, path[-1]), note).encode(), "a hash of the path is left over"),
        "path-with-31-bytes": (TlogProof(n, (path[0][:-1], *path[1:]), note).encode(), "a hash has 31 bytes"),
        "leading-zero": (plain.replace(b"index 4", b"index 04"), "the index has a leading zero"),
        "index-with-plus": (plain.replace(b"index 4", b"index +4"), "the index has a sign"),
        "extra": (plain.replace(b"@v1\n", b"@v1\nextra QUJD\n"), "an extra line, which nothing authenticates"),
        "version-2": (plain.replace(b"@v1\n", b"@v2\n"), "an unknown version"),
        "crlf": (plain.replace(b"\n", b"\r\n"), "lines end with CR LF"),
        "no-blank-line": (plain.replace(b"\n\n", b"\n", 1), "nothing parts path and checkpoint"),
        "blank-line-in-path": (plain.replace(b"index 4\n", b"index 4\n\n"), "a blank line stands in the path"),
        "without-checkpoint": (plain.partition(b"\n\n")[0] + b"\n\n", "there is no checkpoint"),
        "size-of-the-same-shape": (plain.replace(b"\n%d\n" % log.head().size, b"\n%d\n" % (log.head().size + 1)),
                                   "the path fits, the signatures do not"),
        "empty": (b"", "the file is empty"),
    }  # fmt: skip
    for name, (other, why) in changed.items():
        if other == plain:
            raise ValueError(f"{name} changes nothing")
        files = {
            "proof": (f"receipt/proof-{name}.tlog-proof", other),
            "opening": ("receipt/posting-wide.json", opening),
        }
        yield Vector(f"receipt-proof-{name}", "receipt", files | {"policy": POLICY_FILE}, FORGED, OURS, why)


def _other_trust(log: Log, note: bytes) -> Iterator[Vector]:
    """The right receipt of the wide posting under other policies, and from a log that others signed."""
    n, line = 4, 23
    opening = ("receipt/posting-wide.json", encoded(log.opening(n, line)))
    files = {"proof": ("receipt/posting-wide.tlog-proof", log.proof(n, note).encode()), "opening": opening}
    why = "nobody said whose signature to trust"
    yield Vector("receipt-without-policy", "receipt", files, INCOMPLETE, OURS, why)
    others = {"policy": ("policies/of-other-keys", OTHER_POLICY)}
    why = "other keys signed than the policy names"
    yield Vector("receipt-under-another-policy", "receipt", files | others, FORGED, OURS, why)
    forged = signed("receipt/log-of-other-keys/checkpoint", log.head(), (OTHER_ED, OTHER_PQ))
    other = ("receipt/of-other-keys.tlog-proof", log.proof(n, forged).encode())
    yield Vector("receipt-of-other-keys", "receipt", {"proof": other, "opening": opening, "policy": POLICY_FILE},
                 FORGED, OURS, "all hashes are right, and strangers signed")  # fmt: skip


def kept_notes() -> dict[str, bytes]:
    """The signed heads that the receipts rest on, kept so that they are signed once."""
    head = built_log()[0].head()
    both = {"receipt/log-of-other-keys/checkpoint": (OTHER_ED, OTHER_PQ)}
    own = {"receipt/log/checkpoint": signed("receipt/log/checkpoint", head)}
    return own | {file: signed(file, head, keys) for file, keys in both.items()}


def _opening(name: str, proof: bytes, opening: bytes, why: str) -> Vector:
    files = {"proof": ("receipt/posting-wide.tlog-proof", proof), "opening": (f"receipt/opening-{name}.json", opening)}
    return Vector(f"receipt-opening-{name}", "receipt", files | {"policy": POLICY_FILE}, FORGED, OURS, why)


def encoded(value: object) -> bytes:
    """Compact JSON with sorted keys: canonical where the value has a canonical form at all."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def n_as_text(value: object, n: int) -> object:
    """The value, or the number as a text where it asks for it."""
    return str(n) if value == "{n}" else value


def _changed(original: Mapping[str, object], changes: Mapping[str, object], *, keep_null: bool = False) -> Line:
    """A copy with these members; `None` takes one out."""
    merged = {**original, **changes}
    return {name: value for name, value in merged.items() if value is not None or keep_null}


def _replaced(original: Line, place: tuple[str, ...], value: object) -> Line:
    """A deep copy in which the member at `place` is another."""
    copy: Line = json.loads(json.dumps(original))
    holder: Line = copy
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    return copy


def _nonce(n: int, line: int) -> bytes:
    message = b"main\x00" + n.to_bytes(8, "big") + line.to_bytes(4, "big")
    return hmac.digest(secret("subject key"), message, "sha256")


def _commitment(n: int, index: int, line: Line) -> bytes:
    return hashlib.sha256(_nonce(n, index) + encoded(line)).digest()
