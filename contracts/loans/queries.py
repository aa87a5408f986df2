"""Read models of loans: a citizen's portfolio, a loan's page, an entrepreneur's dues, the operator's queues.

Everything follows from the frozen schedule, the claims, the moves, and the date asked for. A figure `on` a date counts
what had its date of effect by the end of that day.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from contracts import moves
from contracts.documents.queries import DocumentView, documents_for
from contracts.loans import tables as t
from contracts.loans.lifecycle import BANKRUPTCY, CALLED, DISBURSED, INSTALMENT, LOAN, REPAID, SETTLED, WRITTEN_OFF
from contracts.loans.model import ClaimLine as ClaimLine
from contracts.loans.model import (
    ClaimShare,
    Distribution,
    InstalmentState,
    LenderClaim,
    Loan,
    LoanState,
    distribution,
)
from contracts.loans.model import InstalmentLine as InstalmentLine
from contracts.loans.model import LenderLine as LenderLine
from contracts.loans.model import LoanOverview as LoanOverview
from contracts.loans.model import MonthFlow as MonthFlow
from contracts.loans.model import Portfolio as Portfolio
from contracts.loans.model import PortfolioTotals as PortfolioTotals
from contracts.loans.model import ShareLine as ShareLine
from contracts.offers.queries import OfferCard, offer_record, offers
from contracts.parties.queries import Keeper, display_name, holder_kind
from contracts.pledges.queries import payment_to_show
from contracts.schemes.withholding import HolderKind, withholding
from contracts.servicing.model import Due, Label, Position, Standing
from contracts.terms.schedule import Every, Instalment, RepaymentKind
from ledger.errors import Refusal
from ledger.payments import queries as payment_queries
from ledger.payments.model import PaymentView, TransferOrder
from ledger.storage.base import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanEvent:
    """Something that happened to the loan; `text_key` names its sentence, which `facts` complete."""

    on: date
    event: str
    text_key: str
    facts: Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanPage:
    """A loan in full; `claims`, `shares`, `documents` are those of the lender who was asked for, if any."""

    loan_id: str
    offer_id: str
    borrower: str
    title: str
    borrower_name: str
    state: LoanState
    state_label: Label
    days_past_due: int
    overdue_cents: int
    principal_cents: int
    outstanding_cents: int
    lost_cents: int
    rate_annual: Decimal
    term_years: int
    every: Every
    repayment: RepaymentKind
    agreed_on: date
    disbursed_on: date | None
    ends_on: date
    instalments: list[InstalmentLine]
    events: list[LoanEvent]
    lenders: list[LenderLine]
    claims: list[ClaimLine]
    shares: list[ShareLine]
    documents: list[DocumentView]


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerDue:
    """A called instalment that its borrower has not paid; `payment` and `transfer` are the ways to pay it."""

    loan_id: str
    title: str
    n: int
    due_on: date
    interest_cents: int
    principal_cents: int
    total_cents: int
    days_past_due: int
    payment: PaymentView | None
    transfer: PaymentView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerPage:
    """What an entrepreneur sees: offers, loans, and what is to be paid now, oldest first."""

    enterprise: str
    name: str
    offers: list[OfferCard]
    loans: list[LoanOverview]
    dues: list[BorrowerDue]


@dataclass(frozen=True, slots=True)
class LoanBook:
    """A loan with everything its figures follow from, read once."""

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
    def lenders(self) -> list[str]:
        """Everybody who has a claim, once."""
        return sorted({claim.lender for claim in self.claims})

    @property
    def plan(self) -> Distribution:
        """Every claim's share of every instalment."""
        return _plan(self.instalments, self.claims)

    @property
    def position(self) -> Position:
        """The whole loan as a debt."""
        return self._position(
            self.loan.principal_cents, [(i.interest_cents, i.principal_cents) for i in self.instalments]
        )

    def position_of(self, claim: LenderClaim) -> Position:
        """One claim as a part of the debt."""
        own = [row[claim.number - 1] for row in self.plan]
        return self._position(claim.principal_cents, [(s.interest_cents, s.principal_cents) for s in own])

    def instalment_state(self, n: int) -> InstalmentState:
        """Where instalment `n` stands."""
        history = self.instalment_history[n - 1]
        return InstalmentState(history[-1].to_state) if history else INSTALMENT.initial

    def happened_on(self, event: str) -> date | None:
        """The date of effect of an event of the loan, if it happened."""
        return _happened_on(self.history, event)

    def instalment_on(self, n: int, event: str) -> date | None:
        """The date of effect of an event of instalment `n`, if it happened."""
        return _happened_on(self.instalment_history[n - 1], event)

    def _position(self, principal_cents: int, amounts: Sequence[tuple[int, int]]) -> Position:
        dues = tuple(
            Due(
                n=instalment.n,
                due_on=instalment.due_on,
                interest_cents=interest,
                principal_cents=principal,
                settled_on=self.instalment_on(instalment.n, SETTLED),
            )
            for instalment, (interest, principal) in zip(self.instalments, amounts, strict=True)
        )
        standing = Standing(
            disbursed_on=self.happened_on(DISBURSED),
            insolvent_on=self.happened_on(BANKRUPTCY),
            lost_on=self.happened_on(WRITTEN_OFF),
            repaid_on=self.happened_on(REPAID),
        )
        return Position(principal_cents=principal_cents, dues=dues, standing=standing)


