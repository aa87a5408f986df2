"""Reading parties: identities opened, attributes as of a date and as known then.

Every function takes the connection and a keeper of keys, which a `Book` and a unit of work both are.
"""

import hmac
import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Protocol, assert_never

import sqlalchemy as sa

from contracts.parties import tables
from contracts.parties.model import (
    Attribute,
    DatedIban,
    Elsewhere,
    IbanToVerify,
    Identity,
    LegalIdentity,
    LenderDeclaration,
    NaturalIdentity,
    Party,
    PartyKind,
    Role,
    StaffIdentity,
    checked_email,
    checked_enterprise_number,
)
from contracts.schemes.conditions import LenderFacts
from contracts.schemes.withholding import HolderKind
from ledger.errors import Refusal
from ledger.storage import bulk
from ledger.storage.base import JSON
from ledger.storage.keys import BOOK_OWNER, KeyRing

REGION_CODES = "BE-"
EMAIL, ENTERPRISE_NUMBER = "email", "enterprise-number"


class Keeper(Protocol):
    """What reading personal data needs: which book, and its keys."""

    @property
    def book_id(self) -> str:
        """The book."""
        ...

    @property
    def keys(self) -> KeyRing:
        """The book's key ring."""
        ...


def party(connection: sa.Connection, keeper: Keeper, party_id: str) -> Party:
    """The party with its identity opened; refuses `party-unknown`, and `subject-key-destroyed` after an erasure."""
    rows = tables.party_identity
    statement = (
        sa.select(tables.party.c.kind, rows.c.sealed)
        .join(rows, sa.and_(rows.c.book_id == tables.party.c.book_id, rows.c.party_id == tables.party.c.party_id))
        .where(rows.c.book_id == keeper.book_id, rows.c.party_id == party_id)
        .order_by(rows.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise Refusal("party-unknown", party=party_id[:40])
    fields = json.loads(keeper.keys.open_personal(connection, party_id, row.sealed))
    return Party(party_id, PartyKind(row.kind), _identity(PartyKind(row.kind), fields))


def display_name(connection: sa.Connection, keeper: Keeper, party_id: str) -> str:
    """The party's name; its token where the identity was erased."""
    try:
        return party(connection, keeper, party_id).name
    except Refusal as refusal:
        if refusal.code != "subject-key-destroyed":
            raise
        return party_id


def contacts(connection: sa.Connection, keeper: Keeper, party_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Name and e-mail address of each of the parties; those that were erased since are left out."""
    found: list[tuple[str, str]] = []
    for party_id in party_ids:
        try:
            known = party(connection, keeper, party_id)
        except Refusal as refusal:
            if refusal.code != "subject-key-destroyed":
                raise
            continue
        found.append((known.name, known.email))
    return found


def enterprises(connection: sa.Connection, keeper: Keeper) -> dict[str, str]:
    """The names of all enterprises and public bodies by their tokens, in order of name; erased ones are left out."""
    rows = tables.party.c
    query = sa.select(rows.party_id).where(rows.book_id == keeper.book_id, rows.kind == PartyKind.LEGAL.value)
    names = {each: display_name(connection, keeper, each) for each in connection.execute(query).scalars()}
    kept = [(name, each) for each, name in names.items() if name != each]
    return {each: name for name, each in sorted(kept)}


def operators(connection: sa.Connection, keeper: Keeper) -> list[str]:
    """The tokens of everybody who works for the operator and is not erased, in their order."""
    rows = tables.party.c
    query = sa.select(rows.party_id).where(rows.book_id == keeper.book_id, rows.kind == PartyKind.STAFF.value)
    staff = connection.execute(query.order_by(rows.party_id)).scalars().all()
    living = keeper.keys.existing_keys(connection, staff)
    return [each for each in staff if each in living and party(connection, keeper, each).role is Role.OPERATOR]


def names(connection: sa.Connection, keeper: Keeper, party_ids: Collection[str]) -> dict[str, str]:
    """The names of those of many parties that are not erased, in one statement."""
    rows = tables.party_identity
    query = (
        sa.select(rows.c.party_id, tables.party.c.kind, rows.c.sealed)
        .join(rows, sa.and_(rows.c.book_id == tables.party.c.book_id, rows.c.party_id == tables.party.c.party_id))
        .where(rows.c.book_id == keeper.book_id, bulk.among(connection, rows.c.party_id, party_ids))
        .order_by(rows.c.seq)
    )
    newest = {row.party_id: row for row in connection.execute(query)}
    opened = keeper.keys.open_many(connection, [(row.party_id, row.sealed) for row in newest.values()])
    found: dict[str, str] = {}
    for row, fields in zip(newest.values(), opened, strict=True):
        if fields is not None:
            kind = PartyKind(row.kind)
            found[row.party_id] = Party(row.party_id, kind, _identity(kind, json.loads(fields))).name
    return found


def find_by_email(connection: sa.Connection, keeper: Keeper, email: str) -> Party | None:
    """The party with this e-mail address, however it is capitalised; refuses `email-malformed`."""
    party_id = party_id_by(connection, keeper, EMAIL, checked_email(email))
    return None if party_id is None else party(connection, keeper, party_id)


def find_by_enterprise_number(connection: sa.Connection, keeper: Keeper, number: str) -> Party | None:
    """The enterprise with this number, however it is written; refuses `enterprise-number-invalid`."""
    party_id = party_id_by(connection, keeper, ENTERPRISE_NUMBER, checked_enterprise_number(number))
    return None if party_id is None else party(connection, keeper, party_id)


def party_id_by(connection: sa.Connection, keeper: Keeper, kind: str, value: str) -> str | None:
    """The token found by a keyed digest of an identifier already brought into its one form."""
    rows = tables.party_lookup
    if keeper.keys.existing_key(connection, BOOK_OWNER) is None:
        return None  # a book without a key has registered nobody
    statement = sa.select(rows.c.party_id).where(
        rows.c.book_id == keeper.book_id,
        rows.c.kind == kind,
        rows.c.digest == lookup_digest(connection, keeper, kind, value),
    )
    found: str | None = connection.execute(statement).scalar_one_or_none()
    return found


def lookup_digest(connection: sa.Connection, keeper: Keeper, kind: str, value: str) -> bytes:
    """HMAC-SHA-256 of an identifier under the book's key: without the key nobody can guess them."""
    key = keeper.keys.key_for(connection, BOOK_OWNER)
    return hmac.digest(key, f"party lookup, version 1\x00{kind}\x00{value}".encode(), "sha256")


def attribute_as_of(
    connection: sa.Connection,
    keeper: Keeper,
    party_id: str,
    attribute: Attribute,
    on: date,
    *,
    known_at: datetime | None = None,
    about: str = "",
) -> JSON:
    """The attribute's value on a date, as it was known at an instant (None: as known now); None if there is none.

    Of the rows that had begun by then, the one that began last counts, and of several on one day the last recorded.
    """
    dated = dated_attribute(connection, keeper, party_id, attribute, on, known_at=known_at, about=about)
    return None if dated is None else dated[0]


def dated_attribute(
    connection: sa.Connection,
    keeper: Keeper,
    party_id: str,
    attribute: Attribute,
    on: date,
    *,
    known_at: datetime | None = None,
    about: str = "",
) -> tuple[JSON, date] | None:
    """`attribute_as_of`, with the day from which the value holds."""
    rows = tables.party_attribute
    statement = (
        sa.select(rows.c.sealed, rows.c.valid_from)
        .where(
            rows.c.book_id == keeper.book_id,
            rows.c.party_id == party_id,
            rows.c.name == attribute.value,
            rows.c.about == about,
            rows.c.valid_from <= on,
            *([] if known_at is None else [rows.c.recorded_at <= known_at]),
        )
        .order_by(rows.c.valid_from.desc(), rows.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    value: JSON = json.loads(keeper.keys.open_personal(connection, party_id, row.sealed))
    return value, row.valid_from


def holder_kind(connection: sa.Connection, keeper: Keeper, party_id: str, on: date) -> HolderKind:
    """How the party's interest is taxed on a date; refuses `holder-kind-unknown`: no rate is assumed."""
    return holder_kinds(connection, keeper, [party_id], on)[party_id]


def holder_kinds(
    connection: sa.Connection, keeper: Keeper, party_ids: Iterable[str], on: date
) -> dict[str, HolderKind]:
    """`holder_kind` of many parties in one statement; refuses `holder-kind-unknown` and `subject-key-destroyed`."""
    wanted = sorted(set(party_ids))
    found = attributes_as_of(connection, keeper, wanted, Attribute.HOLDER_KIND, on)
    for party_id in wanted:
        if party_id not in found:
            raise Refusal("holder-kind-unknown", party=party_id, wanted_on=on.isoformat())
    return {party_id: HolderKind(str(value)) for party_id, value in found.items()}


def residents(
    connection: sa.Connection, keeper: Keeper, party_ids: Iterable[str], *, of: str, on: date
) -> frozenset[str]:
    """Who of the parties lives on that day in a commune, by its name, or in a Region, by its code (`BE-BRU`).

    Nobody lives in a place without a name. Refuses `subject-key-destroyed`.
    """
    attribute = Attribute.TAX_RESIDENCE if of.startswith(REGION_CODES) else Attribute.COMMUNE
    found = attributes_as_of(connection, keeper, party_ids, attribute, on) if of else {}
    return frozenset(party_id for party_id, place in found.items() if place == of)


def attributes_as_of(
    connection: sa.Connection, keeper: Keeper, party_ids: Iterable[str], attribute: Attribute, on: date
) -> dict[str, JSON]:
    """`attribute_as_of` of those of many parties that have one, in one statement; refuses `subject-key-destroyed`."""
    wanted, rows = sorted(set(party_ids)), tables.party_attribute.c
    query = sa.select(rows.party_id, rows.sealed).where(
        rows.book_id == keeper.book_id,
        bulk.among(connection, rows.party_id, wanted),
        rows.name == attribute.value,
        rows.about == "",
        rows.valid_from <= on,
    )
    newest = {row.party_id: row.sealed for row in connection.execute(query.order_by(rows.valid_from, rows.seq))}
    opened = keeper.keys.open_many(connection, list(newest.items()))
    found: dict[str, JSON] = {}
    for party_id, value in zip(newest, opened, strict=True):
        if value is None:
            raise Refusal("subject-key-destroyed", owner=party_id)
        found[party_id] = json.loads(value)
    return found


def lender_facts(
    connection: sa.Connection,
    keeper: Keeper,
    lender: str,
    *,
    borrower: str,
    on: date,
    known_at: datetime | None = None,
) -> LenderFacts:
    """What the proxi scheme asks of a lender towards a borrower; refuses `lender-declaration-missing`."""
    declared = attribute_as_of(connection, keeper, lender, Attribute.EXCLUSIONS, on, known_at=known_at, about=borrower)
    if declared is None:
        raise Refusal("lender-declaration-missing", wanted_on=on.isoformat())
    ties = LenderDeclaration.from_json(declared)
    return LenderFacts(
        is_natural_person=party(connection, keeper, lender).kind is PartyKind.NATURAL,
        acts_in_trade=ties.acts_in_trade,
        is_employee=ties.is_employee,
        is_spouse_or_cohabitant=ties.is_spouse_or_cohabitant,
        is_director=ties.is_director,
        shareholding=ties.shareholding,
        is_proxi_borrower=elsewhere(connection, keeper, lender, on, known_at=known_at).is_proxi_borrower,
    )


def elsewhere(
    connection: sa.Connection, keeper: Keeper, lender: str, on: date, *, known_at: datetime | None = None
) -> Elsewhere:
    """What the lender declares to have outside this book; what was concluded in another year counts as zero."""
    declared = attribute_as_of(connection, keeper, lender, Attribute.ELSEWHERE, on, known_at=known_at)
    if declared is None:
        return Elsewhere(on.year)
    stated = Elsewhere.from_json(declared)
    concluded = stated.concluded_cents if stated.year == on.year else 0
    return Elsewhere(on.year, concluded, stated.outstanding_cents, stated.is_proxi_borrower)


def iban_as_of(connection: sa.Connection, keeper: Keeper, party_id: str, on: date) -> DatedIban | None:
    """The account number that holds on a date, verified or not; None if none was given."""
    rows, checks = tables.party_iban, tables.party_iban_check
    same = sa.and_(checks.c.book_id == rows.c.book_id, checks.c.party_id == rows.c.party_id, checks.c.seq == rows.c.seq)
    statement = (
        sa.select(rows.c.sealed, rows.c.seq, rows.c.valid_from, checks.c.verified_at)
        .outerjoin(checks, same)
        .where(rows.c.book_id == keeper.book_id, rows.c.party_id == party_id, rows.c.valid_from <= on)
        .order_by(rows.c.valid_from.desc(), rows.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    iban = keeper.keys.open_personal(connection, party_id, row.sealed).decode()
    return DatedIban(iban, row.seq, row.valid_from, row.verified_at)


def told_ibans(connection: sa.Connection, keeper: Keeper, party_ids: Sequence[str]) -> dict[str, str]:
    """The newest account number of each of the parties that has given one and is not erased, verified or not."""
    rows = tables.party_iban.c
    statement = (
        sa.select(rows.party_id, rows.sealed)
        .where(rows.book_id == keeper.book_id, bulk.among(connection, rows.party_id, party_ids))
        .order_by(rows.party_id, rows.seq)
    )
    newest = {row.party_id: row.sealed for row in connection.execute(statement)}
    opened = keeper.keys.open_many(connection, list(newest.items()))
    return {party_id: iban.decode() for party_id, iban in zip(newest, opened, strict=True) if iban is not None}


def ibans_to_verify(connection: sa.Connection, keeper: Keeper) -> list[IbanToVerify]:
    """The newest account number of every party that has not verified it, the longest waiting first.

    Those of an erased party can be opened no more and are left out.
    """
    rows, checks, later = tables.party_iban, tables.party_iban_check, tables.party_iban.alias("later")
    same = sa.and_(checks.c.book_id == rows.c.book_id, checks.c.party_id == rows.c.party_id, checks.c.seq == rows.c.seq)
    replaced = sa.exists().where(
        later.c.book_id == rows.c.book_id, later.c.party_id == rows.c.party_id, later.c.seq > rows.c.seq
    )
    statement = (
        sa.select(rows.c.party_id, rows.c.seq, rows.c.sealed, rows.c.valid_from, rows.c.actor)
        .outerjoin(checks, same)
        .where(rows.c.book_id == keeper.book_id, checks.c.seq.is_(None), ~replaced)
        .order_by(rows.c.recorded_at, rows.c.party_id)
    )
    return [
        IbanToVerify(
            party_id=row.party_id,
            seq=row.seq,
            iban=keeper.keys.open_personal(connection, row.party_id, row.sealed).decode(),
            valid_from=row.valid_from,
            recorded_by=row.actor,
        )
        for row in connection.execute(statement)
        if keeper.keys.existing_key(connection, row.party_id) is not None
    ]


def payout_iban(connection: sa.Connection, keeper: Keeper, party_id: str, on: date) -> str:
    """Where money goes on a date; refuses `iban-missing`, and `iban-not-verified` until a change is checked."""
    dated = iban_as_of(connection, keeper, party_id, on)
    if dated is None:
        raise Refusal("iban-missing", party=party_id)
    if dated.verified_at is None:
        raise Refusal("iban-not-verified", party=party_id, changed_on=dated.valid_from.isoformat())
    return dated.iban


def payout_ibans(connection: sa.Connection, keeper: Keeper, party_ids: Iterable[str], on: date) -> dict[str, str]:
    """`payout_iban` of those of many parties whose account is verified; the erased are left out."""
    return {party_id: iban for party_id, (_, iban) in payout_accounts(connection, keeper, party_ids, on).items()}


def payout_accounts(
    connection: sa.Connection, keeper: Keeper, party_ids: Iterable[str], on: date
) -> dict[str, tuple[int, str]]:
    """The same, each with the number of the row that states it."""
    verified = [
        (row.party_id, row.sealed, row.seq)
        for row in _newest_ibans(connection, keeper.book_id, party_ids, on)
        if row.verified_at is not None
    ]
    opened = keeper.keys.open_many(connection, [(party_id, sealed) for party_id, sealed, _ in verified])
    return {
        party_id: (seq, iban.decode())
        for (party_id, _, seq), iban in zip(verified, opened, strict=True)
        if iban is not None
    }


def payout_account_numbers(
    connection: sa.Connection, book_id: str, party_ids: Iterable[str], on: date
) -> dict[str, int]:
    """Which row states the verified account of those of many parties that have one; nothing is opened."""
    found = _newest_ibans(connection, book_id, party_ids, on)
    return {row.party_id: row.seq for row in found if row.verified_at is not None}


def _newest_ibans(
    connection: sa.Connection, book_id: str, party_ids: Iterable[str], on: date
) -> list[sa.Row[Any, Any, Any, Any]]:
    """The account that holds on a date of each party, verified or not."""
    rows, checks = tables.party_iban, tables.party_iban_check
    same = sa.and_(checks.c.book_id == rows.c.book_id, checks.c.party_id == rows.c.party_id, checks.c.seq == rows.c.seq)
    statement = (
        sa.select(rows.c.party_id, rows.c.seq, rows.c.sealed, checks.c.verified_at)
        .outerjoin(checks, same)
        .where(
            rows.c.book_id == book_id,
            bulk.among(connection, rows.c.party_id, sorted(set(party_ids))),
            rows.c.valid_from <= on,
        )
        .order_by(rows.c.valid_from, rows.c.seq)
    )
    return list({row.party_id: row for row in connection.execute(statement)}.values())


def _identity(kind: PartyKind, fields: dict[str, Any]) -> Identity:
    match kind:
        case PartyKind.NATURAL:
            return NaturalIdentity(**fields)
        case PartyKind.LEGAL:
            return LegalIdentity(**fields)
        case PartyKind.STAFF:
            return StaffIdentity(**(fields | {"role": Role(fields["role"])}))
        case _:
            assert_never(kind)
