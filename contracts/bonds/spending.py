"""Use cases of the proceeds: enter what was paid out, allocate it to projects, and note what they spend.

Two people agree to every allocation and to every expense, on a paper whose SHA-256 is its evidence. The same paper
allocates once and pays for one expense, whatever series or project is named the second time. No project spends more
than its cash, no series allocates more than its own. An expense that was paid before the money came is refinanced: its
entry bears the day on which the money came, its own day stays with it.
"""

from collections.abc import Mapping
from datetime import date

from contracts import moves
from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.lifecycle import PROCEEDS
from contracts.bonds.model import Series, SeriesState
from contracts.bonds.proceeds import REFERENCE
from contracts.bonds.projects import Expense, UseKind, check_paid_on
from contracts.bonds.service import JOB, lock_series
from contracts.bonds.uses import expense_facts, expense_of, proceeds_id, uses
from ledger import approvals, balances
from ledger.book import Book, UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.journal import is_plain_text
from ledger.payments.model import TransferOrder, TransferState
from ledger.payments.queries import transfer_orders
from ledger.storage.base import JSON

ALLOCATE, SPEND = "allocate-proceeds", "spend-proceeds"
"""What two people agree to."""


def enter_proceeds(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `transfer.booked` of a payout: what an issuer has received is cash of its series from now on."""
    if str(body["reference"]).startswith(REFERENCE):
        _enter(uow, str(body["reference"]).removeprefix(REFERENCE))


def enter_due_proceeds(book: Book, _on: date) -> int:
    """Dated job: the proceeds that were paid out before their use was kept are entered; gives how many series."""
    with book.read() as connection:
        found = q.series_ids(connection, book.book_id, SeriesState.RUNNING, SeriesState.REDEEMED)
        known = moves.moves_of(connection, book.book_id, [proceeds_id(series_id) for series_id in found])
    done = 0
    for series_id in [each for each in found if not known[proceeds_id(each)]]:
        with book.unit_of_work(actor=JOB) as uow:
            done += _enter(uow, series_id)
    return done


def request_allocation(
    uow: UnitOfWork, series_id: str, *, project_id: str, amount_cents: int, release: bool, evidence: str, reason: str
) -> str:
    """Ask a second person to approve that cash of the series becomes a project's, or is released by it.

    Gives the approval's id. Refuses `series-not-known`, `project-not-known`, `expense-amount-not-positive`,
    `expense-evidence-missing`, `proceeds-not-paid-out`, `expense-evidence-repeated`, `allocation-over-earmark`, and
    `series-cash-short` or `project-cash-short` for more than there is.
    """
    series = lock_series(uow, series_id).series
    kind = UseKind.RELEASED if release else UseKind.ALLOCATED
    _check_allocation(uow, series, kind, project_id, amount_cents, evidence)
    stated: dict[str, JSON] = {"project_id": project_id, "amount_cents": amount_cents, "evidence": evidence}
    body: dict[str, JSON] = {"series_id": series_id, "kind": kind.value, **stated}
    return approvals.request(uow, action=ALLOCATE, body=body, reason=reason)


def allocate(uow: UnitOfWork, series_id: str, *, approval_id: str) -> None:
    """Do what was approved, today; refuses what the request and `ledger.approvals` refuse."""
    body = approvals.require_for(uow, approval_id, ALLOCATE, series_id=series_id)
    series, on = lock_series(uow, series_id).series, uow.today()
    kind, project_id = UseKind(str(body["kind"])), str(body["project_id"])
    amount_cents, evidence = int(str(body["amount_cents"])), str(body["evidence"])
    _check_allocation(uow, series, kind, project_id, amount_cents, evidence)
    entry = postings.proceeds_allocated(
        series_id,
        project_id,
        kind=kind,
        amount_cents=amount_cents,
        paper=evidence,
        on=on,
        actor=uow.actor,
        approval_id=approval_id,
    )
    uow.post(entry)
    facts: dict[str, JSON] = {"project_id": project_id, "amount_cents": amount_cents}
    moves.record_move(
        uow, PROCEEDS, proceeds_id(series_id), kind.value, on=on, evidence=evidence, fact_key=entry.key, facts=facts
    )


def request_expense(uow: UnitOfWork, series_id: str, expense: Expense, *, reason: str) -> str:
    """Ask a second person to approve that a project paid this out of its cash; gives the approval's id.

    Refuses `series-not-known`, `project-not-known`, `expense-amount-not-positive`, `expense-title-malformed`,
    `expense-evidence-missing`, `expense-evidence-repeated`, `date-not-reached`, `expense-before-look-back`,
    `expense-after-deadline`, `proceeds-not-paid-out`, and `project-cash-short` for more than the project has.
    """
    _check_expense(uow, lock_series(uow, series_id).series, expense)
    body: dict[str, JSON] = {"series_id": series_id, **expense_facts(expense), "evidence": expense.evidence}
    return approvals.request(uow, action=SPEND, body=body, reason=reason)


def spend(uow: UnitOfWork, series_id: str, *, approval_id: str) -> None:
    """Enter the expense that was approved; refuses what the request and `ledger.approvals` refuse."""
    body = approvals.require_for(uow, approval_id, SPEND, series_id=series_id)
    series, expense = lock_series(uow, series_id).series, expense_of(body, str(body["evidence"]))
    _check_expense(uow, series, expense)
    [entered_on] = [each.on for each in uses(uow.connection, uow.book_id, series_id) if each.kind is UseKind.ENTERED]
    on = max(expense.paid_on, entered_on)
    entry = postings.proceeds_spent(series_id, expense, on=on, actor=uow.actor, approval_id=approval_id)
    uow.post(entry)
    moves.record_move(
        uow,
        PROCEEDS,
        proceeds_id(series_id),
        UseKind.SPENT.value,
        on=on,
        evidence=expense.evidence,
        fact_key=entry.key,
        facts=expense_facts(expense),
    )


def _enter(uow: UnitOfWork, series_id: str) -> bool:
    """Enter the amount of the booked transfer to the issuer, once; whether it was now."""
    lock_series(uow, series_id)
    name, order = proceeds_id(series_id), _booked(uow, series_id)
    if order is None or order.booked_on is None or moves.last_move(uow.connection, uow.book_id, name) is not None:
        return False
    on, cents = order.booked_on, order.amount_cents
    entry = postings.proceeds_entered(series_id, order_id=order.order_id, amount_cents=cents, on=on, actor=uow.actor)
    uow.post(entry)
    facts: dict[str, JSON] = {"amount_cents": cents}
    moves.record_move(uow, PROCEEDS, name, UseKind.ENTERED.value, on=on, fact_key=entry.key, facts=facts)
    return True


def _booked(uow: UnitOfWork, series_id: str) -> TransferOrder | None:
    """The transfer to the issuer that the bank has booked and that has not come back."""
    orders = transfer_orders(uow.connection, uow.book_id, reference=f"{REFERENCE}{series_id}")
    return next((each for each in orders if each.state is TransferState.BOOKED), None)


def _refuse_not_paid_out(uow: UnitOfWork, series_id: str) -> None:
    is_entered = moves.last_move(uow.connection, uow.book_id, proceeds_id(series_id)) is not None
    if not is_entered or _booked(uow, series_id) is None:
        raise Refusal("proceeds-not-paid-out", series_id=series_id)


def _check_allocation(
    uow: UnitOfWork, series: Series, kind: UseKind, project_id: str, amount_cents: int, evidence: str
) -> None:
    series_id, project = series.series_id, series.terms.proceeds.project(project_id)
    _check_stated(amount_cents, evidence)
    _refuse_not_paid_out(uow, series_id)
    named = {"project": postings.project_ref(series_id, project_id), "paper": evidence}
    _refuse_repeated(uow, postings.PROCEEDS_ALLOCATED.fact_key(named), evidence)
    if kind is UseKind.RELEASED:
        _refuse_short(uow, series_id, project_id, amount_cents)
        return
    cash, spent = postings.project_cash(series_id, project_id), postings.project_spent(series_id, project_id)
    has = sum(balances.balance(uow.connection, uow.book_id, account) for account in (cash, spent))
    if has + amount_cents > project.earmark_cents:
        limit_cents = project.earmark_cents - has
        raise Refusal("allocation-over-earmark", project=project_id, amount_cents=amount_cents, limit_cents=limit_cents)
    there = balances.balance(uow.connection, uow.book_id, postings.unallocated(series_id))
    if amount_cents > there:
        raise Refusal("series-cash-short", series_id=series_id, amount_cents=amount_cents, there_cents=there)


def _check_expense(uow: UnitOfWork, series: Series, expense: Expense) -> None:
    terms, series_id = series.terms, series.series_id
    terms.proceeds.project(expense.project_id)
    _check_stated(expense.amount_cents, expense.evidence)
    if not is_plain_text(expense.title):
        raise Refusal("expense-title-malformed")
    check_happened(expense.paid_on, today=uow.today())
    check_paid_on(terms.proceeds, expense.paid_on, issued_on=terms.issued_on)
    _refuse_not_paid_out(uow, series_id)
    _refuse_repeated(uow, postings.PROCEEDS_SPENT.fact_key({"paper": expense.evidence}), expense.evidence)
    _refuse_short(uow, series_id, expense.project_id, expense.amount_cents)


def _check_stated(amount_cents: int, evidence: str) -> None:
    if amount_cents <= 0:
        raise Refusal("expense-amount-not-positive", amount_cents=amount_cents)
    if not evidence:
        raise Refusal("expense-evidence-missing")
    moves.check_evidence(evidence, key=PROCEEDS.name)


def _refuse_short(uow: UnitOfWork, series_id: str, project_id: str, amount_cents: int) -> None:
    there = balances.balance(uow.connection, uow.book_id, postings.project_cash(series_id, project_id))
    if amount_cents > there:
        raise Refusal("project-cash-short", project=project_id, amount_cents=amount_cents, there_cents=there)


def _refuse_repeated(uow: UnitOfWork, key: str, evidence: str) -> None:
    if balances.entry_by_key(uow.connection, uow.book_id, key) is not None:
        raise Refusal("expense-evidence-repeated", evidence=evidence)
