"""Paying the holders: coupons and redemptions, from the record date to the last cent.

    plan     the day after the record date: the register as of that day is frozen into lines, the issuer is asked
    pay      on the day of payment, once all of it is at the bank: one entry a holder, 500 holders a unit of work
    payouts  what stands to the holders' credit goes out by transfer orders (`contracts.payouts`), like any lender's

Cash rule: nothing is paid until the issuer's money covers the whole run and what other runs have begun to pay. A run
that is cut short goes on where it stopped: each chunk is posted and counted in one commit, under the day on which the
run began. A run is named `c3` for coupon 3, `m` for maturity, `k2` for the call that was announced second, `p20280304`
for the puts of a day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

import sqlalchemy as sa

from contracts import moves
from contracts.bonds import accrual, postings
from contracts.bonds import queries as q
from contracts.bonds import tables as t
from contracts.bonds.allotment import drawn_units
from contracts.bonds.funds import REFERENCE
from contracts.bonds.lifecycle import CALL_ANNOUNCED, PAID, PART_PAID, PUT_NOTIFIED, REDEEMED, RUN, SERIES
from contracts.bonds.model import DrawRule, Run, RunKind, RunLine, RunState, Series, SeriesTerms
from contracts.bonds.service import JOB, running_series
from contracts.events import Mail, emit_mail, emit_mails
from contracts.parties.queries import holder_kinds, residents
from contracts.pledges.service import CHUNK
from contracts.schemes.withholding import tax_at, withholding_rule
from ledger import balances
from ledger.book import Book, UnitOfWork
from ledger.calendars import rolled
from ledger.errors import Refusal
from ledger.longrun import many_units
from ledger.money import allocate
from ledger.payments.receiving import request_transfer
from ledger.storage import bulk
from ledger.storage.base import JSON

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run that the terms or an announcement ask for; units are asked for by holder, or drawn, or all of them."""

    name: str
    kind: RunKind
    paid_on: date
    coupon: int = 0
    redeem_on: date | None = None
    price_percent: Fraction = Fraction(100)
    units: int | None = None
    asked: Mapping[str, int] | None = None
    seed: str = ""


def planned_runs(record: q.SeriesRecord) -> Iterator[Planned]:
    """Every run of the series: its coupons, the redemptions that were announced or asked for, and maturity."""
    terms = record.series.terms
    for period in terms.bond.periods:
        yield Planned(name=f"c{period.n}", kind=RunKind.COUPON, paid_on=period.paid_on, coupon=period.n)
    for number, move in enumerate(record.moved(CALL_ANNOUNCED), 1):
        yield _call(terms, number, move)
    asked: dict[date, dict[str, int]] = {}
    for move in record.moved(PUT_NOTIFIED):
        day, holder = date.fromisoformat(str(move.facts["redeem_on"])), str(move.facts["holder"])
        of_day = asked.setdefault(day, {})
        of_day[holder] = of_day.get(holder, 0) + int(str(move.facts["units"]))
    for day, by_holder in sorted(asked.items()):
        assert terms.put is not None, "a put was asked for that the terms do not have"
        yield Planned(
            name=f"p{day:%Y%m%d}",
            kind=RunKind.PUT,
            paid_on=rolled(day, terms.roll),
            redeem_on=day,
            price_percent=Fraction(terms.put.price_percent),
            asked=by_holder,
        )
    yield Planned(name="m", kind=RunKind.MATURITY, paid_on=terms.bond.periods[-1].paid_on)


