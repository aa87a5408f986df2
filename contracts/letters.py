"""Letters to borrowers whose loans were rehabilitated: drawn, signed for the operator, stored, and told of by mail.

Like agreements they are made outside any database transaction, and what is still to be written is derived: a file that
was rehabilitated and has no letter of that move.
"""

from datetime import date

import sqlalchemy as sa

from contracts.documents.authority import party_identity
from contracts.documents.model import DocumentKind, Enterprise, Language
from contracts.documents.queries import documents_with
from contracts.documents.rehabilitation import SIGNATURE_FIELD, RehabilitationData, render_rehabilitation
from contracts.documents.service import store_document
from contracts.documents.signature import DocumentSigner, sign_pdf
from contracts.documents.tables import document
from contracts.events import emit_mail
from contracts.loans.books import loan_book
from contracts.loans.model import DocumentDesk
from contracts.loans.steps import lock_loan
from contracts.mandates import LANGUAGES
from contracts.moves import move
from contracts.parties.model import LegalIdentity
from contracts.parties.queries import party
from contracts.restarts import FILE
from contracts.secondchance import lifecycle as life
from contracts.secondchance.model import State
from contracts.secondchance.queries import chance_file
from ledger.book import Book
from ledger.errors import InvariantError
from ledger.storage.base import JSON, Text

ACTOR = "system:letters"
_OPERATOR = "operator"


def write_due_letters(book: Book, desk: DocumentDesk, *, limit: int = 20) -> int:
    """Write up to `limit` letters that are still missing; gives how many were written."""
    with book.read() as connection:
        missing = _unwritten(connection, book.book_id, limit)
    return sum(_write_letter(book, desk, loan_id, sequence) for loan_id, sequence in missing)


def _write_letter(book: Book, desk: DocumentDesk, loan_id: str, sequence: int) -> bool:
    """Draw, sign and store the letter of one move and tell the borrower; False if somebody else had done so."""
    data, language = _letter(book, desk, loan_id, sequence)
    key = party_identity(desk.keys_dir, party=_OPERATOR, now=book.clock.now(), passphrase=desk.passphrase)
    signer = DocumentSigner(field=SIGNATURE_FIELD, identity=key, reason=data.letter_id)
    pdf = sign_pdf(render_rehabilitation(data, language), signers=[signer], ask_timestamp=desk.ask_timestamp)
    with book.unit_of_work(actor=ACTOR) as uow:
        lock_loan(uow, loan_id)
        if documents_with(uow.connection, uow.book_id, data.letter_id):
            return False
        store_document(
            uow,
            kind=DocumentKind.REHABILITATION,
            language=language,
            subject=data.borrower.party,
            reference=data.letter_id,
            pdf=pdf,
        )
        facts: dict[str, JSON] = {"title": data.loan_title, "until_on": data.probation_until.isoformat()}
        to, path = data.borrower.party, "/enterprise#papers"
        emit_mail(uow, "loan-rehabilitated", key=data.letter_id, to=to, facts=facts, path=path)
    return True


def _letter(book: Book, desk: DocumentDesk, loan_id: str, sequence: int) -> tuple[RehabilitationData, Language]:
    """What the letter of a move states, and the language of who it is for."""
    with book.read() as connection:
        drawn = loan_book(connection, book.book_id, loan_id)
        history = chance_file(connection, book.book_id, loan_id).history
        borrower = party(connection, book, drawn.loan.borrower)
    identity = borrower.identity
    if not isinstance(identity, LegalIdentity):
        raise InvariantError("a borrower is an enterprise")
    before = history[: sequence - 1]
    letters = [each.sequence for each in before if each.event == life.REHABILITATED]
    rehabilitated = history[sequence - 1]
    return RehabilitationData(
        letter_id=_reference(loan_id, sequence),
        borrower=Enterprise(
            party=borrower.party_id,
            name=identity.name,
            enterprise_number=identity.enterprise_number,
            address=(),
            represented_by=identity.representative,
        ),
        loan_id=loan_id,
        loan_title=drawn.loan.title,
        lent_cents=drawn.loan.principal_cents,
        outstanding_cents=drawn.position.outstanding_cents(rehabilitated.effective_on),
        late_since=history[letters[-1] if letters else 0].effective_on,
        cured_on=next(each.effective_on for each in reversed(before) if each.to_state == State.CURED.value),
        rehabilitated_on=rehabilitated.effective_on,
        probation_until=date.fromisoformat(str(rehabilitated.facts["probation_until"])),
        licence_holder=desk.licence_holder,
        verify_address=desk.verify_address,
        sandbox=desk.sandbox,
    ), LANGUAGES[identity.language]


def _reference(loan_id: str, sequence: int) -> str:
    return f"rehabilitation:{loan_id}:{sequence}"


def _unwritten(connection: sa.Connection, book_id: str, limit: int) -> list[tuple[str, int]]:
    """Loan and sequence of the moves whose letter is not stored yet, the oldest first."""
    m, d = move.c, document.c
    loan_id = sa.func.replace(m.object_id, FILE, "")
    reference = sa.literal("rehabilitation:") + loan_id + ":" + sa.cast(m.sequence, Text)
    is_written = sa.exists().where(d.book_id == book_id, d.reference == reference)
    query = sa.select(loan_id.label("loan_id"), m.sequence).where(
        m.book_id == book_id, m.machine == life.MACHINE.name, m.event == life.REHABILITATED, ~is_written
    )
    found = connection.execute(query.order_by(m.moved_at, m.object_id, m.sequence).limit(limit))
    return [(row.loan_id, row.sequence) for row in found]
