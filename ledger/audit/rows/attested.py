"""The rows that a state/1 entry attests: none is gone, none has changed, and the roots are the committed ones."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from ledger.attest import count_kept, digested, kept_digests, relations
from ledger.audit.rows.failures import Failures
from ledger.log.encoding import b64
from ledger.log.leaf import STATE
from ledger.log.merkle import Frontier, leaf_hash
from ledger.storage import tables
from ledger.storage.base import metadata
from ledger.storage.scan import Row, fetch, scan

_STATES = (
    "SELECT e.n, e.fact_key, f.line, f.body FROM entry e JOIN finding f ON f.book_id = e.book_id AND f.n = e.n"
    " WHERE e.book_id = ? AND e.type = ? ORDER BY e.n, f.line"
)
_BLOCK = "SELECT hash, last_n FROM block WHERE book_id = ? AND block = ?"


class Attested:
    """The states in the order of their entries against the attestations, and these against the rows."""

    def __init__(self, connection: sa.Connection, book_id: str, failures: Failures) -> None:
        self._connection = connection
        self._book_id = book_id
        self._failures = failures
        self.states = self.rows = self.newer = 0

    def run(self) -> None:
        """All checks."""
        kept = self._kept()
        totals = self._check_states(kept)
        if kept:  # attestations of a state that is not in the log
            self._failures.differs("attestation", "state_key", state=next(iter(kept))[0])
        for relation in relations():
            self._check_relation(relation, totals.get(relation, 0))
        for relation in totals.keys() - set(relations()):
            if relation not in metadata.tables:
                self._failures.report.missing.append(f"attested rows: table {relation} is not known to this program")
            else:
                self._failures.differs("attestation", "relation", relation=relation)

    def _kept(self) -> dict[tuple[str, str], tuple[int, bytes]]:
        """Number and root of the attested rows, by state and relation."""
        columns = ("state_key", "relation", "row_key", "digest")
        order = columns[:3]
        rows = scan(self._connection, tables.attestation, self._book_id, columns, order=order)
        kept: dict[tuple[str, str], tuple[int, bytes]] = {}
        for named, group in groupby(rows, key=lambda row: (row[0], row[1])):
            frontier = Frontier()
            for row in group:
                frontier.append(leaf_hash(row[3]))
            kept[named] = (frontier.size, frontier.root())
        return kept

    def _check_states(self, kept: dict[tuple[str, str], tuple[int, bytes]]) -> dict[str, int]:
        """Take from `kept` what the states commit to; gives the rows attested so far, by relation."""
        totals: dict[str, int] = {}
        for n, key, body in self._states():
            if "relation" not in body:
                self._check_block(n, body)
                continue
            relation = body["relation"]
            count, root = kept.pop((key, relation), (0, Frontier().root()))
            totals[relation] = totals.get(relation, 0) + count
            if body != {"relation": relation, "root": b64(root), "rows": totals[relation]}:
                self._failures.differs("attestation", "digest", n=n, relation=relation)
        return totals

    def _states(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        last = None
        for n, key, _, text in fetch(self._connection, _STATES, (self._book_id, STATE)):
            self.states += n != last
            last = n
            yield n, key, json.loads(text)

    def _check_block(self, n: int, body: dict[str, Any]) -> None:
        """The state was taken after a block that stands as it stood."""
        rows: list[Row] = fetch(self._connection, _BLOCK, (self._book_id, body.get("block")))
        if len(rows) != 1 or b64(rows[0][0]) != body.get("hash") or rows[0][1] >= n:
            self._failures.differs("finding", "body", n=n)

    def _check_relation(self, relation: str, committed: int) -> None:
        found = newer = 0
        last = None
        for page in digested(self._connection, self._book_id, relation):
            kept = kept_digests(self._connection, self._book_id, relation, [row.row_key for row in page])
            for row in page:
                if row.row_key == last:  # one that takes the place of another, which is gone
                    self._failures.differs(relation, "key", key=last)
                last = row.row_key
                digest = kept.get(row.row_key)
                if digest is None:
                    newer += 1
                    continue
                found += 1
                if digest != row.digest:
                    self._failures.differs(relation, "columns", key=row.row_key)
        if found != committed or count_kept(self._connection, self._book_id, relation) != committed:
            self._failures.differs(relation, "rows", rows=found, expected=committed)
        if newer and relation == "request":  # what no block seals must be attested
            self._failures.differs(relation, "block", rows=newer)
        self.rows += found
        self._note_newer(relation, newer)

    def _note_newer(self, relation: str, newer: int) -> None:
        self.newer += newer
        if newer:
            noun = "row" if newer == 1 else "rows"
            self._failures.report.not_checked.append(f"{newer} {noun} of {relation}, newer than the last attestation")
