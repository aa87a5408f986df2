"""Verifying a vote offline: from the published file alone, with one's own ballot, and with the auditor's file.

What the published file proves by itself: the result follows from the tally, the tally from the records, and the records
are those that the log has held since the vote was closed, one head for each ballot. With a ballot: that this ballot is
among them, under exactly what it said. With the auditor's file: that every head and every coin follows from a committed
ballot of a frozen claim, to the cent, and none from two.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.votes import ballot as ballots
from contracts.votes.ballot import BALLOT_FORMAT, ballot_in, claim_commitment, coin_records, head_record
from contracts.votes.published import (
    AUDITOR_FORMAT,
    BALLOT,
    BALLOTS,
    CLOSING,
    COINS,
    HEADS,
    LISTS,
    OPENING,
    PUBLIC_FORMAT,
    FrozenClass,
    Records,
    Spec,
    ballot_record,
    check_list,
    list_root,
    result_hash,
    spec_from_json,
    tallies,
)
from contracts.votes.tally import ClassTally, Head, decide
from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import NONCE_SIZE, VOTE, commit_line
from ledger.log.merkle import leaf_hash, root
from ledger.log.policy import Policy
from ledger.log.receipt import ReceiptFiles, parse_opening
from ledger.verify.bundle import open_bundle, opened_lines
from ledger.verify.receipt import verify_receipt
from ledger.verify.report import Report, stopping

NO_AUDITOR = "whether every head and coin follows from one ballot of a frozen claim: that takes the auditor's file"
NO_BALLOT = "whether one's own ballot is counted: no ballot was given"
NO_LOG = (
    "whether the closing left out a ballot that the log took: that takes the auditor's file and openings of the log"
)
NO_CLAIMS = "whether the frozen claims are those of the ledger on the record date: that takes a replay of the log"
ANNOUNCEMENT = "announcement"
_ENTRIES = {
    ANNOUNCEMENT: (OPENING, "the entry by which this vote was announced"),
    CLOSING: (CLOSING, "the entry by which this vote was closed"),
}
_WHOLE = (Head.YES, Head.NO, Head.ABSTAIN)


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A published file, its lists checked for form and order."""

    spec: Spec
    records: Records
    tally: Any
    result: Any
    receipts: Mapping[str, ReceiptFiles]


def verify_vote(
    public: bytes,
    policy: Policy | None,
    *,
    auditor: bytes | None = None,
    own: bytes | None = None,
    openings: Path | None = None,
    file: str = "vote.json",
    auditor_file: str = "auditor.json",
    own_file: str = "ballot.json",
) -> Report:
    """Check a published vote, and with it an auditor's file or a ballot where one is given.

    The first thing that is wrong is named and ends the verification. Without a policy it is at best incomplete.
    """
    report = Report(f"vote {file}")
    with stopping(report):
        parsed = _check_public(report, public, policy, file)
        if own is not None:
            with report.check("own ballot", own_file, "counted, under what it says"):
                _check_own(parsed, own)
        if auditor is not None:
            every = _check_auditor(report, parsed, auditor, auditor_file)
            if openings is not None:
                with report.check(
                    "ballots in the log", openings.name, f"{len(every)}, each opened by the auditor's file"
                ):
                    _check_logged(parsed.spec, every, openings)
    left_out = {NO_BALLOT: own, NO_AUDITOR: auditor, NO_LOG: auditor and openings, NO_CLAIMS: None}
    report.not_checked += [sentence for sentence, given in left_out.items() if given is None]
    return report


def parse_public(encoded: bytes) -> PublicFile:
    """A published file; refuses `vote-file-malformed` and what `check_list` and `spec_from_json` refuse."""
    value = _object(_parsed(encoded), {*_ENTRIES, "format", "records", "result", "spec", "tally"}, "file")
    if value["format"] != PUBLIC_FORMAT:
        raise Refusal("vote-file-malformed", member="format")
    lists = _object(value["records"], set(LISTS), "records")
    for name in LISTS:
        check_list(name, lists[name])
    records = Records(ballots=lists[BALLOTS], heads=lists[HEADS], coins=lists[COINS])
    receipts = {name: _receipt(value[name], name) for name in _ENTRIES}
    return PublicFile(spec_from_json(value["spec"]), records, value["tally"], value["result"], receipts)


