"""The papers of a loan: one agreement for each lender, drawn, signed for both parties, and stored.

Drawing and signing take time, so they happen outside any database transaction, after the loan was agreed. What is still
to be written is derived from the claims that have no agreement yet; a process that dies leaves either the paper or the
claim in that list.
"""

from dataclasses import replace
from decimal import Decimal

import sqlalchemy as sa

from contracts.documents.agreement import SIGNATURE_FIELDS, render_agreement
from contracts.documents.authority import party_identity
from contracts.documents.model import Addressee, AgreementData, DocumentKind, Enterprise, Language, TaxCreditNote
from contracts.documents.service import store_document
from contracts.documents.signature import DocumentSigner, sign_pdf
from contracts.documents.tables import document
from contracts.events import emit_mail
from contracts.loans import books
from contracts.loans import queries as q
from contracts.loans.model import DocumentDesk, LenderClaim, Loan
from contracts.loans.steps import lock_loan
from contracts.loans.tables import loan as loan_table
from contracts.loans.tables import loan_claim as claim_table
from contracts.offers.queries import OfferRecord, offer_record
from contracts.parties.model import Attribute, LegalIdentity
from contracts.parties.queries import attribute_as_of, holder_kind, party
from contracts.pledges.model import Pledge
from contracts.pledges.queries import pledge
from contracts.pledges.tables import pledge as pledge_table
from contracts.schemes.rules import rule
from contracts.schemes.withholding import net_rate_annual
from contracts.terms.schedule import Instalment, Schedule, Totals
from contracts.terms.taeg import taeg_of
from ledger.book import Book
from ledger.errors import InvariantError
from ledger.storage.base import JSON

ACTOR = "system:agreements"
_LANGUAGES: dict[str, Language] = {"fr": "fr", "nl": "nl", "en": "en"}


def write_due_agreements(book: Book, desk: DocumentDesk, *, limit: int = 20) -> int:
    """Write up to `limit` agreements that are still missing; gives how many were written."""
    with book.read() as connection:
        missing = _unwritten(connection, book.book_id, limit)
    return sum(write_agreement(book, desk, loan_id=loan_id, pledge_id=pledge_id) for loan_id, pledge_id in missing)


def write_agreement(book: Book, desk: DocumentDesk, *, loan_id: str, pledge_id: str) -> bool:
    """Draw, sign and store one lender's agreement and tell her; False if somebody else had done so meanwhile."""
    data, language = agreement_data(book, desk, loan_id=loan_id, pledge_id=pledge_id)
    pdf = sign_pdf(
        render_agreement(data, language), signers=_signers(book, desk, data), ask_timestamp=desk.ask_timestamp
    )
    with book.unit_of_work(actor=ACTOR) as uow:
        loan_book = lock_loan(uow, loan_id)
        claim = _claim_of(loan_book, pledge_id)
        known = q.agreements_of(uow.connection, uow.book_id, loan_id, claim.lender)
        if any(paper.reference == data.agreement_id for paper in known):
            return False
        store_document(
            uow,
            kind=DocumentKind.AGREEMENT,
            language=language,
            subject=claim.lender,
            reference=data.agreement_id,
            pdf=pdf,
        )
        facts: dict[str, JSON] = {"title": loan_book.loan.title, "amount_cents": claim.principal_cents}
        emit_mail(uow, "loan-agreed", key=pledge_id, to=claim.lender, facts=facts, path=f"/loans/{loan_id}")
    return True


def agreement_data(book: Book, desk: DocumentDesk, *, loan_id: str, pledge_id: str) -> tuple[AgreementData, Language]:
    """Everything that one lender's agreement states, read from the books, and the language she pledged in."""
    with book.read() as connection:
        loan_book = books.loan_book(connection, book.book_id, loan_id)
        record = offer_record(connection, book.book_id, loan_book.loan.offer_id)
        made = pledge(connection, book.book_id, pledge_id)
        lender = party(connection, book, made.lender)
        borrower = party(connection, book, loan_book.loan.borrower)
        commune = attribute_as_of(connection, book, made.lender, Attribute.COMMUNE, made.pledged_on)
        kind = holder_kind(connection, book, made.lender, loan_book.loan.agreed_on)
    identity = borrower.identity
    if not isinstance(identity, LegalIdentity):
        raise InvariantError("a borrower is an enterprise")
    _, tax_rule = net_rate_annual(loan_book.loan.rate_annual, kind, loan_book.loan.agreed_on)
    data = _data(
        desk,
        loan_book,
        record,
        made,
        lender=Addressee(party=made.lender, name=lender.name, address=(str(commune),) if commune else ()),
        borrower=Enterprise(
            party=borrower.party_id,
            name=identity.name,
            enterprise_number=identity.enterprise_number,
            address=(record.draft.commune,),
            represented_by=identity.representative,
        ),
        withholding=(tax_rule.decimal(), tax_rule.is_provisional),
    )
    return data, _LANGUAGES[made.language]


