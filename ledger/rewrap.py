"""The wrapping key is replaced every 30 days, so that what was copied before then opens nothing that is erased after.

    1  a new key in a file beside the old one
    2  every live subject key wrapped anew under it, in one database transaction
    3  after the commit the new file takes the place of the old one, which is gone

A crash before the commit leaves the old key in force, one after it the new one: whoever opens the book takes the file
that opens the book's own key, and the next replacement, or the next night, tidies up.
"""

from datetime import timedelta

from ledger import crash
from ledger.book import Book
from ledger.errors import InvariantError
from ledger.storage.wrapping import WrappingFile

VALID_FOR = timedelta(days=30)
ACTOR = "job:rewrap"


def rewrap(book: Book) -> int:
    """Replace the wrapping key; gives how many subject keys were wrapped anew."""
    file = _file(book)
    with file.held():
        with book.unit_of_work(actor=ACTOR) as unit:
            file.settle(book.keys.lock_current(unit.connection))
            new = file.make_next()
            crash.reach("rewrap.after-file")
            count = book.keys.rewrap(unit.connection, new)
            crash.reach("rewrap.before-commit")
        crash.reach("rewrap.after-commit")
        file.promote()
    return count


def rewrap_when_due(book: Book) -> int:
    """Replace the wrapping key if it is 30 days old; finish a replacement that was cut short."""
    if book.keys.file is None:  # the keys of a test, which no file holds
        return 0
    if book.clock.now() - book.keys.file.made_at() >= VALID_FOR:
        return rewrap(book)
    if book.keys.file.next.exists():
        with book.keys.file.held(), book.unit_of_work(actor=ACTOR) as unit:
            book.keys.file.settle(book.keys.lock_current(unit.connection))
    return 0


def _file(book: Book) -> WrappingFile:
    if book.keys.file is None:
        raise InvariantError("these keys are wrapped under a key that no file holds")
    return book.keys.file
