"""What a holder sees of her bonds, by the register and the entries that paid her, and the extract that she can show."""

import io
import subprocess
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest

from api.cli.signer import signer_of
from api.settings import read_settings
from contracts.bonds import register
from contracts.bonds.holder import BondHolding, holdings_of
from contracts.bonds.model import Block, RunKind
from contracts.documents import authority
from contracts.documents.cms import Encoding
from contracts.documents.verify import verify_pdf_signatures, verify_receipt_pdf
from frontend.i18n import LANGUAGES
from ledger.integrator import integrate
from ledger.log.keys import create_log
from ledger.verify.receipt import verify_receipt
from tests.bonds_kit import Desk, bond_desk
from tests.commands import run_bxl
from tests.pages_kit import Enter
from tests.products_kit import EVIDENCE


@pytest.fixture
def desk(sqlite_town) -> Desk:
    return bond_desk(sqlite_town)


def holding(desk: Desk, holder: str) -> BondHolding:
    book = desk.town.book
    with book.read() as connection:
        [found] = holdings_of(connection, book, holder, desk.town.today)
    return found


def test_a_portfolio_shows_units_and_what_each_coupon_paid(enter: Enter, desk: Desk) -> None:
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    desk.lives(ada, "Etterbeek")
    series_id = desk.issue({ada: 6, bob: 3})
    before = holding(desk, ada)
    assert (before.units, before.nominal_cents, before.payments) == (6, 600_000, ())
    assert before.coming is not None
    assert (before.coming.interest_cents, before.coming.tax_cents, before.coming.principal_cents) == (13_500, 4_050, 0)
    with town.book.unit_of_work(actor=town.maker) as uow:
        register.block_units(
            uow, series_id, holder=ada, units=2, why=Block.PLEDGE, on=town.today, paper=EVIDENCE.replace("a", "b")
        )
    terms = desk.record(series_id).series.terms
    town.jump_to(terms.record_on(terms.bond.periods[0].paid_on) + timedelta(days=1))
    called = holding(desk, ada).coming
    assert called is not None
    assert (called.on, called.interest_cents) == (terms.bond.periods[0].paid_on, 13_500), "asked for and not paid yet"
    desk.serve(series_id, "c1")
    paid = holding(desk, ada)
    assert [(each.kind, each.units, each.net_cents) for each in paid.payments] == [(RunKind.COUPON, 6, 9_450)]
    assert (paid.interest_cents, paid.tax_cents, paid.net_interest_cents) == (13_500, 4_050, 9_450)
    assert paid.coming is not None
    assert paid.coming.principal_cents == 600_000
    for language in LANGUAGES:
        portfolio = enter(ada).get(f"/{language}/portfolio").text
        own = enter(ada).get(f"/{language}/bonds/{series_id}").text
        for said in ("135,00", "40,50", "94,50"):
            assert said in portfolio, (language, said)
            assert said in own, (language, said)
        assert "Salle de sport" in portfolio
    assert "2 units are pledged to a creditor" in enter(ada).get(f"/en/bonds/{series_id}").text
    desk.serve(series_id, "c2", "m")
    over = holding(desk, ada)
    assert (over.units, over.redeemed_cents, over.coming) == (0, 600_000, None)
    assert [(each.kind, each.held_cents) for each in over.payments][1:] == [
        (RunKind.COUPON, 0),
        (RunKind.MATURITY, 200_000),
    ]
    assert "2.000,00" in enter(ada).get(f"/nl/bonds/{series_id}").text.replace("\u00a0", " ")


def test_a_bond_that_one_never_had_does_not_exist(enter: Enter, desk: Desk) -> None:
    ada, eve = desk.town.citizen("Ada"), desk.town.citizen("Eve")
    series_id = desk.issue({ada: 6})
    for path in (f"bonds/{series_id}", f"bonds/{series_id}/extract", "bonds/nnothing"):
        assert enter(eve).get(f"/fr/{path}").status_code == 404, path
    assert "Salle de sport" not in enter(eve).get("/fr/portfolio").text


def test_an_extract_is_signed_and_proves_the_newest_entry_to_anybody(enter: Enter, desk: Desk, tmp_path: Path) -> None:
    town = desk.town
    settings = read_settings({"BXL_DATA": str(tmp_path)})
    identity = authority.make_receipt_identity(settings.keys_folder, now=town.clock.now())
    policy = create_log(
        settings.keys_folder,
        settings.log_folder,
        origin="log.example/main",
        receipt_certificate_sha256=identity.certificate_sha256,
        passphrase=None,
    )
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.issue({ada: 6, bob: 3})
    path = f"/bonds/{series_id}/extract"
    assert enter(ada).get(f"/fr{path}").status_code == 409, "the log does not cover the entry yet"
    assert "sera disponible" in enter(ada).get(f"/fr/bonds/{series_id}").text
    desk.transfer(series_id, ada, bob, 2)
    integrate(town.book, settings.log_folder)
    signer_of(settings).run_round()
    assert path in enter(ada).get(f"/fr/bonds/{series_id}").text
    for language in LANGUAGES:
        pdf = enter(ada).get(f"/{language}{path}").content
        contents = verify_receipt_pdf(pdf, receipt_certificate_sha256=identity.certificate_sha256)
        assert verify_receipt(contents.proof, contents.opening, policy).exit_code == 0
        (report,) = verify_pdf_signatures(pdf, roots_der=[identity.certificate.public_bytes(Encoding.DER)])
        assert report.covers_whole_document
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert str(document.Root.Lang) == f"{language}-BE"
    file = tmp_path / "extract.pdf"
    file.write_bytes(pdf)
    said = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    assert "Salle de sport" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert any("You received units of a bond +6 6 " in line for line in lines)
    assert any("Units passed from one holder to another -2 4 " in line for line in lines)
    verified = run_bxl("verify", "receipt", file, "--policy", settings.log_folder / "policy")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    changed = tmp_path / "changed.pdf"
    changed.write_bytes(pdf[:2000] + bytes([pdf[2000] ^ 1]) + pdf[2001:])
    assert run_bxl("verify", "receipt", changed, "--policy", settings.log_folder / "policy").returncode == 1
