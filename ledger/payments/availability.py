"""Which ways to pay the provider has switched on: asked now and then, a missing one is a case and is not offered."""

from ledger.book import Book
from ledger.errors import Refusal
from ledger.payments.inbox import ACTOR
from ledger.payments.methods import PaymentKind, at_provider, offered
from ledger.payments.queries import METHOD_CASE, missing_methods
from ledger.payments.rail import PaymentRail
from ledger.payments.rows import open_case
from ledger.payments.service import close_case

USUAL_CENTS = 10_000
"""An amount that every method takes."""


def check_methods(book: Book, rail: PaymentRail) -> int:
    """Ask the provider, open a case for each method that is missing, close those of methods that are back.

    Gives how many cases were opened or closed; raises `RailError` where the provider does not answer.
    """
    known = {method.code for method in rail.methods(USUAL_CENTS)}
    with book.unit_of_work(actor=ACTOR) as uow:
        wanted = set(at_provider(offered(PaymentKind.PLEDGE, USUAL_CENTS, uow.today())))
        cases = missing_methods(uow.connection, uow.book_id)
        missing = wanted - known - cases.keys()
        back = cases.keys() - (wanted - known)
        for code in sorted(missing):
            subject = f"{code}@{uow.now().isoformat(timespec='seconds')}"
            open_case(uow, subject, Refusal(METHOD_CASE, method=code), payment_id=None)
        for code in sorted(back):
            close_case(uow, subject=cases[code], code=METHOD_CASE, reason="switched on")
    return len(missing) + len(back)
