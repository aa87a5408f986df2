"""Mandates for direct debits, given by entrepreneurs on their page: drawn, signed with their key, stored, in force.

Drawing and signing take time, so they happen outside any database transaction; the paper and the mandate that rests on
it are written together.
"""

from contracts.documents.authority import party_identity
from contracts.documents.mandate import SIGNATURE_FIELD, MandateData, render_mandate
from contracts.documents.model import DocumentKind, Language
from contracts.documents.service import store_document
from contracts.documents.signature import DocumentSigner, sign_pdf
from contracts.loans.model import DocumentDesk
from contracts.parties.model import LegalIdentity
from contracts.parties.queries import party
from contracts.servicing.accounts import account_of
from ledger.book import Book
from ledger.errors import InvariantError, Refusal
from ledger.payments.bank import client_account
from ledger.payments.mandates import DebitScheme, active_mandate, record_mandate

LANGUAGES: dict[str, Language] = {"fr": "fr", "nl": "nl", "en": "en"}
REFERENCE = "mandate:"
"""What the reference of the signed paper begins with; the mandate's own follows."""


def give_mandate(book: Book, desk: DocumentDesk, borrower: str, scheme: DebitScheme, language: Language) -> str:
    """Sign a mandate for the borrower's verified account; gives its unique reference.

    Refuses `mandate-active`, `iban-missing`, `iban-not-verified`, `bank-account-not-configured` and
    `creditor-identifier-missing`.
    """
    with book.unit_of_work(actor=borrower) as uow:
        mandate_id, today = uow.new_id("m"), uow.today()
        if active_mandate(uow.connection, uow.book_id, borrower) is not None:
            raise Refusal("mandate-active", debtor=borrower)
        creditor = client_account(uow.connection, uow.book_id)
        account = account_of(uow.connection, uow, borrower, today)
        identity = party(uow.connection, uow, borrower).identity
    if creditor.creditor_identifier is None:
        raise Refusal("creditor-identifier-missing")
    if not isinstance(identity, LegalIdentity):
        raise InvariantError("a borrower is an enterprise")
    data = MandateData(
        mandate_id=mandate_id,
        scheme=scheme.value.lower(),
        creditor=creditor.name,
        creditor_identifier=creditor.creditor_identifier,
        debtor=account.name,
        represented_by=identity.representative,
        iban=account.iban,
        signed_on=today,
        verify_address=desk.verify_address,
        sandbox=desk.sandbox,
    )
    key = party_identity(desk.keys_dir, party=borrower, now=book.clock.now(), passphrase=desk.passphrase)
    signer = DocumentSigner(field=SIGNATURE_FIELD, identity=key, reason=mandate_id)
    pdf = sign_pdf(render_mandate(data, language), signers=[signer], ask_timestamp=desk.ask_timestamp)
    with book.unit_of_work(actor=borrower) as uow:
        document_id = store_document(
            uow,
            kind=DocumentKind.MANDATE,
            language=language,
            subject=borrower,
            reference=f"{REFERENCE}{mandate_id}",
            pdf=pdf,
        )
        record_mandate(
            uow,
            debtor=borrower,
            account=account,
            scheme=scheme,
            signed_on=today,
            document_id=document_id,
            mandate_id=mandate_id,
        )
    return mandate_id
