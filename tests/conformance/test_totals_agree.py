"""Totals of periods read by a second verifier, written from the format page: the same roots, paths and refusals."""

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.log.encoding import from_b64
from ledger.log.leaf import canonical_json
from ledger.log.sumtree import parse_proof
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from ledger.verify.totals import LastClose, Standing, check_totals, leads_to, verify_state
from tests.conftest import MakeEngine
from tests.entries import paid, post
from tests.proof import HandmadeLog, PublishedBook, published_book
from tests.totals_kit import APRIL, MALFORMED, MARCH, TOTALS_FORGERIES, paths, publish, some_balances, total

SECOND = Path(__file__).with_name("second_verifier.py")
_spec = importlib.util.spec_from_file_location("second_verifier_of_totals", SECOND)
second_verifier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(second_verifier)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "log" / "sumtree.json").read_text())
CASES = {case["name"]: case for case in VECTORS["cases"]}
REFUSED = (AssertionError, LookupError, TypeError, ValueError, OverflowError, AttributeError)


@pytest.fixture
def totalled(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    """Two periods with totals, and a person of whom only the second knows."""
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    some_balances(published.book)
    total(published.book, clock)
    post(published.book, *(paid(f"more:{n}", 100 + n, citizen=f"c{40 + n}") for n in range(5)))
    total(published.book, clock, APRIL)
    publish(published)
    return published


def policy_of(published: PublishedBook) -> bytes:
    return (published.log_dir / "policy").read_bytes()


def test_both_make_the_same_trees_from_the_openings(totalled: PublishedBook) -> None:
    bundle = totalled.bundle()
    assert replay(totalled.log_dir, bundle, totalled.policy).verdict is Verdict.VERIFIED
    second_verifier.replay(totalled.log_dir, bundle.read_bytes(), policy_of(totalled))


def test_both_find_a_holder_in_the_published_totals(totalled: PublishedBook, tmp_path: Path) -> None:
    for owner, until_on in (("c17", MARCH), ("c17", APRIL), ("c42", APRIL), ("e7", MARCH)):
        mine = tmp_path / f"{owner}-{until_on}.jsonl"
        mine.write_bytes(paths(totalled.book, owner, until_on))
        assert verify_state(totalled.log_dir, str(until_on), totalled.policy, mine=mine.read_bytes()).exit_code == 0
        command = [SECOND, "state", totalled.log_dir, until_on, totalled.log_dir / "policy", mine]
        ran = subprocess.run([sys.executable, *map(str, command)], check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert "489100-credit" in ran.stdout


@pytest.mark.parametrize("seed", range(4))
def test_both_refuse_a_path_that_is_altered_in_one_place(totalled: PublishedBook, seed: int) -> None:
    chance, policy = random.Random(seed), policy_of(totalled)
    original = paths(totalled.book, "c18", APRIL)
    assert second_verifier.state(totalled.log_dir, "2026-04-30", policy, original)
    for _ in range(60):
        changed = bytearray(original)
        changed[chance.randrange(len(changed) - 1)] ^= 1 << chance.randrange(8)
        assert verify_state(totalled.log_dir, "2026-04-30", totalled.policy, mine=bytes(changed)).exit_code == 1
        with pytest.raises(REFUSED):
            second_verifier.state(totalled.log_dir, "2026-04-30", policy, bytes(changed))


@pytest.mark.parametrize("forgery", TOTALS_FORGERIES.keys() | MALFORMED.keys())
def test_the_second_refuses_what_the_first_refuses(tmp_path: Path, forgery: str) -> None:
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "489100:c1")
    MALFORMED[forgery](log) if forgery in MALFORMED else TOTALS_FORGERIES[forgery][1](log)
    log_dir, bundle = log.publish()
    with pytest.raises(REFUSED):
        second_verifier.replay(log_dir, bundle.read_bytes(), (log_dir / "policy").read_bytes())


def test_a_state_file_with_another_sum_is_refused_by_both(totalled: PublishedBook) -> None:
    file = totalled.log_dir / "state" / "2026-03-31.json"
    shown = json.loads(file.read_bytes())
    shown["lines"][1]["line"]["sum"] -= 1
    file.write_bytes(canonical_json(shown))
    assert verify_state(totalled.log_dir, "2026-03-31", totalled.policy).exit_code == 1
    with pytest.raises(REFUSED):
        second_verifier.state(totalled.log_dir, "2026-03-31", policy_of(totalled))


def line_of(case: dict, proof: dict) -> dict:
    return next(each for each in case["lines"] if (each["asset"], each["group"]) == (proof["asset"], proof["group"]))


@pytest.mark.parametrize("name", CASES)
def test_the_published_trees_are_those_of_both(name: str) -> None:
    case = CASES[name]
    at, until, secret = case["at"], case["until"], from_b64(case["header_nonce"])
    named = ("account", "asset", "balance", "v")
    standing = [Standing(*(account[name] for name in named), from_b64(account["head"])) for account in case["accounts"]]
    check_totals(at + 1, {"key": f"totals:{until}"}, case["lines"], LastClose(at, until, secret, standing))
    plain = [((a["account"], a["asset"]), a["balance"], a["v"], a["head"]) for a in case["accounts"]]
    assert second_verifier.totals(at, until, secret, plain) == case["lines"]


@pytest.mark.parametrize("name", CASES)
def test_the_published_paths_lead_to_their_lines(name: str) -> None:
    case = CASES[name]
    assert len(case["proofs"]) == len(case["accounts"])
    for proof in case["proofs"]:
        line = line_of(case, proof)
        assert leads_to(parse_proof(canonical_json(proof)), line)
        second_verifier.check_path(proof, line)


@pytest.mark.parametrize("why", [row["why"] for row in VECTORS["refused"]])
def test_the_published_falsehoods_lead_nowhere(why: str) -> None:
    [proof] = [row["proof"] for row in VECTORS["refused"] if row["why"] == why]
    [line] = CASES["eleven accounts"]["lines"]
    with pytest.raises(REFUSED):
        second_verifier.check_path(proof, line)
    try:
        accepted = leads_to(parse_proof(canonical_json(proof)), line)
    except Refusal:
        accepted = False
    assert not accepted
