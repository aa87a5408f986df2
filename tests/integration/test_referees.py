"""Three foreign programs judge the book, and notice whatever is not as the record states it."""

import dataclasses
import os
import re
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.accounts import AccountRef
from ledger.audit.programs import REFEREES
from ledger.audit.referees import (
    Difference,
    Exports,
    Outcome,
    Verdict,
    ask_referees,
    judge,
    verdict_facts,
    write_exports,
)
from ledger.balances import entry_count
from ledger.book import Book
from ledger.log.leaf import canonical_json
from tests.exchange_kit import line, load, random_file

SEARCH_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
NAMES = ("beancount", "hledger", "ledger")
each_referee = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def exports(sqlite_book: Book, tmp_path: Path) -> Exports:
    """A book of awkward names, exported."""
    load(sqlite_book, random_file(40, seed=17))
    return write_exports(sqlite_book, tmp_path)


def judged(name: str, exports: Exports, search_path: str = SEARCH_PATH, seconds: int = 60) -> Verdict:
    return judge(name, exports, search_path=search_path, seconds=seconds)


def alter(file: Path, pattern: str, replacement: str) -> None:
    """Change the first place that fits."""
    altered, count = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    file.write_text(altered)


def without_assertions(file: Path) -> None:
    """Take from the export what makes a program check balances by itself."""
    text = file.read_text()
    kept = re.sub(r"^\d{4}-\d\d-\d\d balance .*\n", "", text, flags=re.MULTILINE)
    kept = re.sub(r"^.* balances as the record states them\n[\s\S]*", "", kept, flags=re.MULTILINE)
    assert len(kept) < len(text)
    file.write_text(kept)


def test_all_three_agree_on_a_book_of_awkward_names(book: Book) -> None:
    load(book, random_file(150, seed=4))
    with book.read() as connection:
        entries = entry_count(connection, "main")
    verdicts = ask_referees(book, search_path=SEARCH_PATH)
    assert [(v.referee, v.outcome, v.differences, v.remark) for v in verdicts] == [
        (name, Outcome.AGREES, (), "") for name in NAMES
    ]
    assert verdicts[0].balances_compared > 50
    assert len({v.balances_compared for v in verdicts}) == 1
    assert len({v.export_sha256 for v in verdicts}) == 3
    assert all(re.search(r"\d\.\d", v.version) for v in verdicts)
    with book.read() as connection:
        assert entry_count(connection, "main") == entries


def test_all_three_agree_on_balances_beyond_what_json_carries_exactly(sqlite_book: Book) -> None:
    largest = 2**53 - 1
    text = "\n".join(line(f"k{i}", ("550100", "EUR", largest), ("489100:c1", "EUR", -largest)) for i in range(5))
    load(sqlite_book, text)
    assert {v.outcome for v in ask_referees(sqlite_book, search_path=SEARCH_PATH)} == {Outcome.AGREES}


def test_an_empty_book_has_nothing_to_differ_on(sqlite_book: Book) -> None:
    verdicts = ask_referees(sqlite_book, search_path=SEARCH_PATH)
    assert [(v.outcome, v.balances_compared) for v in verdicts] == [(Outcome.AGREES, 0)] * 3


@each_referee
def test_a_balance_that_the_postings_do_not_give_is_named(exports: Exports, name: str) -> None:
    account = AccountRef("550100", "o1")
    stated = exports.stated[account]
    altered = dataclasses.replace(exports, stated={**exports.stated, account: stated + 1})
    verdict = judged(name, altered)
    assert verdict.outcome is Outcome.DIFFERS
    assert verdict.differences == (Difference("550100:o1", "EUR", stated + 1, Decimal(stated)),)


@each_referee
def test_an_account_that_only_the_export_knows_is_named(exports: Exports, name: str) -> None:
    account = AccountRef("550100", "o1")
    known = {ref: balance for ref, balance in exports.stated.items() if ref != account}
    [difference] = judged(name, dataclasses.replace(exports, stated=known)).differences
    assert (difference.asset, difference.stated, difference.found) == ("EUR", 0, exports.stated[account])
    assert difference.account == REFEREES[name].account(account)


@each_referee
def test_an_asset_that_only_the_export_knows_is_named(exports: Exports, name: str) -> None:
    stated = {account: balance for account, balance in exports.stated.items() if account.asset != "H"}
    scales = {asset: scale for asset, scale in exports.scales.items() if asset != "H"}
    verdict = judged(name, dataclasses.replace(exports, stated=stated, scales=scales))
    assert verdict.outcome is Outcome.DIFFERS
    assert {d.asset for d in verdict.differences} == {REFEREES[name].commodity("H")}


@each_referee
def test_an_account_that_only_the_record_knows_is_named(exports: Exports, name: str) -> None:
    stated = {**exports.stated, AccountRef("489300", "c9"): -7}
    verdict = judged(name, dataclasses.replace(exports, stated=stated))
    assert verdict.differences == (Difference("489300:c9", "EUR", -7, Decimal(0)),)


@each_referee
def test_an_altered_amount_makes_the_program_complain_and_the_file_is_another(exports: Exports, name: str) -> None:
    before = judged(name, exports)
    alter(exports.file(name), r"^( +Liabilities:489100\S*  -)(\d+)\.", r"\g<1>1\g<2>.")
    verdict = judged(name, exports)
    assert (before.outcome, verdict.outcome) == (Outcome.AGREES, Outcome.DIFFERS)
    assert verdict.remark
    assert str(exports.folder) not in verdict.remark
    assert before.export_sha256 != verdict.export_sha256


