"""The one oracle, run after every scenario: is the book, as it stands, right in every respect that can be derived?

It derives everything in the plainest way, entry by entry, and then asks the product's own audit, which must agree.
"""

import datetime as dt
import hashlib
from collections import defaultdict

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.audit.rows import audit_rows
from ledger.book import Book
from ledger.lines import (
    GENESIS,
    ZERO_HASH,
    RequestRow,
    account_line,
    asset_line,
    genesis_bytes,
    header_line,
    hold_line,
    posting_line,
    rule_line,
    seal_block,
)
from ledger.log.leaf import TYPES, commit_line, entry_bytes, nonce
from ledger.log.merkle import leaf_hash
from ledger.storage import tables as t

TABLES = (
    t.book, t.asset, t.account, t.account_rule, t.entry, t.posting, t.hold, t.hold_line, t.hold_step, t.period,
    t.period_balance, t.finding, t.request, t.block, t.balance, t.head,
)  # fmt: skip


def check_everything(book: Book) -> None:
    """Re-derive every number, balance, commitment, leaf and block hash of `book` and compare with what is stored."""
    with book.read() as connection:
        rows = {table.name: _rows(connection, table, book.book_id) for table in TABLES}
        owners = [k.owner for k in _rows(connection, t.subject_key, book.book_id)]
        keys = book.keys.existing_keys(connection, owners)  # of a person who was erased there is none
        erased = set(owners) - keys.keys()
    commitments = _check_lines(book.book_id, rows, keys, erased)
    _check_entries(rows, commitments)
    _check_blocks(book.book_id, rows)
    _check_balances(rows)
    _check_holds(rows)
    _check_periods(rows)
    report = audit_rows(book)
    assert report.failure is None, report.to_text()


def _rows(connection, table, book_id):
    order = list(table.primary_key.columns)
    return connection.execute(sa.select(table).where(table.c.book_id == book_id).order_by(*order)).all()


def _check_lines(book_id, rows, keys, erased):  # noqa: C901 -- one block a kind of line
    """Every stored commitment opens to its line; returns the commitments of each entry in line order."""
    accounts = {a.account_id: a for a in rows["account"]}
    limits = {(r.account_id, r.version): r for r in rows["account_rule"]}
    numbers = {e.n: e for e in rows["entry"]}
    found = defaultdict(dict)

    def check(owner, n, line, stated, commitment):
        if owner not in erased:
            assert commit_line(nonce(keys[owner], book_id, n, line), stated) == commitment, (n, line)
        assert line not in found[n]
        found[n][line] = commitment

    for e in rows["entry"]:
        if e.type == GENESIS:
            assert e.header_commitment is None
            continue
        evidence = e.evidence.hex() if e.evidence else None
        header = header_line(
            actor=e.actor,
            at=e.booked_at,
            key=e.fact_key,
            on=e.effective_on,
            purpose=e.purpose,
            evidence=evidence,
            reverses=e.reverses,
            approvals=e.approvals or (),
            details=e.details,
        )
        check("", e.n, 0, header, e.header_commitment)
    for a in rows["asset"]:
        if a.line is not None:
            check("", a.opened_n, a.line, asset_line(a.asset, a.scale), a.commitment)
    for a in rows["account"]:
        ref, rule = AccountRef(a.code, a.owner, a.asset), limits[a.account_id, 1]
        assert (rule.from_n, rule.closed, rule.commitment) == (a.opened_n, False, None)
        check(
            a.owner if a.personal else "",
            a.opened_n,
            a.line,
            account_line(ref, rule.minimum, rule.maximum),
            a.commitment,
        )
    for r in rows["account_rule"]:
        if r.version > 1:
            a = accounts[r.account_id]
            stated = rule_line(
                AccountRef(a.code, a.owner, a.asset), r.version, r.minimum, r.maximum, closed=bool(r.closed)
            )
            check(a.owner if a.personal else "", r.from_n, 1, stated, r.commitment)
            assert (a.account_id, r.version - 1) in limits
    for h in rows["hold_line"]:
        a = accounts[h.account_id]
        stated = hold_line(AccountRef(a.code, a.owner, a.asset), h.debit, h.credit)
        check(a.owner if a.personal else "", h.hold_n, h.line, stated, h.commitment)
    for f in rows["finding"]:
        check("", f.n, f.line, f.body, f.commitment)
    previous = {}
    for p in rows["posting"]:
        a = accounts[p.account_id]
        seq, prev = (p.seq, previous.get(p.account_id)) if a.personal else (None, None)
        stated = posting_line(AccountRef(a.code, a.owner, a.asset), p.debit, p.credit, seq=seq, prev=prev)
        check(a.owner if a.personal else "", p.n, p.line, stated, p.commitment)
        previous[p.account_id] = p.commitment
        assert p.effective_on == numbers[p.n].effective_on
    return found