def _check_public(report: Report, public: bytes, policy: Policy | None, file: str) -> PublicFile:
    with report.check("form of the file", file, "known members, each list in order, nothing twice"):
        parsed = parse_public(public)
    spec, records = parsed.spec, parsed.records
    first, announced = _entry(report, parsed, policy, file, name=ANNOUNCEMENT)
    last, line = _entry(report, parsed, policy, file, name=CLOSING)
    with report.check("what was voted on", file, "subject, rule, dates and frozen claims as they were announced"):
        if {announced.get("spec"), line.get("spec")} != {spec.sha256}:
            raise Refusal("vote-spec-differs")
    for name, listed in records.by_name().items():
        with report.check(name, file, f"{len(listed)}, under the root that the log holds"):
            _check_root(name, listed, line)
    with report.check("counts", file, "one head a ballot, none beyond the frozen claims, amounts within their bands"):
        tally = tallies(spec, records.heads, records.coins)
        _check_counts(spec, records, tally)
        numbers = [first, *(int(record.partition(" ")[0]) for record in records.ballots), last]
        if numbers != sorted(numbers):
            raise Refusal("vote-records-out-of-order", list=BALLOTS, position=0)
    with report.check("tally", file, lambda: f"{sum(each.said_heads for each in tally)} heads said yes or no"):
        if parsed.tally != [each.as_json() for each in tally]:
            raise Refusal("vote-tally-differs")
    result = decide(spec.rule, tally, spec.facts)
    with report.check("result", file, f"{result.outcome} by rule {spec.rule.kind}"):
        if parsed.result != result.as_json():
            raise Refusal("vote-result-differs", outcome=result.outcome.value)
        if line.get("result") != result_hash(tally, result):
            raise Refusal("vote-result-differs", outcome=result.outcome.value)
    report.figures |= {"vote": spec.vote_id, "ballots": len(records.ballots), "outcome": result.outcome.value}
    report.figures |= {"yes_cents": sum(each.yes_cents for each in tally)}
    report.figures |= {"said_cents": sum(each.said_cents for each in tally)}
    return parsed


def _entry(
    report: Report, parsed: PublicFile, policy: Policy | None, file: str, *, name: str
) -> tuple[int, Mapping[str, Any]]:
    """Number and line of the entry that announced or closed the vote, once it is shown to be in the log."""
    where, files = f"{file}: {name}", parsed.receipts[name]
    receipt = verify_receipt(files.proof, files.opening, policy, proof_file=where, opening_file=where)
    report.checks += receipt.checks
    report.missing += [each for each in receipt.missing if each not in report.missing]
    report.not_checked += [each for each in receipt.not_checked if each not in report.not_checked]
    report.figures |= receipt.figures
    with report.check(name, where, _ENTRIES[name][1]):
        if receipt.failure is not None:
            raise Refusal("vote-entry-differs", entry=name)
        opening = parse_opening(files.opening)
        line = opening.line.line
        if (opening.entry["t"], line.get("step"), line.get("vote")) != (VOTE, _ENTRIES[name][0], parsed.spec.vote_id):
            raise Refusal("vote-entry-differs", entry=name)
    return int(str(opening.entry["n"])), line


def _check_root(name: str, listed: Sequence[str], line: Mapping[str, Any]) -> None:
    stated = line.get(name)
    if not isinstance(stated, Mapping) or stated.get("n") != len(listed):
        count = stated.get("n") if isinstance(stated, Mapping) else None
        raise Refusal("vote-records-missing-or-added", list=name, stated=str(count), found=len(listed))
    if stated.get("root") != b64(list_root(listed)):
        raise Refusal("vote-records-differ", list=name)


def _check_counts(spec: Spec, records: Records, tally: Sequence[ClassTally]) -> None:
    if len(records.heads) != len(records.ballots):
        raise Refusal("vote-heads-differ", heads=len(records.heads), ballots=len(records.ballots))
    allowed = set(ballots.sorts_up_to(spec.coin_cap_cents))
    for position, record in enumerate(records.coins):
        if int(record.rpartition(" ")[2]) not in allowed:
            raise Refusal("vote-record-malformed", list=COINS, position=position)
    for each in tally:
        if sum(each.heads.values()) > each.voters or each.present_cents > each.claims_cents:
            raise Refusal("vote-beyond-claims", name=each.name)
    _check_bands(spec, records.heads, tally)


