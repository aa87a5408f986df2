"""From settings to a working installation: the book, the payment rail, the mail, and what answers to what.

    <data>/bxl.sqlite3        the embedded database
    <data>/keys/              wrapping key of the subject keys, keys of the log, of receipts and of papers
    <data>/log/               what is published

This is the only place that knows which function handles which topic and which job runs on which date.
"""

import os
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog

from api import migrations
from api.keys.pkcs11 import token_keys
from api.mail.transport import KeptMail, MailTransport, SmtpMail
from api.rails.mollie import MollieBooks, MollieRail
from api.rails.sandbox.control import SandboxControl
from api.rails.sepa import FolderBank, SepaRail
from api.settings import LOCAL_HOSTS, Settings
from api.statistics import Editions
from contracts.dispatch import BANK_HOOKS
from contracts.documents.authority import make_receipt_identity
from contracts.loans.model import DocumentDesk
from contracts.templates import NEVER_LATE
from ledger import book as ledger_book
from ledger.attest import attest_old_answers
from ledger.book import Book
from ledger.clock import SystemClock
from ledger.errors import Refusal
from ledger.log.keys import create_log
from ledger.log.policy import parse_quorum
from ledger.log.quorum import NO_QUORUM
from ledger.log.tiles import LogFolder
from ledger.payments.bank import configure_bank
from ledger.payments.bookings import BankHooks
from ledger.payments.calls import send_due_calls
from ledger.payments.model import Mode
from ledger.payments.rail import PaymentRail, ProviderBooks
from ledger.payments.service import configure_payments
from ledger.storage.engine import is_missing, open_engine
from ledger.storage.keys import KeyRing
from ledger.storage.wrapping import WrappingFile, make_wrapping_key, read_wrapping_key
from ledger.writer import GroupWriter

CALL_SECONDS = 5.0
_WRAPPING_KEY = "wrapping.key"
logger = structlog.get_logger("bxl.bootstrap")


@dataclass(frozen=True)
class Wiring:
    """Everything a process needs, put together once."""

    settings: Settings
    book: Book
    rail: PaymentRail
    mail: MailTransport
    sandbox: SandboxControl | None
    provider_books: ProviderBooks | None = None
    """What the provider says of its own balance; nothing where no organisation's token is set."""
    bank: SepaRail | FolderBank | None = None
    """The bank that holds the client account, which is also asked who holds an account; None: by hand."""
    answers_read: set[str] = field(default_factory=set, repr=False)
    """SHA-256 of the bank's answers that this process has applied."""
    statistics: Editions = field(default_factory=Editions, repr=False)
    """What of all loans together this process has published last."""
    _calls: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(4, thread_name_prefix="provider-call"), repr=False
    )
    _writers: list[GroupWriter] = field(default_factory=list, repr=False)
    _beginning: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def bank_hooks(self) -> BankHooks:
        """What the import of bank statements asks."""
        return replace(BANK_HOOKS, own_iban=self.settings.own_iban)

    @property
    def writer(self) -> GroupWriter:
        """The group writer of this process, begun when it is first asked for."""
        with self._beginning:
            if not self._writers:
                self._writers.append(GroupWriter(self.book))
            return self._writers[0]

    def close(self) -> None:
        """Post what waits; what comes after is refused (`book-is-closing`)."""
        self.writer.close()

    def send_call_now(self, subject: str) -> bool:
        """Right after a commit: make the provider call of one payment or refund, waiting five seconds at most.

        A call that takes longer goes on and is recorded when it answers; one that fails is the worker's to repeat.
        """
        calling = self._calls.submit(send_due_calls, self.book, self.rail, limit=1, subject=subject)
        try:
            return calling.result(CALL_SECONDS) > 0
        except TookTooLong:
            return False
        except Exception as error:  # the effect is the worker's to repeat; the answer to the person goes on
            logger.warning("call-failed", subject=subject, exc_info=error)
            return False


