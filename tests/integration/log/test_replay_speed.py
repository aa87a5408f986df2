"""What makes a replay fast changes nothing of what it finds: bytes recognised at once, other processes, files."""

import json
import multiprocessing
import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import canonical_json, lines_root, parse_canonical
from ledger.log.tiles import LogFolder
from ledger.verify import chunks, replay
from ledger.verify.__main__ import main
from ledger.verify.entry import check_entry, check_line, commitment, lines_of, parse_entry
from ledger.verify.plain import PlainPosting, plain_entry, plain_posting
from ledger.verify.report import Verdict
from ledger.verify.scratch import DIGEST_SIZE, Scratch
from tests.conftest import MakeEngine
from tests.every_item import fill
from tests.proof import HandmadeLog, PublishedBook, posted, published_book

Pair = tuple[int, bytes, bytes]


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    """A log with every type of entry and two full bundles."""
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(600, citizens=3)
    fill(published.book, clock)
    published.publish()
    return published


def pairs_of(published: PublishedBook) -> list[Pair]:
    """Number, public bytes and record of every entry."""
    records = published.bundle().read_bytes().splitlines(keepends=True)[1:-1]
    log = LogFolder(published.log_dir)
    return [(n, log.entry(n, len(records)), record) for n, record in enumerate(records)]


def the_long_way(n: int, public: bytes, record: bytes) -> PlainPosting | None:
    """What parsing, checking and encoding again makes of a posting; None where that refuses it."""
    try:
        entry, opened = parse_canonical(public), parse_canonical(record[:-1])
        check_entry(entry, n)
        assert record.endswith(b"\n")
        assert opened.keys() == {"lines", "n"}
        assert (opened["n"], entry["t"]) == (n, "posting/1")
        assert all(each.keys() == {"line", "nonce"} for each in opened["lines"])
        lines = [(from_b64(each["nonce"]), each["line"]) for each in opened["lines"]]
        commitments = [commitment(nonce, line) for nonce, line in lines]
        assert all(len(nonce) == 32 for nonce, _ in lines)
        assert (len(lines), lines_root(commitments)) == lines_of(entry)
        for index, (_, line) in enumerate(lines):
            check_line(entry, index, line)
    except (Refusal, AssertionError, AttributeError, TypeError, KeyError):
        return None
    header, legs = lines[0][1], []
    for (_, line), committed in zip(lines[1:], commitments[1:], strict=True):
        name = f'"account":"{line["account"]}","asset":"{line["asset"]}"'.encode()
        signed = line.get("debit", 0) - line.get("credit", 0)
        legs.append((name, signed, line.get("v"), line.get("prev"), committed))
    return header["at"], header["on"], canonical_json(header["key"]), legs


def entry_the_long_way(n: int, public: bytes) -> object:
    try:
        entry = parse_canonical(public)
        check_entry(entry, n)
    except (Refusal, AttributeError):
        return None
    return entry


def test_what_is_recognised_is_what_parsing_finds(published: PublishedBook) -> None:
    recognised = 0
    for n, public, record in pairs_of(published):
        found = plain_posting(public, record, n)
        assert plain_entry(public, n) in (None, entry_the_long_way(n, public))
        assert found is None or found == the_long_way(n, public, record)
        recognised += found is not None
    assert recognised >= 600


def test_no_changed_byte_is_recognised_that_parsing_refuses(published: PublishedBook) -> None:
    """Whatever bytes the two come to differ in, they are never taken for more than they are."""
    chance, pairs = random.Random(5), [pair for pair in pairs_of(published) if plain_posting(pair[1], pair[2], pair[0])]
    still = 0
    for _ in range(6_000):
        n, public, record = chance.choice(pairs)
        chosen, other = (public, record) if chance.random() < 0.5 else (record, public)
        at = chance.randrange(len(chosen))
        put = chance.choice(
            [b"", b"0", b"1", b'"', b"\\", b" ", b"-", b"e", b"\xc3\xa9", b"\n", bytes([chance.randrange(256)])]
        )
        changed = chosen[:at] + put + chosen[at + chance.randrange(2) :]
        pair = (changed, other) if chosen is public else (other, changed)
        found = plain_posting(*pair, n)
        assert plain_entry(pair[0], n) in (None, entry_the_long_way(n, pair[0]))
        assert found is None or found == the_long_way(n, *pair)
        still += found is not None
    assert still < 3_000  # a change that changes nothing, or the minute that is not committed to


