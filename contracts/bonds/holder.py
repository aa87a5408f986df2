"""What one holder has of bonds, from the register and from the entries that paid her: never from what was expected.

A payment is read from its entry: gross is what left the issuer's money, tax and net are where it went. What units were
redeemed for while they are pledged or frozen is held back, and shown so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.model import HELD, Run, RunKind, RunLine, SeriesState, SeriesTerms, series_asset
from contracts.parties.queries import Keeper, display_name, holder_kind, residents
from contracts.schemes.withholding import withholding
from contracts.terms.exact import half_up
from ledger import balances
from ledger.balances import OwnedLine, PostedEntry
from ledger.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderPayment:
    """One coupon or redemption that a holder was paid, in cents; `interest_cents` is before tax.

    `held_cents` is principal that is held back. `entry` and `line` are those of its receipt.
    """

    on: date
    kind: RunKind
    units: int
    redeemed_units: int
    interest_cents: int
    tax_cents: int
    principal_cents: int
    net_cents: int
    held_cents: int
    entry: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingPayment:
    """What a holder is to be paid next if nothing changes: gross interest, and the tax by her status of today."""

    on: date
    interest_cents: int
    tax_cents: int
    principal_cents: int

    @property
    def net_cents(self) -> int:
        """What she would be paid."""
        return self.interest_cents - self.tax_cents + self.principal_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class BondHolding:
    """One series in a holder's portfolio, with everything that she was paid of it."""

    series_id: str
    offer_id: str
    terms: SeriesTerms
    state: SeriesState
    issuer_name: str
    held: q.Holding
    payments: tuple[HolderPayment, ...]
    coming: ComingPayment | None

    @property
    def units(self) -> int:
        """All units that stand to her name."""
        return self.held.units

    @property
    def nominal_cents(self) -> int:
        """What they are worth at their nominal."""
        return self.units * self.terms.nominal_cents

    @property
    def interest_cents(self) -> int:
        """Interest received, before tax."""
        return sum(each.interest_cents for each in self.payments)

    @property
    def tax_cents(self) -> int:
        """Tax kept from it."""
        return sum(each.tax_cents for each in self.payments)

    @property
    def net_interest_cents(self) -> int:
        """Interest received, after tax."""
        return self.interest_cents - self.tax_cents

    @property
    def redeemed_cents(self) -> int:
        """What units were redeemed for, what is held back included."""
        return sum(each.principal_cents for each in self.payments)


def holdings_of(connection: sa.Connection, keeper: Keeper, holder: str, on: date) -> list[BondHolding]:
    """Every series of which the holder has or had units, in order of draft."""
    had = {
        each.account.asset
        for code in HELD
        for each in balances.balances(connection, keeper.book_id, code_prefix=code, owner=holder)
    }
    known = q.series_ids(connection, keeper.book_id) if had else ()
    return [_holding(connection, keeper, each, holder, on) for each in known if series_asset(each).code in had]


def holding_of(connection: sa.Connection, keeper: Keeper, holder: str, series_id: str, on: date) -> BondHolding:
    """One of the holder's series; refuses `series-not-known` where she never had a unit of it."""
    if not register_lines(connection, keeper.book_id, holder, series_id):
        raise Refusal("series-not-known", series_id=series_id[:40])
    return _holding(connection, keeper, series_id, holder, on)


def register_lines(connection: sa.Connection, book_id: str, holder: str, series_id: str) -> list[OwnedLine]:
    """The holder's own lines in the register of a series, newest entry first."""
    asset = series_asset(series_id).code
    found = balances.lines_of_owner(connection, book_id, holder, asset=asset, limit=None)
    return [line for line in found if line.account.code in HELD]


