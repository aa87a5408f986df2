"""Loans as the record has them: terms, claims, frozen schedule and moves, from which every figure follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa

from contracts import moves
from contracts.loans import tables as t
from contracts.loans.lifecycle import (
    ACCELERATED,
    CLAIM_PASSED,
    INSTALMENT,
    LOAN,
    REBASED,
    RECOVERED,
    REPAID_EARLY,
    REVIVED,
    SETTLED,
    standing_of,
)
from contracts.loans.model import (
    DUE,
    ClaimChange,
    Distribution,
    InstalmentState,
    LenderClaim,
    Loan,
    LoanState,
    Numbered,
    Rebase,
    asked_from,
    distribution_over,
    dropped_on,
    in_force,
    recovery_shares,
)
from contracts.loans.passing import (
    Cause,
    Held,
    PassedPart,
    Passing,
    Step,
    agreed_rebases,
    borne,
    change_of,
    dues_held,
    held_plan,
    held_recoveries,
    roots,
)
from contracts.offers.model import OfferDraft
from contracts.offers.queries import newest_drafts
from contracts.parties.queries import Keeper, holder_kinds
from contracts.schemes.withholding import HolderKind, withholding
from contracts.servicing.model import Due, Position, Recovery
from contracts.terms.amortisation import Instalment
from ledger.errors import Refusal
from ledger.storage import bulk
from ledger.storage.base import JSON, json_text

ALL_DUE = ("n", "days", "interest_cents", "principal_cents")
"""What a move states that lets one instalment take the place of all the later ones."""


@dataclass(frozen=True)
class LoanBook:
    """A loan with everything its figures follow from, read once; what is asked for claim by claim is kept.

    `instalments` are those of its frozen schedule, up to one that took the place of all the later ones: everything was
    repaid early, or claimed at once.
    """

    loan: Loan
    claims: tuple[LenderClaim, ...]
    instalments: tuple[Instalment, ...]
    history: tuple[moves.Move, ...]
    instalment_history: tuple[tuple[moves.Move, ...], ...]

    @property
    def state(self) -> LoanState:
        """Where the loan's own life stands."""
        return LoanState(self.history[-1].to_state) if self.history else LOAN.initial

    @property
    def term_ends_on(self) -> date:
        """The last due date that was agreed, whatever was repaid or claimed before it."""
        terms = self.loan.terms
        return terms.paid_on(terms.instalments)

    @cached_property
    def agreed_claims(self) -> tuple[LenderClaim, ...]:
        """The claims of the agreement, whoever has them now."""
        came = {part.number for passing in self.passings for part in passing.to}
        return tuple(claim for claim in self.claims if claim.number not in came)

    @cached_property
    def held_claims(self) -> tuple[LenderClaim, ...]:
        """The claims as they are held now: without those that passed to others."""
        gone = {passing.number for passing in self.passings}
        return tuple(claim for claim in self.claims if claim.number not in gone)

    @property
    def lenders(self) -> list[str]:
        """Everybody who holds a claim, once."""
        return sorted({claim.lender for claim in self.held_claims})

    @cached_property
    def plan(self) -> Distribution:
        """Every claim's share of every instalment."""
        return self._held.plan

    @cached_property
    def rebases(self) -> tuple[Rebase, ...]:
        """Every change of terms by a plan, in order."""
        return rebases_of(self.history)

    @cached_property
    def passings(self) -> tuple[Passing, ...]:
        """Every claim that passed to others, in order."""
        return tuple(_passing(move) for move in self.history if move.event == CLAIM_PASSED)

    def passing_of(self, claim: LenderClaim) -> Passing | None:
        """How the claim passed to others, if it did."""
        return next((each for each in self.passings if each.number == claim.number), None)

    def came_by(self, claim: LenderClaim) -> Passing | None:
        """How the claim came to its holder; None for one of the agreement."""
        return next((each for each in self.passings if any(part.number == claim.number for part in each.to)), None)

    def root_of(self, claim: LenderClaim) -> int:
        """The number of the agreed claim that it comes from."""
        return roots(self.claims, self.passings)[claim.number]

    def borne(self, before: int | None = None) -> list[tuple[int, tuple[ClaimChange, ...]]]:
        """What the plans in force changed, by their numbers, in the order of the claims: as their holders bear it now,
        or bore it when change of terms number `before` was made.
        """
        steps = _steps(self.history)
        changes = [k for k, step in enumerate(steps) if isinstance(step, Rebase)]
        end = None if before is None or before > len(changes) else changes[before - 1]
        return borne(self.claims, steps[:end])

    @property
    def agreed_instalments(self) -> int:
        """How many instalments the agreement has; the rest is of plans."""
        return self.rebases[0].first_n - 1 if self.rebases else len(self.instalments)

    @property
    def plans_in_force(self) -> list[Numbered]:
        """The plans that have not fallen, each with its number among all changes of terms."""
        return in_force(self.rebases)

    def refuse_under_plan(self) -> None:
        """What the agreement says of claims and of everything at once does not hold while a plan does."""
        if self.plans_in_force:
            since_on = self.plans_in_force[0][1].on.isoformat()
            raise Refusal("loan-under-plan", loan_id=self.loan.loan_id, since_on=since_on)

    @property
    def dropped(self) -> frozenset[int]:
        """Numbers of the instalments in whose place others have come."""
        return frozenset(n for each in self.rebases for n in each.dropped)

    @property
    def position(self) -> Position:
        """The whole loan as a debt."""
        return self._position(
            self.loan.principal_cents,
            [(i.interest_cents, i.principal_cents) for i in self.instalments],
            [sum(shares.values()) for shares in self.recovered],
            [(each.on, each.total.cents) for each in self.rebases],
        )

    def position_of(self, claim: LenderClaim) -> Position:
        """One claim as a part of the debt."""
        own = [row[claim.number - 1] for row in self.plan]
        left, came = self.passing_of(claim), self.came_by(claim)
        changes = [(each.on, change_of(each, claim.number).cents) for each in self.rebases]
        changes += [(left.on, -left.cents)] if left else []
        changes += [(came.on, part.cents) for part in came.to if part.number == claim.number] if came else []
        position = self._position(
            0 if came else claim.principal_cents,
            [(s.interest_cents, s.principal_cents) for s in own],
            [shares[claim.pledge_id] for shares in self.recovered],
            changes,
        )
        if left is None and came is None:
            return position
        return replace(position, dues=dues_held(position.dues, self._held.dropped.get(claim.number, {}), left, came))

    @cached_property
    def recovered(self) -> Sequence[Mapping[str, int]]:
        """What each pledge has of each recovery, in order of arrival, in cents."""
        steps = _steps(self.history)
        came = tuple(step for step in steps if isinstance(step, int))
        if not came:
            return ()
        settled = tuple(i.n for i in self.instalments if self.instalment_on(i.n, SETTLED) is not None)
        agreed = self.agreed_claims
        found = _recovered(self._agreed_plan, agreed, self._agreed_rebases, settled, came)
        if len(agreed) == len(self.claims):
            return found
        return held_recoveries(found, self._lost_at_first(settled), self.claims, steps)

    def events(self, event: str) -> list[moves.Move]:
        """Every move of the loan by that event, oldest first."""
        return [move for move in self.history if move.event == event]

    def instalment_state(self, n: int) -> InstalmentState:
        """Where instalment `n` stands."""
        history = self.instalment_history[n - 1]
        return InstalmentState(history[-1].to_state) if history else INSTALMENT.initial

    def happened_on(self, event: str) -> date | None:
        """The date of effect of an event of the loan, if it happened."""
        return _happened_on(self.history, event)

    def due_reference(self, n: int) -> str:
        """What the payments of an instalment go by; one that took the place of others has a reference of its own."""
        is_all = any(move.facts.get("n") == n for move in self.events(ACCELERATED))
        return f"{DUE}{self.loan.loan_id}:{n}" + (":all" if is_all else "")

    def settled_by(self, n: int) -> JSON:
        """The payment that settled an instalment, if one has."""
        history = self.instalment_history[n - 1] if n <= len(self.instalments) else ()
        return next((move.facts["payment_id"] for move in history if move.event == SETTLED), None)

    def instalment_on(self, n: int, event: str) -> date | None:
        """The date of effect of an event of instalment `n`, if it happened."""
        return _happened_on(self.instalment_history[n - 1], event)

    @cached_property
    def _agreed_rebases(self) -> tuple[Rebase, ...]:
        if len(self.agreed_claims) == len(self.claims):
            return self.rebases
        return agreed_rebases(self.rebases, roots(self.claims, self.passings), len(self.agreed_claims))

    @cached_property
    def _agreed_plan(self) -> Distribution:
        """The agreed claims' shares, as if none had passed."""
        return _plan(self.instalments, self.agreed_claims, self._agreed_rebases)

    @cached_property
    def _held(self) -> Held:
        if len(self.agreed_claims) == len(self.claims):
            return Held(self._agreed_plan, {})
        return _held_plan(self._agreed_plan, self.claims, _steps(self.history), len(self.instalments))

    def _lost_at_first(self, settled: Iterable[int]) -> Mapping[int, int]:
        """What each claim had lost when the loss was stated, in cents by number."""
        numbers, lost = list(settled), {}
        for claim in self.claims:
            came, left = self.came_by(claim), self.passing_of(claim)
            cents = 0 if came else claim.principal_cents
            cents += (
                sum(part.cents for part in came.to if part.number == claim.number and not came.is_lost) if came else 0
            )
            cents -= left.cents if left and not left.is_lost else 0
            cents += sum(change_of(each, claim.number).cents for each in self.rebases)
            lost[claim.number] = cents - sum(self.plan[n - 1][claim.number - 1].principal_cents for n in numbers)
        return lost

    def _position(
        self,
        principal_cents: int,
        amounts: Sequence[tuple[int, int]],
        recovered: Sequence[int],
        changes: Sequence[tuple[date, int]],
    ) -> Position:
        dues = tuple(
            Due(
                n=instalment.n,
                due_on=instalment.due_on,
                interest_cents=interest,
                principal_cents=principal,
                settled_on=self.instalment_on(instalment.n, SETTLED),
                asked_from=asked_from(self.rebases, instalment.n),
                dropped_on=dropped_on(self.rebases, instalment.n),
            )
            for instalment, (interest, principal) in zip(self.instalments, amounts, strict=True)
        )
        standing = standing_of((move.event, move.effective_on) for move in self.history)
        days = [move.effective_on for move in self.events(RECOVERED)]
        recoveries = tuple(Recovery(on, cents) for on, cents in zip(days, recovered, strict=True))
        return Position(
            principal_cents=principal_cents,
            dues=dues,
            standing=standing,
            recoveries=recoveries,
            changes=tuple(changes),
        )


