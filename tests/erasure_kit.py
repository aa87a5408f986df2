"""What tests of erasures share: a citizen whose money came and went, attested, and two people who erase her.

python -m tests.erasure_kit URL APPROVAL     erases c17 under an approval, to be killed meanwhile
"""

import sys
from datetime import timedelta

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.attest import attest
from ledger.book import Book, open_book
from ledger.clock import FixedClock
from ledger.erasure import Basis, erase, request_erasure
from ledger.facts import Hold, Release, ReleaseKind, rule_change
from ledger.storage.engine import open_engine
from tests.conftest import NOON, make_keys
from tests.entries import back, paid, post

ERASED = "c17"


def come_and_go(book: Book, clock: FixedClock) -> None:
    """Money of c17 came, was reserved, was limited, was paid back and is gone; that of c18 is still here."""
    post(book, paid("in:17", 500), paid("in:18", 300, citizen="c18"))
    post(book, Hold(back("hold:1", 200, purpose="payout-reserved")), Hold(back("hold:2", 50)))
    post(book, rule_change("cap", AccountRef.parse("489100:c17"), floor=0, ceiling=900))
    post(book, back("out:1", 200, settles="hold:1"), Release("void", "hold:2", ReleaseKind.VOID))
    post(book, paid("wrong", 7), back("wrong:back", 7, reverses="wrong"))
    post(book, back("out:2", 300))
    clock.instant += timedelta(days=1)


def asked(book: Book, owner: str = ERASED, *, key: str = "state:asked") -> str:
    """An approval to erase `owner` that the second person has given, with everything attested."""
    with book.unit_of_work(actor="s1") as unit:
        approval_id = request_erasure(unit, owner, basis=Basis.NO_LONGER_NEEDED, reason="The law keeps nothing more.")
    with book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
    with book.unit_of_work(actor="job:attest") as unit:
        attest(unit, key=key)
    return approval_id


def erased(book: Book, owner: str = ERASED) -> list[int]:
    """Erase `owner`; the numbers of the entries that say so."""
    approval_id = asked(book, owner, key=f"state:{owner}")
    with book.unit_of_work(actor="s1") as unit:
        erase(unit, owner, approval_id=approval_id)
    return [result.n for result in unit.results]


def main(url: str, approval_id: str) -> None:
    book = open_book(open_engine(url), "main", clock=FixedClock(NOON + timedelta(days=1)), keys=make_keys())
    with book.unit_of_work(actor="s1") as unit:
        erase(unit, ERASED, approval_id=approval_id)
    sys.stdout.write("erased\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
