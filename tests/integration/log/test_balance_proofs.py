"""A balance on a day as known at an entry, checked by a stranger: what it shows, and that nothing in it can change."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.balance_proof import balance_proof
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.facts import PeriodClose
from ledger.journal import JournalEntry, Posting
from ledger.verify.balance import verify_balance
from ledger.verify.receipt import NO_POLICY
from ledger.verify.report import Report, Verdict
from tests.conftest import MakeEngine
from tests.oracle import check_everything
from tests.proof import ON, PublishedBook, every_byte_changed, pledge, published_book

ANN, BOB = AccountRef("489100", "c1"), AccountRef("489100", "c2")
EARLY = date(2026, 1, 31)
Changes = Callable[[list[dict]], None]


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return told(published_book(engine, tmp_path / "data", clock))


@pytest.fixture
def on_sqlite(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return told(published_book(make_engine("sqlite"), tmp_path / "data", clock))


def told(published: PublishedBook) -> PublishedBook:
    """Ann's postings are in entries 2, 6 (two lines, late) and 7, Bob's in 4; entry 5 closes a period."""
    for item in (
        pledge("k1", "c1", 500),  # 1 opens the accounts, 2
        pledge("k2", "c2", 700),  # 3 opens his account, 4
        PeriodClose("period:1", EARLY),  # 5
        JournalEntry("k3", EARLY, "back", (Posting(ANN, 60), Posting(ANN, 40), Posting(AccountRef("550100"), 0, 100))),
        pledge("k4", "c1", 25),  # 7
    ):
        with published.book.unit_of_work(actor="s1") as unit:
            unit.post(item)
    published.publish()
    return published


def proof(published: PublishedBook, account: AccountRef = ANN, **when) -> bytes:
    return b"".join(balance_proof(published.book, account, log_dir=published.log_dir, **when))


def checked(published: PublishedBook, encoded: bytes) -> Report:
    return verify_balance(encoded, published.policy)


def names(report: Report) -> list[str]:
    return [check.name for check in report.checks]


def test_the_holder_proves_her_balance_as_known_at_any_entry(published: PublishedBook) -> None:
    for known_at, balance in ((2, -500), (5, -500), (6, -400), (7, -425), (None, -425)):
        report = checked(published, proof(published, known_at=known_at))
        assert report.verdict is Verdict.VERIFIED, report.to_text()
        assert (report.figures["balance"], report.figures["known_at"]) == (balance, 7 if known_at is None else known_at)
    check_everything(published.book)


def test_the_day_decides_which_lines_count(published: PublishedBook) -> None:
    for on, known_at, balance, postings in ((EARLY, 5, 0, 1), (EARLY, 6, 100, 3), (ON, 6, -400, 3), (ON, 7, -425, 4)):
        report = checked(published, proof(published, on=on, known_at=known_at))
        assert report.verdict is Verdict.VERIFIED, report.to_text()
        assert (report.figures["balance"], report.figures["postings"]) == (balance, postings)


def test_the_next_posting_shows_that_none_is_left_out(on_sqlite: PublishedBook) -> None:
    whole = checked(on_sqlite, proof(on_sqlite, known_at=6))
    assert names(whole)[-1] == "completeness"
    assert not [line for line in whole.not_checked if "no later posting" in line]
    newest = checked(on_sqlite, proof(on_sqlite, known_at=7))
    assert "completeness" not in names(newest)
    assert [line for line in newest.not_checked if "no later posting up to entry 7" in line]


def test_an_account_before_its_first_posting_is_proven_empty(on_sqlite: PublishedBook) -> None:
    report = checked(on_sqlite, proof(on_sqlite, BOB, known_at=3))
    assert report.verdict is Verdict.VERIFIED
    assert (report.figures["balance"], report.figures["postings"], names(report)[-1]) == (0, 0, "completeness")


def test_the_lines_of_others_stay_hidden(on_sqlite: PublishedBook) -> None:
    text = proof(on_sqlite).decode()
    assert "550100" not in text
    assert "c2" not in [record["lines"][0]["line"]["account"] for record in map(json.loads, text.splitlines()[1:])]


def test_without_a_policy_nobody_vouches_for_the_log(on_sqlite: PublishedBook) -> None:
    report = verify_balance(proof(on_sqlite), None)
    assert (report.verdict, report.missing) == (Verdict.INCOMPLETE, [NO_POLICY])


def test_no_byte_of_a_proof_can_change(on_sqlite: PublishedBook) -> None:
    original = proof(on_sqlite, on=ON, known_at=6)
    assert checked(on_sqlite, original).verdict is Verdict.VERIFIED
    for position, changed in every_byte_changed(original, step=37):
        report = checked(on_sqlite, changed)
        assert report.verdict is Verdict.FORGED, (position, changed[max(position - 20, 0) : position + 20])


def encoded(records: list[dict]) -> bytes:
    return "".join(
        json.dumps(r, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" for r in records
    ).encode()


def without_first(records: list[dict]) -> None:
    del records[1]
    records[0]["entries"] -= 1


def without_next(records: list[dict]) -> None:
    """The last posting up to K is passed off as the next one."""
    del records[-1]
    records[0] |= {"entries": 1, "balance": -500}


def with_less_known(records: list[dict]) -> None:
    records[0]["known_at"] = 5


def with_one_line(records: list[dict]) -> None:
    del records[2]["lines"][0]


def with_the_same_entry_twice(records: list[dict]) -> None:
    records.insert(1, records[1])
    records[0]["entries"] += 1


def with_another_balance(records: list[dict]) -> None:
    records[0]["balance"] -= 1


def of_another(records: list[dict]) -> None:
    records[0]["account"] = "489100:c2"


def beyond_the_log(records: list[dict]) -> None:
    records[0]["known_at"] = 8


def with_another_day(records: list[dict]) -> None:
    records[0]["on"] = "2026-01-31"


def with_a_strange_member(records: list[dict]) -> None:
    records[1]["remark"] = "x"


def without_lines(records: list[dict]) -> None:
    records[1]["lines"] = []


def with_a_short_hash(records: list[dict]) -> None:
    records[1]["inclusion"][0] = "AAAA"


FORGERIES = [
    (without_first, "account-chain-broken"),
    (without_next, "proof-leaves-out-entry"),
    (with_less_known, "proof-beyond-checkpoint"),
    (with_one_line, "opening-does-not-fit"),
    (with_the_same_entry_twice, "openings-out-of-order"),
    (with_another_balance, "proven-balance-differs"),
    (of_another, "proof-of-another-account"),
    (beyond_the_log, "proof-beyond-checkpoint"),
    (with_another_day, "proven-balance-differs"),
    (with_a_strange_member, "balance-proof-malformed"),
    (without_lines, "opening-does-not-fit"),
    (with_a_short_hash, "balance-proof-malformed"),
]


@pytest.mark.parametrize(("change", "code"), FORGERIES, ids=[change.__name__ for change, _ in FORGERIES])
def test_what_does_not_fit_is_named(on_sqlite: PublishedBook, change: Changes, code: str) -> None:
    records = [json.loads(line) for line in proof(on_sqlite, known_at=6).splitlines()]
    assert checked(on_sqlite, encoded(records)).verdict is Verdict.VERIFIED
    change(records)
    report = checked(on_sqlite, encoded(records))
    assert report.failure is not None, report.to_text()
    assert report.failure.code == code
    assert report.exit_code == 1


@pytest.mark.parametrize("text", [b"", b"{}", b"{}\n", b"[]\n", b"x\n", b'{"a":1}\n{"b":2}\n'])
def test_what_is_no_proof_is_malformed(on_sqlite: PublishedBook, text: bytes) -> None:
    report = checked(on_sqlite, text)
    assert report.failure is not None
    assert report.failure.code == "balance-proof-malformed"


def test_what_cannot_be_proven_is_refused(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    def refused(account: AccountRef = ANN, **when) -> str:
        with pytest.raises(Refusal) as caught:
            proof(on_sqlite, account, **when)
        return caught.value.code

    assert refused(AccountRef("550100")) == "account-has-no-chain"
    assert refused(AccountRef("489100", "c9")) == "account-unknown"
    assert refused(known_at=8) == "known-at-not-reached"
    with on_sqlite.book.unit_of_work(actor="s1") as unit:
        unit.post(pledge("k9", "c1", 5))
    assert refused(known_at=8) == "receipt-not-yet-final"
    with pytest.raises(Refusal, match="log-not-published"):
        b"".join(balance_proof(on_sqlite.book, ANN, log_dir=tmp_path / "nowhere"))


def test_the_verifier_alone_checks_a_balance(on_sqlite: PublishedBook) -> None:
    file = on_sqlite.folder / "ann.jsonl"
    file.write_bytes(proof(on_sqlite, on=ON, known_at=6))
    command = [sys.executable, "-m", "ledger.verify", "balance", str(file), "--json"]
    trusted = ["--policy", str(on_sqlite.log_dir / "policy")]
    found = subprocess.run([*command, *trusted], capture_output=True, text=True, check=False)
    assert (found.returncode, json.loads(found.stdout)["verdict"]) == (0, "verified")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2
