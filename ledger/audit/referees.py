"""Foreign referees: programs that nobody here wrote compute every balance of the book from an export.

    the record ──exports──> book.beancount, book.hledger, book.ledger ──programs──> balances ─┐
             └─trial balance──────────────────────────────────────────────────────────────────┴─> one verdict each

Exports and trial balance are of one snapshot, and the files are deleted afterwards. The exports also assert every
balance, and a program that finds an assertion false refuses the file. It is then asked again without assertions, so
that a verdict names the accounts that differ. One that is not installed gives the outcome `not-run`.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.exports import write_export
from ledger.audit.programs import REFEREES, DidNotRunError, Program, Referee, Sums
from ledger.balances import asset_scales, trial_balance
from ledger.book import Book
from ledger.findings import newest_finding
from ledger.log.leaf import JSON, VERDICT

VERDICT_KEY = "verdict:"
"""How the fact keys of the referees' verdicts begin."""

SHOWN_DIFFERENCES = 20
_LONGEST_REMARK = 200


class Outcome(StrEnum):
    """What a referee says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_RUN = "not-run"


class Difference(NamedTuple):
    """One account on which record and program differ; both signed, in minor units (`found` may be a fraction).

    An account that the record does not have stands under the program's name for it.
    """

    account: str
    asset: str
    stated: int
    found: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """One referee's word on one export. `remark` is the program's own complaint, or why it did not run."""

    referee: str
    version: str
    outcome: Outcome
    balances_compared: int
    differences: tuple[Difference, ...]
    export_sha256: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Exports:
    """The files in `folder`, and what the record states: balance and decimals of every account with postings."""

    folder: Path
    stated: Mapping[AccountRef, int]
    scales: Mapping[str, int]

    def file(self, export_format: str) -> Path:
        """Where the export in this format stands."""
        return self.folder / f"book.{export_format}"


def ask_referees(book: Book, *, search_path: str, seconds: int = 3_600) -> tuple[Verdict, ...]:
    """Export the book and have every referee compute it; programs are looked for in the folders of `search_path`.

    `seconds` bounds each run of a program. Nothing is written to the record.
    """
    with tempfile.TemporaryDirectory(prefix="referees-") as folder:
        exports = write_exports(book, Path(folder))
        return tuple(judge(name, exports, search_path=search_path, seconds=seconds) for name in REFEREES)


def write_exports(book: Book, folder: Path) -> Exports:
    """The book in every referee's format and its trial balance, all of one snapshot."""
    with book.read() as connection:
        stated = {row.account: row.signed for row in trial_balance(connection, book.book_id)}
        exports = Exports(folder, stated, asset_scales(connection, book.book_id))
        for export_format in REFEREES:
            with exports.file(export_format).open("wb") as out:
                write_export(connection, book.book_id, export_format, out)
    return exports


def judge(name: str, exports: Exports, *, search_path: str, seconds: int) -> Verdict:
    """The verdict of one referee on its export."""
    with exports.file(name).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    referee = REFEREES[name]
    program = Program(exports.folder, search_path, seconds)
    try:
        version = referee.version(program)
        answer = referee.balances(program, exports.file(name))
    except DidNotRunError as reason:
        return Verdict(name, "", Outcome.NOT_RUN, 0, (), sha256, _remark(str(reason), exports.folder))
    differences = tuple(_differences(exports, referee, answer.sums))
    outcome = Outcome.DIFFERS if differences or answer.complaint else Outcome.AGREES
    remark = _remark(answer.complaint, exports.folder)
    return Verdict(name, version, outcome, len(exports.stated), differences, sha256, remark)


def verdict_facts(verdicts: Sequence[Verdict]) -> list[Mapping[str, JSON]]:
    """The verdicts as canonical JSON can hold them; balances are texts, since they may pass 2^53.

    At most 20 differences are listed; `differing` counts them all.
    """
    return [
        {
            "referee": v.referee,
            "version": v.version,
            "outcome": v.outcome.value,
            "compared": v.balances_compared,
            "differing": len(v.differences),
            "differences": [
                {"account": d.account, "asset": d.asset, "stated": str(d.stated), "found": f"{d.found:f}"}
                for d in v.differences[:SHOWN_DIFFERENCES]
            ],
            "export_sha256": v.export_sha256,
            "remark": v.remark,
        }
        for v in verdicts
    ]


def doubtful_verdicts(connection: sa.Connection, book_id: str) -> list[tuple[str, str]]:
    """(referee, outcome) of those of the newest verdict that do not agree; empty where none was asked yet."""
    newest = newest_finding(connection, book_id, VERDICT, VERDICT_KEY)
    lines = newest.lines if newest is not None else []
    outcomes = [(str(line["referee"]), str(line["outcome"])) for line in lines]
    return [(referee, outcome) for referee, outcome in outcomes if outcome != Outcome.AGREES.value]


def _differences(exports: Exports, referee: Referee, sums: Sums) -> Iterator[Difference]:
    """Accounts on which the two differ, those that only the program knows included; what it leaves out is 0 there."""
    named = {(referee.account(ref), referee.commodity(ref.asset)): ref for ref in exports.stated}
    assets = {referee.commodity(asset): asset for asset in exports.scales}
    for name, ref in named.items():
        found = sums.get(name, Decimal(0)).scaleb(exports.scales[ref.asset])
        if found != exports.stated[ref]:
            yield Difference(str(ref), ref.asset, exports.stated[ref], found)
    for (account, commodity), found in sums.items():
        if found and (account, commodity) not in named:
            asset = assets.get(commodity, commodity)
            yield Difference(account, asset, 0, found.scaleb(exports.scales.get(asset, 0)))


def _remark(text: str, folder: Path) -> str:
    """The line that says what is wrong, or the first one, without the folder's name, in plain ASCII and cut."""
    lines = [line.strip() for line in text.replace(f"{folder}/", "").splitlines() if line.strip()]
    line = next((line for line in lines if line.startswith("Error")), lines[0] if lines else "")
    return ascii(line)[1:-1][:_LONGEST_REMARK]
