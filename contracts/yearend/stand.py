"""What the papers of one year stand on: the books as they are read, the year, and the day and entry they name."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.documents.model import Addressee, Enterprise, Language
from contracts.documents.yearly import Frame
from contracts.loans.model import DocumentDesk
from contracts.parties.model import Attribute, LegalIdentity, Party, shown_enterprise_number
from contracts.parties.queries import Keeper, attribute_as_of, party
from contracts.yearend.movements import Period
from ledger import balances
from ledger.clock import brussels_date
from ledger.errors import InvariantError, Refusal
from ledger.storage.dates import read_business_date

_LANGUAGES: dict[str, Language] = {"fr": "fr", "nl": "nl", "en": "en"}


@dataclass(frozen=True, slots=True)
class Stand:
    """One reading of one book for one year."""

    connection: sa.Connection
    keeper: Keeper
    period: Period
    desk: DocumentDesk
    made_on: date
    known_at_entry: int

    @property
    def book_id(self) -> str:
        """The book."""
        return self.keeper.book_id

    def frame(self, paper_id: str) -> Frame:
        """What a paper with this identifier names."""
        return Frame(
            paper_id=paper_id,
            year=self.period.year,
            made_on=self.made_on,
            known_at_entry=self.known_at_entry,
            licence_holder=self.desk.licence_holder,
            verify_address=self.desk.verify_address,
            sandbox=self.desk.sandbox,
        )

    def person(self, party_id: str) -> Party | None:
        """The party, or None where it was erased."""
        try:
            return party(self.connection, self.keeper, party_id)
        except Refusal as refusal:
            if refusal.code != "subject-key-destroyed":
                raise
            return None

    def attribute(self, party_id: str, attribute: Attribute, on: date) -> str | None:
        """A word that rules read of a party on a day; None where there is none, or where it was erased."""
        try:
            value = attribute_as_of(self.connection, self.keeper, party_id, attribute, on)
        except Refusal as refusal:
            if refusal.code != "subject-key-destroyed":
                raise
            return None
        return None if value is None else str(value)

    def addressee(self, lender: Party) -> Addressee:
        """A lender on a paper, with her commune at the end of the year."""
        commune = self.attribute(lender.party_id, Attribute.COMMUNE, self.period.ends_on)
        return Addressee(party=lender.party_id, name=lender.name, address=(commune,) if commune else ())

    def enterprise(self, borrower: str) -> Enterprise:
        """A borrower on a paper; its token in place of what was erased."""
        found = self.person(borrower)
        if found is None:
            return Enterprise(party=borrower, name=borrower, enterprise_number="", address=())
        if not isinstance(found.identity, LegalIdentity):
            raise InvariantError("a borrower is an enterprise")
        return Enterprise(
            party=borrower,
            name=found.name,
            enterprise_number=shown_enterprise_number(found.identity.enterprise_number),
            address=(),
            represented_by=found.identity.representative,
        )


def stand_on(connection: sa.Connection, keeper: Keeper, period: Period, desk: DocumentDesk) -> Stand:
    """Read the book as it stands. The day that papers are dated is of the books, never of the machine: the business
    date of a sandbox, else the day of the last entry; and never a day of the year itself.
    """
    last = balances.entry_count(connection, keeper.book_id) - 1
    booked_on = brussels_date(balances.entry_numbered(connection, keeper.book_id, last).booked_at)
    stands_on = read_business_date(connection, keeper.book_id) or booked_on
    return Stand(
        connection=connection,
        keeper=keeper,
        period=period,
        desk=desk,
        made_on=max(stands_on, date(period.year + 1, 1, 1)),
        known_at_entry=last,
    )


def language_of(found: Party) -> Language:
    """The language in which a party is written to."""
    return _LANGUAGES[found.language]
