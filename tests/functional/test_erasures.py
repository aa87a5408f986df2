"""Erasing a party: not while anything is agreed or the law keeps it; then papers, mails and identity open no more."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

import api.bootstrap
from api.bootstrap import create_book
from api.cli.main import bxl as command
from api.mail.queries import mailbox
from api.mail.tables import mail
from api.settings import Settings, read_settings
from contracts.documents.model import DocumentKind
from contracts.documents.service import open_document, store_document
from contracts.erasure import erase_party, request_erasure
from contracts.parties import queries, service, tables
from contracts.parties.model import NaturalIdentity, Role, StaffIdentity
from contracts.schemes.rules import rule
from frontend.pages.desk import approve_and_do
from ledger import approvals
from ledger.attest import attest
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.erasure import Basis
from ledger.errors import Refusal
from ledger.storage.keys import DESTROYED
from ledger.storage.tables import subject_key
from tests.entries import back, paid, post
from tests.oracle import check_everything
from tests.privacy_kit import identity_strings, places_of
from tests.products_kit import Town

THEN, NOW = datetime(2018, 3, 5, 11, tzinfo=UTC), datetime(2029, 4, 3, 11, tzinfo=UTC)
ZOE = NaturalIdentity("Zoé", "Vandersteen", "zoe.vandersteen@example.be", "fr")
PDF = b"%PDF-1.7 a paper about Zoe"


def register(book: Book, identity: NaturalIdentity = ZOE) -> str:
    with book.unit_of_work(actor="s1") as unit:
        return service.register_natural(unit, identity)


def live_long_ago(book: Book, clock: FixedClock) -> tuple[str, str]:
    """Zoé's money came and went in 2018; her token, and a paper of hers. It is 2029 now."""
    clock.instant = THEN
    zoe = register(book)
    post(book, paid("in", 700, citizen=zoe, on=THEN.date()), back("out", 700, citizen=zoe, on=THEN.date()))
    with book.unit_of_work(actor="s1") as unit:
        service.change_iban(unit, zoe, "BE71 0961 2345 6769", valid_from=THEN.date(), evidence="seen")
        paper = store_document(
            unit, kind=DocumentKind.STATEMENT, language="fr", subject=zoe, reference="statement:1", pdf=PDF
        )
        body = json.dumps({"subject": "Bonjour Zoé", "body": "…"}).encode()
        unit.connection.execute(
            sa.insert(mail).values(
                book_id=book.book_id, key="m1", party_id=zoe, template="welcome", language="fr", state="sent",
                body=unit.keys.seal_personal(unit, zoe, body), attempts=1, written_at=THEN, next_attempt_at=THEN,
            )
        )  # fmt: skip
    clock.instant = NOW
    return zoe, paper


def ask(book: Book, party: str) -> str:
    with book.unit_of_work(actor="s1") as unit:
        approval_id = request_erasure(unit, party, basis=Basis.NO_LONGER_NEEDED, reason="Ten years are over.")
    with book.unit_of_work(actor="job:attest") as unit:
        attest(unit, key=f"state:{approval_id}")
    return approval_id


def refuse(book: Book, party: str, code: str) -> Refusal:
    with pytest.raises(Refusal) as caught, book.unit_of_work(actor="s1") as unit:
        request_erasure(unit, party, basis=Basis.NO_LONGER_NEEDED, reason="asked")
    assert caught.value.code == code
    return caught.value


def test_after_the_erasure_nothing_about_the_person_can_be_read(book: Book, clock: FixedClock) -> None:
    zoe, paper = live_long_ago(book, clock)
    with book.read() as connection:
        assert open_document(book, connection, paper) == PDF
        assert queries.find_by_email(connection, book, ZOE.email).party_id == zoe
    assert [view.subject for view in mailbox(book)] == ["Bonjour Zoé"]
    approval_id = ask(book, zoe)
    with book.unit_of_work(actor="s2") as unit:
        approve_and_do(unit, approval_id)
    with book.read() as connection:
        for opens in (
            lambda: open_document(book, connection, paper),
            lambda: queries.party(connection, book, zoe),
            lambda: queries.iban_as_of(connection, book, zoe, NOW.date()),
        ):
            with pytest.raises(Refusal) as caught:
                opens()
            assert caught.value == Refusal("subject-key-destroyed", owner=zoe)
        assert queries.display_name(connection, book, zoe) == zoe
        assert queries.find_by_email(connection, book, ZOE.email) is None
        assert queries.ibans_to_verify(connection, book) == []
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.party_lookup)) == 0
    assert mailbox(book) == []
    assert register(book) != zoe  # as somebody new


