"""Closing and opening a financial year, under four eyes.

A year ends on the day it is closed on and began after the last one that was closed. Closing brings every account of
classes 6 and 7 to zero against 139000, dated on the last day; opening carries 139000 to profit or loss carried forward,
dated on the first day of the next:

| event | debit | credit | fact key |
|---|---|---|---|
| year-closed | [6 or 7 …], [139000] | [6 or 7 …], [139000] | year:<year>:closed |
| year-opened | [139000], [141000] | [139000], [140000] | year:<year>:opened |

An entry holds at most 1,000 postings, so a closing may take several (keys `…:2`, `…:3`); they stand or fall together.
The year of a key is that of the entry's own date. Only EUR is closed: another asset on these accounts has no result in
euro.

What is posted later into a closed year keeps its date of effect; it stays on its account, counts in the open year's
balance sheet at once, and goes to the result with the next closing.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import count

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.balances import AccountBalance, PostedEntry, balance, balances, entries_by_key
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.journal import MAX_POSTINGS, JournalEntry, Posting
from ledger.money import EUR
from ledger.posting import lock_head
from ledger.reports import RESULT_CLASSES, RESULT_OF_THE_YEAR, YEAR_CLOSED
from ledger.storage.base import JSON, json_text
from ledger.templates import DatedBy, Template, credit, debit

YEAR_CLOSE = "year-close"
"""The action that a second person approves."""

YEAR_OPENED = "year-opened"
PROFIT_CARRIED_FORWARD, LOSS_CARRIED_FORWARD = "140000", "141000"
YEAR_IS_CLOSED = Template(
    YEAR_CLOSED,
    key="year:<year>:closed",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit("6", "7", amount="balances", optional=True, many=True),
        credit("6", "7", amount="balances", optional=True, many=True),
        debit(RESULT_OF_THE_YEAR, amount="loss", optional=True),
        credit(RESULT_OF_THE_YEAR, amount="profit", optional=True),
    ),
)
YEAR_IS_OPENED = Template(
    YEAR_OPENED,
    key="year:<year>:opened",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit(RESULT_OF_THE_YEAR, amount="profit", optional=True),
        debit(LOSS_CARRIED_FORWARD, amount="loss", optional=True),
        credit(RESULT_OF_THE_YEAR, amount="loss", optional=True),
        credit(PROFIT_CARRIED_FORWARD, amount="profit", optional=True),
    ),
)
TEMPLATES = (YEAR_IS_CLOSED, YEAR_IS_OPENED)

_RESULT = AccountRef(RESULT_OF_THE_YEAR)
_ACCOUNTS_AN_ENTRY = MAX_POSTINGS - 1  # one line is the result's


def request_year_close(unit: UnitOfWork, *, ends_on: date, reason: str) -> str:
    """Ask a second person to approve that the year is closed on its result as it stands; gives the approval's id.

    Refuses `year-not-over`, `year-already-closed` and `year-without-result`.
    """
    _refuse_not_over(unit, ends_on)
    body = closing_body(_closable_lines(unit, ends_on), ends_on=ends_on)
    return approvals.request(unit, action=YEAR_CLOSE, body=body, reason=reason)


def close_year(unit: UnitOfWork, *, ends_on: date, approval_id: str) -> list[str]:
    """Close the year that ends on `ends_on`; gives the fact keys of its entries. The same call again is a duplicate.

    Refuses `year-not-over`, `year-already-closed`, `year-without-result`, `result-changed-since-approval`, and what
    `ledger.approvals` refuses.
    """
    _refuse_not_over(unit, ends_on)
    if standing := _standing(unit, ends_on, approval_id):
        return _post(unit, standing)
    approved = _approved_body(unit, approval_id, ends_on)
    # Nobody may post between reading the balances and closing them, so the head is locked before posting locks it.
    lock_head(unit.connection, unit.book_id)
    if standing := _standing(unit, ends_on, approval_id):
        return _post(unit, standing)
    lines = _closable_lines(unit, ends_on)
    _refuse_changed(approval_id, approved, closing_body(lines, ends_on=ends_on))
    keys = _free_keys(unit, "closed", ends_on.year)
    return _post(unit, closing_entries(lines, keys, ends_on=ends_on, approval_id=approval_id, actor=unit.actor))


def open_year(unit: UnitOfWork, *, starts_on: date) -> list[str]:
    """Carry the result of the year that ended the day before forward; gives the fact key, or none where it was zero.

    The same call again is a duplicate. Refuses `year-not-closed`, and `year-already-opened` where a later year is open.
    """
    ends_on = starts_on - timedelta(days=1)
    lock_head(unit.connection, unit.book_id)
    if not any(e.effective_on == ends_on for e in _chain(unit, "closed", ends_on.year)):
        raise Refusal("year-not-closed", ends_on=ends_on.isoformat())
    standing = _since(unit, "opened", starts_on)
    if same := [entry for entry in standing if entry.effective_on == starts_on]:
        return _post(unit, [_again(entry) for entry in same])
    if standing:
        opened_on = max(entry.effective_on for entry in standing if entry.effective_on is not None)
        raise Refusal("year-already-opened", starts_on=starts_on.isoformat(), opened_on=opened_on.isoformat())
    signed = balance(unit.connection, unit.book_id, _RESULT, on=ends_on)
    if not signed:
        return []
    key = next(_free_keys(unit, "opened", starts_on.year))
    return _post(unit, [opening_entry(signed, key, starts_on=starts_on, actor=unit.actor)])


def closing_body(lines: Sequence[AccountBalance], *, ends_on: date) -> dict[str, JSON]:
    """What the second person approves: the last day, the result (profit positive), and every balance by its hash."""
    trial_balance: list[JSON] = [[str(line.account), line.signed] for line in lines]
    return {
        "ends_on": ends_on.isoformat(),
        "result_cents": -sum(line.signed for line in lines),
        "trial_balance_sha256": hashlib.sha256(json_text(trial_balance).encode()).hexdigest(),
    }


def closing_entries(
    lines: Sequence[AccountBalance], keys: Iterator[str], *, ends_on: date, approval_id: str, actor: str
) -> list[JournalEntry]:
    """The entries that bring these balances to zero against the result, at most 999 accounts each."""
    chunks = [lines[start : start + _ACCOUNTS_AN_ENTRY] for start in range(0, len(lines), _ACCOUNTS_AN_ENTRY)]
    return [
        YEAR_IS_CLOSED.entry_of(
            _against(_RESULT, [(line.account, -line.signed) for line in chunk]),
            key=key,
            on=ends_on,
            actor=actor,
            approvals=(approval_id,),
        )
        for key, chunk in zip(keys, chunks, strict=False)  # there is always another key
    ]


def opening_entry(signed: int, key: str, *, starts_on: date, actor: str) -> JournalEntry:
    """The entry that brings the result's `signed` balance (a profit is a credit) to zero and carries it forward."""
    target = AccountRef(PROFIT_CARRIED_FORWARD if signed < 0 else LOSS_CARRIED_FORWARD)
    return YEAR_IS_OPENED.entry_of(_against(target, [(_RESULT, -signed)]), key=key, on=starts_on, actor=actor)


