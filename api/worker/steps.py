"""What the worker does, step by step, and which function handles which topic of the outbox.

relay        rows of the outbox -> their handlers
calls        frozen provider calls -> the provider
books        the provider's settlements, fees and other movements -> facts
bank         released files -> the bank; its answers and statements -> facts; payees asked
inbox        wake-up calls -> the whole truth -> facts
jobs         what falls due with the date
agreements   issued claims -> signed papers
agreements   claims without a paper -> signed agreements
mails        written mail -> the mail server
totals       the last closed period -> its totals
integrate    committed entries -> tiles of the published log
checkpoints  what the signer published -> rows
sweep        what no webhook told
nights       the same, fourteen months back, and the provider's own books, once a night
methods      which ways to pay the provider has switched on
holds        holds whose instant has come -> their end
bridges      transfers to other books that something cut short
calendar     the next day of a move of the sandbox's date
referees     what foreign programs say of every balance, once a night
anchor       the published checkpoint -> the timestamp authority, once a day
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import cast

from api.bootstrap import Wiring, document_desk, open_book, search_path
from api.mail.render import MailFact
from api.mail.service import send_due_mails, write_mail
from api.worker import dates
from api.worker.anchoring import DailyAnchor
from api.worker.banking import deal_with_bank
from api.worker.jobs import run_dated_jobs
from api.worker.loop import Step, run_until_idle
from api.worker.nightly import NightlyReferees
from api.worker.relay import Handler, Together, relay
from api.worker.sweeping import NightlySweep
from contracts.agreements import write_due_agreements
from contracts.dispatch import CHARGEBACKS, HANDLERS, loan_of_paid_due, resolve_credit
from contracts.dispatch import Handler as ProductHandler
from contracts.events import MAIL_TEMPLATES, PAYMENT_PAID
from contracts.letters import write_due_letters
from contracts.loans.dues import settle_dues
from ledger.announcing import publish_policies
from ledger.audit.totals import enter_totals, publish_totals
from ledger.book import Book, UnitOfWork
from ledger.bridges import open_peers
from ledger.bridges import sweep as sweep_bridge
from ledger.holds import expire_due
from ledger.integrator import copy_checkpoint, integrate, read_checkpoint
from ledger.outbox import OutboxRow
from ledger.payments.availability import check_methods
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox
from ledger.payments.movements import import_books
from ledger.payments.sweep import sweep

SWEEP_SECONDS = 600.0
METHODS_SECONDS = 3600.0
LOG_SECONDS = 1.0
TOTALS_SECONDS = 5.0
INTEGRATE_SECONDS = 0.25
"""Each run leaves unfinished tiles that stay: an entry waits a moment for others, and no longer than is felt."""
NIGHTLY_SECONDS = 60.0
BANK_SECONDS = 20.0
BOOKS_BACK = timedelta(days=7)
HOLD_SECONDS = 1.0
MOST_SWEEPS = 5
HOLD_MARGIN = timedelta(days=1)
"""No commit takes as long: a hold expires after it is booked, so one that appears later expires later."""


PAID_DUES = Together(
    PAYMENT_PAID,
    object_of=lambda row: loan_of_paid_due(row.body),
    handle=lambda uow, rows: settle_dues(uow, [row.body for row in rows]),
)
"""A day's dues are paid by the hundred, with one bank statement."""


def steps(wiring: Wiring) -> list[Step]:
    """Everything the worker does, in the order in which one thing leads to the next."""
    book = wiring.book
    return [
        *money_steps(wiring),
        Step("books", lambda: read_provider_books(wiring), every=SWEEP_SECONDS),
        Step("bank", lambda: deal_with_bank(wiring), every=BANK_SECONDS),
        Step("agreements", lambda: write_due_agreements(book, document_desk(wiring)), every=LOG_SECONDS),
        Step("letters", lambda: write_due_letters(book, document_desk(wiring)), every=LOG_SECONDS),
        Step("mails", lambda: send_due_mails(book, wiring.mail)),
        Step("totals", lambda: enter_totals(book), every=TOTALS_SECONDS),
        Step("integrate", _Integrator(wiring), every=INTEGRATE_SECONDS, pace=INTEGRATE_SECONDS),
        Step("checkpoints", _CheckpointCopier(wiring), every=LOG_SECONDS),
        Step("sweep", lambda: sweep(book, wiring.rail), every=SWEEP_SECONDS),
        Step("nights", NightlySweep(book, wiring.rail, wiring.provider_books), every=NIGHTLY_SECONDS),
        Step("methods", lambda: check_methods(book, wiring.rail), every=METHODS_SECONDS),
        Step("holds", _HoldTimer(wiring), every=HOLD_SECONDS),
        Step("bridges", lambda: sweep_bridges(wiring), every=SWEEP_SECONDS),
        Step("calendar", lambda: live_one_day(wiring)),
        Step("referees", NightlyReferees(book, search_path=search_path()), every=NIGHTLY_SECONDS),
        Step("anchor", DailyAnchor(wiring), every=NIGHTLY_SECONDS),
    ]


