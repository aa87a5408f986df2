"""Writing and issuing the key investment information sheet of an offer.

Whoever draws up the sheet (the project owner, or staff for it) writes versions while the offer is a draft, and to amend
that of an offer that is published: the first version after publication suspends the offer until it is published again.
Issuing draws the newest version in every language, outside any database transaction, counts the pages of what was
drawn, and stores the papers: they are frozen with the version of the offer that they were drawn from.
"""

import hashlib
from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.documents.archive import page_count
from contracts.documents.key_information import KeyInformation, render_key_information
from contracts.documents.model import LANGUAGES, DocumentKind, Enterprise, Language
from contracts.documents.service import Keeper, open_document, store_document
from contracts.loans.model import DocumentDesk
from contracts.offers import sheets
from contracts.offers.kiis import (
    ISSUED,
    MACHINE,
    WRITTEN,
    changes,
    checked_sheet,
    missing_items,
    offer_identifier,
)
from contracts.offers.model import STANDING, OfferState
from contracts.offers.queries import OfferRecord, offer_record
from contracts.offers.service import lock_offer, suspend_offer
from contracts.parties.model import LegalIdentity, shown_enterprise_number
from contracts.parties.queries import party
from contracts.schemes.ecspr import SCHEME
from contracts.schemes.rules import rule
from contracts.terms.schedule import schedule
from ledger.book import Book, UnitOfWork
from ledger.errors import InvariantError, Refusal
from ledger.storage.base import JSON, json_text


def write_sheet(uow: UnitOfWork, offer_id: str, values: Mapping[str, JSON], *, on: date) -> int:
    """Keep the answers as the next version of the sheet; gives its number. Items may still be open.

    Refuses `kiis-item-unknown`, `kiis-item-malformed`, `kiis-not-amendable` once the offer has ended or where it was
    published without a sheet, and `kiis-unchanged` for the very sheet that an open offer has.
    """
    record = lock_offer(uow, offer_id)
    _require_amendable(uow.connection, uow.book_id, record)
    sheet = checked_sheet(values)
    versions = sheets.sheet_versions(uow.connection, uow.book_id, offer_id)
    if record.state is OfferState.OPEN and not changes(versions[-1].sheet, sheet):
        raise Refusal("kiis-unchanged", version=versions[-1].version)
    version = len(versions) + 1
    facts: dict[str, JSON] = {"version": version, "sheet": sheet}
    proof = hashlib.sha256(json_text(sheet).encode()).hexdigest()
    moves.record_move(uow, MACHINE, sheets.object_of(offer_id), WRITTEN, on=on, evidence=proof, facts=facts)
    if record.state is OfferState.OPEN:
        suspend_offer(uow, offer_id, version=version, on=on)
    return version


def issue_sheet(book: Book, desk: DocumentDesk, offer_id: str, *, actor: str) -> sheets.SheetVersion:
    """Draw the newest version in every language, check its length, and store the papers; gives the issued version.

    Refuses `kiis-incomplete`, `kiis-too-long`, `kiis-not-amendable`, and `kiis-outdated` where the sheet or the offer
    changed while the papers were drawn.
    """
    with book.read() as connection:
        record = offer_record(connection, book.book_id, offer_id)
        _require_amendable(connection, book.book_id, record)
        versions = sheets.sheet_versions(connection, book.book_id, offer_id)
        today = book.today_in(connection)
        missing = missing_items(versions[-1].sheet if versions else {})
        if missing:
            raise Refusal("kiis-incomplete", offer_id=offer_id, items=[each.key for each in missing])
        known = sheets.issued_sheet(connection, book.book_id, offer_id)
        taken = sheets.identifiers(connection, book.book_id)
        owner = _owner(connection, book, record)
    newest = versions[-1]
    identifier = known.identifier if known else offer_identifier(desk.lei, offer_id, taken)
    assert identifier is not None, "an issued sheet has its identifier"
    data = _data(desk, record, newest, owner, identifier, today)
    papers = {language: render_key_information(data, language) for language in LANGUAGES}
    pages = {language: page_count(pdf) for language, pdf in papers.items()}
    most = rule(SCHEME, "key_information_pages", today).integer()
    for language, count in pages.items():
        if count > most:
            raise Refusal("kiis-too-long", language=language, pages=count, most=most)
    with book.unit_of_work(actor=actor) as uow:
        now = lock_offer(uow, offer_id)
        latest = sheets.sheet_versions(uow.connection, uow.book_id, offer_id)[-1]
        if (now.version, latest.version) != (record.version, newest.version):
            raise Refusal("kiis-outdated", offer_id=offer_id, version=newest.version, offer_version=now.version)
        stored = _store(uow, record, papers, pages, known)
        facts: dict[str, JSON] = {
            "version": newest.version,
            "identifier": identifier,
            "offer_version": record.version,
            "papers": stored,
        }
        moves.record_move(uow, MACHINE, sheets.object_of(offer_id), ISSUED, on=today, facts=facts)
        return sheets.sheet_versions(uow.connection, uow.book_id, offer_id)[-1]