def _holding(connection: sa.Connection, keeper: Keeper, series_id: str, holder: str, on: date) -> BondHolding:
    book_id = keeper.book_id
    record = q.series_record(connection, book_id, series_id)
    terms = record.series.terms
    runs = [run for run, _ in q.runs(connection, book_id, series_id).values()]
    lines = {run.run: line for run in runs for line in q.run_lines_of(connection, book_id, run, holder)}
    keys = {run.run: postings.payment_key(run, holder) for run in runs}
    entries = balances.entries_by_key(connection, book_id, list(keys.values())) if keys else {}
    paid = {run.run: entries[keys[run.run]] for run in runs if keys[run.run] in entries}
    payments = [_payment(run, lines[run.run], paid[run.run]) for run in runs if run.run in paid]
    waiting = [(run, lines[run.run]) for run in runs if run.run in lines and run.run not in paid]
    held = q.holdings(connection, book_id, record.series, [holder])[holder]
    return BondHolding(
        series_id=series_id,
        offer_id=record.series.offer_id,
        terms=terms,
        state=record.state,
        issuer_name=display_name(connection, keeper, terms.issuer),
        held=held,
        payments=tuple(sorted(payments, key=lambda each: each.entry)),
        coming=_called(connection, keeper, terms, waiting[0])
        if waiting
        else _next(connection, keeper, terms, holder, held.units, _last_coupon(runs), on),
    )


def _payment(run: Run, line: RunLine, entry: PostedEntry) -> HolderPayment:
    assert entry.effective_on is not None, "a payment has a date of effect"
    amounts = {(each.account.code, each.account.owner): each for each in entry.lines}
    net, held = amounts.get(("489300", line.holder)), amounts.get(("489700", line.holder))
    proven = net or held
    assert proven is not None, "a payment has a line of its holder"
    return HolderPayment(
        on=entry.effective_on,
        kind=run.kind,
        units=line.units,
        redeemed_units=line.redeemed_units,
        interest_cents=line.interest_cents,
        tax_cents=sum(each.credit for (code, _), each in amounts.items() if code == "453000"),
        principal_cents=line.principal_cents,
        net_cents=net.credit if net else 0,
        held_cents=held.credit if held else 0,
        entry=entry.n,
        line=proven.line,
    )


def _last_coupon(runs: Iterable[Run]) -> int:
    """The number of the last coupon whose holders are known: who has units now is paid a later one."""
    return max((run.coupon for run in runs if run.kind is RunKind.COUPON), default=0)


def _called(
    connection: sa.Connection, keeper: Keeper, terms: SeriesTerms, waiting: tuple[Run, RunLine]
) -> ComingPayment:
    """What the issuer has been asked for and the holder is not paid yet."""
    run, line = waiting
    return ComingPayment(
        on=run.paid_on,
        interest_cents=line.interest_cents,
        tax_cents=_tax(connection, keeper, terms, line.holder, line.interest_cents, run.paid_on),
        principal_cents=line.principal_cents,
    )


def _next(
    connection: sa.Connection, keeper: Keeper, terms: SeriesTerms, holder: str, units: int, last: int, on: date
) -> ComingPayment | None:
    """The coupon after number `last`, with the redemption where it is the last of all; None without units."""
    if units == 0 or last >= len(terms.bond.periods):
        return None
    period = terms.bond.periods[last]
    at_home = residents(connection, keeper, [holder], of=terms.residents, on=on) if terms.resident_margin else ()
    interest = half_up(units * terms.interest(period.n, resident=holder in at_home))
    return ComingPayment(
        on=period.paid_on,
        interest_cents=interest,
        tax_cents=_tax(connection, keeper, terms, holder, interest, period.paid_on),
        principal_cents=units * terms.nominal_cents if period.n == len(terms.bond.periods) else 0,
    )


def _tax(
    connection: sa.Connection, keeper: Keeper, terms: SeriesTerms, holder: str, interest_cents: int, on: date
) -> int:
    """The tax by the status that is on record for the day of payment."""
    return withholding(interest_cents, holder_kind(connection, keeper, holder, on), on, terms.tax_status).tax_cents
