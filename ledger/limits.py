"""Limits of an account, changed under four eyes.

`request_limits` freezes the account and its new limits as the body of an approval; `change_limits` enters them once a
colleague has approved exactly that. The entry's fact key is the approval's, so that an approval changes limits once.
"""

from dataclasses import dataclass

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.balances import standings
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.facts import RuleChange, rule_change
from ledger.storage.base import JSON

LIMITS_CHANGE = "limits-change"


@dataclass(frozen=True, slots=True)
class Limits:
    """`floor` and `ceiling` of one account on its normal side, in minor units; None where there is none."""

    account: AccountRef
    floor: int | None
    ceiling: int | None
    closed: bool = False

    def body(self) -> dict[str, JSON]:
        """What the second person approves."""
        account, asset = str(self.account), self.account.asset
        stated: dict[str, JSON] = {"floor": self.floor, "ceiling": self.ceiling, "closed": self.closed}
        return {"account": account, "asset": asset, **stated}


def request_limits(unit: UnitOfWork, limits: Limits, *, reason: str) -> str:
    """Ask a colleague to approve these limits; gives the approval's identifier.

    Refuses `account-unknown`, `account-not-in-chart` and `limits-malformed`.
    """
    _entry(unit, limits, approval_id="asked")
    if not standings(unit.connection, unit.book_id, limits.account):
        raise Refusal("account-unknown", account=str(limits.account), asset=limits.account.asset)
    return approvals.request(unit, action=LIMITS_CHANGE, body=limits.body(), reason=reason)


def change_limits(unit: UnitOfWork, limits: Limits, *, approval_id: str) -> str:
    """Enter the limits that a colleague has approved; gives the entry's fact key.

    Refuses what `approvals.require` refuses; at the end of the unit of work `limits-exclude-balance`,
    `account-not-empty`.
    """
    approvals.require(unit, approval_id, LIMITS_CHANGE, limits.body())
    entry = _entry(unit, limits, approval_id=approval_id)
    unit.post(entry)
    return entry.key


def approved_limits(approval: approvals.Approval) -> Limits:
    """The limits that an approval is for."""
    body = approval.body
    floor, ceiling = body["floor"], body["ceiling"]
    assert floor is None or isinstance(floor, int)
    assert ceiling is None or isinstance(ceiling, int)
    account = AccountRef.parse(str(body["account"]), str(body["asset"]))
    return Limits(account, floor, ceiling, body["closed"] is True)


def _entry(unit: UnitOfWork, limits: Limits, *, approval_id: str) -> RuleChange:
    return rule_change(
        f"limits:{approval_id}",
        limits.account,
        floor=limits.floor,
        ceiling=limits.ceiling,
        closed=limits.closed,
        actor=unit.actor,
        approvals=(approval_id,),
    )