def portfolio(connection: sa.Connection, keeper: Keeper, lender: str, on: date) -> Portfolio:
    """A lender's claims on that date. Months run from the first due date to the last of any claim."""
    c = t.loan_claim.c
    ids = sa.select(c.loan_id).where(c.book_id == keeper.book_id, c.lender == lender).distinct().order_by(c.loan_id)
    books = [loan_book(connection, keeper.book_id, loan_id) for loan_id in connection.execute(ids).scalars().all()]
    own = [(book, claim) for book in books for claim in book.claims if claim.lender == lender]
    tax = _Tax(connection, keeper)
    lines = [_claim_line(tax, book, claim, on) for book, claim in own]
    lines.sort(key=lambda line: (-line.days_past_due, line.next_due_on or date.max, line.loan_id, line.pledge_id))
    return Portfolio(claims=lines, totals=_totals(lines), months=_months(own, on))


def loan_page(connection: sa.Connection, keeper: Keeper, loan_id: str, on: date, lender: str | None = None) -> LoanPage:
    """One loan in full; refuses `loan-not-known`."""
    book = loan_book(connection, keeper.book_id, loan_id)
    own = [claim for claim in book.claims if claim.lender == lender]
    loan, debt, tax = book.loan, book.position, _Tax(connection, keeper)
    return LoanPage(
        loan_id=loan.loan_id,
        offer_id=loan.offer_id,
        borrower=loan.borrower,
        title=loan.title,
        borrower_name=display_name(connection, keeper, loan.borrower),
        state=book.state,
        state_label=debt.label(on),
        days_past_due=debt.days_past_due(on),
        overdue_cents=debt.overdue_cents(on),
        principal_cents=loan.principal_cents,
        outstanding_cents=debt.outstanding_cents(on),
        lost_cents=debt.lost_cents(on),
        rate_annual=loan.rate_annual,
        term_years=loan.term_years,
        every=loan.every,
        repayment=loan.kind,
        agreed_on=loan.agreed_on,
        disbursed_on=book.happened_on(DISBURSED),
        ends_on=book.instalments[-1].due_on,
        instalments=[_instalment_line(book, instalment, on) for instalment in book.instalments],
        events=_events(book, on),
        lenders=[_lender_line(book, claim, on, lender) for claim in book.claims],
        claims=[_claim_line(tax, book, claim, on) for claim in own],
        shares=[line for claim in own for line in _share_lines(tax, book, claim, on)],
        documents=agreements_of(connection, keeper.book_id, loan_id, lender) if own and lender else [],
    )


