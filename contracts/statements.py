"""A lender's yearly statement, derived from the ledger and the frozen schedules; nothing in it is typed or stored.

A row stands for one due date of one claim. It counts as expected in the year it falls due and as received in the year
in which an entry gave it to the lender, so that the years add up even where an instalment comes late.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import sqlalchemy as sa

from contracts.claims import claim_asset
from contracts.documents.model import (
    Addressee,
    ChangedClaim,
    ClaimEvent,
    Language,
    StatementBalance,
    StatementClaim,
    StatementData,
    StatementFlow,
)
from contracts.documents.text import wording
from contracts.loans.books import LoanBook, loan_books
from contracts.loans.model import DocumentDesk
from contracts.loans.queries import LoanPage, loan_page, portfolio
from contracts.loans.received import share_of
from contracts.parties.model import Attribute
from contracts.parties.queries import Keeper, attribute_as_of, display_name
from contracts.secondchance.changes import plan_changes
from ledger import balances
from ledger.accounts import AccountRef, chart_row
from ledger.errors import Refusal
from ledger.money import EUR

FIRST_YEAR = 2020  # the first proxi loans
CLAIM, WRITTEN_OFF, CUT = "020000", "022000", "023000"
AFTER_LOSS = frozenset({ClaimEvent.WRITTEN_OFF, ClaimEvent.RECOVERED})
MONEY_HELD = ("489100", "489200", "489300", "489400")


def statement_data(
    connection: sa.Connection,
    keeper: Keeper,
    lender: str,
    *,
    year: int,
    today: date,
    language: Language,
    desk: DocumentDesk,
) -> StatementData:
    """What the statement of a calendar `year` says, up to `today` if the year is not over.

    Refuses `statement-not-available` for a year that has not begun or in which the lender held no claim yet.
    """
    if not FIRST_YEAR <= year <= today.year:
        raise Refusal("statement-not-available", year=str(year))
    starts_on, ends_on = date(year, 1, 1), min(date(year, 12, 31), today)
    held = dict.fromkeys(line.loan_id for line in portfolio(connection, keeper, lender, today).claims)
    books = loan_books(connection, keeper.book_id, held)
    agreed = [loan_id for loan_id in held if books[loan_id].loan.agreed_on <= ends_on]
    if not agreed:
        raise Refusal("statement-not-available", year=str(year))
    of_loans = [books[loan_id] for loan_id in agreed]
    pages = [loan_page(connection, keeper, loan_id, ends_on, lender) for loan_id in agreed]
    commune = attribute_as_of(connection, keeper, lender, Attribute.COMMUNE, ends_on)
    return StatementData(
        statement_id=f"{lender}-{year}",
        holder=Addressee(
            party=lender,
            name=display_name(connection, keeper, lender),
            address=(str(commune),) if commune else (),
        ),
        starts_on=starts_on,
        ends_on=ends_on,
        issued_on=today,
        known_at_entry=balances.entry_count(connection, keeper.book_id) - 1,
        claims=tuple(_claim(connection, keeper.book_id, page, lender, starts_on, ends_on, language) for page in pages),
        flows=tuple(_flows(connection, keeper.book_id, pages, lender, starts_on, ends_on)),
        changes=tuple(_changes(connection, keeper.book_id, of_loans, lender, starts_on, ends_on)),
        balances=tuple(_money_held(connection, keeper.book_id, lender, ends_on, language)),
        licence_holder=desk.licence_holder,
        verify_address=desk.verify_address,
        sandbox=desk.sandbox,
    )


def _claim(
    connection: sa.Connection,
    book_id: str,
    page: LoanPage,
    lender: str,
    starts_on: date,
    ends_on: date,
    language: Language,
) -> StatementClaim:
    asset = claim_asset(page.loan_id).code

    def stood(code: str, on: date) -> int:
        return balances.balance(connection, book_id, AccountRef(code, lender, asset), on=on)

    return StatementClaim(
        loan_id=page.loan_id,
        title=page.title,
        principal_cents=sum(claim.principal_cents for claim in page.claims),
        opening_cents=stood(CLAIM, starts_on - timedelta(days=1)),
        closing_cents=stood(CLAIM, ends_on),
        overdue_cents=sum(claim.overdue_cents for claim in page.claims),
        lost_cents=stood(WRITTEN_OFF, ends_on),
        cut_cents=stood(CUT, ends_on),
        state_label=wording(language).say(f"state.{page.state_label.value}"),
    )


def _flows(
    connection: sa.Connection, book_id: str, pages: Sequence[LoanPage], lender: str, starts_on: date, ends_on: date
) -> Iterator[StatementFlow]:
    keys = [share.entry_key for page in pages for share in page.shares if share.entry_key]
    entries = balances.entries_by_key(connection, book_id, keys) if keys else {}
    rows = [
        (page, share, share_of(entry, loan_id=page.loan_id, n=share.n, lender=lender) if entry else None)
        for page in pages
        for share in page.shares
        for entry in [entries.get(share.entry_key or "")]
    ]
    for page, share, given in sorted(rows, key=lambda row: (row[1].due_on, row[0].loan_id)):
        is_due = _within(share.due_on, starts_on, ends_on)
        came = given if given and _within(given.on, starts_on, ends_on) else None
        if not is_due and came is None:
            continue
        yield StatementFlow(
            due_on=share.due_on,
            loan_id=page.loan_id,
            title=page.title,
            expected_cents=share.principal_cents + share.interest_cents if is_due else 0,
            received_on=came.on if came else None,
            principal_cents=came.principal_cents if came else 0,
            interest_gross_cents=came.interest_cents if came else 0,
            withholding_cents=came.tax_cents if came else 0,
            net_cents=came.net_cents if came else 0,
            entry=came.entry if came else None,
        )


def _changes(
    connection: sa.Connection, book_id: str, books: Sequence[LoanBook], lender: str, starts_on: date, ends_on: date
) -> list[ChangedClaim]:
    """What plans and losses changed of the claims in the period, and what came after a loss, by date and entry."""
    found = [
        ChangedClaim(
            on=on, loan_id=book.loan.loan_id, subject=book.loan.title, event=event, amount_cents=cents, entry=entry
        )
        for book in books
        for on, event, cents, entry in _changes_of(connection, book_id, book, lender)
        if _within(on, starts_on, ends_on)
    ]
    return sorted(found, key=lambda each: (each.on, each.entry))


def _changes_of(
    connection: sa.Connection, book_id: str, book: LoanBook, lender: str
) -> Iterator[tuple[date, ClaimEvent, int, int]]:
    for change in plan_changes(connection, book_id, book, lender):
        yield change.on, change.event, change.cents, change.entry
    for line in account_lines(connection, book_id, AccountRef(WRITTEN_OFF, lender, book.loan.asset.code)):
        if line.purpose in AFTER_LOSS:
            yield line.effective_on, ClaimEvent(line.purpose), line.debit or line.credit, line.entry


def account_lines(connection: sa.Connection, book_id: str, account: AccountRef) -> list[balances.StatementLine]:
    """An account's lines; none where it was never opened."""
    try:
        return balances.statement(connection, book_id, account)
    except Refusal as refusal:
        if refusal.code != "account-unknown":
            raise
        return []


def _money_held(
    connection: sa.Connection, book_id: str, lender: str, on: date, language: Language
) -> Iterator[StatementBalance]:
    for row in balances.balances(connection, book_id, owner=lender, asset=EUR.code, on=on):
        if row.account.code in MONEY_HELD and row.signed:
            label = chart_row(row.account.code).names[language]
            yield StatementBalance(label=label, account=str(row.account), amount_cents=-row.signed)


def _within(day: date, starts_on: date, ends_on: date) -> bool:
    return starts_on <= day <= ends_on