def _unwritten(connection: sa.Connection, book_id: str, limit: int) -> list[tuple[str, str]]:
    """Loan and pledge of claims whose agreement is not stored yet, the oldest loan's first."""
    c, loan, d, made = claim_table.c, loan_table.c, document.c, pledge_table.c
    reference = sa.literal("agreement:") + c.loan_id + ":" + c.pledge_id
    mine = sa.and_(d.book_id == book_id, d.subject == c.lender, d.reference == reference)
    query = (
        sa.select(c.loan_id, c.pledge_id)
        .join_from(claim_table, loan_table, sa.and_(loan.book_id == c.book_id, loan.loan_id == c.loan_id))
        .join_from(claim_table, pledge_table, sa.and_(made.book_id == c.book_id, made.pledge_id == c.pledge_id))
        .where(c.book_id == book_id, ~sa.exists().where(mine))
        .order_by(loan.agreed_on, c.loan_id, c.number)
    )
    return [(row.loan_id, row.pledge_id) for row in connection.execute(query.limit(limit))]


def _data(
    desk: DocumentDesk,
    loan_book: books.LoanBook,
    record: OfferRecord,
    made: Pledge,
    *,
    lender: Addressee,
    borrower: Enterprise,
    withholding: tuple[Decimal, bool],
) -> AgreementData:
    loan = loan_book.loan
    rate, provisional = withholding
    own = _own_schedule(loan_book, _claim_of(loan_book, made.pledge_id))
    return AgreementData(
        agreement_id=f"agreement:{loan.loan_id}:{made.pledge_id}",
        loan_id=loan.loan_id,
        agreed_on=loan.agreed_on,
        purpose=record.draft.use_of_funds[made.language],
        lender=lender,
        borrower=borrower,
        schedule=own,
        term_years=loan.term_years,
        loan_total_cents=loan.principal_cents,
        effective_rate=taeg_of(own),
        scheme=loan.scheme,
        rules=record.rule_ids,
        withheld_by="operator",
        withholding_rate=rate,
        withholding_provisional=provisional,
        tax_credit=_tax_credit(loan),
        early_repayment_allowed=loan.early_repayment,
        pledged_on=made.pledged_on,
        reflection_ended_on=made.reflection_ends_on,
        risk_acknowledged_on=made.risk_acknowledged_on,
        licence_holder=desk.licence_holder,
        verify_address=desk.verify_address,
        sandbox=desk.sandbox,
        policy_sha256=desk.policy_sha256,
        stamped=desk.ask_timestamp is not None,
    )


def _own_schedule(loan_book: books.LoanBook, claim: LenderClaim) -> Schedule:
    """This lender's part of the loan's schedule, to the cent as it will be distributed."""
    loan, whole = loan_book.loan, loan_book.instalments
    rows = tuple(
        Instalment(
            each.n,
            each.due_on,
            each.days,
            share.interest_cents,
            share.principal_cents,
            share.interest_cents + share.principal_cents,
            share.outstanding_cents,
        )
        for each, share in zip(whole, (row[claim.number - 1] for row in loan_book.plan), strict=True)
    )
    terms = replace(loan.terms, principal_cents=claim.principal_cents)
    interest, principal = sum(row.interest_cents for row in rows), sum(row.principal_cents for row in rows)
    return Schedule(terms, rows, Totals(interest, principal, interest + principal))


def _tax_credit(loan: Loan) -> TaxCreditNote:
    params = ("credit_rate_first_periods", "credit_first_periods", "credit_rate_later_periods", "loss_credit_rate")
    first, periods, later, loss = (rule(loan.scheme, param, loan.agreed_on) for param in params)
    return TaxCreditNote(
        first_rate=first.decimal(),
        first_periods=periods.integer(),
        later_rate=later.decimal(),
        loss_rate=loss.decimal(),
        source=first.source,
        provisional=any(row.is_provisional for row in (first, periods, later, loss)),
    )


def _signers(book: Book, desk: DocumentDesk, data: AgreementData) -> list[DocumentSigner]:
    """One signature for each party, with the platform's own key for that party."""
    tokens = {"borrower": data.borrower.party, "lender": data.lender.party}
    now = book.clock.now()
    return [
        DocumentSigner(
            field=field,
            identity=party_identity(desk.keys_dir, party=tokens[field], now=now, passphrase=desk.passphrase),
            reason=data.agreement_id,
        )
        for field in SIGNATURE_FIELDS
    ]


def _claim_of(loan_book: books.LoanBook, pledge_id: str) -> LenderClaim:
    return next(claim for claim in loan_book.claims if claim.pledge_id == pledge_id)