def borrower_page(connection: sa.Connection, keeper: Keeper, enterprise: str, on: date) -> BorrowerPage:
    """An entrepreneur's offers and loans, and the called dues that are unpaid."""
    ids = loan_ids(connection, keeper.book_id, enterprise)
    books = [loan_book(connection, keeper.book_id, loan_id) for loan_id in ids]
    dues = [due for book in books for due in _open_dues(connection, keeper.book_id, book, on)]
    return BorrowerPage(
        enterprise=enterprise,
        name=display_name(connection, keeper, enterprise),
        offers=offers(connection, keeper, on, borrower=enterprise),
        loans=[_overview(connection, keeper, book, on) for book in books],
        dues=sorted(dues, key=lambda due: (due.due_on, due.loan_id)),
    )


def transfer_orders(connection: sa.Connection, book_id: str) -> list[TransferOrder]:
    """Every transfer order, newest first."""
    return payment_queries.transfer_orders(connection, book_id)


def loans_overview(connection: sa.Connection, keeper: Keeper, on: date) -> list[LoanOverview]:
    """Every loan, the longest past due first."""
    ids = loan_ids(connection, keeper.book_id)
    rows = [_overview(connection, keeper, loan_book(connection, keeper.book_id, loan_id), on) for loan_id in ids]
    return sorted(rows, key=lambda row: (-row.days_past_due, row.agreed_on, row.loan_id))


def loan_book(connection: sa.Connection, book_id: str, loan_id: str) -> LoanBook:
    """The loan with its claims, schedule and moves; refuses `loan-not-known`."""
    where = t.loan.c.book_id == book_id, t.loan.c.loan_id == loan_id
    row = connection.execute(sa.select(t.loan).where(*where)).one_or_none()
    if row is None:
        raise Refusal("loan-not-known", loan_id=loan_id)
    c, i = t.loan_claim.c, t.instalment.c
    claims = sa.select(t.loan_claim).where(c.book_id == book_id, c.loan_id == loan_id).order_by(c.number)
    schedule = sa.select(t.instalment).where(i.book_id == book_id, i.loan_id == loan_id).order_by(i.n)
    instalments = connection.execute(schedule).all()
    histories = moves.moves_of(connection, book_id, [loan_id, *(each.instalment_id for each in instalments)])
    return LoanBook(
        loan=_loan(connection, book_id, row, instalments[0].due_on),
        claims=tuple(
            LenderClaim(number=r.number, pledge_id=r.pledge_id, lender=r.lender, principal_cents=r.principal_cents)
            for r in connection.execute(claims)
        ),
        instalments=tuple(_instalment(each) for each in instalments),
        history=tuple(histories[loan_id]),
        instalment_history=tuple(tuple(histories[each.instalment_id]) for each in instalments),
    )


def agreements_of(connection: sa.Connection, book_id: str, loan_id: str, lender: str) -> list[DocumentView]:
    """The lender's agreements on this loan; their reference is `agreement:<loan>:<pledge>`."""
    every = documents_for(connection, book_id, lender)
    return [paper for paper in every if paper.reference.startswith(f"agreement:{loan_id}:")]


def loan_ids(connection: sa.Connection, book_id: str, borrower: str | None = None) -> Sequence[str]:
    """Every loan, or every loan of one borrower, in order of agreement."""
    c = t.loan.c
    query = sa.select(c.loan_id).where(c.book_id == book_id).order_by(c.agreed_on, c.loan_id)
    return connection.execute(query if borrower is None else query.where(c.borrower == borrower)).scalars().all()


def withheld_cents(connection: sa.Connection, keeper: Keeper, share: ClaimShare, on: date) -> int:
    """The withholding tax on the interest of a share that is paid on that date."""
    return _Tax(connection, keeper).on(share.lender, share.interest_cents, on)


@lru_cache(maxsize=512)
def _plan(instalments: tuple[Instalment, ...], claims: tuple[LenderClaim, ...]) -> Distribution:
    return distribution(instalments, claims)


