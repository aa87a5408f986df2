"""Random books, each altered at random in one respect and hashed and signed again: two verifiers, one verdict."""

import importlib.util
import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ledger.clock import FixedClock
from ledger.log.encoding import b64
from ledger.log.leaf import canonical_json, commit_line, entry_bytes, nonce
from ledger.log.merkle import consistency_proof, leaf_hash, root, subtree_of, verify_consistency
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine
from tests.every_item import fill, fill_at_random
from tests.proof import HandmadeLog, PublishedBook, published_book

SECOND = Path(__file__).with_name("second_verifier.py")
_spec = importlib.util.spec_from_file_location("second_verifier_again", SECOND)
second_verifier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(second_verifier)
SECRET = b"k" * 32


@pytest.mark.parametrize("seed", range(8))
def test_two_verifiers_have_one_verdict_on_altered_books(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock, seed: int
) -> None:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    if seed % 2:
        fill(published.book, clock)
    else:
        fill_at_random(published.book, clock, seed=seed + 100, blocks=15)
    original, chance, verdicts = opened_entries(published), random.Random(seed), []
    for number in range(25):
        entries = json.loads(json.dumps(original))
        if number:
            alter(chance, entries)
        verdicts.append(verdict_of(tmp_path / str(number), entries))
    assert verdicts[0] is Verdict.VERIFIED
    assert Verdict.FORGED in verdicts


def test_two_verifiers_have_one_verdict_on_proofs_of_growth() -> None:
    chance, leaves = random.Random(1), [leaf_hash(b"%d" % i) for i in range(70)]
    for new_size in range(1, len(leaves) + 1):
        for old_size in range(1, new_size + 1):
            proof = consistency_proof(old_size, new_size, subtree_of(leaves[:new_size]))
            old_root, new_root = root(leaves[:old_size]), root(leaves[:new_size])
            assert second_verifier.grown(old_size, old_root, new_size, new_root, proof)
            false = list(proof)
            if false and chance.random() < 0.5:
                false[chance.randrange(len(false))] = chance.choice([*proof, leaves[0]])
            else:
                false.insert(chance.randint(0, len(false)), chance.choice(leaves))
            stated = {"old_size": old_size, "old_root": old_root, "new_size": new_size, "new_root": new_root}
            assert second_verifier.grown(*stated.values(), false) is verify_consistency(**stated, proof=false)


def opened_entries(published: PublishedBook) -> list[list]:
    """Type and lines of every entry but genesis."""
    published.publish()
    types = {}
    with published.book.read() as connection:
        rows = connection.exec_driver_sql("SELECT n, type FROM entry WHERE book_id = 'main'")
        types = dict(map(tuple, rows))
    records = [json.loads(line) for line in published.bundle().read_bytes().splitlines()[2:-1]]
    return [[types[record["n"]], [opened["line"] for opened in record["lines"]]] for record in records]


def verdict_of(folder: Path, entries: list[list]) -> Verdict:
    """What both say; the statement at the end is the one that the second verifier derives."""
    log_dir, bundle, policy = forged(folder, entries)
    derived = derived_by_second(log_dir, bundle)
    if derived is not None:
        lines = bundle.read_bytes().splitlines()
        bundle.write_bytes(b"\n".join([*lines[:-1], canonical_json(derived)]) + b"\n")
    report = replay(log_dir, bundle, policy)
    expected = Verdict.FORGED if derived is None else Verdict.VERIFIED
    assert report.verdict is expected, report.to_text()
    assert report.failure is None or report.failure.name != "stated balances"
    return expected


def forged(folder: Path, entries: list[list]) -> tuple:
    """A signed log of these entries, chains hashed again, with its bundle and policy."""
    log = HandmadeLog(folder)
    last: dict[tuple[str, str], str] = {}
    for n, (kind, lines) in enumerate(entries, start=1):
        opened = []
        for index, line in enumerate(lines):
            name = (line.get("account"), line.get("asset"))
            if kind == "posting/1" and "prev" in line and name in last:
                line["prev"] = last[name]
            secret = nonce(SECRET, "main", n, index)
            opened.append((secret, line))
            if kind == "posting/1":
                last[name] = b64(commit_line(secret, line))
        at = datetime.fromisoformat(lines[0]["at"]).astimezone(UTC)
        public = entry_bytes(n, kind, at, [commit_line(secret, line) for secret, line in opened])
        log.add_raw(public, {"lines": [{"line": line, "nonce": b64(secret)} for secret, line in opened], "n": n})
    log_dir, bundle = log.publish()
    return log_dir, bundle, log.policy


def derived_by_second(log_dir: Path, bundle: Path) -> object | None:
    """The closing statement that the second verifier derives, or None where it finds something wrong before."""
    derive, found = second_verifier.Book.closing, []

    def closing(book: object) -> object:
        found.append(derive(book))
        return json.loads(bundle.read_bytes().splitlines()[-1])

    second_verifier.Book.closing = closing
    try:
        second_verifier.replay(log_dir, bundle.read_bytes(), (log_dir / "policy").read_bytes())
    except (AssertionError, LookupError, TypeError, ValueError):
        return None
    finally:
        second_verifier.Book.closing = derive
    return found[0]


def alter(chance: random.Random, entries: list[list]) -> None:
    """One change: an entry left out, repeated or moved, its amounts, or a member of one of its lines."""
    n = chance.randrange(len(entries))
    way = chance.randrange(8)
    if way == 0:
        del entries[n]
    elif way == 1:
        other = chance.randrange(len(entries))
        entries[n], entries[other] = entries[other], entries[n]
        for each in (n, other):
            entries[each][1][0]["at"] = entries[each - 1][1][0]["at"] if each else entries[each][1][0]["at"]
    elif way == 2:
        amount = chance.randrange(1, 60_000)
        for line in entries[n][1][1:]:
            line.update({side: amount for side in ("debit", "credit") if side in line})
    else:
        line = chance.choice(entries[n][1])
        name = chance.choice(sorted(line) or ["actor"])
        if way == 3:
            line.pop(name, None)
            if line is entries[n][1][0]:
                line.setdefault("at", "2026-03-02T11:00:00.000000Z")
        else:
            line[name] = another(chance, line.get(name), entries)


def another(chance: random.Random, value: object, entries: list[list]) -> object:
    """Another value of the same kind, often one that stands elsewhere in the log."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice([value + 1, value - 1, chance.randrange(1, len(entries)), 0])
    if isinstance(value, str) and value[:2] == "20" and len(value) == 10:
        return (date.fromisoformat(value) + timedelta(days=chance.randrange(-60, 60))).isoformat()
    if isinstance(value, str) and value[:2] == "20" and value.endswith("Z"):
        moved = datetime.fromisoformat(value) + timedelta(hours=chance.randrange(-900, 900))
        return moved.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, str):
        elsewhere = [line[1][0].get("key", "x") for line in entries]
        return chance.choice([value + "x", "void", "expired", "550100", "489100:c1", *chance.sample(elsewhere, 2)])
    return value