def rebases_of(history: Iterable[moves.Move]) -> tuple[Rebase, ...]:
    """Every change of terms among the moves of a loan, in order."""
    return tuple(_rebase(move) for move in history if move.event in REBASED)


def loan_book(connection: sa.Connection, book_id: str, loan_id: str) -> LoanBook:
    """The loan with its claims, schedule and moves; refuses `loan-not-known`."""
    found = loan_books(connection, book_id, [loan_id])
    if loan_id not in found:
        raise Refusal("loan-not-known", loan_id=loan_id[:40])
    return found[loan_id]


def loan_books(connection: sa.Connection, book_id: str, loan_ids: Iterable[str]) -> dict[str, LoanBook]:
    """Those of the loans that are known, by id, read in five statements however many they are."""
    rows = {row.loan_id: row for row in _rows(connection, t.loan, book_id, loan_ids, t.loan.c.loan_id)}
    drafts = newest_drafts(connection, book_id, {row.offer_id for row in rows.values()})
    claims = _by_loan(_rows(connection, t.loan_claim, book_id, rows, t.loan_claim.c.loan_id, t.loan_claim.c.number))
    schedules = _by_loan(_rows(connection, t.instalment, book_id, rows, t.instalment.c.loan_id, t.instalment.c.n))
    objects = [*rows, *(each.instalment_id for schedule in schedules.values() for each in schedule)]
    histories = moves.moves_of(connection, book_id, objects)
    found: dict[str, LoanBook] = {}
    for loan_id, row in rows.items():
        history, frozen = tuple(histories[loan_id]), schedules[loan_id]
        instalments = as_changed([_instalment(each) for each in frozen], history)
        found[loan_id] = LoanBook(
            loan=_loan(row, drafts[row.offer_id], frozen[0].due_on),
            claims=tuple(
                LenderClaim(number=r.number, pledge_id=r.pledge_id, lender=r.lender, principal_cents=r.principal_cents)
                for r in claims[loan_id]
            ),
            instalments=instalments,
            history=history,
            instalment_history=tuple(tuple(histories[each.instalment_id]) for each in frozen[: len(instalments)]),
        )
    return found