def plan_run(uow: UnitOfWork, series_id: str, name: str, *, on: date) -> Run:
    """Freeze who gets what of a run by the register at the close of its record date, and ask the issuer for it.

    Refuses `series-not-running`, `run-not-known`, `run-already-planned`, and
    `run-before-record-date` until that day is over; for a redemption `run-waits-for-another` that is not paid.
    """
    record = running_series(uow, series_id)
    series, terms = record.series, record.series.terms
    wanted = next((each for each in planned_runs(record) if each.name == name), None)
    if wanted is None:
        raise Refusal("run-not-known", series_id=series_id, run=name[:40])
    if name in q.runs(uow.connection, uow.book_id, series_id):
        raise Refusal("run-already-planned", series_id=series_id, run=name)
    record_on = terms.record_on(wanted.paid_on)
    if on <= record_on:
        raise Refusal("run-before-record-date", run=name, record_on=record_on.isoformat())
    if wanted.kind is not RunKind.COUPON:
        _refuse_while_redeeming(uow, series_id, name)
    known_at = balances.entry_count(uow.connection, uow.book_id) - 1
    reckoned = _reckon(uow, terms, wanted, _held(uow, series, wanted, record_on, known_at), record_on)
    run = Run(
        series_id=series_id,
        run=name,
        kind=wanted.kind,
        coupon=wanted.coupon or (accrual.coupon_accruing(terms, wanted.redeem_on) if wanted.redeem_on else 0),
        record_on=record_on,
        paid_on=wanted.paid_on,
        known_at=known_at,
        lines=len(reckoned.lines),
        interest_cents=reckoned.interest_cents,
        principal_cents=reckoned.principal_cents,
        rounding_cents=reckoned.rounding_cents,
    )
    _write_run(uow, run, reckoned.lines)
    _ask_issuer(uow, series, run, on=on)
    return run


def pay_run(book: Book, series_id: str, name: str, *, on: date, actor: str = JOB) -> Run:
    """Pay a run to its last holder, chunk by chunk; refuses what `pay_part` refuses."""
    is_done = False
    with many_units():
        while not is_done:
            with book.unit_of_work(actor=actor) as uow:
                is_done = pay_part(uow, series_id, name, on=on)
    with book.read() as connection:
        return q.run_of(connection, book.book_id, series_id, name)[0]


def pay_part(uow: UnitOfWork, series_id: str, name: str, *, on: date) -> bool:
    """Pay the next chunk of a run's holders; whether it was the last.

    Refuses `run-not-known`, `run-already-paid`, `run-not-due` before the day of payment, and `run-cash-short` unless
    the issuer's money covers it to the cent.
    """
    record = running_series(uow, series_id)
    run, state = q.run_of(uow.connection, uow.book_id, series_id, name)
    if state is RunState.PAID:
        raise Refusal("run-already-paid", series_id=series_id, run=name)
    first = q.next_line(uow.connection, uow.book_id, run)
    day = _refuse_unless_due(uow, run, on) if state is RunState.CALLED else _began_on(uow, run)
    lines = q.run_lines(uow.connection, uow.book_id, run, first=first, limit=CHUNK)
    _post_lines(uow, record.series, run, lines, on=day)
    following = first + len(lines)
    facts: dict[str, JSON] = {"next": following}
    if following <= run.lines:
        moves.record_move(uow, RUN, run.run_id, PART_PAID, on=day, facts=facts)
        return False
    if run.due_cents:
        uow.post(postings.run_settled(run, on=day, actor=uow.actor))
    if run.rounding_cents:
        uow.post(postings.rounding_kept(run, on=day, actor=uow.actor))
    moves.record_move(uow, RUN, run.run_id, PAID, on=day, facts=facts)
    _end_if_redeemed(uow, record.series, run, lines, on=day)
    return True


def _call(terms: SeriesTerms, number: int, move: moves.Move) -> Planned:
    assert terms.call is not None, "a call was announced that the terms do not have"
    day, units = date.fromisoformat(str(move.facts["redeem_on"])), move.facts["units"]
    return Planned(
        name=f"k{number}",
        kind=RunKind.CALL,
        paid_on=rolled(day, terms.roll),
        redeem_on=day,
        price_percent=Fraction(terms.call.price_percent),
        units=None if units is None else int(str(units)),
        seed=str(move.facts["seed"]),
    )