def _check_entries(rows, commitments):
    assets = {a.account_id: a.asset for a in rows["account"]}
    sums = defaultdict(int)
    for p in rows["posting"]:
        sums[p.n, assets[p.account_id]] += p.debit - p.credit
    assert not any(sums.values())
    assert [e.n for e in rows["entry"]] == list(range(len(rows["entry"])))
    for e in rows["entry"]:
        if e.type == GENESIS:
            assert e.n == 0
            assert e.bytes == genesis_bytes(e.booked_at, rows["book"][0].policy_hash)
        else:
            assert e.type in TYPES
            lines = commitments[e.n]
            assert sorted(lines) == list(range(e.lines))
            assert e.bytes == entry_bytes(e.n, e.type, e.booked_at, [lines[i] for i in sorted(lines)])
        assert e.leaf == leaf_hash(e.bytes)
    assert [e.booked_at for e in rows["entry"]] == sorted(e.booked_at for e in rows["entry"])


def _check_blocks(book_id, rows):
    previous, next_n = ZERO_HASH, 0
    per_entry = defaultdict(int)
    for p in rows["posting"]:
        per_entry[p.n] += 1
    kept = defaultdict(list)
    sealed = [r for r in rows["request"] if r.block is not None]  # the others were kept before blocks sealed answers
    for r in sorted(sealed, key=lambda r: (r.block, r.position)):
        kept[r.block].append(r)
    for number, b in enumerate(rows["block"]):
        entries = [e for e in rows["entry"] if b.first_n <= e.n <= b.last_n]
        assert {e.block for e in entries} <= {b.block}
        postings = sum(per_entry[e.n] for e in entries)
        expected = seal_block(
            book_id=book_id,
            block=number,
            first_n=next_n,
            leaves=[e.leaf for e in entries],
            postings=postings,
            prev_hash=previous,
            sealed_at=entries[-1].booked_at if entries else b.sealed_at,
            requests=[RequestRow(*tuple(r)[1:]).digest() for r in kept[number]],
        )
        assert tuple(b)[1:] == tuple(expected)
        assert [r.position for r in kept[number]] == list(range(b.requests))
        assert entries or kept[number]
        previous, next_n = b.hash, b.last_n + 1
    [head] = rows["head"]
    assert (head.next_n, head.next_block, head.last_hash) == (next_n, len(rows["block"]), previous)
    assert next_n == len(rows["entry"])
    assert head.last_booked_at == rows["block"][-1].sealed_at
    assert set(kept) <= {b.block for b in rows["block"]}
    assert head.next_account == len(rows["account"]) + 1


def _check_balances(rows):
    posted, seq, last = defaultdict(int), defaultdict(int), {}
    for p in rows["posting"]:
        posted[p.account_id] += p.debit - p.credit
        seq[p.account_id] += 1
        assert (p.seq, p.balance_after) == (seq[p.account_id], posted[p.account_id])
        last[p.account_id] = p.commitment
    assert [b.account_id for b in rows["balance"]] == [a.account_id for a in rows["account"]]
    latest = {r.account_id: (r.minimum, r.maximum, r.closed, r.version) for r in rows["account_rule"]}  # by version
    for b in rows["balance"]:
        expected = (posted[b.account_id], seq[b.account_id], last.get(b.account_id), *latest[b.account_id])
        assert (b.posted, b.seq, b.last_commitment, b.minimum, b.maximum, b.closed, b.version) == expected


