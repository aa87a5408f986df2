"""What a change of an offer's key investment information sheet means to those who pledged before it.

While a new version is drawn up the offer is suspended; once that is published they are told what changed, and may
withdraw until the fourth calendar day after (Regulation (EU) 2020/1503, article 23(8) and (12)). An offer that is not
corrected within thirty days is cancelled.
"""

from collections.abc import Mapping
from datetime import date

from contracts.documents.model import LANGUAGES, Language
from contracts.events import OFFER_SHEET_AMENDED, OFFER_SUSPENDED, Mail, emit_mails
from contracts.offers import service as offers
from contracts.offers.model import OfferState
from contracts.offers.queries import offer_record, open_offer_ids
from contracts.offers.sheet_words import in_words
from contracts.offers.sheets import PublishedSheet, published_sheets
from contracts.pledges import queries as q
from contracts.pledges.model import LIVE
from contracts.pledges.service import CHUNK, JOB, return_pledges
from contracts.schemes.ecspr import suspension_ends_on
from ledger.book import Book, UnitOfWork
from ledger.storage.base import JSON

_LONGEST_ANSWER = 300
"""Characters of an answer that a mail quotes; the offer's page has the whole of it."""


def tell_of_suspension(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of lenders to tell that their offer's sheet is being amended."""
    record = offer_record(uow.connection, uow.book_id, str(body["offer_id"]))
    assert record.suspended_on is not None, "a suspension is recorded before it is told"
    ends_on = suspension_ends_on(record.suspended_on).isoformat()
    _tell(uow, body, topic=OFFER_SUSPENDED, template="offer-suspended", facts={"until_on": ends_on})


def tell_of_amendment(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of lenders to tell what the sheet that was published again changed."""
    record = offer_record(uow.connection, uow.book_id, str(body["offer_id"]))
    sheets = published_sheets(uow.connection, uow.book_id, record.offer_id)
    sheet = next(each for each in sheets if each.version.version == body["version"])
    assert record.withdraw_until is not None, "a sheet is published again before it is told"
    facts: dict[str, JSON] = {
        "until_on": record.withdraw_until.isoformat(),
        "changes": {language: _in_words(sheet, language) for language in LANGUAGES},
    }
    template = "sheet-amended" if sheet.changes else "sheet-unchanged"
    _tell(uow, body, topic=OFFER_SHEET_AMENDED, template=template, facts=facts)


def cancel_uncorrected_offers(book: Book, on: date) -> int:
    """Dated job: every offer of a loan that stayed suspended too long is cancelled; gives how many were."""
    with book.read() as connection:
        found = open_offer_ids(connection, book.book_id, of_series=False, state=OfferState.SUSPENDED)
    done = 0
    for offer_id in found:
        with book.unit_of_work(actor=JOB) as uow:
            done += cancel_uncorrected(uow, offer_id, on=on)
    return done


def cancel_uncorrected(uow: UnitOfWork, offer_id: str, *, on: date) -> bool:
    """Cancel an offer that stayed suspended too long and give every pledge back; False where it is not so."""
    is_cancelled = offers.cancel_uncorrected(uow, offer_id, on=on)
    if is_cancelled:
        return_pledges(uow, offer_id, on=on)
    return is_cancelled


def _tell(uow: UnitOfWork, body: Mapping[str, JSON], *, topic: str, template: str, facts: Mapping[str, JSON]) -> None:
    """One mail a live pledge, a chunk at a time; `first` counts the pledges before the chunk, whatever their state."""
    offer_id, version, first = str(body["offer_id"]), str(body["version"]), int(str(body["first"]))
    record = offer_record(uow.connection, uow.book_id, offer_id)
    made = q.pledges_of_offer(uow.connection, uow.book_id, offer_id)
    mails = [
        Mail(
            key=f"{pledge.pledge_id}:{version}",
            to=pledge.lender,
            facts={"title": record.draft.title, "amount_cents": pledge.amount_cents, **facts},
            path=f"/pledges/{pledge.pledge_id}",
        )
        for pledge, state in made[first : first + CHUNK]
        if state in LIVE
    ]
    emit_mails(uow, template, mails)
    following = first + CHUNK
    if following < len(made):
        uow.emit(topic, f"{offer_id}:{version}:{following}", {**body, "first": following})


def _in_words(sheet: PublishedSheet, language: Language) -> str:
    """What changed, one line an answer, in the lender's language; texts of the others are left to the page."""
    told = [in_words(each, language) for each in sheet.changes if each.language in {None, language}]
    return "\n".join(f"- {each.label}: {_short(each.before)} → {_short(each.after)}" for each in told)


def _short(text: str) -> str:
    return (text if len(text) <= _LONGEST_ANSWER else f"{text[:_LONGEST_ANSWER]}…") or "-"