def _held(uow: UnitOfWork, series: Series, wanted: Planned, record_on: date, known_at: int) -> Mapping[str, int]:
    """Who holds how many units at the close of the record date; less what was redeemed since, late, by another run.

    Nothing else can have moved since where units are redeemed: the register is closed.
    """
    then = q.register(uow.connection, uow.book_id, series, on=record_on, known_at=known_at)
    if wanted.kind is RunKind.COUPON:
        return {holder: each.units for holder, each in then.items()}
    now = q.register(uow.connection, uow.book_id, series)
    return {holder: min(each.units, now[holder].units) for holder, each in then.items() if holder in now}


def is_closed(connection: sa.Connection, record: q.SeriesRecord, book_id: str, on: date) -> bool:
    """Whether nothing may move in the register: from the close of a redemption's record date until it is paid."""
    known = q.runs(connection, book_id, record.series.series_id)
    paid = {run.run for run, state in known.values() if state is RunState.PAID}
    terms = record.series.terms
    return any(
        each.kind is not RunKind.COUPON and each.name not in paid and terms.record_on(each.paid_on) < on
        for each in planned_runs(record)
    )


def _reckon(
    uow: UnitOfWork, terms: SeriesTerms, wanted: Planned, held: Mapping[str, int], record_on: date
) -> accrual.Reckoned:
    living = residents(uow.connection, uow, held, of=terms.residents, on=record_on) if terms.resident_margin else ()
    at_home = frozenset(living)
    if wanted.kind is RunKind.COUPON:
        return accrual.coupon(terms, wanted.coupon, held, at_home)
    redeemed = _redeemed(terms, wanted, held)
    price = wanted.price_percent
    return accrual.redemption(terms, held, redeemed, at_home, on=wanted.redeem_on, price_percent=price)


def _redeemed(terms: SeriesTerms, wanted: Planned, held: Mapping[str, int]) -> Mapping[str, int]:
    """The units that a redemption takes of each holder."""
    if wanted.asked is not None:
        return {holder: min(units, held.get(holder, 0)) for holder, units in wanted.asked.items()}
    if wanted.units is None or wanted.units >= sum(held.values()):
        return held
    if terms.call and terms.call.draw is DrawRule.LOTTERY:
        return drawn_units(wanted.units, held, wanted.seed)
    return dict(zip(held, allocate(wanted.units, list(held.values())), strict=True))


def _write_run(uow: UnitOfWork, run: Run, lines: Sequence[RunLine]) -> None:
    row = {name: getattr(run, name) for name in Run.__slots__} | {"kind": run.kind.value}
    uow.connection.execute(t.series_run.insert().values(book_id=uow.book_id, **row))
    columns = ("series_id", "run", *RunLine.__slots__)
    for first in range(0, len(lines), _ROWS_AT_ONCE):
        part = [
            (run.series_id, run.run, *(getattr(line, name) for name in RunLine.__slots__))
            for line in lines[first : first + _ROWS_AT_ONCE]
        ]
        bulk.insert_rows(uow.connection, t.series_line, uow.book_id, columns, part)


def _ask_issuer(uow: UnitOfWork, series: Series, run: Run, *, on: date) -> None:
    """Ask for a transfer: sums like these are not paid by card."""
    if run.due_cents == 0:
        return
    uow.post(postings.run_called(run, on=max(on, run.record_on + timedelta(days=1)), actor=uow.actor))
    credit, payer = postings.collected(run.series_id), series.terms.issuer
    request_transfer(uow, reference=f"{REFERENCE}{run.run_id}", payer=payer, amount_cents=run.due_cents, credit=credit)
    facts: dict[str, JSON] = {
        "title": series.terms.title,
        "amount_cents": run.due_cents,
        "due_on": run.paid_on.isoformat(),
    }
    emit_mail(uow, "run-called", key=run.run_id, to=payer, facts=facts, path="/enterprise")


