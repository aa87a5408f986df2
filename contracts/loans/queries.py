"""Read models of loans: a citizen's portfolio, a loan's page, an entrepreneur's dues, the operator's queues.

Everything follows from the frozen schedule, the claims, the moves, and the date asked for. A figure `on` a date counts
what had its date of effect by the end of that day.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from contracts import moves
from contracts.documents.queries import DocumentView, documents_for
from contracts.loans.books import LoanBook, WithheldTax, loan_book, loan_books, loan_ids, loan_ids_of_lender
from contracts.loans.lifecycle import ACCELERATED, CALLED, DISBURSED, SETTLED
from contracts.loans.model import ClaimLine as ClaimLine
from contracts.loans.model import EarlyQuote as EarlyQuote
from contracts.loans.model import (
    Ground,
    InstalmentState,
    LenderClaim,
    LoanState,
    share_key,
)
from contracts.loans.model import InstalmentLine as InstalmentLine
from contracts.loans.model import LenderLine as LenderLine
from contracts.loans.model import LoanOverview as LoanOverview
from contracts.loans.model import MonthFlow as MonthFlow
from contracts.loans.model import Portfolio as Portfolio
from contracts.loans.model import PortfolioTotals as PortfolioTotals
from contracts.loans.model import RecoveryLine as RecoveryLine
from contracts.loans.model import ShareLine as ShareLine
from contracts.loans.quotes import asked_quote, quote_soon
from contracts.loans.recoveries import recoveries_of
from contracts.offers.queries import OfferCard, offers
from contracts.parties.queries import Keeper, display_name
from contracts.pledges.queries import payment_to_show
from contracts.servicing.model import Label
from contracts.terms.schedule import Every, Instalment, RepaymentKind
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
    """A loan in full; `claims`, `shares`, `documents` are those of the lender who was asked for, if any.

    `early_quote` is what was asked for and may still be paid, else what repaying everything would cost soon.
    """

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
    recovered_cents: int
    rate_annual: Decimal
    term_years: int
    every: Every
    repayment: RepaymentKind
    agreed_on: date
    disbursed_on: date | None
    ends_on: date
    instalments: list[InstalmentLine]
    early_repayment: bool
    early_quote: EarlyQuote | None
    accelerated_on: date | None
    ground: Ground | None
    recoveries: list[RecoveryLine]
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
class BorrowerEarly:
    """What repaying a loan early costs; `payment` and `transfer` are the ways to pay it once it was asked for."""

    title: str
    quote: EarlyQuote
    payment: PaymentView | None
    transfer: PaymentView | None

    @property
    def is_asked(self) -> bool:
        """Whether a payment at the provider waits for the borrower."""
        return self.payment is not None and self.payment.state in payment_queries.STILL_TO_PAY


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowerPage:
    """What an entrepreneur sees: offers, loans, what is to be paid now, oldest first, and what may be repaid early."""

    enterprise: str
    name: str
    offers: list[OfferCard]
    loans: list[LoanOverview]
    dues: list[BorrowerDue]
    early: list[BorrowerEarly]


def portfolio(connection: sa.Connection, keeper: Keeper, lender: str, on: date) -> Portfolio:
    """A lender's claims on that date. Months run from the first due date to the last of any claim."""
    books = loan_books(connection, keeper.book_id, loan_ids_of_lender(connection, keeper.book_id, lender))
    own = [(book, claim) for book in books.values() for claim in book.claims if claim.lender == lender]
    tax = WithheldTax(connection, keeper)
    lines = [_claim_line(tax, book, claim, on) for book, claim in own]
    lines.sort(key=lambda line: (-line.days_past_due, line.next_due_on or date.max, line.loan_id, line.pledge_id))
    return Portfolio(claims=lines, totals=_totals(lines), months=_months(own, on))


