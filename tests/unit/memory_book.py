"""A book without a database: the rows of its decisions, kept in lists, and the state that the next one rests on.

What the databases read is found here by plain search, so that the decision can be tried alone, thousands of times.
`check` asks the same oracle as everywhere else about the rows.
"""

import hashlib
from collections import Counter, defaultdict, namedtuple
from datetime import datetime

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.decide import accounts_named, decide, owners_named
from ledger.lines import GENESIS, ZERO_HASH, EntryRow, genesis_bytes, seal_block
from ledger.log.merkle import leaf_hash
from ledger.state import AccountState, Decision, Head, HoldState, KnownEntry, KnownRequest, State, Target
from ledger.storage import tables as t
from tests import oracle

POLICY = bytes(32)
TABLES = {table.name: table for table in oracle.TABLES}
ROWS = {name: namedtuple(f"{name}_row", [c.name for c in table.columns]) for name, table in TABLES.items()}  # noqa: PYI024 -- made from the metadata
WRITTEN = {
    "entries": t.entry, "postings": t.posting, "assets": t.asset, "accounts": t.account, "rules": t.account_rule,
    "holds": t.hold, "hold_lines": t.hold_line, "hold_steps": t.hold_step, "periods": t.period,
    "findings": t.finding, "requests": t.request,
}  # fmt: skip


def key_of(owner: str) -> bytes:
    """The key of an owner, the same in every run."""
    return hashlib.sha256(f"memory/{owner}".encode()).digest()