def test_the_same_erasure_again_changes_nothing(sqlite_book: Book, clock: FixedClock) -> None:
    zoe, _ = live_long_ago(sqlite_book, clock)
    approval_id = ask(sqlite_book, zoe)
    with sqlite_book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
        keys = erase_party(unit, zoe, approval_id=approval_id)
    with sqlite_book.unit_of_work(actor="s2") as unit:
        assert erase_party(unit, zoe, approval_id=approval_id) == keys
    assert unit.results == []


def test_the_law_keeps_what_it_keeps_from_the_last_thing_that_happened(sqlite_book: Book, clock: FixedClock) -> None:
    zoe, _ = live_long_ago(sqlite_book, clock)
    years = rule("BE", "retention_years", THEN.date()).integer()
    clock.instant = THEN.replace(year=THEN.year + years)
    last = clock.today()
    assert refuse(sqlite_book, zoe, "erasure-before-retention-ends").facts["ends_on"] == last.isoformat()
    clock.instant += timedelta(days=1)
    approval_id = ask(sqlite_book, zoe)
    post(sqlite_book, paid("more", 1, citizen=zoe, on=last), back("less", 1, citizen=zoe, on=last))
    with pytest.raises(Refusal, match="erasure-before-retention-ends"), sqlite_book.unit_of_work(actor="s2") as unit:
        approve_and_do(unit, approval_id)


def test_who_was_only_registered_is_kept_as_long(sqlite_book: Book, clock: FixedClock) -> None:
    clock.instant = THEN
    zoe = register(sqlite_book)
    refuse(sqlite_book, zoe, "erasure-before-retention-ends")
    clock.instant = NOW
    ask(sqlite_book, zoe)


def test_staff_and_strangers_are_not_erased(sqlite_book: Book, clock: FixedClock) -> None:
    clock.instant = THEN
    with sqlite_book.unit_of_work(actor="s1") as unit:
        clerk = service.register_staff(unit, StaffIdentity("Els", "els@bxl.example", "nl", Role.OPERATOR))
    clock.instant = NOW
    assert refuse(sqlite_book, clerk, "erasure-relation-open").facts["relation"] == "staff"
    refuse(sqlite_book, "c-nobody", "party-unknown")


def test_nobody_is_erased_while_a_pledge_an_offer_or_a_loan_runs(sqlite_town: Town) -> None:
    town = sqlite_town
    lender, borrower = town.citizen("Ada"), town.enterprise()
    offer_id = town.open_offer(borrower)
    assert refuse(town.book, borrower, "erasure-relation-open").facts["relation"] == "offer"
    town.pledge(offer_id, lender, 50_000)
    assert refuse(town.book, lender, "erasure-relation-open").facts["relation"] == "pledge"
    other = town.enterprise("Garage Zuid", number="0403.227.515")
    bea = town.citizen("Bea")
    town.fund({bea: 100_000}, other)
    for bound in (bea, other):
        assert refuse(town.book, bound, "erasure-relation-open").facts["relation"] == "loan"


# as a shell sees it


@pytest.fixture
def clock_of_commands(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    clock = FixedClock(THEN)
    monkeypatch.setattr(api.bootstrap, "SystemClock", lambda: clock)
    return clock


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("BXL_DATA", str(tmp_path / "data"))
    for name in ("BXL_DATABASE", "BXL_BOOK", "BXL_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    return read_settings({"BXL_DATA": str(tmp_path / "data")})


@pytest.fixture
def installed(settings: Settings, clock_of_commands: FixedClock) -> Iterator[Book]:
    book = create_book(settings)
    yield book
    check_everything(book)
    book.engine.dispose()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments], standalone_mode=False)


