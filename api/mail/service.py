"""Writing mail and sending it: written in the unit of work of its cause, delivered afterwards and at least once.

A mail has a key, so that its cause may be handled twice and the mail is still written once. Its text is fixed when it
is written and sealed under the recipient's key.

    written ──sent──▶ sent
       │ ├──no delivery configured──▶ kept
       │ └──refused ten times──▶ undeliverable
"""

import json
from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa
import structlog

from api.mail.render import MailFact, render
from api.mail.tables import mail
from api.mail.transport import Letter, MailTransport
from contracts.parties import queries as parties
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal

ATTEMPTS = 10
_FIRST_PAUSE = timedelta(minutes=1)
logger = structlog.get_logger("bxl.mail")


def write_mail(
    uow: UnitOfWork,
    *,
    template: str,
    to: str,
    key: str,
    facts: Mapping[str, MailFact],
    language: str | None = None,
    page: tuple[str, str] | None = None,
) -> None:
    """Write the mail `template` to the party `to`, in `language` or else the party's own; once per `key`.

    `page` is (origin, path) of the page it is about; its address in the mail's language is the fact `link`.
    """
    known = sa.select(mail.c.key).where(mail.c.book_id == uow.book_id, mail.c.key == key)
    if uow.connection.execute(known).first():
        return
    recipient = parties.party(uow.connection, uow, to)
    chosen = language or recipient.language
    link = {} if page is None else {"link": f"{page[0]}/{chosen}{page[1]}"}
    text = render(template, chosen, name=recipient.name, facts={**facts, **link})
    sealed = uow.keys.seal_personal(uow, to, json.dumps({"subject": text.subject, "body": text.body}).encode())
    uow.connection.execute(
        mail.insert().values(
            book_id=uow.book_id,
            key=key,
            party_id=to,
            template=template,
            language=chosen,
            body=sealed,
            state="written",
            attempts=0,
            written_at=uow.now(),
            next_attempt_at=uow.now(),
        )
    )


def send_due_mails(book: Book, transport: MailTransport, *, limit: int = 20) -> int:
    """Hand over what is due, each outside any database transaction; gives the number that left or is kept."""
    due = (
        sa.select(mail.c.key)
        .where(mail.c.book_id == book.book_id, mail.c.state == "written", mail.c.next_attempt_at <= book.clock.now())
        .order_by(mail.c.next_attempt_at, mail.c.key)
        .limit(limit)
    )
    with book.read() as connection:
        keys = list(connection.execute(due).scalars())
    return sum(_send(book, transport, key) for key in keys)


def _send(book: Book, transport: MailTransport, key: str) -> int:
    letter = _letter(book, key)
    if letter is None:
        _settle(book, key, state="undeliverable")
        return 0
    try:
        left = transport.send(letter)
    except OSError as error:
        logger.warning("mail-not-sent", key=key, error=type(error).__name__)
        _postpone(book, key)
        return 0
    _settle(book, key, state="sent" if left else "kept")
    return 1


def _letter(book: Book, key: str) -> Letter | None:
    """The mail in clear, or nothing where the recipient was erased meanwhile."""
    with book.read() as connection:
        row = connection.execute(sa.select(mail).where(mail.c.book_id == book.book_id, mail.c.key == key)).one()
        try:
            words = json.loads(book.keys.open_personal(connection, row.party_id, row.body))
            address = parties.party(connection, book, row.party_id).email
        except Refusal:
            return None
    return Letter(key, address, words["subject"], words["body"], row.language)


def _settle(book: Book, key: str, *, state: str) -> None:
    mine = (mail.c.book_id == book.book_id) & (mail.c.key == key)
    with book.unit_of_work(actor="mail") as uow:
        values = {"state": state, "sent_at": uow.now(), "attempts": mail.c.attempts + 1}
        uow.connection.execute(mail.update().where(mine).values(values))


def _postpone(book: Book, key: str) -> None:
    """Try again after a pause that doubles, at most ten times."""
    mine = (mail.c.book_id == book.book_id) & (mail.c.key == key)
    with book.unit_of_work(actor="mail") as uow:
        attempts = uow.connection.execute(sa.select(mail.c.attempts).where(mine)).scalar_one() + 1
        values = {
            "attempts": attempts,
            "next_attempt_at": uow.now() + _FIRST_PAUSE * 2**attempts,
            "state": "undeliverable" if attempts >= ATTEMPTS else "written",
        }
        uow.connection.execute(mail.update().where(mine).values(values))
