"""A citizen's portfolio and the page of one loan, for everybody who may see it."""

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from api.deps import STAFF, AnySession, BookDep, Citizen, Language, WiringDep
from api.identity.model import Role, Session
from api.receipts import published_size
from contracts.arrivals import being_matched
from contracts.bonds.holder import holdings_of
from contracts.documents.queries import documents_for
from contracts.loans.books import loan_book
from contracts.loans.queries import LoanPage, MonthFlow, Portfolio, loan_page, portfolio
from contracts.loans.waterfall import waterfall
from contracts.pledges.queries import pledges_of
from contracts.secondchance.lender_view import votes_of
from frontend.charts import Label, paired, stacked
from frontend.figures import flow_bars, loan_bars, near_instalments, told_events, window
from frontend.i18n import Tongue, tongue
from frontend.rendering import home_of, render
from ledger import balances
from ledger.balances import PostedEntry
from ledger.errors import Refusal

PAYABLE = "489300"
"""The account on which a lender's part of an instalment arrives: the line that its receipt is about."""
router = APIRouter()


@dataclass(frozen=True, slots=True)
class ReceiptLink:
    """Where the receipt of a line is; `final` once the signed log covers it."""

    n: int
    line: int
    final: bool


@router.get("/portfolio")
def own_portfolio(request: Request, book: BookDep, citizen: Citizen, language: Language) -> Response:
    """What was lent, what should have come back, and what did."""
    with book.read() as connection:
        today = book.today_in(connection)
        mine = portfolio(connection, book, citizen.party_id, today)
        pledges = pledges_of(connection, book.book_id, citizen.party_id, today)
        documents = documents_for(connection, book.book_id, citizen.party_id)
        bonds = holdings_of(connection, book, citizen.party_id, today)
        asked = votes_of(connection, book.book_id, citizen.party_id)
        plans = {each: loan_page(connection, book, each, today).title for each in asked}
        arrivals = being_matched(connection, book, citizen.party_id, today)
    return render(
        request,
        "portfolio.html",
        portfolio=mine,
        pledges=pledges,
        bonds=bonds,
        arrivals=arrivals,
        documents=documents,
        plans=plans,
        titles={claim.loan_id: claim.title for claim in mine.claims},
        statement_years=_statement_years(mine, today),
        chart=_flow_chart(window(mine.months, today), tongue(language)),
    )


@router.get("/loans/{loan_id}")
def loan(request: Request, wiring: WiringDep, session: AnySession, language: Language, loan_id: str) -> Response:
    """One loan: a lender's own part, or the whole for its borrower and for staff."""
    book, lender = wiring.book, session.party_id if session.role is Role.CITIZEN else None
    with book.read() as connection:
        page = loan_page(connection, book, loan_id, book.today_in(connection), lender)
        recovered = waterfall(connection, book.book_id, loan_book(connection, book.book_id, loan_id), lender=lender)
        keys = [share.entry_key for share in page.shares if share.entry_key]
        keys += [part.entry_key for fall in recovered.recoveries for part in fall.parts if part.own]
        entries = balances.entries_by_key(connection, book.book_id, keys)
    _require_part(page, session)
    signed = published_size(wiring)
    back = home_of(session, language)
    return render(
        request,
        "loan.html",
        page=page,
        waterfall=recovered,
        chart=_schedule_chart(page, tongue(language)),
        states={row.n: row.state for row in page.instalments},
        events=told_events(page.events),
        near=near_instalments(page.instalments),
        documents=page.documents,
        titles={page.loan_id: page.title},
        receipts={key: _receipt(entry, session.party_id, signed) for key, entry in entries.items()},
        back_href=back,
        back_text=tongue(language).text(f"site.menu-{back.rpartition('/')[2]}"),
    )


def _statement_years(mine: Portfolio, today: date) -> list[int]:
    """The calendar years that have a statement, newest first."""
    return list(range(today.year, mine.months[0].month.year - 1, -1)) if mine.months else []


def _receipt(entry: PostedEntry, lender: str, signed: int) -> ReceiptLink:
    """The holder's own line of the entry that distributed an instalment."""
    line = next(each.line for each in entry.lines if (each.account.code, each.account.owner) == (PAYABLE, lender))
    return ReceiptLink(entry.n, line, entry.n < signed)


def _require_part(page: LoanPage, session: Session) -> None:
    """A loan that one has no part in answers as one that does not exist."""
    if not (session.role in STAFF or page.claims or page.borrower == session.party_id):
        raise Refusal("loan-not-known", loan_id=page.loan_id)


def _flow_chart(months: list[MonthFlow], words: Tongue) -> Markup | None:
    if not months:
        return None
    description = words.text(
        "portfolio.flows-description",
        first=words.month(months[0].month),
        last=words.month(months[-1].month),
        expected=words.money(sum(flow.expected_cents for flow in months)),
        received=words.money(sum(flow.received_cents for flow in months)),
    )
    label = Label("flows", words.text("portfolio.flows"), description)
    return paired(flow_bars(months), label, write=words.money_round)


def _schedule_chart(page: LoanPage, words: Tongue) -> Markup:
    rows = page.instalments
    description = words.text(
        "offer.schedule-description",
        n=len(rows),
        first=words.day(rows[0].due_on),
        last=words.day(rows[-1].due_on),
        interest=words.money(sum(row.interest_cents for row in rows)),
        principal=words.money(sum(row.principal_cents for row in rows)),
    )
    label = Label("schedule", words.text("loan.schedule-chart"), description)
    return stacked(loan_bars(rows), label, write=words.money_round)