def test_lines_hashed_again_are_recognised_as_parsing_finds_them(tmp_path: Path) -> None:
    """Other values under right hashes: dates that are none, numbers too large, texts with what JSON escapes."""
    log = HandmadeLog(tmp_path)
    values = {
        "on": ["2026-02-30", "2026-13-01", "0000-01-01", "2026-03-01"],
        "key": ["a b", 'a"b', "a\\b", "é", "x" * 200, "x" * 201, "", "\x7f", "a/b", "\n"],
        "purpose": ["", "a<b>&'", "é"],
        "actor": ["S1", "s1", "s" * 65, "", "s_1"],
        "evidence": ["0" * 64, "0" * 63, "G" * 64],
        "meta": [{"a": "b"}],
    }
    for name, each in values.items():
        for value in each:
            log.add("posting/1", posted("550100", 1), posted("489100:c1", -1), **{name: value})
    for amount in (0, 1, 10**15 - 1, 10**15, 2**53 - 1, True, "1"):
        log.add("posting/1", {"account": "550100", "asset": "EUR", "debit": amount}, posted("489100:c1", -1))
    for at in ("2026-03-02T24:00:00.000000Z", "2026-03-02T11:00:60.000000Z", "2026-02-30T11:00:00.000000Z"):
        log.add("posting/1", posted("550100", 1), posted("489100:c1", -1))
        entry, record = json.loads(log.entries[-1]), log.records[-1]
        record["lines"][0]["line"]["at"], entry["ts"] = at, f"{at[:16]}:00Z"
        commitments = [commitment(from_b64(each["nonce"]), each["line"]) for each in record["lines"]]
        entry["l"]["root"] = b64(lines_root(commitments))
        log.entries[-1] = canonical_json(entry)
    for chain in ({"v": 1}, {"v": 2}, {"v": 0}, {"v": 2, "prev": "A" * 43 + "="}, {"v": 1, "prev": "A" * 43 + "="}):
        log.add("posting/1", posted("550100", 1, **chain), posted("489100:c1", -1))
    known = 0
    for n, (public, record) in enumerate(zip(log.entries, log.records, strict=True)):
        encoded = canonical_json(record) + b"\n"
        found = plain_posting(public, encoded, n)
        assert found is None or found == the_long_way(n, public, encoded), encoded
        known += found is not None
    assert known > 10


@pytest.mark.parametrize("change", ["none", "amount", "key", "cut", "tile", "empty"])
def test_two_processes_find_what_one_finds(published: PublishedBook, change: str) -> None:
    bundle, log = published.bundle(), published.log_dir
    lines = bundle.read_bytes().splitlines(keepends=True)
    if change == "amount":
        lines[500] = lines[500].replace(b'"debit":', b'"debit":1')
    elif change == "key":
        lines[500] = lines[500].replace(b'"key":"', b'"key":"x')
    elif change == "cut":
        lines[400] = lines[400][:-1]
        del lines[401:]
    elif change == "empty":
        lines[300] = b"\n"
    elif change == "tile":
        tile = log / "tile/entries/001"
        tile.write_bytes(tile.read_bytes().replace(b"posting/1", b"posting/2", 1))
    bundle.write_bytes(b"".join(lines))
    one, two = (replay.replay(log, bundle, published.policy, jobs=jobs) for jobs in (1, 2))
    assert one.to_json() == two.to_json()
    assert (one.verdict is Verdict.VERIFIED) == (change == "none")


def test_long_records_are_taken_in_portions(published: PublishedBook, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replay.replay(published.log_dir, published.bundle(), published.policy)
    for portion in (1, 5_000):
        monkeypatch.setattr(replay, "PORTION", portion)
        parts = replay.replay(published.log_dir, published.bundle(), published.policy)
        assert (parts.verdict, parts.to_json()) == (Verdict.VERIFIED, whole.to_json())


def test_more_than_memory_holds_is_found_again_in_files() -> None:
    digest = b"%016d" * (DIGEST_SIZE // 16)
    with Scratch() as scratch:
        for n in range(6_000):
            scratch.add_legs(digest % ((n,) * (DIGEST_SIZE // 16)))
            scratch.add_key(n, b'"%d-%s"' % (n, b"k" * 1_000))
        for n in (0, 2_047, 2_048, 4_095, 4_096, 5_999):
            assert scratch.legs(n) == digest % ((n,) * (DIGEST_SIZE // 16))
        assert (scratch.first_repeated(), scratch.keys) == (None, 6_000)
        scratch.add_key(7_000, b'"9-%s"' % (b"k" * 1_000))
        scratch.add_key(6_500, b'"8-%s"' % (b"k" * 1_000))
        assert scratch.first_repeated() == (6_500, b'"8-%s"' % (b"k" * 1_000))


def test_an_entry_is_parsed_to_the_same_value_both_ways(published: PublishedBook) -> None:
    for n, public, _ in pairs_of(published):
        assert parse_entry(public, n) == entry_the_long_way(n, public)


def test_a_process_that_is_killed_leaves_the_audit_unfinished(
    published: PublishedBook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, log = published.bundle(), published.log_dir
    start = chunks._start

    def start_one_that_dies(ending: ExitStack) -> object:
        worker = start(ending)
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        return worker

    monkeypatch.setattr(chunks, "_start", start_one_that_dies)
    call = ["replay", log, "--openings", bundle, "--policy", log / "policy", "--jobs", "2"]
    assert main([str(argument) for argument in call]) == 2
    assert capsys.readouterr().err == "--jobs: a process that hashes has ended\n"