def open_sheet(
    keeper: Keeper,
    connection: sa.Connection,
    offer_id: str,
    language: str,
    *,
    version: int | None = None,
    is_insider: bool = False,
) -> bytes:
    """The paper of an offer's sheet: that in force, or of the `version` named; refuses `kiis-not-issued` for no paper.

    Everybody reads what was published; an insider (its maker, staff) also what was only issued.
    """
    readable = [each.version for each in sheets.published_sheets(connection, keeper.book_id, offer_id)]
    if is_insider and (version is not None or not readable):
        versions = sheets.sheet_versions(connection, keeper.book_id, offer_id)
        readable = [each for each in versions if each.issued_on is not None]
    found = next((each for each in reversed(readable) if version in {None, each.version}), None)
    if found is None or language not in found.papers:
        raise Refusal("kiis-not-issued", offer_id=offer_id, version=version or 0)
    return open_document(keeper, connection, found.papers[language].document_id)


def _require_amendable(connection: sa.Connection, book_id: str, record: OfferRecord) -> None:
    """Refuse to change the sheet of an offer that has ended, or that was published without one."""
    is_draft = record.state is OfferState.DRAFT
    if not is_draft and (
        record.state not in STANDING or not sheets.published_sheets(connection, book_id, record.offer_id)
    ):
        raise Refusal("kiis-not-amendable", offer_id=record.offer_id, state=record.state.value)


def _owner(connection: sa.Connection, book: Book, record: OfferRecord) -> tuple[Enterprise, str]:
    """The project owner and its legal form."""
    identity = party(connection, book, record.draft.borrower).identity
    if not isinstance(identity, LegalIdentity):
        raise InvariantError("a borrower is an enterprise")
    enterprise = Enterprise(
        party=record.draft.borrower,
        name=identity.name,
        enterprise_number=shown_enterprise_number(identity.enterprise_number),
        address=(record.draft.commune,),
        represented_by=identity.representative,
    )
    return enterprise, identity.legal_form


def _data(
    desk: DocumentDesk,
    record: OfferRecord,
    version: sheets.SheetVersion,
    owner: tuple[Enterprise, str],
    identifier: str,
    on: date,
) -> KeyInformation:
    draft = record.draft
    enterprise, legal_form = owner
    return KeyInformation(
        identifier=identifier,
        version=version.version,
        issued_on=on,
        owner=enterprise,
        legal_form=legal_form,
        title=draft.title,
        pitch=draft.pitch,
        use_of_funds=draft.use_of_funds,
        minimum_cents=draft.minimum_cents,
        maximum_cents=draft.maximum_cents,
        opens_on=draft.opens_on,
        closes_on=draft.closes_on,
        schedule=schedule(draft.terms(draft.maximum_cents, draft.closes_on)),
        term_years=draft.term_years,
        reflection_days=rule(SCHEME, "reflection_calendar_days", on).integer(),
        answers=version.sheet,
        licence_holder=desk.licence_holder,
        verify_address=desk.verify_address,
        sandbox=desk.sandbox,
    )


def _store(
    uow: UnitOfWork,
    record: OfferRecord,
    papers: Mapping[Language, bytes],
    pages: Mapping[Language, int],
    known: sheets.SheetVersion | None,
) -> dict[str, JSON]:
    """Each language's paper, in the place of the one that was issued before it."""
    stored: dict[str, JSON] = {}
    for language, pdf in papers.items():
        document_id = store_document(
            uow,
            kind=DocumentKind.KEY_INFORMATION,
            language=language,
            subject=record.draft.borrower,
            reference=f"kiis:{record.offer_id}",
            pdf=pdf,
            supersedes=known.papers[language].document_id if known else None,
        )
        sha256 = hashlib.sha256(pdf).hexdigest()
        stored[language] = {"document_id": document_id, "sha256": sha256, "pages": pages[language]}
    return stored
