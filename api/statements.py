"""A lender's yearly statement as a paper: made when it is asked for, from the books as they stand."""

from typing import cast

from api.bootstrap import Wiring, document_desk
from contracts.documents.model import Language
from contracts.documents.statement import render_statement
from contracts.statements import statement_data


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
    return render_statement(data, chosen)