def _against(target: AccountRef, moves: Sequence[tuple[AccountRef, int]]) -> tuple[Posting, ...]:
    """Postings of the signed `moves`, balanced by one on `target` unless they balance by themselves."""
    rest = -sum(signed for _, signed in moves)
    balanced = [*moves, (target, rest)] if rest else moves
    return tuple(Posting(account, max(signed, 0), max(-signed, 0)) for account, signed in balanced)


def _result_lines(unit: UnitOfWork, on: date) -> list[AccountBalance]:
    """Accounts of classes 6 and 7 that are not zero on that day, sorted."""
    return [
        line
        for prefix in RESULT_CLASSES
        for line in balances(unit.connection, unit.book_id, code_prefix=prefix, asset=EUR.code, on=on)
        if line.signed
    ]


def _closable_lines(unit: UnitOfWork, ends_on: date) -> list[AccountBalance]:
    _refuse_closed(unit, ends_on)
    lines = _result_lines(unit, ends_on)
    if not lines:
        raise Refusal("year-without-result", ends_on=ends_on.isoformat())
    return lines


def _standing(unit: UnitOfWork, ends_on: date, approval_id: str) -> list[JournalEntry]:
    """The entries of this very closing, if it was made and nothing was posted into the year since."""
    made = [entry for entry in _chain(unit, "closed", ends_on.year) if entry.effective_on == ends_on]
    is_this_one = all(approval_id in entry.approvals for entry in made)
    return [_again(entry) for entry in made] if is_this_one and not _result_lines(unit, ends_on) else []