def money_steps(wiring: Wiring) -> list[Step]:
    """The steps that must come to rest before a day is over."""
    book = wiring.book
    return [
        Step("relay", partial(deliver, book, handlers(wiring))),
        Step("calls", lambda: send_due_calls(book, wiring.rail)),
        Step("inbox", lambda: process_inbox(book, wiring.rail, resolve_credit=resolve_credit, chargebacks=CHARGEBACKS)),
        Step("jobs", lambda: run_dated_jobs(book)),
    ]


def deliver(book: Book, handlers: Mapping[str, Handler]) -> int:
    """What products told each other goes before mail, however much of that a day of many dues has left."""
    return relay(book, handlers, topics=HANDLERS, together=PAID_DUES) or relay(book, handlers)


def handlers(wiring: Wiring) -> Mapping[str, Handler]:
    """What happens with each topic: products' own facts, and mail."""
    products = {topic: _with_body(handle) for topic, handle in HANDLERS.items()}
    mails = {f"mail.{template}": partial(_write_mail, wiring.settings.origin) for template in MAIL_TEMPLATES}
    return {**products, **mails}


def live_one_day(wiring: Wiring) -> int:
    """One day of an open move of the date, in a sandbox."""
    if wiring.sandbox is None:
        return 0
    return dates.advance(wiring.book, tell=partial(tell, wiring), settle=partial(settle, wiring))


def settle(wiring: Wiring) -> None:
    """Let everything that is due today come to rest, whether or not the provider's calls arrive."""
    money = money_steps(wiring)
    deal_with_bank(wiring, look_back=timedelta())
    run_until_idle(money)
    for _ in range(MOST_SWEEPS):
        if not sweep(wiring.book, wiring.rail):
            break
        run_until_idle(money)
    if read_provider_books(wiring):
        run_until_idle(money)


def read_provider_books(wiring: Wiring) -> int:
    """Record what is new in the provider's own books; gives how many facts."""
    if wiring.provider_books is None:
        return 0
    return import_books(wiring.book, wiring.provider_books, since=wiring.book.today() - BOOKS_BACK)


def tell(wiring: Wiring, today: date) -> None:
    """Give the sandbox the date."""
    assert wiring.sandbox is not None
    wiring.sandbox.set_date(today)


def _with_body(handle: ProductHandler) -> Handler:
    return lambda uow, row: handle(uow, row.body)


def _write_mail(origin: str, uow: UnitOfWork, row: OutboxRow) -> None:
    """A product's wish for a mail becomes the mail, with a link in its reader's language."""
    template, page = str(row.body["template"]), (origin, str(row.body["path"]))
    facts = cast("Mapping[str, MailFact]", row.body["facts"])
    write_mail(uow, template=template, to=str(row.body["to"]), key=f"{template}:{row.key}", facts=facts, page=page)


def sweep_bridges(wiring: Wiring) -> int:
    """Complete or void what transfers to other books of this database have left open; gives how many."""
    book, done = wiring.book, 0
    with book.read() as connection:
        names = open_peers(connection, book.book_id)
    for name in names:
        destination = open_book(replace(wiring.settings, book_id=name))
        try:
            done += sum(sweep_bridge(book, destination))
        finally:
            destination.engine.dispose()
    return done


class _HoldTimer:
    """Ends what has expired. After the first look it does not look at what expired more than a day before the last."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.since: datetime | None = None

    def __call__(self) -> int:
        book = self.wiring.book
        now = book.clock.now()
        done = expire_due(book, since=self.since)
        if not done:
            self.since = now - HOLD_MARGIN
        return done


class _Integrator:
    """Answers how many entries are new in the published log since the last time."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.size = -1

    def __call__(self) -> int:
        book = self.wiring.book
        size = integrate(book, self.wiring.settings.log_folder)
        if size != self.size:
            publish_policies(book, self.wiring.settings.log_folder)
            publish_totals(book, self.wiring.settings.log_folder, size=size)
        new, self.size = size - self.size if self.size >= 0 else 0, size
        return new


class _CheckpointCopier:
    """Keeps each newly published checkpoint as a row; answers whether there was one."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.size = 0

    def __call__(self) -> int:
        book, folder = self.wiring.book, self.wiring.settings.log_folder
        published = read_checkpoint(folder)
        if published is None or published[0].size == self.size:
            return 0
        copied = copy_checkpoint(book, folder, now=book.clock.now())
        self.size = copied.size if copied else 0
        return 1
