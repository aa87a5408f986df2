"""The waterfall of what comes after a loss: of each recovery, where every euro went, as the entries have it.

    received ──> costs ──> late interest ──> interest ──> principal ──> what is more than the loss goes back
                                                              └──> each lender, by what she has still lost

The order is that of a payment under each lender's agreement (article 8), signed when the loan is made. The agreement
asks for neither costs nor late interest, and stating the loss cancels what was called of interest; a loss is principal
alone, so that whatever comes after it is principal. Cents go by largest remainder (`recovery_shares`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.loans.books import LoanBook
from contracts.loans.lifecycle import CALLED, CANCELLED, CLAIM_PASSED, RECOVERED
from contracts.loans.model import LenderClaim
from contracts.loans.postings import PAYMENT_UNUSABLE, RECOVERY_DISTRIBUTED, collected
from contracts.loans.simulation.dues import LAWFUL, Component
from ledger.balances import PostedEntry, entries_by_key


@dataclass(frozen=True, slots=True)
class ComponentLine:
    """What was owed of a component before a recovery, and what the recovery paid of it, in cents."""

    component: Component
    owed_cents: int
    paid_cents: int

    @property
    def left_cents(self) -> int:
        """What is owed of it afterwards."""
        return self.owed_cents - self.paid_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderPart:
    """A claim's part of a recovery, in cents; `own` if it is the reader's.

    `posted_cents` is what its entry gave the lender: nothing until the money is shared out. Others are named by number.
    """

    number: int
    lost_before_cents: int
    part_cents: int
    posted_cents: int
    entry_key: str
    own: bool

    @property
    def lost_after_cents(self) -> int:
        """What the claim has still lost afterwards."""
        return self.lost_before_cents - self.part_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryFall:
    """One recovery: what came on a day, what it paid in the order agreed, and what went back, in cents."""

    n: int
    received_on: date
    received_cents: int
    components: tuple[ComponentLine, ...]
    sent_back_cents: int
    parts: tuple[LenderPart, ...]

    @property
    def shared_cents(self) -> int:
        """What the lenders have of it together."""
        return sum(part.part_cents for part in self.parts)

    @property
    def is_shared_out(self) -> bool:
        """Whether every lender's entry is posted; else it is under way, or waits for the client account."""
        return all(part.posted_cents == part.part_cents for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """Every recovery of a lost loan in order; `cancelled_interest_cents` was called, and cancelled with the loss."""

    loan_id: str
    title: str
    cancelled_interest_cents: int
    recoveries: tuple[RecoveryFall, ...]


def waterfall(connection: sa.Connection, book_id: str, book: LoanBook, *, lender: str | None = None) -> Waterfall:
    """What came after the loss of a loan and where it went; nothing for a loan that nothing was recovered of."""
    came, till = book.events(RECOVERED), str(collected(book.loan.loan_id))
    paid = [str(move.facts["payment_id"]) for move in came]
    keys = [_part_key(payment_id, claim) for payment_id in paid for claim in book.claims]
    entries = entries_by_key(connection, book_id, [*keys, *map(_back_key, paid)])
    falls = []
    for move, payment_id, lost, shares in zip(came, paid, _lost_before(book), book.recovered, strict=True):
        shared_cents = int(str(move.facts["recovered_cents"]))
        sent_back_cents = _moved(entries.get(_back_key(payment_id)), till)
        parts = tuple(
            LenderPart(
                number=claim.number,
                lost_before_cents=lost[claim.number],
                part_cents=shares[claim.pledge_id],
                posted_cents=_moved(entries.get(_part_key(payment_id, claim)), till),
                entry_key=_part_key(payment_id, claim),
                own=claim.lender == lender,
            )
            for claim in book.claims
            if lost[claim.number]
        )
        falls.append(
            RecoveryFall(
                n=int(str(move.facts["n"])),
                received_on=move.effective_on,
                received_cents=shared_cents + sent_back_cents,
                components=in_order({Component.PRINCIPAL: sum(lost.values())}, shared_cents),
                sent_back_cents=sent_back_cents,
                parts=parts,
            )
        )
    return Waterfall(
        loan_id=book.loan.loan_id,
        title=book.loan.title,
        cancelled_interest_cents=_cancelled_interest(book),
        recoveries=tuple(falls),
    )


def in_order(owed: Mapping[Component, int], cents: int) -> tuple[ComponentLine, ...]:
    """An amount put against what is owed, in cents, component by component in the lawful order.

    >>> [line.paid_cents for line in in_order({Component.INTEREST: 1_000, Component.PRINCIPAL: 9_000}, 1_500)]
    [0, 0, 1000, 500]
    """
    lines, left = list[ComponentLine](), cents
    for component in LAWFUL:
        paid = min(left, owed.get(component, 0))
        left -= paid
        lines.append(ComponentLine(component, owed.get(component, 0), paid))
    assert left == 0, "a recovery is no more than what is owed"
    return tuple(lines)


def _lost_before(book: LoanBook) -> Sequence[Mapping[int, int]]:
    """What each claim had lost, by number, just before each recovery: from what it has lost in the end, backwards."""
    left = {claim.number: book.position_of(claim).lost_cents(date.max) for claim in book.claims}
    recovered, passings, found = list(book.recovered), list(book.passings), list[Mapping[int, int]]()
    for move in reversed(book.history):
        if move.event == RECOVERED:
            shares = recovered.pop()
            left = {claim.number: left[claim.number] + shares[claim.pledge_id] for claim in book.claims}
            found.append(left)
        elif move.event == CLAIM_PASSED and (passing := passings.pop()).is_lost:
            left = left | {part.number: 0 for part in passing.to} | {passing.number: passing.cents}
    return found[::-1]


def _cancelled_interest(book: LoanBook) -> int:
    """Interest that was called and then cancelled, in cents, other than by a plan."""
    return sum(
        due.interest_cents
        for due in book.instalments
        if due.n not in book.dropped and book.instalment_on(due.n, CALLED) and book.instalment_on(due.n, CANCELLED)
    )


def _moved(entry: PostedEntry | None, account: str) -> int:
    """What an entry took from an account, in cents; nothing if it is not posted."""
    return sum(line.debit for line in entry.lines if str(line.account) == account) if entry else 0


def _part_key(payment_id: str, claim: LenderClaim) -> str:
    return RECOVERY_DISTRIBUTED.fact_key({"recovery": payment_id, "pledge": claim.pledge_id})


def _back_key(payment_id: str) -> str:
    return PAYMENT_UNUSABLE.fact_key({"payment": payment_id})
