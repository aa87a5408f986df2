"""Registering parties and recording what is learned about them: the only writer of these rows."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date

import sqlalchemy as sa

from contracts.parties import queries, tables
from contracts.parties.model import (
    Attribute,
    Elsewhere,
    Identity,
    LegalIdentity,
    LenderDeclaration,
    NaturalIdentity,
    PartyKind,
    Role,
    StaffIdentity,
    checked_attribute,
    checked_email,
    checked_enterprise_number,
    checked_evidence,
    checked_iban,
    checked_language,
    checked_text,
)
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON
from ledger.storage.keys import BOOK_OWNER


def register_natural(uow: UnitOfWork, identity: NaturalIdentity) -> str:
    """Register a citizen; refuses `email-malformed`, `email-taken`, `language-unknown`, `text-malformed`."""
    checked = replace(
        identity,
        given_name=checked_text(identity.given_name, "given_name"),
        family_name=checked_text(identity.family_name, "family_name"),
    )
    return _register(uow, PartyKind.NATURAL, checked)


def register_legal(uow: UnitOfWork, identity: LegalIdentity) -> str:
    """Register an enterprise; refuses as for a citizen, `enterprise-number-invalid`, `enterprise-number-taken`."""
    checked = replace(
        identity,
        name=checked_text(identity.name, "name"),
        legal_form=checked_text(identity.legal_form, "legal_form"),
        representative=checked_text(identity.representative, "representative"),
        enterprise_number=checked_enterprise_number(identity.enterprise_number),
    )
    lookups = {queries.ENTERPRISE_NUMBER: checked.enterprise_number}
    return _register(uow, PartyKind.LEGAL, checked, lookups=lookups)


def register_staff(uow: UnitOfWork, identity: StaffIdentity) -> str:
    """Register someone of the operator, or an auditor; refuses as for a citizen, and `staff-role-unknown`."""
    if identity.role not in (Role.OPERATOR, Role.AUDITOR):
        raise Refusal("staff-role-unknown", role=str(identity.role))
    return _register(uow, PartyKind.STAFF, replace(identity, name=checked_text(identity.name, "name")))


def record_attribute(
    uow: UnitOfWork,
    party_id: str,
    attribute: Attribute,
    value: JSON,
    *,
    valid_from: date,
    evidence: str,
    about: str = "",
) -> None:
    """Append a dated value; refuses `party-unknown`, `attribute-value-malformed`, `evidence-missing`."""
    checked, proof = checked_attribute(attribute, value), checked_evidence(evidence)
    lock_party(uow, party_id)
    if about:
        _require_party(uow, about)
    rows = tables.party_attribute
    same = (rows.c.party_id == party_id, rows.c.name == attribute.value, rows.c.about == about)
    values = {
        "name": attribute.value,
        "about": about,
        "seq": _next_seq(uow, rows, *same),
        "sealed": _sealed(uow, party_id, checked),
        "valid_from": valid_from,
        "evidence": proof,
    }
    _append(uow, rows, party_id, values)


def record_lender_declaration(
    uow: UnitOfWork, lender: str, *, borrower: str, declaration: LenderDeclaration, valid_from: date, evidence: str
) -> None:
    """What a lender states on its ties to one borrower."""
    record_attribute(
        uow,
        lender,
        Attribute.EXCLUSIONS,
        declaration.to_json(),
        valid_from=valid_from,
        evidence=evidence,
        about=borrower,
    )


def record_elsewhere(uow: UnitOfWork, lender: str, stated: Elsewhere, *, valid_from: date, evidence: str) -> None:
    """What a lender states to have in proxi loans outside this book."""
    record_attribute(uow, lender, Attribute.ELSEWHERE, stated.to_json(), valid_from=valid_from, evidence=evidence)


def change_iban(uow: UnitOfWork, party_id: str, iban: str, *, valid_from: date, evidence: str) -> int:
    """Append an account number and park payouts until it is verified; its sequence number. Refuses `iban-invalid`."""
    number, proof = checked_iban(iban), checked_evidence(evidence)
    lock_party(uow, party_id)
    rows = tables.party_iban
    seq = _next_seq(uow, rows, rows.c.party_id == party_id)
    sealed = uow.keys.seal_personal(uow, party_id, number.encode())
    _append(uow, rows, party_id, {"seq": seq, "sealed": sealed, "valid_from": valid_from, "evidence": proof})
    return seq


def verify_iban(uow: UnitOfWork, party_id: str, seq: int, *, evidence: str) -> None:
    """State that account number `seq` is the party's own.

    Refuses `iban-missing`, `iban-verified-already`, and `iban-verifier-recorded-it`: it takes a second person.
    """
    proof = checked_evidence(evidence)
    lock_party(uow, party_id)
    rows, checks = tables.party_iban, tables.party_iban_check
    recorded_by = uow.connection.execute(
        sa.select(rows.c.actor).where(rows.c.book_id == uow.book_id, rows.c.party_id == party_id, rows.c.seq == seq)
    ).scalar_one_or_none()
    if recorded_by is None:
        raise Refusal("iban-missing", party=party_id)
    if recorded_by == uow.actor:
        raise Refusal("iban-verifier-recorded-it", party=party_id)
    done = sa.select(checks.c.seq).where(
        checks.c.book_id == uow.book_id, checks.c.party_id == party_id, checks.c.seq == seq
    )
    if uow.connection.execute(done).first() is not None:
        raise Refusal("iban-verified-already", party=party_id)
    uow.connection.execute(
        sa.insert(checks).values(
            book_id=uow.book_id,
            party_id=party_id,
            seq=seq,
            evidence=proof,
            verified_at=uow.now(),
            actor=uow.actor,
        )
    )


def lock_party(uow: UnitOfWork, party_id: str) -> None:
    """Hold the party's row until the unit of work ends, so caps are checked one at a time; refuses `party-unknown`.

    On SQLite the one writer already holds everything.
    """
    statement = sa.select(tables.party.c.party_id).where(
        tables.party.c.book_id == uow.book_id, tables.party.c.party_id == party_id
    )
    if uow.connection.execute(statement.with_for_update()).first() is None:
        raise Refusal("party-unknown", party=party_id[:40])


def _register(uow: UnitOfWork, kind: PartyKind, identity: Identity, *, lookups: Mapping[str, str] | None = None) -> str:
    checked = replace(identity, email=checked_email(identity.email), language=checked_language(identity.language))
    found_by = {queries.EMAIL: checked.email, **(lookups or {})}
    uow.keys.subject_keys(uow.connection, [BOOK_OWNER], now=uow.now())
    for lookup, value in found_by.items():
        if queries.party_id_by(uow.connection, uow, lookup, value) is not None:
            raise Refusal(f"{lookup}-taken")
    party_id = uow.new_id(kind.prefix)
    row = {"book_id": uow.book_id, "party_id": party_id}
    uow.connection.execute(
        sa.insert(tables.party).values(**row, kind=kind.value, registered_at=uow.now(), actor=uow.actor)
    )
    _append(uow, tables.party_identity, party_id, {"seq": 1, "sealed": _sealed(uow, party_id, asdict(checked))})
    for lookup, value in found_by.items():
        digest = queries.lookup_digest(uow.connection, uow, lookup, value)
        uow.connection.execute(sa.insert(tables.party_lookup).values(**row, kind=lookup, digest=digest))
    return party_id


def _append(uow: UnitOfWork, table: sa.Table, party_id: str, values: Mapping[str, object]) -> None:
    uow.connection.execute(
        sa.insert(table).values(
            book_id=uow.book_id, party_id=party_id, recorded_at=uow.now(), actor=uow.actor, **values
        )
    )


def _next_seq(uow: UnitOfWork, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    statement = sa.select(sa.func.coalesce(sa.func.max(table.c.seq), 0)).where(table.c.book_id == uow.book_id, *where)
    last: int = uow.connection.execute(statement).scalar_one()
    return last + 1


def _sealed(uow: UnitOfWork, party_id: str, value: JSON) -> bytes:
    return uow.keys.seal_personal(uow, party_id, json.dumps(value, sort_keys=True).encode())


def _require_party(uow: UnitOfWork, party_id: str) -> None:
    statement = sa.select(tables.party.c.party_id).where(
        tables.party.c.book_id == uow.book_id, tables.party.c.party_id == party_id
    )
    if uow.connection.execute(statement).first() is None:
        raise Refusal("party-unknown", party=party_id[:40])