def loan_page(connection: sa.Connection, keeper: Keeper, loan_id: str, on: date, lender: str | None = None) -> LoanPage:
    """One loan in full; refuses `loan-not-known`."""
    book = loan_book(connection, keeper.book_id, loan_id)
    own = [claim for claim in book.claims if claim.lender == lender]
    loan, debt, tax = book.loan, book.position, WithheldTax(connection, keeper)
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
        recovered_cents=debt.recovered_cents(on),
        rate_annual=loan.rate_annual,
        term_years=loan.term_years,
        every=loan.every,
        repayment=loan.kind,
        agreed_on=loan.agreed_on,
        disbursed_on=book.happened_on(DISBURSED),
        ends_on=book.instalments[-1].due_on,
        instalments=[_instalment_line(book, instalment, on) for instalment in book.instalments],
        early_repayment=loan.early_repayment,
        early_quote=asked_quote(book, on) or quote_soon(book, on),
        accelerated_on=book.happened_on(ACCELERATED),
        ground=next((Ground(str(move.facts["ground"])) for move in book.events(ACCELERATED)), None),
        recoveries=recoveries_of(connection, keeper.book_id, book),
        events=_events(book, on),
        lenders=[_lender_line(book, claim, on, lender) for claim in book.held_claims],
        claims=[_claim_line(tax, book, claim, on) for claim in own],
        shares=[line for claim in own for line in _share_lines(tax, book, claim, on)],
        documents=agreements_of(connection, keeper.book_id, loan_id, lender) if own and lender else [],
    )


def borrower_page(connection: sa.Connection, keeper: Keeper, enterprise: str, on: date) -> BorrowerPage:
    """An entrepreneur's offers and loans, and the called dues that are unpaid."""
    ids = loan_ids(connection, keeper.book_id, enterprise)
    found = loan_books(connection, keeper.book_id, ids)
    books = [found[loan_id] for loan_id in ids]
    dues = [due for book in books for due in _open_dues(connection, keeper.book_id, book, on)]
    return BorrowerPage(
        enterprise=enterprise,
        name=display_name(connection, keeper, enterprise),
        offers=offers(connection, keeper, on, borrower=enterprise),
        loans=[_overview(connection, keeper, book, on) for book in books],
        dues=sorted(dues, key=lambda due: (due.due_on, due.loan_id)),
        early=[each for book in books for each in _early(connection, keeper.book_id, book, on)],
    )


def transfer_orders(connection: sa.Connection, book_id: str) -> list[TransferOrder]:
    """Every transfer order, newest first."""
    return payment_queries.transfer_orders(connection, book_id)


def loans_overview(connection: sa.Connection, keeper: Keeper, on: date) -> list[LoanOverview]:
    """Every loan, the longest past due first."""
    books = loan_books(connection, keeper.book_id, loan_ids(connection, keeper.book_id))
    rows = [_overview(connection, keeper, book, on) for book in books.values()]
    return sorted(rows, key=lambda row: (-row.days_past_due, row.agreed_on, row.loan_id))


def agreements_of(connection: sa.Connection, book_id: str, loan_id: str, lender: str) -> list[DocumentView]:
    """The lender's agreements on this loan; their reference is `agreement:<loan>:<pledge>`."""
    every = documents_for(connection, book_id, lender)
    return [paper for paper in every if paper.reference.startswith(f"agreement:{loan_id}:")]


def _claim_line(tax: WithheldTax, book: LoanBook, claim: LenderClaim, on: date) -> ClaimLine:
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
        recovered_cents=debt.recovered_cents(on),
    )


def _share_lines(tax: WithheldTax, book: LoanBook, claim: LenderClaim, on: date) -> list[ShareLine]:
    lines = []
    for due in book.position_of(claim).dues:
        if not due.is_asked(on):
            continue
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
                entry_key=share_key(book.loan.loan_id, due.n, claim.pledge_id) if paid_on else None,
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
            expected[due.due_on.replace(day=1)] += due.total_cents if due.is_asked(on) else 0
            if due.settled_on is not None and due.settled_on <= on:
                received[due.settled_on.replace(day=1)] += due.total_cents
        for each in book.position_of(claim).recoveries:
            if each.on <= on:
                received[each.on.replace(day=1)] += each.cents
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
        facts={"principal_cents": book.loan.principal_cents, "lenders": len(book.agreed_claims)},
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
        lenders=len(book.held_claims),
        agreed_on=loan.agreed_on,
        next_due_on=None if coming is None else coming.due_on,
    )


def _early(connection: sa.Connection, book_id: str, book: LoanBook, on: date) -> Iterator[BorrowerEarly]:
    quoted = asked_quote(book, on) or quote_soon(book, on)
    if quoted is not None:
        asked = payment_queries.payments_for(connection, book_id, quoted.reference) if quoted.reference else []
        yield BorrowerEarly(
            title=book.loan.title,
            quote=quoted,
            payment=payment_to_show(asked),
            transfer=payment_queries.still_to_pay(asked, by_transfer=True),
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
        for payments in [payment_queries.payments_for(connection, book_id, book.due_reference(instalment.n))]
        if book.instalment_state(instalment.n) is InstalmentState.CALLED
    ]