def _check_bands(spec: Spec, heads: Sequence[str], tally: Sequence[ClassTally]) -> None:
    """The amount of each choice lies between what the bands of its heads leave possible; split heads may add to any."""
    bands = Counter(tuple(record.split(" ")[1:]) for record in heads)
    for each in tally:
        own = [(Head(head), int(band), count) for (name, head, band), count in bands.items() if name == each.name]
        if any(band >= len(spec.bands) for _, band, _ in own):
            raise Refusal("vote-band-differs", name=each.name)
        split = _most(spec, [(band, count) for head, band, count in own if head not in _WHOLE], each.claims_cents)
        for choice in _WHOLE:
            whole = [(band, count) for head, band, count in own if head is choice]
            least = sum(count * max(spec.bands[band], 1) for band, count in whole)
            if not least <= each.cents[choice.value] <= _most(spec, whole, each.claims_cents) + split:
                raise Refusal("vote-band-differs", name=each.name)


def _most(spec: Spec, own: Sequence[tuple[int, int]], claims_cents: int) -> int:
    """The most that heads in these bands can come to; the last band ends with all claims."""
    ends = [*(lower - 1 for lower in spec.bands[1:]), claims_cents]
    return sum(count * ends[band] for band, count in own)


def _check_own(parsed: PublicFile, own: bytes) -> None:
    value = _object(_parsed(own), {"body", "format", "n", "salt"}, "ballot")
    n, body, salt = value["n"], value["body"], _salt(value["salt"])
    if value["format"] != BALLOT_FORMAT or not isinstance(body, dict) or not isinstance(n, int):
        raise Refusal("vote-file-malformed", member="ballot")
    if body.get("vote") != parsed.spec.vote_id:
        raise Refusal("ballot-of-another-vote", vote=str(body.get("vote"))[:40])
    head, coins = _records_of(parsed.spec, salt, body)
    if ballot_record(n, commit_line(salt, body)) not in parsed.records.ballots:
        raise Refusal("ballot-not-counted", n=n)
    if head not in parsed.records.heads or not set(coins) <= set(parsed.records.coins):
        raise Refusal("ballot-counted-otherwise", n=n)


def _records_of(spec: Spec, salt: bytes, body: Mapping[str, Any]) -> tuple[str, list[str]]:
    ballot, name = ballot_in(body), str(body["class"])
    head = head_record(salt, name, ballot, spec.bands)
    return head, coin_records(salt, name, ballot, spec.coin_cap_cents)


def _check_auditor(report: Report, parsed: PublicFile, auditor: bytes, file: str) -> set[str]:
    """Check the auditor's file; gives every ballot in it, replaced ones too, as the list of ballots has them."""
    spec = parsed.spec
    with report.check("form of the auditor's file", file, "known members"):
        value = _object(_parsed(auditor), {"ballots", "claims", "format", "spec"}, "auditor")
        if value["format"] != AUDITOR_FORMAT or not isinstance(value["claims"], list):
            raise Refusal("vote-file-malformed", member="format")
        if value["spec"] != spec.sha256:
            raise Refusal("vote-spec-differs")
        if not isinstance(value["ballots"], list):
            raise Refusal("vote-file-malformed", member=BALLOTS)
    with report.check("frozen claims", file, lambda: f"{len(claims)}, under the root that was announced"):
        claims = _claims(spec, value["claims"])
    with report.check("opened ballots", file, lambda: f"{len(value['ballots'])} opened, {len(heads)} count"):
        heads, coins, every = _opened(parsed, value["ballots"], claims)
    for name, derived, listed in ((HEADS, heads, parsed.records.heads), (COINS, coins, parsed.records.coins)):
        with report.check(f"{name} from ballots", file, f"{len(derived)}, each of one ballot"):
            if sorted(derived) != list(listed):
                raise Refusal("vote-records-not-of-ballots", list=name)
    return every


def _claims(spec: Spec, stated: Sequence[Any]) -> dict[tuple[str, str], int]:
    """The frozen claims by pseudonym and class, held against the root and the sums of the spec."""
    found: dict[tuple[str, str], int] = {}
    leaves, sums = [], {each.name: [0, 0] for each in spec.classes}
    for each in stated:
        row = _object(each, {"cents", "class", "salt", "voter"}, "claims")
        key, cents = (row["voter"], row["class"]), row["cents"]
        if key in found or not isinstance(cents, int) or row["class"] not in sums:
            raise Refusal("vote-claims-differ")
        found[key] = cents
        sums[row["class"]][0] += 1
        sums[row["class"]][1] += cents
        commitment = claim_commitment(
            _salt(row["salt"]), vote_id=spec.vote_id, voter=row["voter"], class_name=row["class"], cents=cents
        )
        leaves.append(leaf_hash(commitment))
    summed = tuple(FrozenClass(name=name, voters=voters, cents=cents) for name, (voters, cents) in sums.items())
    if summed != spec.classes or b64(root(leaves)) != spec.electorate_root:
        raise Refusal("vote-claims-differ")
    return found


