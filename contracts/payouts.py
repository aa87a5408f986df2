"""Paying lenders and holders what stands in 489300 for them: one transfer each, to their own verified account.

    request   who is owed what is frozen into a run, however many they are, and put to a second person
    order     five hundred orders a unit of work (`ledger.payments.transfer_runs`), the first with the release
    files     the order files of the run, released together under its own approval (`ledger.payments.run_files`)

The money is theirs from the moment an instalment or a coupon is distributed; a payout moves all of it that the bank has
booked, under four eyes and the cash rule: the share of an instalment that is still with the provider goes with a later
run, as does what comes on a day after that day's run. Whoever can't be paid is parked and listed with the reason, and
her money stays in 489300 for a later run: without a verified account, with one that the bank doubts or that gave money
back, once she has died, while her own payment is charged back or her units are frozen, or where it is less than the
run's smallest transfer. A transfer that comes back puts its money there again too.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from contracts.bonds import proceeds
from contracts.bonds import queries as bonds
from contracts.events import PAYOUT_ORDER
from contracts.loans.books import loan_book
from contracts.loans.cash import PAYABLE, refuse_not_banked, shares_not_banked
from contracts.loans.model import LOAN_REFERENCE
from contracts.parties.estates import estates
from contracts.parties.queries import payout_account_numbers, payout_accounts
from contracts.servicing.accounts import accounts_of
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.errors import Fact, Refusal
from ledger.longrun import many_units
from ledger.payments import batches, payees, queries, run_files, transfer_runs, transfers
from ledger.payments.model import TO_RECOVER, Batch, RunState, TransferKind, TransferOrder
from ledger.payments.payees import Standing
from ledger.payments.transfer_runs import Page, Parked, ParkedLine, RunLine, TransferRun, Wanted
from ledger.storage.base import JSON

_PAGE = 5_000


def payout_pages(uow: UnitOfWork, *, on: date, smallest_cents: int = 1) -> Iterator[Page]:
    """Who is paid what and who is not, in order of their tokens; a page is in memory at a time."""
    frozen = _frozen(uow)
    waiting = shares_not_banked(uow.connection, uow.book_id)
    after = ""
    while owners := balances.owners_after(uow.connection, uow.book_id, PAYABLE, after=after, limit=_PAGE):
        after = owners[-1][0]
        owed = {owner: -posted - waiting.get(owner, 0) for owner, posted in owners}
        amounts = {owner: cents for owner, cents in owed.items() if cents > 0}
        yield _page(uow, amounts, frozen, on=on, smallest_cents=smallest_cents)


def frozen_holders(connection: sa.Connection, book_id: str) -> dict[str, int]:
    """Who owes money that her bank took back, with what she owes in cents: her claims and units stay as they are.

    Until it is recovered or won back she is paid nothing out.
    """
    owed = balances.balances(connection, book_id, code_prefix=TO_RECOVER)
    return {each.account.owner: each.signed for each in owed if each.signed > 0}


def request_payouts(uow: UnitOfWork, *, on: date, reason: str, smallest_cents: int = 1) -> str:
    """Freeze the payouts as they stand and ask a second person to approve them; gives the approval's id.

    What is less than `smallest_cents` waits until it is more. Refuses `payment-amount-not-positive` for such a limit,
    and what `ledger.payments.transfer_runs.plan_run` refuses.
    """
    if smallest_cents <= 0:
        raise Refusal("payment-amount-not-positive", amount_cents=smallest_cents)
    pages = payout_pages(uow, on=on, smallest_cents=smallest_cents)
    kind = TransferKind.PAYOUT
    return transfer_runs.plan_run(uow, pages, kind=kind, on=on, smallest_cents=smallest_cents, reason=reason)


def order_payouts(uow: UnitOfWork, *, approval_id: str, on: date) -> list[str]:
    """Release the payouts that were approved and order the first of them; gives these orders' ids.

    The outbox goes on with the rest, as does `order_rest`. Refuses what `ledger.payments.transfer_runs.begin_run`
    refuses, and `approval-body-changed` for an approval of anything else.
    """
    run_id = run_of(uow.connection, uow.book_id, approval_id)
    transfer_runs.begin_run(uow, run_id, approval_id=approval_id, on=on)
    return _order_part(uow, run_id)


def continue_payouts(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payout.order`: the next part of a run, unless it is done."""
    _order_part(uow, str(body["run_id"]))


