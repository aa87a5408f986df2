"""Redemption before maturity: the issuer calls, whole or in part, or a holder puts; both are announced with notice.

Who is redeemed is settled on the record date, like every run (`contracts.bonds.runs`): a part is taken pro rata, or by
lots that a published seed draws. The price is the terms', and what has accrued is paid with it.
"""

from collections.abc import Mapping
from datetime import date

from contracts import moves
from contracts.bonds import queries as q
from contracts.bonds.lifecycle import CALL_ANNOUNCED, PUT_NOTIFIED, SERIES
from contracts.bonds.model import DrawRule, RunKind, SeriesTerms
from contracts.bonds.register import is_frozen
from contracts.bonds.runs import planned_runs
from contracts.bonds.service import running_series
from contracts.events import Mail, emit_mails
from ledger.book import UnitOfWork
from ledger.calendars import rolled
from ledger.errors import Refusal
from ledger.storage.base import JSON


def announce_call(
    uow: UnitOfWork, series_id: str, *, on: date, redeem_on: date, units: int | None = None, seed: str = ""
) -> None:
    """The issuer announces that it redeems all units on a day, or so many; every holder is told.

    Refuses `series-not-running`, `redemption-not-in-terms`, `redemption-notice-too-short`, `redemption-day-unusable`,
    `redemption-overlaps`, `units-not-held` for more than are outstanding, and `lottery-seed-missing` where lots are
    drawn.
    """
    record = running_series(uow, series_id)
    terms = record.series.terms
    held = check_call(uow, record, on=on, redeem_on=redeem_on, units=units, seed=seed)
    facts: dict[str, JSON] = {"redeem_on": redeem_on.isoformat(), "units": units, "seed": seed}
    moves.record_move(uow, SERIES, series_id, CALL_ANNOUNCED, on=on, facts=facts)
    told: dict[str, JSON] = {"title": terms.title, "redeem_on": redeem_on.isoformat()}
    number = 1 + len(record.moved(CALL_ANNOUNCED))
    mails = [Mail(f"{series_id}:k{number}:{holder}", holder, told, "/portfolio") for holder in held]
    emit_mails(uow, "bond-called", mails)


def check_call(
    uow: UnitOfWork, record: q.SeriesRecord, *, on: date, redeem_on: date, units: int | None, seed: str
) -> Mapping[str, q.Holding]:
    """Who holds units of a series that may be called so; refuses what `announce_call` refuses."""
    terms = record.series.terms
    if terms.call is None:
        raise Refusal("redemption-not-in-terms", series_id=record.series.series_id)
    if not terms.call.first_on <= redeem_on < terms.matures_on:
        raise Refusal("redemption-day-unusable", redeem_on=redeem_on.isoformat())
    _refuse_short_notice(on, redeem_on, terms.call.notice_days)
    _refuse_overlap(record, redeem_on, besides=None)
    held = q.register(uow.connection, uow.book_id, record.series)
    outstanding = sum(each.units for each in held.values())
    if units is not None and not 0 < units <= outstanding:
        raise Refusal("units-not-held", holder=terms.issuer, units=units, held_units=outstanding)
    if units is not None and terms.call.draw is DrawRule.LOTTERY and not seed:
        raise Refusal("lottery-seed-missing")
    return held


def notify_put(
    uow: UnitOfWork, series_id: str, *, holder: str, units: int, redeem_on: date, on: date, evidence: str
) -> None:
    """A holder asks that units of hers be redeemed on one of the days of the terms; `evidence` is her notice's SHA-256.

    Refuses `series-not-running`, `redemption-not-in-terms`, `redemption-notice-too-short`, `redemption-overlaps`,
    `holder-is-frozen`, and `units-not-held` for more than she has at her disposal and has not asked for.
    """
    record = running_series(uow, series_id)
    terms = record.series.terms
    if terms.put is None or redeem_on not in terms.put.days:
        raise Refusal("redemption-not-in-terms", series_id=series_id)
    _refuse_short_notice(on, redeem_on, terms.put.notice_days)
    _refuse_overlap(record, redeem_on, besides=redeem_on)
    if is_frozen(uow, record.series, holder):
        raise Refusal("holder-is-frozen", holder=holder)
    asked = sum(
        int(str(move.facts["units"]))
        for move in record.moved(PUT_NOTIFIED)
        if (move.facts["holder"], move.facts["redeem_on"]) == (holder, redeem_on.isoformat())
    )
    held = q.holdings(uow.connection, uow.book_id, record.series, [holder])[holder].free - asked
    if not 0 < units <= held:
        raise Refusal("units-not-held", holder=holder, units=units, held_units=held)
    facts: dict[str, JSON] = {"holder": holder, "units": units, "redeem_on": redeem_on.isoformat()}
    moves.record_move(uow, SERIES, series_id, PUT_NOTIFIED, on=on, evidence=evidence, facts=facts)


def _refuse_short_notice(on: date, redeem_on: date, notice_days: int) -> None:
    if (redeem_on - on).days < notice_days:
        raise Refusal("redemption-notice-too-short", redeem_on=redeem_on.isoformat(), notice_days=notice_days)


def _refuse_overlap(record: q.SeriesRecord, redeem_on: date, *, besides: date | None) -> None:
    """The record date of one redemption may not lie before the payment of another: both would take the same units."""
    terms = record.series.terms
    first, last = _span(terms, rolled(redeem_on, terms.roll))
    for each in planned_runs(record):
        if each.kind is RunKind.COUPON or (each.redeem_on == besides and each.kind is RunKind.PUT):
            continue
        its_first, its_last = _span(terms, each.paid_on)
        if its_first <= last and first <= its_last:
            raise Refusal("redemption-overlaps", redeem_on=redeem_on.isoformat(), other_on=each.paid_on.isoformat())


def _span(terms: SeriesTerms, paid_on: date) -> tuple[date, date]:
    return terms.record_on(paid_on), paid_on