def _opened(
    parsed: PublicFile, stated: Sequence[Any], claims: Mapping[tuple[str, str], int]
) -> tuple[list[str], list[str], set[str]]:
    """Heads and coins of the ballots that count, of each claim the one with the highest number; and all ballots."""
    every: set[str] = set()
    last: dict[tuple[str, str], tuple[int, str, bytes, Mapping[str, Any]]] = {}
    for each in stated:
        row = _object(each, {"body", "n", "salt"}, BALLOTS)
        n, body, salt = row["n"], row["body"], _salt(row["salt"])
        if not isinstance(body, dict) or not isinstance(n, int):
            raise Refusal("vote-file-malformed", member=BALLOTS)
        key = (str(body.get("voter")), str(body.get("class")))
        if body.get("vote") != parsed.spec.vote_id or key not in claims:
            raise Refusal("ballot-without-claim", n=n)
        if ballot_in(body).cents > claims[key]:
            raise Refusal("ballot-above-claim", n=n)
        record = ballot_record(n, commit_line(salt, body))
        every.add(record)
        if key not in last or n > last[key][0]:
            last[key] = (n, record, salt, body)
    counted = sorted(last.values(), key=lambda each: each[0])
    listed = set(parsed.records.ballots)
    for n, record, _, _ in counted:
        if record not in listed:
            raise Refusal("ballot-not-counted", n=n)
    if len(counted) != len(listed):
        missing = listed - {record for _, record, _, _ in counted}
        raise Refusal("ballot-not-opened", n=min(int(record.partition(" ")[0]) for record in missing))
    pairs = [_records_of(parsed.spec, salt, body) for _, _, salt, body in counted]
    return [head for head, _ in pairs], [coin for _, coins in pairs for coin in coins], every


def _check_logged(spec: Spec, every: set[str], openings: Path) -> None:
    """The ballots of the vote in a bundle of openings are these and no others; that the bundle opens the log is for
    `replay` to say. Refuses `ballot-not-opened`, `ballot-not-logged` and what reading a bundle refuses.
    """
    logged: set[str] = set()
    with open_bundle(openings, None) as bundle:
        for raw in iter(lambda: bundle.take(1)[0], b""):
            if b'"step":"ballot"' in raw and spec.vote_id.encode() in raw:
                record = bundle.parse(raw, bundle.number + 1, {"lines", "n"})
                logged |= _logged_ballot(spec, record)
    for code, left in (("ballot-not-opened", logged - every), ("ballot-not-logged", every - logged)):
        if left:
            raise Refusal(code, n=min(int(record.partition(" ")[0]) for record in left))


def _logged_ballot(spec: Spec, record: Mapping[str, Any]) -> set[str]:
    lines = [each[1] for each in opened_lines(record, record["n"], may_be_closed=True) if isinstance(each, tuple)]
    return {
        f"{record['n']} {line.get('commitment')}"
        for line in lines
        if line.get("step") == BALLOT and line.get("vote") == spec.vote_id
    }


def _parsed(encoded: bytes) -> Any:  # noqa: ANN401 -- whatever a file holds
    try:
        return json.loads(
            encoded, parse_float=_refuse_float, parse_constant=_refuse_float, object_pairs_hook=_once_each
        )
    except (ValueError, RecursionError) as error:
        raise Refusal("vote-file-malformed", member="file") from error


def _refuse_float(text: str) -> None:
    raise ValueError(text)


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


def _object(value: Any, names: set[str], member: str) -> Mapping[str, Any]:  # noqa: ANN401 -- whatever a file holds
    if not isinstance(value, dict) or value.keys() != names:
        raise Refusal("vote-file-malformed", member=member)
    return value


def _receipt(value: Any, name: str) -> ReceiptFiles:  # noqa: ANN401 -- whatever a file holds
    files = _object(value, {"opening", "proof"}, name)
    if not all(isinstance(part, str) for part in files.values()):
        raise Refusal("vote-file-malformed", member=name)
    return ReceiptFiles(files["proof"].encode(), files["opening"].encode())


def _salt(value: Any) -> bytes:  # noqa: ANN401 -- whatever a file holds
    salt = from_b64(value) if isinstance(value, str) else b""
    if len(salt) != NONCE_SIZE:
        raise Refusal("vote-file-malformed", member="salt")
    return salt