def loan_ids(connection: sa.Connection, book_id: str, borrower: str | None = None) -> Sequence[str]:
    """Every loan, or every loan of one borrower, in order of agreement."""
    c = t.loan.c
    query = sa.select(c.loan_id).where(c.book_id == book_id).order_by(c.agreed_on, c.loan_id)
    return connection.execute(query if borrower is None else query.where(c.borrower == borrower)).scalars().all()


def loan_ids_of_lender(connection: sa.Connection, book_id: str, lender: str) -> Sequence[str]:
    """Every loan in which somebody has or had a claim, in order of their ids."""
    c = t.loan_claim.c
    ids = sa.select(c.loan_id).where(c.book_id == book_id, c.lender == lender).distinct().order_by(c.loan_id)
    return connection.execute(ids).scalars().all()


def as_changed(frozen: Sequence[Instalment], history: Iterable[moves.Move]) -> tuple[Instalment, ...]:
    """The schedule with the one instalment by which everything was repaid early or claimed at once, if one was."""
    for move in history:
        if move.event in {ACCELERATED, REPAID_EARLY} and "n" in move.facts:
            n, days, interest, principal = (int(str(move.facts[name])) for name in ALL_DUE)
            last = Instalment(n, move.effective_on, days, interest, principal, interest + principal, 0)
            return (*frozen[: n - 1], last)
    return tuple(frozen)