def _approved_body(unit: UnitOfWork, approval_id: str, ends_on: date) -> Mapping[str, JSON]:
    """What a second person approved for this day. The approval's row is locked here, before the head, as everywhere."""
    approval = approvals.find(unit.connection, unit.book_id, approval_id)
    asked: Mapping[str, JSON] = {"ends_on": ends_on.isoformat()}
    if approval is not None and approval.body.get("ends_on") == asked["ends_on"]:
        asked = approval.body
    approvals.require(unit, approval_id, YEAR_CLOSE, asked)
    return asked


def _refuse_changed(approval_id: str, approved: Mapping[str, JSON], body: Mapping[str, JSON]) -> None:
    if dict(approved) == body:
        return
    was, now = int(str(approved["result_cents"])), int(str(body["result_cents"]))
    raise Refusal("result-changed-since-approval", approval=approval_id, approved_cents=was, result_cents=now)


def _refuse_not_over(unit: UnitOfWork, ends_on: date) -> None:
    today = unit.today()
    if ends_on >= today:
        raise Refusal("year-not-over", ends_on=ends_on.isoformat(), today_on=today.isoformat())


def _refuse_closed(unit: UnitOfWork, ends_on: date) -> None:
    """A year is closed once, and no year before one that is closed."""
    closed = [entry.effective_on for entry in _since(unit, "closed", ends_on) if entry.effective_on is not None]
    if closed:
        raise Refusal("year-already-closed", ends_on=ends_on.isoformat(), closed_on=max(closed).isoformat())


def _since(unit: UnitOfWork, event: str, on: date) -> list[PostedEntry]:
    """The entries of all closings, or openings, that take effect on that day or later."""
    last = max(unit.today().year, on.year)
    chains = (_chain(unit, event, year) for year in range(on.year, last + 1))
    return [e for chain in chains for e in chain if e.effective_on is not None and e.effective_on >= on]


def _chain(unit: UnitOfWork, event: str, year: int) -> list[PostedEntry]:
    """The entries under this year's keys, in order."""
    found: list[PostedEntry] = []
    for key in _keys(event, year):
        posted = entries_by_key(unit.connection, unit.book_id, [key])
        if key not in posted:
            return found
        found.append(posted[key])
    raise AssertionError("keys never end")


def _free_keys(unit: UnitOfWork, event: str, year: int) -> Iterator[str]:
    """The keys that follow those taken: a calendar year with a shortened financial year holds two closings."""
    keys = _keys(event, year)
    for _ in _chain(unit, event, year):
        next(keys)
    return keys


def _keys(event: str, year: int) -> Iterator[str]:
    yield f"year:{year}:{event}"
    for number in count(2):
        yield f"year:{year}:{event}:{number}"


def _again(entry: PostedEntry) -> JournalEntry:
    """The journal entry as it was posted, so that posting it once more is a duplicate."""
    assert entry.key is not None
    assert entry.effective_on is not None
    assert entry.purpose is not None
    postings = tuple(Posting(line.account, line.debit, line.credit) for line in entry.lines)
    return JournalEntry(
        entry.key, entry.effective_on, entry.purpose, postings, entry.actor, entry.evidence, approvals=entry.approvals
    )


def _post(unit: UnitOfWork, entries: Sequence[JournalEntry]) -> list[str]:
    for entry in entries:
        unit.post(entry)
    return [entry.key for entry in entries]
