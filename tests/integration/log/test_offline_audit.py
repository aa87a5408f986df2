"""The auditor's replay: no database, every balance again, and everything that is wrong found and named."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.openings import bundle_lines, receipt_for
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.facts import PeriodClose, Release, ReleaseKind
from ledger.integrator import _append
from ledger.journal import JournalEntry, Posting
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.encoding import b64
from ledger.log.keys import load_keys
from ledger.log.leaf import ANCHOR, ERASURE, KEY, POLICY, TOTALS, TYPES, VOTE, canonical_json
from ledger.log.policy import parse_policy
from ledger.log.tiles import Edge, LogFolder
from ledger.state import Request
from ledger.storage import tables
from ledger.verify.log import verify_log
from ledger.verify.replay import NOT_CHECKED, replay
from ledger.verify.report import Verdict, explain
from tests.conftest import MakeEngine
from tests.every_item import fill, fill_at_random, send
from tests.forgeries import BALANCED, FORGERIES
from tests.proof import (
    ON,
    ORIGIN,
    HandmadeLog,
    PublishedBook,
    every_byte_changed,
    new_signer,
    pledge,
    published_book,
)


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(make_engine("sqlite"), tmp_path / "data", clock)


@pytest.fixture
def handmade(tmp_path: Path) -> HandmadeLog:
    return HandmadeLog(tmp_path)


def test_a_book_on_either_database_replays(engine, tmp_path: Path, clock: FixedClock) -> None:
    published = published_book(engine, tmp_path / "data", clock)
    published.post(300, citizens=7)
    with published.book.unit_of_work(actor="s1") as unit:
        loan = (Posting(AccountRef("550100"), debit=1), Posting(AccountRef("580100"), credit=1))
        unit.post(JournalEntry("swap", ON, "test", loan, actor="s2", evidence="a" * 64, approvals=("a1", "a2")))
        back = tuple(Posting(p.account, debit=p.credit, credit=p.debit) for p in loan)
        unit.post(JournalEntry("swap:back", ON, "test", back, reverses="swap"))
    checkpoint = published.publish()
    report = replay(published.log_dir, published.bundle(), published.policy)
    assert (report.verdict, report.exit_code) == (Verdict.VERIFIED, 0), report.to_text()
    assert report.figures["size"] == checkpoint.size
    names = {check.name: check.detail for check in report.checks}
    assert names["balanced entries"].startswith("604 postings")
    assert names["reversals"].startswith("1,")
    assert set(NOT_CHECKED) <= set(report.not_checked)
    assert json.loads(report.to_json())["verdict"] == "verified"
    assert "VERIFIED" in report.to_text()


def test_a_book_with_every_kind_of_entry_replays_on_either_database(engine, tmp_path: Path, clock: FixedClock) -> None:
    published = published_book(engine, tmp_path / "data", clock)
    fill(published.book, clock)
    published.publish()
    report = replay(published.log_dir, published.bundle(), published.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    names = {check.name: check.detail for check in report.checks}
    assert names["holds"].startswith("4, 1 of them open")
    assert names["periods"].startswith("2 closed; 3 entries late")
    with published.book.read() as connection:
        types = set(connection.scalars(sa.select(tables.entry.c.type).where(tables.entry.c.book_id == "main")))
    assert types == TYPES - {TOTALS, ANCHOR, ERASURE, KEY, POLICY, VOTE}, "these are told of in tests of their own"


@pytest.mark.parametrize("seed", range(6))
def test_random_books_replay_at_every_size(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock, seed: int
) -> None:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    fill_at_random(published.book, clock, seed=seed)
    published.publish()
    bundle = published.bundle()
    report = replay(published.log_dir, bundle, published.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    fill_at_random_again(published, clock, seed)
    later = published.bundle()
    assert later.read_bytes() == bundle.read_bytes()


def fill_at_random_again(published: PublishedBook, clock: FixedClock, seed: int) -> None:
    """What comes after the checkpoint changes nothing in the bundle below it."""
    for number in range(3):
        clock.instant += timedelta(days=40)
        send(published.book, Request([PeriodClose(f"again:{number}", clock.today() - timedelta(days=1))]))
        freed = [Release(f"free:{seed}:{number}:{held}", f"k{held}", ReleaseKind.VOID) for held in HOLDS]
        send(published.book, *(Request([release]) for release in freed))


HOLDS = [f"{block}.{i}" for block in range(12) for i in range(5)]


def test_a_bundle_of_the_older_form_says_nothing_of_periods(handmade: HandmadeLog) -> None:
    handmade.open_accounts("550100")
    log_dir, bundle = handmade.publish(accounts=[{"account": "550100", "asset": "EUR"}])
    assert replay(log_dir, bundle, handmade.policy).verdict is Verdict.VERIFIED
    older = bundle.read_bytes().replace(b"bxl-openings/3", b"bxl-openings/1").replace(b'"closed":0,', b"")
    bundle.write_bytes(older)
    assert replay(log_dir, bundle, handmade.policy).failure.code == "openings-malformed"
    bundle.write_bytes(older.replace(b',"periods":[]', b""))
    assert replay(log_dir, bundle, handmade.policy).verdict is Verdict.VERIFIED


def test_an_empty_book_replays(published: PublishedBook) -> None:
    published.publish()
    assert replay(published.log_dir, published.bundle(), published.policy).verdict is Verdict.VERIFIED


def test_later_entries_do_not_disturb_the_bundle_of_an_earlier_checkpoint(published: PublishedBook) -> None:
    published.post(5)
    published.publish()
    published.post(5, citizens=9)
    assert replay(published.log_dir, published.bundle(), published.policy).verdict is Verdict.VERIFIED


def test_there_is_no_bundle_before_there_is_a_checkpoint(published: PublishedBook) -> None:
    with pytest.raises(Refusal, match="log-not-published"):
        list(bundle_lines(published.book, published.log_dir))


def test_without_a_trusted_policy_the_audit_is_incomplete(published: PublishedBook) -> None:
    published.post(2)
    published.publish()
    report = replay(published.log_dir, published.bundle(), None)
    assert (report.verdict, report.exit_code) == (Verdict.INCOMPLETE, 2)
    assert verify_log(published.log_dir, None).verdict is Verdict.INCOMPLETE


def test_every_changed_byte_of_every_file_of_the_log_is_refused(published: PublishedBook) -> None:
    published.post(280)
    published.publish()
    for path in sorted(p for p in published.log_dir.rglob("*") if p.is_file() and p.name != "policy"):
        original = path.read_bytes()
        for position, changed in every_byte_changed(original, step=max(1, len(original) // 60)):
            path.write_bytes(changed)
            assert verify_log(published.log_dir, published.policy).verdict is Verdict.FORGED, (path, position)
        path.write_bytes(original)
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED


def test_files_that_are_not_there_make_the_audit_incomplete_and_are_named(published: PublishedBook) -> None:
    published.post(280)
    published.publish()
    bundle = published.bundle()
    for path in ("tile/entries/000", "tile/0/000", "tile/1/000.p/1", "checkpoint"):
        content = (published.log_dir / path).read_bytes()
        (published.log_dir / path).unlink()
        report = replay(published.log_dir, bundle, published.policy)
        assert (report.verdict, report.exit_code) == (Verdict.INCOMPLETE, 2)
        assert path in report.missing[0]
        (published.log_dir / path).write_bytes(content)
    bundle.write_bytes(b"".join(bundle.read_bytes().splitlines(keepends=True)[:-3]))
    report = replay(published.log_dir, bundle, published.policy)
    assert report.verdict is Verdict.INCOMPLETE
    ends = Refusal("openings-end-early", line=len(bundle.read_bytes().splitlines()) + 1)
    assert explain(ends) in report.missing[0]


def test_a_policy_that_the_log_did_not_begin_with_is_refused(published: PublishedBook) -> None:
    published.publish()

    other = parse_policy((published.log_dir / "policy").read_bytes() + b"# a remark\n")
    report = verify_log(published.log_dir, other)
    assert report.failure.code == "policy-differs-from-genesis"


def test_the_operators_own_statement_must_be_what_the_entries_give(published: PublishedBook) -> None:
    published.post(3, citizens=2)
    published.publish()
    bundle = published.bundle()
    lines = bundle.read_bytes().splitlines()
    changes: list[tuple[str, Callable[[dict], object]]] = [
        ("trial_balance", lambda c: c["trial_balance"][0].update(credit=c["trial_balance"][0]["credit"] + 1)),
        ("trial_balance", lambda c: c["trial_balance"].pop()),
        ("trial_balance", lambda c: c["trial_balance"].reverse()),
        ("accounts", lambda c: c["accounts"][0].pop("maximum")),
        ("accounts", lambda c: c["accounts"].append({"account": "489100:c9", "asset": "EUR"})),
        ("assets", lambda c: c["assets"][0].update(scale=3)),
        ("assets", lambda c: c.update(assets={})),
        ("accounts", lambda c: c["accounts"][0].update(held_debit=1)),
        ("periods", lambda c: c["periods"].append("2026-01-31")),
    ]
    for statement, change in changes:
        stated = json.loads(lines[-1])
        change(stated)
        bundle.write_bytes(b"\n".join([*lines[:-1], canonical_json(stated)]) + b"\n")
        report = replay(published.log_dir, bundle, published.policy)
        assert (report.failure.code, report.failure.facts["statement"]) == ("statement-differs", statement)
    bundle.write_bytes(b"\n".join([*lines, b"{}"]) + b"\n")
    assert replay(published.log_dir, bundle, published.policy).failure.code == "openings-malformed"


def test_a_handmade_log_that_is_right_replays(handmade: HandmadeLog) -> None:
    handmade.open_accounts("550100", "489100:c1")
    handmade.add("accounts/1", {"asset": "LOAN-1", "scale": 2}, {"account": "020000:c1", "asset": "LOAN-1"})
    first = handmade.post(*BALANCED)
    handmade.post(("550100", -100), ("489100:c1", 100), reverses=first)
    log_dir, bundle = handmade.publish(
        accounts=[
            {"account": "020000:c1", "asset": "LOAN-1"},
            {"account": "489100:c1", "asset": "EUR"},
            {"account": "550100", "asset": "EUR"},
        ],
        assets=[{"asset": "EUR", "scale": 2}, {"asset": "LOAN-1", "scale": 2}],
        trial_balance=[
            {"account": "489100:c1", "asset": "EUR", "credit": 0, "debit": 0},
            {"account": "550100", "asset": "EUR", "credit": 0, "debit": 0},
        ],
    )
    report = replay(log_dir, bundle, handmade.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_hashed_and_signed_and_still_wrong_is_found(handmade: HandmadeLog, name: str) -> None:
    code, check, forge = FORGERIES[name]
    handmade.open_accounts("550100", "489100:c1")
    forge(handmade)
    log_dir, bundle = handmade.publish()
    report = replay(log_dir, bundle, handmade.policy)
    assert report.verdict is Verdict.FORGED
    assert (report.failure.code, report.failure.name) == (code, check)
    assert report.failure.file.startswith("openings.jsonl line ")


@pytest.mark.parametrize(
    ("public", "code"),
    [
        ({"n": 1, "t": "other/1", "ts": "2026-03-02T11:00:00Z"}, "entry-type-unknown"),
        (
            {"l": {"n": 1, "root": b64(bytes(32))}, "n": 2, "t": "posting/1", "ts": "2026-03-02T11:00:00Z"},
            "entry-number-differs",
        ),
        ({"n": 1, "policy": b64(bytes(32)), "t": "genesis/1", "ts": "2026-03-02T11:00:00Z"}, "entry-type-misplaced"),
        (
            {"l": {"n": 1, "root": b64(bytes(32))}, "n": 1, "t": "posting/1", "ts": "2026-03-02T11:00:01Z"},
            "entry-malformed",
        ),
        (
            {"l": {"n": 0, "root": b64(bytes(32))}, "n": 1, "t": "posting/1", "ts": "2026-03-02T11:00:00Z"},
            "entry-malformed",
        ),
        (
            {"l": {"n": 1, "root": b64(bytes(31))}, "n": 1, "t": "posting/1", "ts": "2026-03-02T11:00:00Z"},
            "entry-malformed",
        ),
        ({"l": [], "n": 1, "t": "posting/1", "ts": "2026-03-02T11:00:00Z"}, "entry-malformed"),
        (
            {"l": {"n": 1, "root": b64(bytes(32))}, "n": True, "t": "posting/1", "ts": "2026-03-02T11:00:00Z"},
            "entry-number-differs",
        ),
        ({"n": 1, "t": ["posting/1"], "ts": "2026-03-02T11:00:00Z"}, "entry-type-unknown"),
        ([], "entry-malformed"),
    ],
)
def test_a_signed_entry_of_unknown_form_is_refused(tmp_path: Path, public: object, code: str) -> None:
    """The signer would not sign it, so it is signed here past the signer."""
    log = HandmadeLog(tmp_path)
    log.entries.append(canonical_json(public))
    edge, folder = Edge(), LogFolder(tmp_path / "log")
    _append(folder, edge, log.entries)
    with pytest.raises(Refusal, match=code):
        new_signer(tmp_path, log.policy).run_round()
    keys = load_keys(tmp_path / "keys", log.policy, passphrase=None)
    note = sign_checkpoint(Checkpoint(ORIGIN, 2, edge.root()), keys, posix_time=0)
    (tmp_path / "log" / "checkpoint").write_bytes(note)
    assert verify_log(tmp_path / "log", log.policy).failure.code == code


def test_a_log_that_has_grown_since_is_incomplete_and_says_by_how_much(
    published: PublishedBook, tmp_path: Path
) -> None:
    published.post(1)
    published.publish()
    bundle = published.bundle()
    shutil.copytree(published.log_dir, tmp_path / "older")
    published.post(300)
    checkpoint = published.publish()
    report = replay(published.log_dir, bundle, published.policy)
    assert (report.verdict, report.exit_code, report.failure) == (Verdict.INCOMPLETE, 2, None)
    assert report.missing[0].startswith("300 entries are newer than the openings")
    newer = published.bundle()
    report = replay(tmp_path / "older", newer, published.policy)
    assert (report.verdict, report.exit_code) == (Verdict.INCOMPLETE, 2)
    ahead = Refusal("openings-newer-than-log", size=checkpoint.size, log_size=checkpoint.size - 300)
    assert explain(ahead) in report.missing[0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"book": "other"}, "openings-of-another-log"),
        ({"bundle": "bxl-openings/4"}, "openings-of-another-log"),
        ({"origin": "log.example/main"}, "openings-of-another-log"),
        ({"root": b64(bytes(32))}, "openings-of-another-log"),
        ({"size": 2}, "openings-of-another-log"),
        ({"size": 0}, "openings-malformed"),
        ({"size": "3"}, "openings-malformed"),
    ],
)
def test_openings_of_another_log_are_refused(published: PublishedBook, change: dict, code: str) -> None:
    published.post(1)
    published.publish()
    bundle = published.bundle()
    header, rest = bundle.read_bytes().split(b"\n", 1)
    bundle.write_bytes(canonical_json(json.loads(header) | change) + b"\n" + rest)
    report = replay(published.log_dir, bundle, published.policy)
    assert (report.verdict, report.failure.code) == (Verdict.FORGED, code)


def test_a_line_that_is_not_canonical_json_is_refused(published: PublishedBook) -> None:
    published.post(1)
    published.publish()
    bundle = published.bundle()
    lines = bundle.read_bytes().splitlines()
    for changed in (lines[2].replace(b":", b": ", 1), lines[2].replace(b'"n":1', b'"n":1.0'), b"[]", b""):
        bundle.write_bytes(b"\n".join([*lines[:2], changed, *lines[3:]]) + b"\n")
        assert replay(published.log_dir, bundle, published.policy).failure.code == "openings-malformed"


def test_a_truth_value_is_no_number(published: PublishedBook) -> None:
    published.publish()
    bundle = published.bundle()
    bundle.write_bytes(bundle.read_bytes().replace(b'"lines":[],"n":0', b'"lines":[],"n":false', 1))
    assert replay(published.log_dir, bundle, published.policy).failure.code == "openings-out-of-order"


def test_a_receipt_shows_what_the_bundle_shows(published: PublishedBook) -> None:
    with published.book.unit_of_work(actor="s1") as unit:
        unit.post(pledge("one", "c1", 100))
    published.publish()

    opening = json.loads(receipt_for(published.book, published.log_dir, n=2, line=2).opening)
    record = json.loads(published.bundle().read_bytes().splitlines()[3])
    assert record["lines"][2] == {"line": opening["line"]["line"], "nonce": opening["line"]["nonce"]}