class MemoryBook:
    """Decides, keeps, and can be checked."""

    def __init__(self, now: datetime, *, late_refused: frozenset[str] = frozenset()) -> None:
        self.late_refused = late_refused
        self.rows = defaultdict(list)
        self.accounts: dict[AccountRef, AccountState] = {}
        public = genesis_bytes(now, POLICY)
        genesis = EntryRow(
            0, 0, GENESIS, None, now, None, None, None, None, None, "system", None, 0, None, public, leaf_hash(public)
        )
        block = seal_block(
            book_id="main", block=0, first_n=0, leaves=[genesis.leaf], postings=0, prev_hash=ZERO_HASH, sealed_at=now
        )
        self._add(t.entry, genesis)
        self._add(t.block, block)
        self.rows["asset"].append(ROWS["asset"]("main", "EUR", 2, 0, None, None))
        self.rows["book"].append(ROWS["book"]("main", "Book", "log.example/main", POLICY, now))
        self.head = Head(1, 1, 1, block.hash, now)

    def post(self, requests, *, now, today, floors=True, assets=()) -> Decision:
        """Decide on what stands, and keep what was decided."""
        owners = owners_named(requests) | {ref.owner for ref in self.accounts if ref.owner}
        decision = decide(
            self.state(requests),
            requests,
            now=now,
            today=today,
            keys={owner: key_of(owner) for owner in owners},
            floors=floors,
            new_assets=assets,
        )
        self.keep(decision)
        return decision

    def state(self, requests) -> State:
        """What exists of what the requests name, and of nothing else."""
        items = [item for request in requests for item in request.items]
        entries = {e.fact_key: e for e in self.rows["entry"] if e.fact_key is not None}
        held = [name for name in _names(items, "settles", "hold") if self._is_hold(entries, name)]
        holds = {name: self._hold(entries[name]) for name in held}
        named = set(accounts_named(requests)) | {ref for hold in holds.values() for ref, _ in hold.remaining}
        keys = {item.key for item in items} | _names(items, "about")
        wanted = {request.key for request in requests}
        return State(
            book_id="main",
            head=self.head,
            accounts={ref: account for ref, account in self.accounts.items() if ref in named},
            assets={row.asset: row.scale for row in self.rows["asset"]},
            known={key: KnownEntry(entries[key].n, entries[key].body_hash) for key in keys & entries.keys()},
            targets={name: target for name in _names(items, "reverses") if (target := self._target(entries.get(name)))},
            holds=holds,
            periods=[row.until_on for row in self.rows["period"]],
            requests={
                r.key: KnownRequest(r.actor, r.body_hash, r.outcome) for r in self.rows["request"] if r.key in wanted
            },
            late_refused=self.late_refused,
        )

    def keep(self, decision: Decision) -> None:
        """Keep the rows, the accounts as they are now, and the head."""
        if decision.block is None:
            assert decision.head == self.head
            return
        for name, table in WRITTEN.items():
            for row in getattr(decision, name):
                self._add(table, row)
        self._add(t.block, decision.block)
        assert not {a.ref for a in decision.opened} & self.accounts.keys()
        assert {a.ref for a in decision.changed} <= self.accounts.keys()
        assert all(a != self.accounts[a.ref] for a in decision.changed)
        self.accounts |= {a.ref: a for a in [*decision.opened, *decision.changed]}
        self.head = decision.head

    def check(self) -> None:
        """The oracle on all rows."""
        rows = {name: list(self.rows[name]) for name in TABLES}
        rows["balance"] = [ROWS["balance"]("main", *_balance(a)) for a in self.accounts.values()]
        rows["head"] = [ROWS["head"]("main", *self.head)]
        rows["period_balance"] = list(self._period_balances())
        for name, table in TABLES.items():
            places = [list(table.columns).index(column) for column in table.primary_key.columns]
            rows[name].sort(key=lambda row, places=places: [row[place] for place in places])
        owners = {account.owner for account in rows["account"]} | {""}
        commitments = oracle._check_lines("main", rows, {owner: key_of(owner) for owner in owners}, set())
        oracle._check_entries(rows, commitments)
        oracle._check_blocks("main", rows)
        oracle._check_balances(rows)
        oracle._check_holds(rows)
        oracle._check_periods(rows)
        assert [a.account_id for a in rows["account"]] == list(range(1, len(rows["account"]) + 1))

    def _add(self, table: sa.Table, row) -> None:
        values = {"book_id": "main", **row._asdict()}
        self.rows[table.name].append(ROWS[table.name](**values))

    def _period_balances(self):
        for period in self.rows["period"]:
            for account in self.accounts.values():
                counted = [
                    p.debit - p.credit
                    for p in self.rows["posting"]
                    if p.account_id == account.account_id and p.effective_on <= period.until_on and p.n < period.n
                ]
                yield ROWS["period_balance"]("main", account.account_id, period.until_on, period.n, sum(counted))

    def _is_hold(self, entries, name: str) -> bool:
        return name in entries and entries[name].type == "hold/1"

    def _hold(self, entry) -> HoldState:
        by_id = {account.account_id: ref for ref, account in self.accounts.items()}
        left = Counter()
        for line in self.rows["hold_line"]:
            if line.hold_n == entry.n:
                left[by_id[line.account_id], line.debit > 0] += line.debit + line.credit
        steps = [step for step in self.rows["hold_step"] if step.hold_n == entry.n]
        for posting in self.rows["posting"]:
            if posting.n in {step.n for step in steps}:
                left[by_id[posting.account_id], posting.debit > 0] -= posting.debit + posting.credit
        [hold] = [row for row in self.rows["hold"] if row.hold_n == entry.n]
        is_open = all(step.kind == "part" for step in steps)
        return HoldState(entry.n, left, len(steps), is_open, hold.expires_at)

    def _target(self, entry) -> Target | None:
        if entry is None or entry.type != "posting/1":
            return None
        by_id = {account.account_id: ref for ref, account in self.accounts.items()}
        legs = Counter((by_id[p.account_id], p.debit, p.credit) for p in self.rows["posting"] if p.n == entry.n)
        reversed_by = [other for other in self.rows["entry"] if other.reverses == entry.n]
        return Target(entry.n, legs, entry.reverses is not None, bool(reversed_by))


def _names(items, *attributes: str) -> set[str]:
    return {name for item in items for each in attributes if isinstance(name := getattr(item, each, None), str)}


def _balance(account: AccountState):
    values = {name: getattr(account, name) for name in AccountState.__dataclass_fields__}
    return [values[column.name] for column in list(t.balance.columns)[1:]]