@each_referee
def test_an_assertion_that_is_false_is_complained_of_though_every_balance_agrees(exports: Exports, name: str) -> None:
    pattern = r"(balance Assets:550100:O-o1  )" if name == "beancount" else r'(Assets:550100:o1  0.00 "EUR" = )'
    alter(exports.file(name), pattern, r"\g<1>9")
    verdict = judged(name, exports)
    assert (verdict.outcome, verdict.differences) == (Outcome.DIFFERS, ())
    assert re.search("assertion|Balance failed", verdict.remark)


@each_referee
def test_money_moved_between_accounts_is_noticed_without_any_assertion(exports: Exports, name: str) -> None:
    file = exports.file(name)
    without_assertions(file)
    assert judged(name, exports).outcome is Outcome.AGREES
    taken, given = ("580100", "550100:O-o1" if name == "beancount" else "550100:o1")
    alter(file, rf"^( +Assets:){taken}  ", rf"\g<1>{given}  ")
    verdict = judged(name, exports)
    assert verdict.outcome is Outcome.DIFFERS
    assert {(d.account, d.asset) for d in verdict.differences} == {("580100", "EUR"), ("550100:o1", "EUR")}
    assert sum(d.found - d.stated for d in verdict.differences) == 0


@each_referee
def test_a_file_cut_short_differs(exports: Exports, name: str) -> None:
    file = exports.file(name)
    text = file.read_text()
    file.write_text(text[: len(text) // 2])
    assert judged(name, exports).outcome is Outcome.DIFFERS


@each_referee
def test_a_program_that_is_not_installed_is_not_run(exports: Exports, tmp_path: Path, name: str) -> None:
    verdict = judged(name, exports, search_path=str(tmp_path))
    assert (verdict.outcome, verdict.balances_compared, verdict.version) == (Outcome.NOT_RUN, 0, "")
    assert verdict.remark.endswith("is not installed")


@each_referee
def test_a_program_that_takes_too_long_is_not_run(exports: Exports, name: str) -> None:
    verdict = judged(name, exports, seconds=0)
    assert (verdict.outcome, verdict.remark) == (Outcome.NOT_RUN, "ended after 0 s")


@pytest.mark.parametrize(
    ("script", "remark"),
    [
        ("#!/bin/sh\necho nonsense one\n", "its answer can't be read: "),
        ("#!/bin/sh\nkill -9 $$\n", "ended by signal 9"),
        ("#!/no/such/interpreter\n", "can't be started: "),
    ],
)
@pytest.mark.parametrize("name", ["hledger", "ledger"])
def test_a_program_that_breaks_down_is_not_run(
    exports: Exports, tmp_path: Path, name: str, script: str, remark: str
) -> None:
    (tmp_path / name).write_text(script)
    (tmp_path / name).chmod(0o755)
    verdict = judged(name, exports, search_path=str(tmp_path))
    assert (verdict.outcome, verdict.balances_compared) == (Outcome.NOT_RUN, 0)
    assert verdict.remark.startswith(remark)


@pytest.mark.parametrize(
    ("script", "remark"),
    [
        ("#!/usr/bin/python3\n", "ModuleNotFoundError"),  # an interpreter that has no beancount
        ("#!/no/such/python3\n", "can't be started: "),
        ("#!/bin/sh\n", "can't be started: "),  # no interpreter beside it
    ],
)
def test_a_beancount_whose_interpreter_is_gone_is_not_run(
    exports: Exports, tmp_path: Path, script: str, remark: str
) -> None:
    (tmp_path / "bean-check").write_text(script)
    (tmp_path / "bean-check").chmod(0o755)
    verdict = judged("beancount", exports, search_path=str(tmp_path))
    assert verdict.outcome is Outcome.NOT_RUN
    assert verdict.remark.startswith(remark)


def test_a_program_that_lists_nothing_differs_on_every_account(exports: Exports, tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("#!/bin/sh\n")
    (tmp_path / "ledger").chmod(0o755)
    verdict = judged("ledger", exports, search_path=str(tmp_path))
    assert verdict.outcome is Outcome.DIFFERS
    assert len(verdict.differences) == sum(1 for balance in exports.stated.values() if balance)
    [facts] = verdict_facts([verdict])
    assert (facts["differing"], len(facts["differences"])) == (len(verdict.differences), 20)


def test_the_facts_of_verdicts_fit_the_record(exports: Exports, tmp_path: Path) -> None:
    beyond = 2**62
    altered = dataclasses.replace(exports, stated={AccountRef("550100", "o1"): beyond})
    verdicts = [judged("hledger", altered), judged("ledger", exports, search_path=str(tmp_path))]
    facts = verdict_facts(verdicts)
    assert canonical_json(facts)
    assert facts[0]["differences"][0]["stated"] == str(beyond)
    assert facts[1] == {
        "referee": "ledger",
        "version": "",
        "outcome": "not-run",
        "compared": 0,
        "differing": 0,
        "differences": [],
        "export_sha256": verdicts[1].export_sha256,
        "remark": "ledger is not installed",
    }


def test_there_are_three_referees() -> None:
    assert tuple(REFEREES) == NAMES