def _refuse_unless_due(uow: UnitOfWork, run: Run, on: date) -> date:
    """The day on which the run begins to be paid: today, once it is due and covered."""
    if on < run.paid_on:
        raise Refusal("run-not-due", run=run.run, paid_on=run.paid_on.isoformat())
    others = q.runs(uow.connection, uow.book_id, run.series_id).values()
    begun = sum(
        q.unpaid_cents(uow.connection, uow.book_id, other) for other, state in others if state is RunState.PAYING
    )
    there = -balances.balance(uow.connection, uow.book_id, postings.collected(run.series_id))
    missing_cents = run.due_cents + begun - there
    if missing_cents > 0:
        raise Refusal("run-cash-short", run=run.run, amount_cents=run.due_cents, missing_cents=missing_cents)
    return on


def _began_on(uow: UnitOfWork, run: Run) -> date:
    return moves.moves_of(uow.connection, uow.book_id, [run.run_id])[run.run_id][0].effective_on


def _post_lines(uow: UnitOfWork, series: Series, run: Run, lines: Sequence[RunLine], *, on: date) -> None:
    """One entry for each holder; the tax is that of her status on the day of attribution."""
    holders = [line.holder for line in lines]
    kinds = holder_kinds(uow.connection, uow, holders, on)
    redeeming = run.kind is not RunKind.COUPON
    held = q.holdings(uow.connection, uow.book_id, series, holders) if redeeming else {}
    status, issuer = series.terms.tax_status, series.terms.issuer
    rates = {kind: Fraction(withholding_rule(kind, on, status).decimal()) for kind in {*kinds.values()}}
    mails: list[Mail] = []
    for line in lines:
        tax = tax_at(rates[kinds[line.holder]], line.interest_cents)
        of = _taken(held[line.holder], line.redeemed_units) if redeeming else q.Holding()
        uow.post(postings.holder_paid(run, line, issuer=issuer, tax_cents=tax, held=of, on=on, actor=uow.actor))
        mails += _told(run, line, series.terms.title, tax)
    emit_mails(uow, "bond-paid", mails)


def _told(run: Run, line: RunLine, title: str, tax_cents: int) -> Iterator[Mail]:
    """What a holder hears of her part, unless it is nothing."""
    gross_cents = line.interest_cents + line.principal_cents
    if gross_cents:
        facts: dict[str, JSON] = {
            "title": title,
            "interest_cents": line.interest_cents,
            "principal_cents": line.principal_cents,
            "withholding_cents": tax_cents,
            "net_cents": gross_cents - tax_cents,
        }
        yield Mail(f"{run.run_id}:{line.holder}", line.holder, facts, "/portfolio")


def _taken(held: q.Holding, units: int) -> q.Holding:
    """Where the redeemed units stand: free ones go first, frozen ones last."""
    free = min(held.free, units)
    pledged = min(held.pledged, units - free)
    return q.Holding(free, pledged, units - free - pledged)


def _end_if_redeemed(uow: UnitOfWork, series: Series, run: Run, lines: Sequence[RunLine], *, on: date) -> None:
    """The last redemption ends the series, once no other run is left to pay."""
    states = {other.run: state for other, state in q.runs(uow.connection, uow.book_id, series.series_id).values()}
    redeemed_now = sum(line.redeemed_units for line in lines)
    account = postings.issued(series)
    outstanding = -balances.balance(uow.connection, uow.book_id, account) - redeemed_now
    if outstanding == 0 and all(state is RunState.PAID for state in states.values()):
        facts: dict[str, JSON] = {"run": run.run}
        moves.record_move(uow, SERIES, series.series_id, REDEEMED, on=on, facts=facts)


def _refuse_while_redeeming(uow: UnitOfWork, series_id: str, name: str) -> None:
    """Two redemptions would take the same units: the register tells of the first only once it is paid."""
    for run, state in q.runs(uow.connection, uow.book_id, series_id).values():
        if run.kind is not RunKind.COUPON and state is not RunState.PAID:
            raise Refusal("run-waits-for-another", run=name, other=run.run)