class WithheldTax:
    """Withholding tax of lenders, looking up how each is taxed on a date only once."""

    def __init__(self, connection: sa.Connection, keeper: Keeper) -> None:
        self._connection = connection
        self._keeper = keeper
        self._kinds: dict[tuple[str, date], HolderKind] = {}

    def look_up(self, lenders: Iterable[str], day: date) -> None:
        """Find how all these lenders are taxed on that day, in one statement."""
        found = holder_kinds(self._connection, self._keeper, lenders, day)
        self._kinds |= {(lender, day): kind for lender, kind in found.items()}

    def on(self, lender: str, interest_cents: int, day: date) -> int:
        """The tax on interest that the lender receives on that day."""
        if (lender, day) not in self._kinds:
            self.look_up([lender], day)
        return withholding(interest_cents, self._kinds[lender, day], day).tax_cents


@lru_cache(maxsize=512)
def _plan(
    instalments: tuple[Instalment, ...], claims: tuple[LenderClaim, ...], rebases: tuple[Rebase, ...]
) -> Distribution:
    return distribution_over(instalments, claims, rebases)


@lru_cache(maxsize=512)
def _held_plan(
    agreed: Distribution, claims: tuple[LenderClaim, ...], steps: tuple[Step, ...], instalments: int
) -> Held:
    return held_plan(agreed, claims, steps, instalments)