def test_a_person_is_erased_from_the_command_line_and_the_auditor_signs_what_is_left(
    installed: Book, settings: Settings, clock_of_commands: FixedClock, tmp_path: Path
) -> None:
    zoe, _ = live_long_ago(installed, clock_of_commands)
    post(installed, paid("other", 5, citizen=register(installed, NaturalIdentity("Bob", "Bo", "bob@x.be", "en"))))
    asked = run("erase", zoe, "--basis", "gdpr-17-1-a", "--reason", "Ten years", "--as", "s1", "--json")
    approval_id = json.loads(asked.stdout)["approval"]
    same = run("erase", zoe, "--approval", approval_id, "--as", "s1")
    assert same.exception == Refusal("approver-is-requester", approval=approval_id, actor="s1")
    assert run("attest", "--key", "state:cli").exception is None
    done = run("erase", zoe, "--approval", approval_id, "--as", "s2", "--json")
    assert json.loads(done.stdout)["keys"] == [f"erasure:{approval_id}:1"]
    again = run("erase", zoe, "--approval", approval_id, "--as", "s2", "--json")
    assert json.loads(again.stdout)["entries"] == []
    assert run("log", "publish").exception is None
    report = run("audit")
    assert (report.return_value, "lines of erased persons" in report.stdout) == (0, True)

    anna, bundle = tmp_path / "anna.key", tmp_path / "openings.sealed"
    assert run("audit", "key", "auditor.example/anna", "--out", anna).exception is None
    assert run("audit", "bundle", "--to", f"{anna}.pub", "--out", bundle).stdout.endswith(f"entries in {bundle}\n")
    offline = ("--log", settings.log_folder, "--openings", bundle)
    assert run("audit", *offline).return_value == 2  # closed to everybody else
    assert run("audit", *offline, "--key", anna).return_value == 0
    attested = run("audit", "attest", *offline, "--key", anna)
    assert "auditor.example/anna attests" in attested.stdout
    shown = run("verify", "log", settings.log_folder, "--auditor", f"{anna}.pub")
    assert (shown.return_value, "replayed by an auditor" in shown.stdout) == (0, True)
    elsewhere = tmp_path / "attestation"
    assert run("audit", "attest", *offline, "--key", anna, "--out", elsewhere).exception is None
    assert elsewhere.read_bytes().startswith(installed_origin(settings))
    assert places_of(identity_strings(installed) | {"Vandersteen"}, settings.log_folder) == []


def installed_origin(settings: Settings) -> bytes:
    return (settings.log_folder / "checkpoint").read_bytes().split(b"\n")[0]


def test_nothing_is_signed_that_was_not_verified(installed: Book, settings: Settings, tmp_path: Path) -> None:
    post(installed, paid("k1", 5))
    assert run("log", "publish").exception is None
    anna, bundle = tmp_path / "anna.key", tmp_path / "openings.jsonl"
    run("audit", "key", "auditor.example/anna", "--out", anna)
    assert run("audit", "bundle", "--from", 1, "--until", 2, "--out", bundle).stdout == f"2 entries in {bundle}\n"
    offline = ("--log", settings.log_folder, "--openings", bundle)
    refused = run("audit", "attest", *offline, "--key", anna)
    assert refused.exception == Refusal("replay-not-verified", verdict="incomplete")
    assert not (settings.log_folder / "attestations").exists()
    assert type(run("audit", "attest", *offline).exception).__name__ == "UsageError"
    assert type(run("audit", "--key", anna).exception).__name__ == "UsageError"


def test_an_erasure_is_asked_for_or_done_and_not_both(installed: Book) -> None:
    for wrong in ((), ("--basis", "gdpr-17-1-a"), ("--approval", "a1", "--reason", "x")):
        assert type(run("erase", "c1", "--as", "s1", *wrong).exception).__name__ == "UsageError"


def test_the_wrapping_key_is_replaced_from_the_command_line(installed: Book, settings: Settings) -> None:
    post(installed, paid("k1", 5))
    path = settings.keys_folder / "wrapping.key"
    before = path.read_bytes()
    assert run("keys", "rewrap").stdout == "2 keys wrapped anew\n"
    assert path.read_bytes() != before
    assert run("audit").return_value == 0
    post(installed, paid("k2", 5, citizen="c18"))  # by one who opened the book before


def test_a_name_that_is_published_is_found(tmp_path: Path) -> None:
    (tmp_path / "tile").mkdir()
    (tmp_path / "tile" / "000").write_bytes(b'{"x":"zoe.vandersteen@example.be"}')
    assert places_of({ZOE.email, "Nobody"}, tmp_path) == [(ZOE.email, "000")]
    (tmp_path / "tile" / "000").write_bytes(b"\x00BE71096123456769\xff")
    assert places_of({"BE71 0961 2345 6769"}, tmp_path) == [("BE71 0961 2345 6769", "000")]


def test_what_is_not_erased_keeps_its_key(sqlite_book: Book, clock: FixedClock) -> None:
    zoe, _ = live_long_ago(sqlite_book, clock)
    other = register(sqlite_book, NaturalIdentity("Bob", "Bo", "bob@x.be", "en"))
    approval_id = ask(sqlite_book, zoe)
    with sqlite_book.unit_of_work(actor="s2") as unit:
        approve_and_do(unit, approval_id)
    with sqlite_book.read() as connection:
        rows = connection.execute(sa.select(subject_key.c.owner, subject_key.c.wrapped)).all()
        assert {owner for owner, wrapped in rows if wrapped == DESTROYED} == {zoe}
        assert queries.display_name(connection, sqlite_book, other) == "Bob Bo"
