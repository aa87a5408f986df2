"""The replay of a loan's events, day after day, on the engine that makes its schedule.

What each event does:

- `disbursement` pays out (without one, the terms say what is paid out when); `rate_change`, `term_extension`,
  `payment_holiday` and `principal_grace` change what is not yet called.
- `repayment` is put against what was called, in the order of allocation; the rest is to be returned. `prepayment` pays
  what was called first and then principal that is not yet due; without an amount it pays all, with the interest of the
  day, and ends the loan.
- `interest_waiver` asks less interest of what was called.
- `reage` and `reamortise` put called and unpaid principal back into the debt, to be repaid by the instalments left, and
  its interest into the next one, so that nothing is past due. `reage` also sets how many instalments are left.
- `charge_off` calls everything at once and ends accrual; what is owed stays owed. `write_off` states principal as lost,
  a part of it or all, which ends the loan. `recovery` is money that comes after either of them.

The periods of the engine are half-open; an event on the day on which an instalment falls due comes after its call.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import date

from contracts.loans.simulation.dues import Allocation, CalledDue, Component, Part, parts, unpaid
from contracts.loans.simulation.events import Event, EventType
from contracts.loans.simulation.journal import Journal
from contracts.terms.agreed import Terms
from contracts.terms.amortisation import Amortisation, Instalment
from ledger.errors import Refusal


class Replay:
    """A simulated loan at one day of its life; amounts in cents."""

    def __init__(self, terms: Terms, order: Allocation, scheme: str = "simulated") -> None:
        self.plan = Amortisation(terms)
        self.dues: list[CalledDue] = []
        self.journal = Journal(terms, scheme)
        self.to_return = self.disbursed = self.written_off = self.recovered = 0
        self.charged_off_on: date | None = None
        self.has_ended = False
        self.changes: list[tuple[date, int]] = []
        """By how much the principal owed changed on a day, other than by a due."""
        self._order = order
        self._handlers: dict[EventType, Callable[[Event], None]] = {
            EventType.DISBURSEMENT: self._disburse,
            EventType.RATE_CHANGE: self._change_rate,
            EventType.TERM_EXTENSION: self._extend,
            EventType.PAYMENT_HOLIDAY: self._pause,
            EventType.PRINCIPAL_GRACE: self._grant_grace,
            EventType.INTEREST_WAIVER: self._waive,
            EventType.REPAYMENT: self._repay,
            EventType.PREPAYMENT: self._prepay,
            EventType.REAGE: self._reage,
            EventType.REAMORTISE: self._reamortise,
            EventType.CHARGE_OFF: self._charge_off,
            EventType.WRITE_OFF: self._write_off,
            EventType.RECOVERY: self._recover,
        }

    @property
    def is_running(self) -> bool:
        """Whether anything is still to be called."""
        return not (self.has_ended or self.plan.is_over)

    @property
    def principal(self) -> int:
        """Principal owed: called and unpaid, and not yet called."""
        not_called = self.plan.balance_cents if self.is_running else 0
        return not_called + unpaid(self.dues, Component.PRINCIPAL)

    def act(self, event: Event) -> None:
        """Let everything up to the event happen, and then the event; refuses what it can't do, by its code."""
        self.come_to(event.on)
        if event.on < self.plan.terms.starts_on:
            raise event.out_of_place()
        self._handlers[event.kind](event)

    def come_to(self, on: date) -> None:
        """Call every instalment that is due by that day."""
        while self.is_running and min(self.plan.closes_on, self.plan.due_on) <= on:
            self._call(self.plan.close())

    def rest(self) -> list[Instalment]:
        """What is still to be called, if nothing else happens; the loan itself stays where it is."""
        plan = deepcopy(self.plan)
        found = []
        while self.is_running and not plan.is_over:
            found.append(plan.close())
        return [row for row in found if row.total_cents or row.outstanding_cents]

    def days_past_due(self, on: date) -> int:
        """Days since the oldest due that is unpaid by the end of that day."""
        late = [due.row.due_on for due in self.dues if due.is_open]
        return max(0, (on - min(late)).days) if late else 0

    def _call(self, row: Instalment) -> None:
        if row.total_cents:
            self.dues.append(CalledDue(row, row.interest_cents, row.principal_cents))
            self.journal.called(row)

    def _day(self, event: Event) -> date:
        """The day in the engine's current period: a due date that was rolled back closes its period early."""
        if not self.is_running:
            raise event.out_of_place()
        return max(event.on, self.plan.opens_on)

    def _disburse(self, event: Event) -> None:
        cents, limit = event.amount_cents or 0, self.plan.terms.principal_cents - self.disbursed
        on = self._day(event)
        if cents > limit:
            raise Refusal("disbursement-exceeds-principal", id=event.event_id, amount_cents=cents, limit_cents=limit)
        self._move(on, cents)
        self.disbursed += cents
        self.journal.paid_out(cents, event.on)

    def _move(self, on: date, cents: int) -> None:
        self.plan.move(on, cents)
        self.changes.append((on, cents))

    def _change_rate(self, event: Event) -> None:
        self.plan.change_rate(self._day(event), event.rate_annual)

    def _extend(self, event: Event) -> None:
        self._day(event)
        self.plan.set_last(self.plan.last + event.periods)

    def _pause(self, event: Event) -> None:
        """No instalment falls due until a day: what accrues meanwhile is due with the first one after it."""
        self._day(event)
        self.plan.defer(self._periods(event), interest=True)

    def _grant_grace(self, event: Event) -> None:
        self._day(event)
        self.plan.defer(self._periods(event), interest=False)

    def _periods(self, event: Event) -> range:
        """The next periods: so many, or those due before a day."""
        first = self.plan.n
        if event.until is None:
            return range(first, first + event.periods)
        dates = (self.plan.terms.paid_on(n) for n in range(first, self.plan.last + 1))
        found = range(first, first + sum(due_on < event.until for due_on in dates))
        if not found:
            raise event.out_of_place()
        return found

    def _waive(self, event: Event) -> None:
        limit = unpaid(self.dues, Component.INTEREST)
        cents = limit if event.amount_cents is None else event.amount_cents
        if cents > limit or not limit:
            raise Refusal("waiver-exceeds-due", id=event.event_id, amount_cents=cents, limit_cents=limit)
        self._ask_less(parts(self.dues, [Component.INTEREST], cents), event.on)

    def _ask_less(self, given_up: list[Part], on: date) -> None:
        """What was called is not asked any more."""
        for part in given_up:
            part.due.ask_less(Component.INTEREST, part.interest)
            part.due.ask_less(Component.PRINCIPAL, part.principal)
            self.journal.cancelled(_amounts(part), on)

    def _repay(self, event: Event) -> None:
        cents = event.amount_cents or 0
        self.journal.received(cents, event.on)
        rest = self._settle(cents, event.on)
        if rest:
            self.to_return += rest
            self.journal.to_return(rest, event.on)

    def _settle(self, cents: int, on: date) -> int:
        """Put money against what was called; gives what is left of it."""
        for part in parts(self.dues, self._order, cents):
            part.due.pay(Component.INTEREST, part.interest)
            part.due.pay(Component.PRINCIPAL, part.principal)
            self.journal.settled(_amounts(part), on)
            cents -= part.interest + part.principal
        return cents

    def _prepay(self, event: Event) -> None:
        on = self._day(event)
        arrears = unpaid(self.dues, Component.INTEREST) + unpaid(self.dues, Component.PRINCIPAL)
        if event.amount_cents is None:
            self._call(replace(self.plan.end(on), due_on=event.on))
            arrears = unpaid(self.dues, Component.INTEREST) + unpaid(self.dues, Component.PRINCIPAL)
        cents, limit = arrears if event.amount_cents is None else event.amount_cents, arrears + self.plan.balance_cents
        if cents > limit or not cents:
            raise Refusal("prepayment-exceeds-debt", id=event.event_id, amount_cents=cents, limit_cents=limit)
        self.journal.received(cents, event.on)
        early = self._settle(cents, event.on)
        if early:
            self._move(on, -early)
            self.journal.distributed(self.plan.n, 0, early, event.on)

    def _reage(self, event: Event) -> None:
        self._spread(event, event.periods)

    def _reamortise(self, event: Event) -> None:
        self._spread(event, 0)

    def _spread(self, event: Event, periods: int) -> None:
        """Called and unpaid principal is owed by later instalments again; its interest by the next of them."""
        if self.has_ended or (self.plan.is_over and not periods):
            raise event.out_of_place()
        while periods and self.plan.is_over:
            self._reopen(event.on)
        interest, principal = (unpaid(self.dues, each) for each in (Component.INTEREST, Component.PRINCIPAL))
        self._ask_less(parts(self.dues, [Component.INTEREST, Component.PRINCIPAL], interest + principal), event.on)
        if periods:
            self.plan.set_last(self.plan.n + periods - 1)
        self.plan.carry(interest)
        if principal:
            self.plan.move(self._day(event), principal)

    def _reopen(self, on: date) -> None:
        """Periods after the last, empty until the one that holds the day."""
        self.plan.set_last(self.plan.n)
        if self.plan.closes_on <= on:
            self.plan.close()

    def _charge_off(self, event: Event) -> None:
        if self.has_ended or self.charged_off_on is not None:
            raise event.out_of_place()
        if self.is_running:
            self._call(replace(self.plan.end(self._day(event)), due_on=event.on))
        self.charged_off_on = event.on

    def _write_off(self, event: Event) -> None:
        exposure = self.principal
        cents = exposure if event.amount_cents is None else event.amount_cents
        if cents > exposure or not cents:
            raise Refusal("write-off-exceeds-exposure", id=event.event_id, amount_cents=cents, limit_cents=exposure)
        order = list(Component) if event.amount_cents is None else [Component.PRINCIPAL]
        called = cents if event.amount_cents is not None else unpaid(self.dues, Component.INTEREST) + cents
        given_up = parts(self.dues, order, called)
        self._ask_less(given_up, event.on)
        called_principal = sum(part.principal for part in given_up)
        if called_principal:
            self.changes.append((event.on, -called_principal))
        if cents > called_principal:
            self._move(self._day(event), called_principal - cents)
        self.journal.written_off(cents, event.on)
        self.written_off += cents
        self.has_ended = event.amount_cents is None

    def _recover(self, event: Event) -> None:
        """Money after a loss: for what is still owed first, then for what was written off."""
        cents, lost = event.amount_cents or 0, self.written_off
        owed = unpaid(self.dues, Component.INTEREST) + unpaid(self.dues, Component.PRINCIPAL)
        limit = owed + lost if lost or self.charged_off_on is not None else 0
        if cents > limit:
            raise Refusal("recovery-exceeds-loss", id=event.event_id, amount_cents=cents, limit_cents=limit)
        self.journal.received(cents, event.on)
        from_lost = self._settle(cents, event.on)
        if from_lost:
            self.written_off -= from_lost
            self.journal.recovered(from_lost, event.on)
        self.recovered += cents


def _amounts(part: Part) -> Instalment:
    """A part of a due in the shape of a due, for the journal."""
    total = part.interest + part.principal
    return replace(part.due.row, interest_cents=part.interest, principal_cents=part.principal, total_cents=total)
