"""A holder's part in the totals of a closed period: her paths, checked against the published log each time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from api.bootstrap import Wiring
from ledger.audit.totals import encode_proofs, last_with_totals, proofs_of_owner
from ledger.balances import entry_by_key
from ledger.log.policy import parse_policy
from ledger.log.sumtree import Holding, totals_key
from ledger.log.tiles import POLICY
from ledger.verify.report import Report, Verdict
from ledger.verify.totals import verify_state

logger = structlog.get_logger("bxl.totals")


@dataclass(frozen=True, slots=True)
class OwnTotals:
    """The party's balances at the close of the period that ends on `until_on`, the file of their paths, its check.

    `entry` is the number of the entry that states the totals.
    """

    until_on: date
    entry: int
    holdings: Sequence[Holding]
    paths: bytes
    report: Report

    @property
    def state(self) -> str:
        """`verified`, `forged`, or `incomplete` until the signed log shows the totals."""
        return self.report.verdict.value


def own_totals(wiring: Wiring, party_id: str, until_on: date | None = None) -> OwnTotals | None:
    """The party's part in the totals of a period, or of the last that has any; None where there is none.

    Refuses `period-not-closed` and `totals-not-entered` for a period that is asked for. A part that the published
    totals do not hold is logged as an error: it is what the totals are for.
    """
    until_on = until_on or last_with_totals(wiring.book)
    if until_on is None:
        return None
    proofs = proofs_of_owner(wiring.book, party_id, until_on)
    if not proofs:
        return None
    folder, paths = wiring.settings.log_folder, encode_proofs(proofs)
    policy = parse_policy((folder / POLICY).read_bytes())
    report = verify_state(folder, until_on.isoformat(), policy, mine=paths)
    if report.verdict is Verdict.FORGED:
        logger.error("balance-not-in-totals", party=party_id, until_on=until_on.isoformat())
    with wiring.book.read() as connection:
        stated = entry_by_key(connection, wiring.book.book_id, totals_key(until_on.isoformat()))
    assert stated is not None, "there are proofs only where it stands"
    return OwnTotals(until_on, stated.n, [proof.holding for proof in proofs], paths, report)