def order_rest(book: Book, run_id: str, *, actor: str) -> TransferRun:
    """Order a run that was begun to its last line, part by part; started again, it goes on where it stopped.

    Refuses what `ledger.payments.transfer_runs.order_part` refuses.
    """
    with many_units():
        while True:
            with book.unit_of_work(actor=actor) as uow:
                transfer_runs.order_part(uow, run_id, why_parked)
                run = transfer_runs.transfer_run(uow.connection, uow.book_id, run_id)
            if run.state is RunState.ORDERED:
                return run


def file_payouts(book: Book, run_id: str, *, actor: str) -> list[Batch]:
    """Make the order files of a run that was ordered and let all of them go to the bank; gives those that went.

    Started again, it goes on where it stopped; what waited for a word of the bank meanwhile goes in files of its own.
    Refuses what `ledger.payments.run_files` refuses, and `campaign-cash-short`.
    """
    with many_units():
        run_files.make_files(book, run_id, accounts_of, actor=actor)
    with book.unit_of_work(actor=actor) as uow:
        return run_files.release_files(uow, run_id, recheck=_refuse_orders_not_banked)


def run_of(connection: sa.Connection, book_id: str, approval_id: str) -> str:
    """The run that an approval is for; refuses `approval-unknown`, and `approval-body-changed` where it is for none."""
    approval = approvals.find(connection, book_id, approval_id)
    if approval is None:
        raise Refusal("approval-unknown", approval=approval_id[:40])
    if approval.action != transfer_runs.ACTION:
        raise Refusal("approval-body-changed", approval=approval_id, action=transfer_runs.ACTION)
    return str(approval.body["run_id"])


def why_parked(uow: UnitOfWork, lines: Sequence[RunLine]) -> dict[str, Parked]:
    """Which payees of a run's lines can't be paid as they were approved, as it stands now.

    Nobody else orders payouts meanwhile: there is one run at a time.
    """
    frozen = _frozen(uow)
    waiting = shares_not_banked(uow.connection, uow.book_id)
    payees_ = [line.payee for line in lines]
    stands = balances.of_owners(uow.connection, uow.book_id, PAYABLE, payees_)
    accounts = payout_account_numbers(uow.connection, uow.book_id, payees_, uow.today())
    found: dict[str, Parked] = {}
    for line in lines:
        if line.payee in frozen:
            found[line.payee] = Parked.FROZEN
        elif accounts.get(line.payee) != line.account_seq:
            found[line.payee] = Parked.ACCOUNT_CHANGED
        elif -stands.get(line.payee, 0) - waiting.get(line.payee, 0) < line.amount_cents:
            found[line.payee] = Parked.AMOUNT_CHANGED
    return found


def release_file(uow: UnitOfWork, batch_id: str, *, approval_id: str) -> None:
    """Let a file of orders go to the bank; since they were made, the provider may have taken a settlement back.

    Refuses what `ledger.payments.batches.release_batch` refuses, and `campaign-cash-short` for an order whose money is
    with the provider again.
    """
    transfers.pass_gate(uow)
    waiting = shares_not_banked(uow.connection, uow.book_id)
    for order in queries.orders_of_file(uow.connection, uow.book_id, batch_id):
        if order.reference.startswith(LOAN_REFERENCE):
            loan_id = order.reference.removeprefix(LOAN_REFERENCE)
            refuse_not_banked(uow, loan_book(uow.connection, uow.book_id, loan_id))
        elif order.reference.startswith(proceeds.REFERENCE):
            proceeds.refuse_not_banked(uow, order.reference.removeprefix(proceeds.REFERENCE))
        elif order.kind is TransferKind.PAYOUT and order.payee in waiting:
            _refuse_not_banked(uow, order, waiting[order.payee])
    batches.release_batch(uow, batch_id, approval_id=approval_id)


