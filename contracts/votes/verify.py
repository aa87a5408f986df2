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
from typing import Any

from contracts.votes import ballot as ballots
from contracts.votes.ballot import BALLOT_FORMAT, ballot_in, claim_commitment, coin_records, head_record
from contracts.votes.published import (
    AUDITOR_FORMAT,
    BALLOTS,
    CLOSING,
    COINS,
    HEADS,
    LISTS,
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
from ledger.log.leaf import NONCE_SIZE, commit_line
from ledger.log.merkle import leaf_hash, root
from ledger.log.policy import Policy
from ledger.log.receipt import parse_opening
from ledger.verify.receipt import verify_receipt
from ledger.verify.report import Report, stopping

NO_AUDITOR = "whether every head and coin follows from one ballot of a frozen claim: that takes the auditor's file"
NO_BALLOT = "whether one's own ballot is counted: no ballot was given"
NO_CLAIMS = "whether the frozen claims are the ledger's, and every ballot of the log is here: that takes openings"
_WHOLE = (Head.YES, Head.NO, Head.ABSTAIN)


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A published file, its lists checked for form and order."""

    spec: Spec
    records: Records
    tally: Any
    result: Any
    proof: bytes
    opening: bytes


def verify_vote(
    public: bytes,
    policy: Policy | None,
    *,
    auditor: bytes | None = None,
    own: bytes | None = None,
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
            _check_auditor(report, parsed, auditor, auditor_file)
    report.not_checked += [NO_BALLOT] * (own is None) + [NO_AUDITOR] * (auditor is None) + [NO_CLAIMS]
    return report


def parse_public(encoded: bytes) -> PublicFile:
    """A published file; refuses `vote-file-malformed` and what `check_list` and `spec_from_json` refuse."""
    value = _object(_parsed(encoded), {"closing", "format", "records", "result", "spec", "tally"}, "file")
    if value["format"] != PUBLIC_FORMAT:
        raise Refusal("vote-file-malformed", member="format")
    lists = _object(value["records"], set(LISTS), "records")
    for name in LISTS:
        check_list(name, lists[name])
    closing = _object(value["closing"], {"opening", "proof"}, "closing")
    if not all(isinstance(part, str) for part in closing.values()):
        raise Refusal("vote-file-malformed", member="closing")
    records = Records(ballots=lists[BALLOTS], heads=lists[HEADS], coins=lists[COINS])
    spec = spec_from_json(value["spec"])
    return PublicFile(
        spec, records, value["tally"], value["result"], closing["proof"].encode(), closing["opening"].encode()
    )


def _check_public(report: Report, public: bytes, policy: Policy | None, file: str) -> PublicFile:
    with report.check("form of the file", file, "known members, each list in order, nothing twice"):
        parsed = parse_public(public)
    line = _closing(report, parsed, policy, file)
    spec, records = parsed.spec, parsed.records
    with report.check("what was voted on", file, "subject, rule, dates and frozen claims as they were announced"):
        if line.get("spec") != spec.sha256:
            raise Refusal("vote-spec-differs")
    for name, listed in records.by_name().items():
        with report.check(name, file, f"{len(listed)}, under the root that the log holds"):
            _check_root(name, listed, line)
    with report.check("counts", file, "one head a ballot, none beyond the frozen claims, amounts within their bands"):
        tally = tallies(spec, records.heads, records.coins)
        _check_counts(spec, records, tally)
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


def _closing(report: Report, parsed: PublicFile, policy: Policy | None, file: str) -> Mapping[str, Any]:
    """The line of the closing entry, once it is shown to be in the log."""
    where = f"{file}: closing"
    receipt = verify_receipt(parsed.proof, parsed.opening, policy, proof_file=where, opening_file=where)
    report.checks += receipt.checks
    report.missing += receipt.missing
    report.not_checked += [each for each in receipt.not_checked if each not in report.not_checked]
    report.figures |= receipt.figures
    with report.check("closing", where, "the entry by which this vote was closed"):
        if receipt.failure is not None:
            raise Refusal("vote-not-closed-so")
        opening = parse_opening(parsed.opening)
        line = opening.line.line
        if (opening.entry["t"], line.get("step"), line.get("vote")) != ("vote/1", CLOSING, parsed.spec.vote_id):
            raise Refusal("vote-not-closed-so")
    return line


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


def _check_auditor(report: Report, parsed: PublicFile, auditor: bytes, file: str) -> None:
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
        heads, coins = _opened(parsed, value["ballots"], claims)
    for name, derived, listed in ((HEADS, heads, parsed.records.heads), (COINS, coins, parsed.records.coins)):
        with report.check(f"{name} from ballots", file, f"{len(derived)}, each of one ballot"):
            if sorted(derived) != list(listed):
                raise Refusal("vote-records-not-of-ballots", list=name)


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
) -> tuple[list[str], list[str]]:
    """Heads and coins of the ballots that count: of each voter in each class, the one with the highest entry number."""
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
        if key not in last or n > last[key][0]:
            last[key] = (n, ballot_record(n, commit_line(salt, body)), salt, body)
    counted = sorted(last.values(), key=lambda each: each[0])
    listed = set(parsed.records.ballots)
    for n, record, _, _ in counted:
        if record not in listed:
            raise Refusal("ballot-not-counted", n=n)
    if len(counted) != len(listed):
        missing = listed - {record for _, record, _, _ in counted}
        raise Refusal("ballot-not-opened", n=min(int(record.partition(" ")[0]) for record in missing))
    pairs = [_records_of(parsed.spec, salt, body) for _, _, salt, body in counted]
    return [head for head, _ in pairs], [coin for _, coins in pairs for coin in coins]


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


def _salt(value: Any) -> bytes:  # noqa: ANN401 -- whatever a file holds
    salt = from_b64(value) if isinstance(value, str) else b""
    if len(salt) != NONCE_SIZE:
        raise Refusal("vote-file-malformed", member="salt")
    return salt
