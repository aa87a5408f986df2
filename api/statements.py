"""A lender's yearly statement as a paper: made when it is asked for, from the books as they stand."""

from typing import cast

from api.bootstrap import Wiring, document_desk
from api.totals import own_totals
from contracts.documents.model import Language, StatementTotals
from contracts.documents.statement import render_statement
from contracts.statements import statement_data
from ledger.verify.report import Verdict


def statement_pdf(wiring: Wiring, lender: str, year: int, *, language: str) -> bytes:
    """The statement of a calendar year; refuses `statement-not-available`."""
    book = wiring.book
    chosen = cast("Language", language)
    with book.read() as connection:
        data = statement_data(
            connection,
            book,
            lender,
            year=year,
            today=book.today_in(connection),
            language=chosen,
            desk=document_desk(wiring),
        )
    return render_statement(data, chosen, totals=_totals(wiring, lender))


def _totals(wiring: Wiring, lender: str) -> StatementTotals | None:
    """Her part in the newest totals, once the signed log shows them: checked, or found not to be there."""
    found = own_totals(wiring, lender)
    if found is None or found.report.verdict is Verdict.INCOMPLETE:
        return None
    return StatementTotals(
        until_on=found.until_on,
        entry=found.entry,
        accounts=len(found.holdings),
        is_checked=found.report.verdict is Verdict.VERIFIED,
        paths=found.paths,
    )
