"""Mail leaves by SMTP once, is tried again when it can't, kept where nothing is configured, and sealed meanwhile."""

import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
import sqlalchemy as sa

from api.mail.queries import mailbox, waiting
from api.mail.service import ATTEMPTS, send_due_mails, write_mail
from api.mail.tables import mail
from api.mail.transport import KeptMail, Letter, SmtpMail
from contracts.parties.model import NaturalIdentity
from contracts.parties.service import register_natural
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.storage.tables import subject_key


class PostOffice(socketserver.ThreadingTCPServer):
    """A mail server that takes everything, or refuses it while it is told to."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counter)
        self.taken: list[bytes] = []
        self.refusing = False


class Counter(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one mail needs."""

    server: PostOffice

    def handle(self) -> None:
        self._say("220 post office")
        while line := self.rfile.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.taken.append(b"".join(lines))
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("451 later" if verb == b"RCPT" and self.server.refusing else "250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with PostOffice() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def by_smtp(office: PostOffice) -> SmtpMail:
    return SmtpMail(f"smtp://127.0.0.1:{office.server_address[1]}", "BXL Invest <no-reply@bxl-invest.example>")


@pytest.fixture
def zofia(book: Book) -> str:
    with book.unit_of_work(actor="test") as uow:
        return register_natural(uow, NaturalIdentity("Zofia", "Kowalczyńska", "zofia@citizen.example", "nl"))


def welcome(book: Book, party: str, key: str = "welcome:1") -> None:
    with book.unit_of_work(actor="test") as uow:
        write_mail(uow, template="welcome", to=party, key=key, facts={})


def state_of(book: Book) -> str:
    with book.read() as connection:
        return str(connection.execute(sa.select(mail.c.state)).scalar_one())


def test_a_mail_leaves_once_with_its_words(book: Book, zofia: str, office: PostOffice) -> None:
    welcome(book, zofia)
    welcome(book, zofia)
    assert send_due_mails(book, by_smtp(office)) == 1
    assert send_due_mails(book, by_smtp(office)) == 0
    (sent,) = office.taken
    message = message_from_bytes(sent, policy=default)
    assert (message["To"], message["Subject"]) == ("zofia@citizen.example", "Welkom bij BXL Invest")
    assert (message["Content-Language"], message["Auto-Submitted"]) == ("nl", "auto-generated")
    assert message.get_content().startswith("Dag Zofia Kowalczyńska,\r\n")
    assert state_of(book) == "sent"


def test_a_mail_sent_twice_is_recognisable_as_one(office: PostOffice) -> None:
    letter = Letter("welcome:1", "zofia@citizen.example", "Welkom", "Dag", "nl")
    ids = {by_smtp(office).message(letter)["Message-ID"] for _ in range(2)}
    assert len(ids) == 1


def test_a_mail_that_is_refused_is_tried_again_and_at_last_given_up(
    book: Book, clock: FixedClock, zofia: str, office: PostOffice
) -> None:
    welcome(book, zofia)
    office.refusing = True
    for attempt in range(ATTEMPTS):
        assert state_of(book) == "written", attempt
        assert send_due_mails(book, by_smtp(office)) == 0
        assert send_due_mails(book, by_smtp(office)) == 0, "not tried again before its time"
        clock.instant += timedelta(days=2)
    assert state_of(book) == "undeliverable"
    assert office.taken == []


def test_a_server_that_is_away_holds_nothing_up(book: Book, clock: FixedClock, zofia: str, office: PostOffice) -> None:
    welcome(book, zofia)
    assert send_due_mails(book, SmtpMail("smtp://127.0.0.1:1", "x@bxl-invest.example")) == 0
    clock.instant += timedelta(hours=1)
    assert send_due_mails(book, by_smtp(office)) == 1


def test_without_delivery_mail_is_kept_for_the_mailbox(book: Book, zofia: str) -> None:
    welcome(book, zofia)
    with book.read() as connection:
        assert waiting(connection, book.book_id) == 1
    assert send_due_mails(book, KeptMail()) == 1
    (shown,) = mailbox(book)
    assert (shown.state, shown.name, shown.address) == ("kept", "Zofia Kowalczyńska", "zofia@citizen.example")


def test_words_and_address_are_unreadable_without_the_recipients_key(book: Book, zofia: str) -> None:
    welcome(book, zofia)
    with book.read() as connection:
        row = connection.execute(sa.select(mail)).one()
    assert b"Zofia" not in row.body
    assert "zofia" not in str(row)
    with book.unit_of_work(actor="test") as uow:
        uow.connection.execute(subject_key.delete().where(subject_key.c.owner == zofia))
    assert mailbox(book) == []
    assert send_due_mails(book, KeptMail()) == 0
    assert state_of(book) == "undeliverable"
    with book.unit_of_work(actor="test") as uow:  # for the audit after the test, which opens every key
        uow.keys.subject_keys(uow.connection, [zofia], now=uow.now())