def _steps(history: Iterable[moves.Move]) -> tuple[Step, ...]:
    """What changed who holds a claim, or what it is, in the order of the record."""
    found: list[Step] = []
    for move in history:
        if move.event in REBASED:
            found.append(_rebase(move))
        elif move.event == CLAIM_PASSED:
            found.append(_passing(move))
        elif move.event == RECOVERED:
            found.append(int(str(move.facts["recovered_cents"])))
    return tuple(found)


def _passing(move: moves.Move) -> Passing:
    facts: Any = move.facts
    return Passing(
        cause=Cause(facts["cause"]),
        on=move.effective_on,
        number=facts["number"],
        to=tuple(PassedPart(*part) for part in facts["to"]),
        settled=frozenset(facts["settled"]),
        is_lost=facts["is_lost"],
    )


def _rebase(move: moves.Move) -> Rebase:
    facts: Any = move.facts
    return Rebase(
        on=move.effective_on,
        first_n=facts["first_n"],
        dropped=tuple(facts["dropped"]),
        changes=tuple(
            ClaimChange(capitalised_cents=capitalised, cut_cents=cut, converted_cents=converted)
            for capitalised, cut, converted in facts["changes"]
        ),
        is_revival=move.event == REVIVED,
        waived_cents=tuple(facts.get("waived", ())),
        amortisation=json_text(facts["amortisation"]) if "amortisation" in facts else None,
    )


@lru_cache(maxsize=64)
def _recovered(
    plan: Distribution,
    claims: tuple[LenderClaim, ...],
    rebases: tuple[Rebase, ...],
    settled: tuple[int, ...],
    came: tuple[int, ...],
) -> Sequence[Mapping[str, int]]:
    lost = {
        claim.pledge_id: claim.principal_cents
        + sum(each.changes[claim.number - 1].cents for each in rebases)
        - sum(plan[n - 1][claim.number - 1].principal_cents for n in settled)
        for claim in claims
    }
    return recovery_shares(lost, came)


def _happened_on(history: Iterable[moves.Move], event: str) -> date | None:
    return next((move.effective_on for move in history if move.event == event), None)


def _rows(
    connection: sa.Connection, table: sa.Table, book_id: str, loan_ids: Iterable[str], *order: sa.Column[Any]
) -> Sequence[sa.Row[Any]]:
    """The rows of a table of loans that belong to these loans, in order."""
    chosen = bulk.among(connection, table.c.loan_id, loan_ids)
    return connection.execute(sa.select(table).where(table.c.book_id == book_id, chosen).order_by(*order)).all()


def _by_loan(rows: Iterable[sa.Row[Any]]) -> Mapping[str, list[sa.Row[Any]]]:
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.loan_id, []).append(row)
    return found


def _loan(row: sa.Row[Any], draft: OfferDraft, first_due_on: date) -> Loan:
    return Loan(
        loan_id=row.loan_id,
        offer_id=row.offer_id,
        borrower=row.borrower,
        title=draft.title,
        principal_cents=row.principal_cents,
        rate_annual=draft.rate_annual,
        term_years=draft.term_years,
        every=draft.every,
        kind=draft.kind,
        day_count=draft.day_count,
        scheme=draft.scheme,
        agreed_on=row.agreed_on,
        first_due_on=first_due_on,
        early_repayment=draft.early_repayment,
    )


def _instalment(row: sa.Row[Any]) -> Instalment:
    total = row.interest_cents + row.principal_cents
    return Instalment(
        row.n, row.due_on, row.days, row.interest_cents, row.principal_cents, total, row.outstanding_cents
    )
