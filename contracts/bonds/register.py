"""The register of a series: units sold, given and inherited; pledged and frozen, and released.

Ownership is proved by the entry (companies code, art. 5:24 ff. and 7:28 ff.). Each has a paper whose SHA-256 is its
evidence: the declaration that both parties dated and signed, the notary's certificate, the deed of pledge, the court's
order. The same paper makes the same entry, once. From the close of a redemption's record date until it is paid nothing
moves.
"""

from collections.abc import Mapping
from datetime import date

from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.model import FREE, FROZEN, PLEDGED, Block, Series
from contracts.bonds.runs import is_closed
from contracts.bonds.service import running_series
from contracts.parties.queries import holder_kind, party
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.payments.model import TO_RECOVER

_CODES: Mapping[Block, str] = {Block.PLEDGE: PLEDGED, Block.FREEZE: FROZEN}


def transfer_units(
    uow: UnitOfWork, series_id: str, *, seller: str, buyer: str, units: int, on: date, paper: str
) -> None:
    """Enter that units pass from one to the other, whether sold, given or inherited, by the paper with that SHA-256.

    Refuses `series-not-running`, `register-closed`, `units-not-positive`, `holder-not-identified` for a buyer who is
    not in the programme or whose tax status is not known, `holder-is-frozen` while the seller owes money that her bank
    took back or has units frozen, `units-not-held`, and `transfer-to-oneself`.
    """
    series = _open_register(uow, series_id, units=units, on=on)
    if seller == buyer:
        raise Refusal("transfer-to-oneself", holder=seller)
    refuse_unidentified(uow, buyer, on=on)
    if is_frozen(uow, series, seller):
        raise Refusal("holder-is-frozen", holder=seller)
    _refuse_unless_held(uow, AccountRef(FREE, seller, series.asset.code), units)
    uow.post(
        postings.units_transferred(series, seller=seller, buyer=buyer, units=units, on=on, paper=paper, actor=uow.actor)
    )


def block_units(uow: UnitOfWork, series_id: str, *, holder: str, units: int, why: Block, on: date, paper: str) -> None:
    """Pledge or freeze units that are at their holder's disposal.

    Refuses `series-not-running`, `register-closed`, `units-not-positive` and `units-not-held`.
    """
    series = _open_register(uow, series_id, units=units, on=on)
    _refuse_unless_held(uow, AccountRef(FREE, holder, series.asset.code), units)
    _post_block(uow, series, holder, units, why, release=False, on=on, paper=paper)


def release_units(
    uow: UnitOfWork, series_id: str, *, holder: str, units: int, why: Block, on: date, paper: str
) -> None:
    """Give units that were pledged or frozen back to their holder's disposal; refuses what `block_units` refuses."""
    series = _open_register(uow, series_id, units=units, on=on)
    _refuse_unless_held(uow, AccountRef(_CODES[why], holder, series.asset.code), units)
    _post_block(uow, series, holder, units, why, release=True, on=on, paper=paper)


def release_redemption(uow: UnitOfWork, *, holder: str, entitled: str, amount_cents: int, on: date, paper: str) -> None:
    """What pledged or frozen units were redeemed for goes to who is entitled to it: the holder, or her creditor.

    Refuses `units-not-held` for more than is held back, `holder-not-identified`, and a date after today.
    """
    check_happened(on, today=uow.today())
    refuse_unidentified(uow, entitled, on=on)
    held = -balances.balance(uow.connection, uow.book_id, AccountRef("489700", holder))
    if not 0 < amount_cents <= held:
        raise Refusal("redemption-not-held", amount_cents=amount_cents, held_cents=held)
    uow.post(
        postings.redemption_released(
            holder=holder, entitled=entitled, amount_cents=amount_cents, on=on, paper=paper, actor=uow.actor
        )
    )


def refuse_unidentified(uow: UnitOfWork, holder: str, *, on: date) -> None:
    """Refuse `holder-not-identified` for somebody who is not in the programme, or whose tax status is not on record."""
    try:
        party(uow.connection, uow, holder)
        holder_kind(uow.connection, uow, holder, on)
    except Refusal as refusal:
        raise Refusal("holder-not-identified", holder=holder[:40], reason=refusal.code) from refusal


def is_frozen(uow: UnitOfWork, series: Series, holder: str) -> bool:
    """Whether the holder owes money that her bank took back, or has frozen units of this series."""
    owes = balances.balance(uow.connection, uow.book_id, AccountRef(TO_RECOVER, holder)) > 0
    return owes or q.holdings(uow.connection, uow.book_id, series, [holder])[holder].frozen > 0


def _open_register(uow: UnitOfWork, series_id: str, *, units: int, on: date) -> Series:
    record = running_series(uow, series_id)
    check_happened(on, today=uow.today(), since=[record.series.terms.issued_on])
    if is_closed(uow.connection, record, uow.book_id, uow.today()):
        raise Refusal("register-closed", series_id=series_id)
    if units <= 0:
        raise Refusal("units-not-positive", units=units)
    return record.series


def _refuse_unless_held(uow: UnitOfWork, account: AccountRef, units: int) -> None:
    held = balances.balance(uow.connection, uow.book_id, account)
    if held < units:
        raise Refusal("units-not-held", holder=account.owner, units=units, held_units=held)


def _post_block(
    uow: UnitOfWork, series: Series, holder: str, units: int, why: Block, *, release: bool, on: date, paper: str
) -> None:
    entry = postings.units_blocked(
        series, holder=holder, units=units, why=why, release=release, on=on, paper=paper, actor=uow.actor
    )
    uow.post(entry)