class _Tax:
    """Withholding tax of lenders, looking up how each is taxed on a date only once."""

    def __init__(self, connection: sa.Connection, keeper: Keeper) -> None:
        self._connection = connection
        self._keeper = keeper
        self._kinds: dict[tuple[str, date], HolderKind] = {}

    def on(self, lender: str, interest_cents: int, day: date) -> int:
        if (lender, day) not in self._kinds:
            self._kinds[lender, day] = holder_kind(self._connection, self._keeper, lender, day)
        return withholding(interest_cents, self._kinds[lender, day], day).tax_cents


def _happened_on(history: Iterable[moves.Move], event: str) -> date | None:
    return next((move.effective_on for move in history if move.event == event), None)


def _loan(connection: sa.Connection, book_id: str, row: sa.Row[Any], first_due_on: date) -> Loan:
    draft = offer_record(connection, book_id, row.offer_id).draft
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
    )


def _instalment(row: sa.Row[Any]) -> Instalment:
    total = row.interest_cents + row.principal_cents
    return Instalment(
        row.n, row.due_on, row.days, row.interest_cents, row.principal_cents, total, row.outstanding_cents
    )


def _claim_line(tax: _Tax, book: LoanBook, claim: LenderClaim, on: date) -> ClaimLine:
    debt = book.position_of(claim)
    principal, interest = debt.received_principal_cents(on), debt.received_interest_cents(on)
    withheld = sum(tax.on(claim.lender, due.interest_cents, due.settled_on or on) for due in debt.settled(on))
    coming = debt.next_due(on)
    return ClaimLine(
        loan_id=book.loan.loan_id,
        pledge_id=claim.pledge_id,
        title=book.loan.title,
        principal_cents=claim.principal_cents,
        outstanding_cents=debt.outstanding_cents(on),
        received_principal_cents=principal,
        received_interest_gross_cents=interest,
        withholding_cents=withheld,
        received_net_cents=principal + interest - withheld,
        expected_cents=debt.expected_cents(on),
        overdue_cents=debt.overdue_cents(on),
        days_past_due=debt.days_past_due(on),
        state_label=debt.label(on),
        next_due_on=None if coming is None else coming.due_on,
        next_due_cents=0 if coming is None else coming.total_cents,
        lost_cents=debt.lost_cents(on),
    )


def _share_lines(tax: _Tax, book: LoanBook, claim: LenderClaim, on: date) -> list[ShareLine]:
    lines = []
    for due in book.position_of(claim).dues:
        paid_on = due.settled_on if due.is_settled(on) else None
        withheld = tax.on(claim.lender, due.interest_cents, paid_on or on)
        lines.append(
            ShareLine(
                n=due.n,
                due_on=due.due_on,
                interest_cents=due.interest_cents,
                principal_cents=due.principal_cents,
                withholding_cents=withheld,
                net_cents=due.total_cents - withheld,
                paid_on=paid_on,
                entry_key=f"due:{book.loan.loan_id}:{due.n}:{claim.pledge_id}" if paid_on else None,
            )
        )
    return lines


def _totals(lines: Sequence[ClaimLine]) -> PortfolioTotals:
    return PortfolioTotals(**{f.name: sum(getattr(line, f.name) for line in lines) for f in fields(PortfolioTotals)})


def _months(own: Iterable[tuple[LoanBook, LenderClaim]], on: date) -> list[MonthFlow]:
    expected: dict[date, int] = defaultdict(int)
    received: dict[date, int] = defaultdict(int)
    for book, claim in own:
        for due in book.position_of(claim).dues:
            expected[due.due_on.replace(day=1)] += due.total_cents
            if due.settled_on is not None and due.settled_on <= on:
                received[due.settled_on.replace(day=1)] += due.total_cents
    months = sorted(expected.keys() | received.keys())
    return [MonthFlow(month=m, expected_cents=expected[m], received_cents=received[m]) for m in months]


