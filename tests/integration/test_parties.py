"""Parties on both databases: registered once, found by keyed digests, read as of a date, opened only with their key."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from contracts.parties import queries, service, tables
from contracts.parties.model import (
    Attribute,
    Elsewhere,
    LegalIdentity,
    LenderDeclaration,
    NaturalIdentity,
    Role,
    StaffIdentity,
)
from contracts.schemes.withholding import HolderKind
from ledger.book import Book, UnitOfWork
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.storage.tables import subject_key

ON = date(2026, 3, 2)
ANNE = NaturalIdentity("Anne", "Dubois", "Anne.Dubois@example.be", "fr")
BAKERY = LegalIdentity("Boulangerie Dansaert", "SRL", "0403.199.702", "Karim Haddad", "karim@dansaert.example", "fr")
CLERK = StaffIdentity("Els Peeters", "els@bxl.example", "nl", Role.OPERATOR)
IBAN, OTHER_IBAN = "BE71 0961 2345 6769", "BE38 0912 1501 4572"


def run(book: Book, step: Callable[[UnitOfWork], object], actor: str = "system") -> object:
    with book.unit_of_work(actor=actor) as unit:
        return step(unit)


def register(book: Book, identity: NaturalIdentity | LegalIdentity | StaffIdentity) -> str:
    match identity:
        case NaturalIdentity():
            return str(run(book, lambda unit: service.register_natural(unit, identity)))
        case LegalIdentity():
            return str(run(book, lambda unit: service.register_legal(unit, identity)))
        case StaffIdentity():
            return str(run(book, lambda unit: service.register_staff(unit, identity)))


def rows_of_parties(book: Book) -> list[int]:
    names = [name for name in tables.party.metadata.tables if name.startswith("party")]
    with book.read() as connection:
        return [connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) for name in sorted(names)]


def refused(book: Book, step: Callable[[UnitOfWork], object], actor: str = "system") -> Refusal:
    """The refusal of a step, after which no row of any party has changed."""
    before = rows_of_parties(book)
    with pytest.raises(Refusal) as found:
        run(book, step, actor)
    assert rows_of_parties(book) == before
    return found.value


def test_a_party_is_found_again_by_its_address_in_any_capitals(book: Book) -> None:
    citizen, enterprise, staff = register(book, ANNE), register(book, BAKERY), register(book, CLERK)
    assert (citizen[0], enterprise[0], staff[0]) == ("c", "e", "s")
    with book.read() as connection:
        found = queries.find_by_email(connection, book, " ANNE.dubois@EXAMPLE.be ")
        assert found is not None
        assert (found.party_id, found.name, found.language, found.role) == (citizen, "Anne Dubois", "fr", Role.CITIZEN)
        assert queries.find_by_email(connection, book, "nobody@example.be") is None
        company = queries.find_by_enterprise_number(connection, book, "BE0403199702")
        assert company is not None
        assert (company.party_id, company.name, company.role) == (enterprise, BAKERY.name, Role.ENTREPRENEUR)
        assert queries.party(connection, book, staff).role is Role.OPERATOR
        assert queries.display_name(connection, book, enterprise) == "Boulangerie Dansaert"


def test_in_a_book_where_nobody_is_registered_nobody_is_found(book: Book) -> None:
    with book.read() as connection:
        assert queries.find_by_email(connection, book, "anne.dubois@example.be") is None


def test_nothing_that_tells_who_someone_is_stands_readable_in_any_row(book: Book) -> None:
    citizen = register(book, ANNE)
    run(book, lambda unit: service.change_iban(unit, citizen, IBAN, valid_from=ON, evidence="form-1"))
    run(book, lambda unit: service.record_attribute(
        unit, citizen, Attribute.COMMUNE, "Schaerbeek", valid_from=ON, evidence="form-1"
    ))  # fmt: skip
    with book.read() as connection:
        for name in (table for table in tables.party.metadata.tables if table.startswith("party")):
            stored = b" ".join(
                value if isinstance(value, bytes) else str(value).encode()
                for row in connection.execute(sa.text(f"SELECT * FROM {name}"))
                for value in row
            ).lower()
            for secret in (b"anne", b"dubois", b"example.be", b"be71096123456769", b"schaerbeek"):
                assert secret not in stored


def test_without_the_key_a_name_is_its_token(book: Book) -> None:
    citizen = register(book, ANNE)
    with book.engine.begin() as connection:
        connection.execute(sa.delete(subject_key).where(subject_key.c.owner == citizen))
    with book.read() as connection:
        assert queries.display_name(connection, book, citizen) == citizen
        with pytest.raises(Refusal) as found:
            queries.party(connection, book, citizen)
        assert found.value.code == "subject-key-destroyed"


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        (replace(ANNE, email="no address"), "email-malformed"),
        (replace(ANNE, email="a@b"), "email-malformed"),
        (replace(ANNE, email="a b@example.be"), "email-malformed"),
        (replace(ANNE, language="de"), "language-unknown"),
        (replace(ANNE, given_name="  "), "text-malformed"),
        (replace(ANNE, family_name="x" * 121), "text-malformed"),
        (replace(ANNE, family_name="Dub\nois"), "text-malformed"),
        (replace(BAKERY, enterprise_number="0403.199.703"), "enterprise-number-invalid"),
        (replace(BAKERY, enterprise_number="2.123.456.791"), "enterprise-number-invalid"),
        (replace(BAKERY, representative=""), "text-malformed"),
        (replace(CLERK, role=Role.CITIZEN), "staff-role-unknown"),
    ],
)
def test_a_registration_that_cannot_be_is_refused(
    sqlite_book: Book, identity: NaturalIdentity | LegalIdentity | StaffIdentity, code: str
) -> None:
    before = rows_of_parties(sqlite_book)
    with pytest.raises(Refusal) as found:
        register(sqlite_book, identity)
    assert found.value.code == code
    assert rows_of_parties(sqlite_book) == before


def test_an_address_or_an_enterprise_number_is_registered_once(book: Book) -> None:
    register(book, ANNE)
    register(book, BAKERY)
    again = replace(ANNE, given_name="Anna", email="anne.dubois@EXAMPLE.be")
    assert refused(book, lambda unit: service.register_natural(unit, again)).code == "email-taken"
    twin = replace(BAKERY, email="other@dansaert.example", enterprise_number="BE 0403 199 702")
    assert refused(book, lambda unit: service.register_legal(unit, twin)).code == "enterprise-number-taken"


def test_an_attribute_is_read_as_of_a_date_and_as_known_then(book: Book, clock: FixedClock) -> None:
    citizen = register(book, ANNE)

    def record(value: str, valid_from: date) -> None:
        run(book, lambda unit: service.record_attribute(
            unit, citizen, Attribute.TAX_RESIDENCE, value, valid_from=valid_from, evidence="register extract"
        ))  # fmt: skip

    record("BE-BRU", date(2025, 1, 1))
    known_first = clock.now()
    clock.instant += timedelta(days=30)
    record("BE-WAL", date(2026, 2, 1))  # learned a month later than it was true

    with book.read() as connection:

        def residence(on: date, **known: object) -> object:
            return queries.attribute_as_of(connection, book, citizen, Attribute.TAX_RESIDENCE, on, **known)

        assert residence(date(2024, 12, 31)) is None
        assert residence(date(2026, 1, 31)) == "BE-BRU"
        assert residence(date(2026, 2, 1)) == "BE-WAL"
        assert residence(date(2026, 2, 1), known_at=known_first) == "BE-BRU"


def test_an_attribute_is_never_overwritten(book: Book) -> None:
    citizen = register(book, ANNE)
    run(book, lambda unit: service.record_attribute(
        unit, citizen, Attribute.HOLDER_KIND, "resident-individual", valid_from=ON, evidence="form"
    ))  # fmt: skip
    for statement in (sa.update(tables.party_attribute).values(evidence="x"), sa.delete(tables.party_attribute)):
        with pytest.raises(sa.exc.DBAPIError), book.engine.begin() as connection:
            connection.execute(statement)
    with book.read() as connection:
        assert queries.holder_kind(connection, book, citizen, ON) is HolderKind.RESIDENT_INDIVIDUAL


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (Attribute.TAX_RESIDENCE, "Brussels"),
        (Attribute.HOLDER_KIND, "someone"),
        (Attribute.SOPHISTICATION, True),
        (Attribute.EXCLUSIONS, {"is_employee": False}),
        (Attribute.EXCLUSIONS, {**LenderDeclaration().to_json(), "shareholding": "1.5"}),
        (Attribute.EXCLUSIONS, {**LenderDeclaration().to_json(), "shareholding": "much"}),
        (Attribute.EXCLUSIONS, {**LenderDeclaration().to_json(), "is_director": 1}),
        (Attribute.ELSEWHERE, {"year": 2026}),
        (Attribute.ELSEWHERE, {**Elsewhere(2026).to_json(), "concluded_cents": -1}),
        (Attribute.ELSEWHERE, []),
    ],
)
def test_a_value_that_an_attribute_cannot_have_is_refused(
    sqlite_book: Book, attribute: Attribute, value: object
) -> None:
    citizen = register(sqlite_book, ANNE)
    refusal = refused(sqlite_book, lambda unit: service.record_attribute(
        unit, citizen, attribute, value, valid_from=ON, evidence="form"
    ))  # fmt: skip
    assert refusal == Refusal("attribute-value-malformed", attribute=attribute.value)


def test_an_attribute_without_evidence_or_party_is_refused(sqlite_book: Book) -> None:
    citizen = register(sqlite_book, ANNE)

    def record(party: str, evidence: str, about: str = "") -> Refusal:
        return refused(sqlite_book, lambda unit: service.record_attribute(
            unit, party, Attribute.COMMUNE, "Jette", valid_from=ON, evidence=evidence, about=about
        ))  # fmt: skip

    assert record(citizen, " ").code == "evidence-missing"
    assert record("c00", "form").code == "party-unknown"
    assert record(citizen, "form", about="e00").code == "party-unknown"
    with sqlite_book.read() as connection, pytest.raises(Refusal) as found:
        queries.party(connection, sqlite_book, "c00")
    assert found.value.code == "party-unknown"


def test_what_a_lender_declares_is_what_the_scheme_reads(book: Book) -> None:
    citizen, enterprise = register(book, ANNE), register(book, BAKERY)
    with book.read() as connection, pytest.raises(Refusal) as found:
        queries.lender_facts(connection, book, citizen, borrower=enterprise, on=ON)
    assert found.value.code == "lender-declaration-missing"

    def declare(unit: UnitOfWork) -> None:
        ties = LenderDeclaration(shareholding=Decimal("0.05"))
        service.record_lender_declaration(
            unit, citizen, borrower=enterprise, declaration=ties, valid_from=ON, evidence="form"
        )
        service.record_elsewhere(unit, citizen, Elsewhere(2026, 1_000, 2_000), valid_from=ON, evidence="form")

    run(book, declare)
    with book.read() as connection:
        facts = queries.lender_facts(connection, book, citizen, borrower=enterprise, on=ON)
        assert (facts.is_natural_person, facts.is_employee, facts.shareholding) == (True, False, Decimal("0.05"))
        assert queries.elsewhere(connection, book, citizen, ON) == Elsewhere(2026, 1_000, 2_000)
        assert queries.elsewhere(connection, book, citizen, date(2027, 1, 1)) == Elsewhere(2027, 0, 2_000)
        assert queries.elsewhere(connection, book, citizen, date(2026, 1, 1)) == Elsewhere(2026)


def test_the_tax_status_of_a_holder_is_never_assumed(sqlite_book: Book) -> None:
    citizen = register(sqlite_book, ANNE)
    with sqlite_book.read() as connection, pytest.raises(Refusal) as found:
        queries.holder_kind(connection, sqlite_book, citizen, ON)
    assert found.value.code == "holder-kind-unknown"


def test_payouts_wait_until_a_second_person_has_verified_the_account_number(book: Book) -> None:
    citizen = register(book, ANNE)

    def payout(on: date) -> str:
        with book.read() as connection:
            return queries.payout_iban(connection, book, citizen, on)

    with pytest.raises(Refusal) as missing:
        payout(ON)
    assert missing.value.code == "iban-missing"

    step = lambda unit: service.change_iban(unit, citizen, IBAN, valid_from=ON, evidence="form")  # noqa: E731 -- used twice
    assert run(book, step, actor="s1") == 1
    with pytest.raises(Refusal) as unverified:
        payout(ON)
    assert unverified.value.code == "iban-not-verified"

    verify = lambda unit: service.verify_iban(unit, citizen, 1, evidence="bank letter")  # noqa: E731 -- used twice
    assert refused(book, verify, actor="s1").code == "iban-verifier-recorded-it"
    run(book, verify, actor="s2")
    assert payout(ON) == "BE71096123456769"
    assert refused(book, verify, actor="s3").code == "iban-verified-already"
    absent = refused(book, lambda unit: service.verify_iban(unit, citizen, 7, evidence="letter"), actor="s2")
    assert absent.code == "iban-missing"

    later = ON + timedelta(days=10)
    change = lambda unit: service.change_iban(unit, citizen, OTHER_IBAN, valid_from=later, evidence="form")  # noqa: E731 -- used twice
    assert run(book, change, actor=citizen) == 2
    assert payout(later - timedelta(days=1)) == "BE71096123456769"
    with pytest.raises(Refusal) as parked:
        payout(later)
    assert parked.value.facts["changed_on"] == later.isoformat()


@pytest.mark.parametrize("iban", ["BE71 0961 2345 6760", "BE68 5390 0754 7035", "", "GB00", "DE00 0000"])
def test_a_wrong_account_number_is_refused(sqlite_book: Book, iban: str) -> None:
    citizen = register(sqlite_book, ANNE)
    refusal = refused(
        sqlite_book, lambda unit: service.change_iban(unit, citizen, iban, valid_from=ON, evidence="form")
    )
    assert refusal.code == "iban-invalid"
