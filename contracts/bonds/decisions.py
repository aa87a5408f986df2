"""What of a series two people decide: the sharing of its units, an issuer's call, a transfer of units.

Each is asked for by one person, with everything that is to be done in its frozen body, and done when another approves
exactly that. What the deed itself refuses is refused already when it is asked for, as far as it can be known.
"""

from collections.abc import Mapping
from datetime import date

from contracts.bonds.model import SeriesState
from contracts.bonds.redemption import announce_call, check_call
from contracts.bonds.register import is_frozen, refuse_unidentified, transfer_units
from contracts.bonds.service import close_series, lock_series, running_series
from contracts.bonds.sharing import shares, shares_sha256
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON

ALLOT, CALL, TRANSFER = "allot-series", "call-series", "transfer-units"
ACTIONS = frozenset({ALLOT, CALL, TRANSFER})


def request_allotment(uow: UnitOfWork, series_id: str, *, seed: str, reason: str) -> str:
    """Ask that the subscription be closed and the units shared as they would be now; gives the approval's id.

    Refuses `series-not-open`, and what `contracts.bonds.sharing.shares` refuses of the `seed`.
    """
    record = lock_series(uow, series_id)
    if record.state is not SeriesState.OPEN:
        raise Refusal("series-not-open", series_id=series_id, state=record.state.value)
    found = shares(uow.connection, uow.book_id, record.series, seed)
    body: dict[str, JSON] = {"series_id": series_id, "seed": seed, "shares_sha256": shares_sha256(found)}
    return approvals.request(uow, action=ALLOT, body=body, reason=reason)


def request_call(uow: UnitOfWork, series_id: str, *, redeem_on: date, units: int | None, seed: str, reason: str) -> str:
    """Ask that the issuer's call of all units, or of so many, be announced; gives the approval's id.

    Refuses what `redemption.announce_call` refuses.
    """
    record = running_series(uow, series_id)
    check_call(uow, record, on=uow.today(), redeem_on=redeem_on, units=units, seed=seed)
    body: dict[str, JSON] = {
        "series_id": series_id,
        "redeem_on": redeem_on.isoformat(),
        "units": units,
        "seed": seed,
    }
    return approvals.request(uow, action=CALL, body=body, reason=reason)


def request_transfer(
    uow: UnitOfWork, series_id: str, *, seller: str, buyer: str, units: int, on: date, paper: str, reason: str
) -> str:
    """Ask that units pass from one to the other, sold, given or inherited, by the paper with that SHA-256.

    Gives the approval's id. Refuses `series-not-running`, `holder-not-identified` and `holder-is-frozen`.
    """
    record = running_series(uow, series_id)
    refuse_unidentified(uow, buyer, on=on)
    if is_frozen(uow, record.series, seller):
        raise Refusal("holder-is-frozen", holder=seller)
    body: dict[str, JSON] = {
        "series_id": series_id,
        "seller": seller,
        "buyer": buyer,
        "units": units,
        "on": on.isoformat(),
        "paper": paper,
    }
    return approvals.request(uow, action=TRANSFER, body=body, reason=reason)


def do_approved(uow: UnitOfWork, approval_id: str) -> None:
    """Do what was asked for and approved; refuses what `approvals.require` and the deed itself refuse.

    An allotment that would differ from the one that was approved is refused `allotment-changed`.
    """
    approval = approvals.find(uow.connection, uow.book_id, approval_id)
    if approval is None:
        raise Refusal("approval-unknown", approval=approval_id)
    approvals.require(uow, approval_id, approval.action, approval.body)
    match approval.action:
        case "allot-series":
            _allot(uow, approval.body)
        case "call-series":
            _call(uow, approval.body)
        case "transfer-units":
            _transfer(uow, approval.body)
        case other:
            raise InvariantError(f"{other} is nothing that is decided of a series")


def _allot(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    series_id, seed = str(body["series_id"]), str(body["seed"])
    found = shares(uow.connection, uow.book_id, lock_series(uow, series_id).series, seed)
    if shares_sha256(found) != body["shares_sha256"]:
        raise Refusal("allotment-changed", series_id=series_id)
    close_series(uow, series_id, on=uow.today(), seed=seed)


def _call(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    units = body["units"]
    announce_call(
        uow,
        str(body["series_id"]),
        on=uow.today(),
        redeem_on=date.fromisoformat(str(body["redeem_on"])),
        units=None if units is None else int(str(units)),
        seed=str(body["seed"]),
    )


def _transfer(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    transfer_units(
        uow,
        str(body["series_id"]),
        seller=str(body["seller"]),
        buyer=str(body["buyer"]),
        units=int(str(body["units"])),
        on=date.fromisoformat(str(body["on"])),
        paper=str(body["paper"]),
    )