def _order_part(uow: UnitOfWork, run_id: str) -> list[str]:
    order_ids = transfer_runs.order_part(uow, run_id, why_parked)
    run = transfer_runs.transfer_run(uow.connection, uow.book_id, run_id)
    if run.state is RunState.ORDERING:
        uow.emit(PAYOUT_ORDER, f"{run_id}:{run.next_line}", {"run_id": run_id})
    return order_ids


def _frozen(uow: UnitOfWork) -> frozenset[str]:
    owing = frozen_holders(uow.connection, uow.book_id).keys()
    dead = {each.party_id for each in estates(uow.connection, uow.book_id)}
    return bonds.frozen_holders(uow.connection, uow.book_id) | owing | dead


def _page(uow: UnitOfWork, amounts: dict[str, int], frozen: frozenset[str], *, on: date, smallest_cents: int) -> Page:
    connection, book_id = uow.connection, uow.book_id
    references = {owner: f"payout:{owner}:{on.isoformat()}" for owner in amounts}
    paid_today = transfers.ordered(connection, book_id, references.values())
    accounts = payout_accounts(connection, uow, amounts, on)
    doubted = _in_doubt(uow, payees.doubted(connection, book_id, accounts), on)
    wanted: list[Wanted] = []
    parked: list[ParkedLine] = []
    for owner, cents in amounts.items():
        reason = None
        if references[owner] in paid_today:
            reason = Parked.PAID_TODAY
        elif owner in frozen:
            reason = Parked.FROZEN
        elif owner not in accounts:
            reason = Parked.NO_ACCOUNT
        elif owner in doubted:
            reason = Parked.ACCOUNT_IN_DOUBT
        elif cents < smallest_cents:
            reason = Parked.TOO_SMALL
        if reason is not None:
            parked.append(ParkedLine(owner, cents, reason.value))
            continue
        seq, iban = accounts[owner]
        wanted.append(Wanted(references[owner], owner, cents, AccountRef(PAYABLE, owner), iban[-4:], seq))
    return Page(wanted, parked)


def _in_doubt(uow: UnitOfWork, candidates: set[str], on: date) -> frozenset[str]:
    """Those whose present account the bank doubts, or gave money back from."""
    accounts = accounts_of(uow.connection, uow, candidates, on)
    standings = payees.standings(uow.connection, uow, accounts, now=uow.now())
    return frozenset(owner for owner, standing in standings.items() if standing is Standing.PARKED)


def _refuse_orders_not_banked(uow: UnitOfWork, run: TransferRun) -> None:
    """What a run pays must still be at the bank, whatever settlement the provider has taken back since."""
    waiting = shares_not_banked(uow.connection, uow.book_id)
    if waiting and run.approval_id is not None:
        for order in queries.open_orders_to(uow.connection, uow.book_id, waiting, approval_id=run.approval_id):
            _refuse_not_banked(uow, order, waiting[order.payee])


def _refuse_not_banked(uow: UnitOfWork, order: TransferOrder, waiting_cents: int) -> None:
    kept_cents = -balances.balance(uow.connection, uow.book_id, AccountRef(PAYABLE, order.payee))
    missing_cents = waiting_cents - kept_cents
    if missing_cents > 0:
        facts: dict[str, Fact] = {"amount_cents": order.amount_cents, "missing_cents": missing_cents}
        raise Refusal("campaign-cash-short", order_id=order.order_id, **facts)