def _instalment_line(book: LoanBook, instalment: Instalment, on: date) -> InstalmentLine:
    called_on = book.instalment_on(instalment.n, CALLED)
    paid_on = book.instalment_on(instalment.n, SETTLED)
    state = book.instalment_state(instalment.n)
    is_late = state is InstalmentState.CALLED and instalment.due_on < on
    return InstalmentLine(
        n=instalment.n,
        due_on=instalment.due_on,
        interest_cents=instalment.interest_cents,
        principal_cents=instalment.principal_cents,
        total_cents=instalment.total_cents,
        outstanding_cents=instalment.outstanding_cents,
        called=called_on is not None and called_on <= on,
        paid_on=paid_on if paid_on is not None and paid_on <= on else None,
        state="late" if is_late else state.value,
    )


def _events(book: LoanBook, on: date) -> list[LoanEvent]:
    agreed = LoanEvent(
        on=book.loan.agreed_on,
        event="agreed",
        text_key="loan-event.agreed",
        facts={"principal_cents": book.loan.principal_cents, "lenders": len(book.claims)},
    )
    happened: list[tuple[moves.Move, dict[str, JSON]]] = [(move, dict(move.facts)) for move in book.history]
    for instalment, history in zip(book.instalments, book.instalment_history, strict=True):
        due: dict[str, JSON] = {"n": instalment.n, "due_on": instalment.due_on.isoformat()}
        due["total_cents"] = instalment.total_cents
        happened += [(move, {**due, **move.facts}) for move in history]
    happened.sort(key=lambda pair: (pair[0].effective_on, pair[0].object_id, pair[0].sequence))
    return [agreed] + [
        LoanEvent(on=move.effective_on, event=move.event, text_key=f"loan-event.{move.event}", facts=facts)
        for move, facts in happened
        if move.effective_on <= on
    ]


def _lender_line(book: LoanBook, claim: LenderClaim, on: date, lender: str | None) -> LenderLine:
    debt = book.position_of(claim)
    return LenderLine(
        number=claim.number,
        principal_cents=claim.principal_cents,
        outstanding_cents=debt.outstanding_cents(on),
        lost_cents=debt.lost_cents(on),
        own=claim.lender == lender,
    )


def _overview(connection: sa.Connection, keeper: Keeper, book: LoanBook, on: date) -> LoanOverview:
    loan, debt = book.loan, book.position
    coming = debt.next_due(on)
    return LoanOverview(
        loan_id=loan.loan_id,
        offer_id=loan.offer_id,
        title=loan.title,
        borrower=loan.borrower,
        borrower_name=display_name(connection, keeper, loan.borrower),
        state=book.state,
        state_label=debt.label(on),
        days_past_due=debt.days_past_due(on),
        overdue_cents=debt.overdue_cents(on),
        principal_cents=loan.principal_cents,
        outstanding_cents=debt.outstanding_cents(on),
        lost_cents=debt.lost_cents(on),
        lenders=len(book.claims),
        agreed_on=loan.agreed_on,
        next_due_on=None if coming is None else coming.due_on,
    )


def _open_dues(connection: sa.Connection, book_id: str, book: LoanBook, on: date) -> list[BorrowerDue]:
    return [
        BorrowerDue(
            loan_id=book.loan.loan_id,
            title=book.loan.title,
            n=instalment.n,
            due_on=instalment.due_on,
            interest_cents=instalment.interest_cents,
            principal_cents=instalment.principal_cents,
            total_cents=instalment.total_cents,
            days_past_due=max(0, (on - instalment.due_on).days),
            payment=payment_to_show(payments),
            transfer=payment_queries.still_to_pay(payments, by_transfer=True),
        )
        for instalment in book.instalments
        for payments in [payment_queries.payments_for(connection, book_id, f"due:{book.loan.loan_id}:{instalment.n}")]
        if book.instalment_state(instalment.n) is InstalmentState.CALLED
    ]