def _check_holds(rows):
    """Steps follow from entries, one after the other; what is open is what balances hold."""
    entries = {e.n: e for e in rows["entry"]}
    reserved, steps, held = defaultdict(lambda: defaultdict(int)), defaultdict(list), defaultdict(int)
    for line in rows["hold_line"]:
        reserved[line.hold_n][line.account_id, line.debit > 0] += line.debit + line.credit
    assert {h.hold_n for h in rows["hold"]} == set(reserved) == {e.n for e in rows["entry"] if e.type == "hold/1"}
    for step in rows["hold_step"]:
        steps[step.hold_n].append(step)
        entry = entries[step.n]
        assert entry.details["hold"] == step.hold_n < step.n
        if step.kind in {"part", "rest"}:
            for p in rows["posting"]:
                if p.n == step.n:
                    reserved[step.hold_n][p.account_id, p.debit > 0] -= p.debit + p.credit
        else:
            assert (entry.type, entry.details["step"]) == ("release/1", step.kind)
    for hold_n, amounts in reserved.items():
        assert [s.step for s in steps[hold_n]] == list(range(1, len(steps[hold_n]) + 1))
        assert all(s.kind == "part" for s in steps[hold_n][:-1])
        assert min(amounts.values()) >= 0
        if not steps[hold_n] or steps[hold_n][-1].kind == "part":
            assert max(amounts.values()) > 0
            for key, amount in amounts.items():
                held[key] += amount
    stepped = {e.n for e in rows["entry"] if "hold" in (e.details or {})}
    assert stepped == {step.n for step in rows["hold_step"]}
    for b in rows["balance"]:
        assert (b.held_debit, b.held_credit) == (held[b.account_id, True], held[b.account_id, False])


def _check_periods(rows):
    """Periods follow each other; lateness is what was closed when an entry was booked; kept balances are sums."""
    closed, restated = [], defaultdict(set)
    for p in rows["posting"]:
        restated[p.n].add(p.restates)
    for e in rows["entry"]:
        if e.type == "period/1":
            [period] = [p for p in rows["period"] if p.n == e.n]
            assert period.until_on.isoformat() == e.details["until"]
            assert period.since_on == (closed[-1] + dt.timedelta(days=1) if closed else None)
            assert not closed or period.until_on > closed[-1]
            closed.append(period.until_on)
        elif e.type == "posting/1":
            late = next((until for until in closed if until >= e.effective_on), None)
            assert (e.details or {}).get("restates") == (late.isoformat() if late else None)
            assert restated[e.n] == {late}
    assert [p.until_on for p in rows["period"]] == closed
    assert rows["head"][0].closed_on == (closed[-1] if closed else None)
    numbers = {p.until_on: p.n for p in rows["period"]}
    for kept in rows["period_balance"]:
        assert kept.n == numbers[kept.until_on]
    for until, n in numbers.items():
        for account in rows["account"]:
            total = sum(
                p.debit - p.credit
                for p in rows["posting"]
                if p.account_id == account.account_id and p.effective_on <= until and p.n < n
            )
            newest = [k for k in rows["period_balance"] if k.account_id == account.account_id and k.until_on <= until]
            assert total == (max(newest, key=lambda k: k.until_on).posted if newest else 0)


def digest_of(book: Book) -> str:
    """One hash over everything that two runs of the same batches must have in common: entries, postings, blocks."""
    digest = hashlib.sha256()
    with book.read() as connection:
        for table in TABLES[1:]:
            for row in _rows(connection, table, book.book_id):
                digest.update(repr([table.name, *map(_plain, row)]).encode())
    return digest.hexdigest()


def _plain(value):
    return int(value) if isinstance(value, bool) else value
