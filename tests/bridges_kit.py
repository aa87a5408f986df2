"""Two books in one database, and a transfer between them."""

from ledger.accounts import AccountRef
from ledger.balances import balance
from ledger.book import Book
from ledger.bridges import BRIDGE, Transfer
from ledger.journal import Posting
from tests.entries import BANK, ON

SOURCE, DESTINATION = "main", "vehicle-1"


def transfer(transfer_id: str, cents: int, *, into: str = BANK) -> Transfer:
    """Money leaves one book's bank account for the other's."""
    return Transfer(transfer_id, Posting(AccountRef(BANK), 0, cents), AccountRef.parse(into), ON)


def signed(book: Book, account: str = BANK) -> int:
    with book.read() as connection:
        return balance(connection, book.book_id, AccountRef.parse(account))


def bridges(source: Book, destination: Book) -> tuple[int, int]:
    """What the two bridge accounts come to."""
    return signed(source, f"{BRIDGE}:{destination.book_id}"), signed(destination, f"{BRIDGE}:{source.book_id}")