def search_path() -> str:
    """Where foreign programs are looked for: beside this interpreter, then where a shell would."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def document_desk(wiring: Wiring) -> DocumentDesk:
    """What agreements are signed with, and what they name."""
    return desk_of(wiring.settings)


def desk_of(settings: Settings) -> DocumentDesk:
    """The same, where nothing is wired: for papers that only read the books."""
    return DocumentDesk(
        keys_dir=settings.keys_folder,
        licence_holder=settings.operator,
        lei=settings.lei,
        verify_address=f"{settings.origin}/verify",
        sandbox=settings.is_sandbox,
        passphrase=settings.key_passphrase,
        ask_timestamp=None if settings.tsa_url is None else partial(_ask_timestamp, settings),
    )


def _ask_timestamp(settings: Settings, query: bytes) -> bytes:
    from api.timestamps import authority_of  # noqa: PLC0415 -- only who signs needs the client

    return authority_of(settings).answer(query)


def wire(settings: Settings) -> Wiring:
    """Open the book and connect the edges; refuses what `open_book` refuses."""
    return wire_book(settings, open_book(settings))


def wire_book(settings: Settings, book: Book) -> Wiring:
    """Connect the edges to an open book, and keep where payers return to and where the provider knocks."""
    rail = MollieRail(settings.mollie_key, settings.mollie_endpoint)
    with book.unit_of_work(actor="system:bootstrap") as uow:
        configure_payments(uow, public_url=settings.origin, webhook_url=settings.webhook_url, mode=rail.mode)
        if settings.client_account is not None:
            configure_bank(uow, settings.client_account)
    return Wiring(
        settings=settings,
        book=book,
        rail=rail,
        mail=SmtpMail(settings.smtp_url, settings.mail_from) if settings.smtp_url else KeptMail(),
        sandbox=SandboxControl(settings.sandbox_url, settings.sandbox_token) if settings.sandbox_url else None,
        provider_books=MollieBooks(settings.mollie_token, settings.mollie_endpoint) if settings.mollie_token else None,
        bank=_bank(settings),
    )


def _bank(settings: Settings) -> SepaRail | FolderBank | None:
    if settings.bank is None:
        return None
    if settings.bank_folder is not None:
        return FolderBank(settings.bank_folder, Mode.TEST if settings.is_sandbox else Mode.LIVE)
    return SepaRail(settings.bank_token, settings.bank, iban=settings.client_iban)


def open_book(settings: Settings) -> Book:
    """The book of an installation that stands; creates nothing.

    Refuses `database-missing`, `schema-version-differs`, `book-unknown`, `wrapping-key-missing`.
    """
    engine = _engine(settings)
    if is_missing(engine):
        raise Refusal("database-missing", file=str(engine.url.database))
    if not migrations.is_migrated(engine) or not ledger_book.stands(engine, settings.book_id):
        raise Refusal("book-unknown", book=settings.book_id)
    file = WrappingFile(settings.keys_folder / _WRAPPING_KEY)
    keys = KeyRing(settings.book_id, read_wrapping_key(file.path), file=file)
    return ledger_book.open_book(engine, settings.book_id, clock=SystemClock(), keys=keys, late_refused=NEVER_LATE)


def create_book(settings: Settings, *, business_date: date | None = None) -> Book:
    """Create or open: folders, schema, keys and policy, entry 0. Doing it twice does it once.

    With `business_date` a new book is a sandbox whose date stands still until it is moved. Refuses
    `log-ahead-of-database` where a log is published whose book is not in this database.
    """
    engine = _engine(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(engine)
    clock = SystemClock()
    receipt = make_receipt_identity(settings.keys_folder, now=clock.now(), passphrase=settings.key_passphrase)
    policy = create_log(
        settings.keys_folder,
        settings.log_folder,
        origin=_log_origin(settings),
        receipt_certificate_sha256=receipt.certificate_sha256,
        passphrase=settings.key_passphrase,
        token=next(iter(token_keys(settings.log_key_uris[:1], settings.log_key_pin)), None),
        quorum=parse_quorum(settings.witnesses_file.read_bytes()) if settings.witnesses_file else NO_QUORUM,
    )
    keys = _key_ring(settings)
    written = LogFolder(settings.log_folder).position()
    if written and not ledger_book.stands(engine, settings.book_id):  # a log never begins again under the same name
        raise Refusal("log-ahead-of-database", log_size=written, database_size=0)
    try:
        return ledger_book.create_book(
            engine,
            settings.book_id,
            name=settings.operator,
            origin=policy.origin,
            policy_hash=policy.sha256,
            clock=clock,
            keys=keys,
            business_date=business_date,
            late_refused=NEVER_LATE,
        )
    except Refusal as refusal:
        if refusal.code != "book-exists":
            raise
        book = ledger_book.open_book(engine, settings.book_id, clock=clock, keys=keys, late_refused=NEVER_LATE)
        attest_old_answers(book)
        return book


def prepare_import(settings: Settings) -> tuple[sa.Engine, KeyRing]:
    """The schema, and the key that will wrap the subject keys, for a book that is brought in whole.

    No book is made and no key of a log: those that sign the book's log are not part of what is brought in.
    """
    engine = _engine(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(engine)
    migrations.load_metadata()  # the record is more than the ledger's own tables
    return engine, _key_ring(settings)


def book_stands(settings: Settings) -> bool:
    """Whether the database holds the book already."""
    try:
        open_book(settings).engine.dispose()
    except Refusal as refusal:
        if refusal.code not in {"book-unknown", "database-missing"}:
            raise
        return False
    return True


def _engine(settings: Settings) -> sa.Engine:
    return open_engine(settings.database_url)


def _key_ring(settings: Settings) -> KeyRing:
    """The keys of the book, with a wrapping key in its file: the one that is there, or a new one."""
    settings.keys_folder.mkdir(parents=True, exist_ok=True)
    file = WrappingFile(settings.keys_folder / _WRAPPING_KEY)
    wrapping = read_wrapping_key(file.path) if file.path.exists() else make_wrapping_key(file.path)
    return KeyRing(settings.book_id, wrapping, file=file)


def _log_origin(settings: Settings) -> str:
    """The log's name: the public host, or a name of its own on a machine that has none."""
    host = urlsplit(settings.origin).hostname or "localhost"
    if host in LOCAL_HOSTS:
        host = f"local-{secrets.token_hex(4)}.example"
    return f"{host}/{settings.book_id}"
