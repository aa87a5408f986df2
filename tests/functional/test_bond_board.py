"""The bulletin board (Regulation (EU) 2020/1503, art. 25): interests only; units pass by two people."""

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.bonds import board, decisions, register
from contracts.bonds.board import NoticeSide
from contracts.bonds.model import Block
from contracts.evidence import evidence
from ledger import balances
from ledger.errors import Refusal
from tests.bonds_kit import Desk, bond_desk
from tests.oracle import check_everything
from tests.pages_kit import Enter
from tests.products_kit import EVIDENCE, refused

PAPER = hashlib.sha256(b"declaration of transfer").hexdigest()


@pytest.fixture
def desk(sqlite_town) -> Desk:
    return bond_desk(sqlite_town)


def post(desk: Desk, series_id: str, writer: str, **changes: Any) -> str:
    values = {"side": NoticeSide.SELL, "units": 2, "reference_percent": None, "days": 30}
    with desk.town.book.unit_of_work(actor=writer) as uow:
        return board.post_notice(uow, series_id, writer=writer, on=desk.town.today, **(values | changes))


def test_a_notice_brings_two_people_together_and_moves_nothing_by_itself(enter: Enter, desk: Desk) -> None:
    town = desk.town
    ada, bob, eve = (town.citizen(name) for name in ("Ada", "Bob", "Eve"))
    series_id = desk.issue({ada: 6})
    entries = balances.entry_count
    with town.book.read() as connection:
        before = entries(connection, town.book.book_id)
    seller, buyer = enter(ada), enter(bob)
    form = {"series": series_id, "side": "sell", "units": "2", "price": "99,50", "days": "30"}
    assert seller.post("/en/board", data=form).status_code == 303
    page = enter().get("/en/board").text
    for said in ("99,50", "2 units", "binds nobody", "no order is executed", "#risk"):
        assert said in page, said
    assert "/reply" not in page, "a visitor may read, not reply"
    with town.book.read() as connection:
        [notice] = board.standing_notices(connection, town.book.book_id, town.today)
    reply = f"/en/board/{notice.notice_id}/reply"
    assert seller.post(reply).status_code == 409
    with refused(town, "notice-is-own"), town.book.unit_of_work(actor=ada) as uow:
        board.reply_to_notice(uow, notice.notice_id, by=ada, on=town.today)
    with refused(town, "notice-not-known"), town.book.unit_of_work(actor=eve) as uow:
        board.withdraw_notice(uow, notice.notice_id, writer=eve, on=town.today)
    assert "citizens.example" not in buyer.get("/en/board").text
    assert [buyer.post(reply).status_code for _ in range(2)] == [303, 303]
    town.settle()
    assert [body["to"] for name, body in town.mails if name == "notice-replied"] == [ada]
    own = seller.get("/en/board").text
    assert "Bob Peeters" in own
    assert own.count("mailto:bob") == 1
    for reader in (buyer, enter(eve), enter()):
        assert "mailto:" not in reader.get("/en/board").text
    assert enter(eve).post(f"/en/board/{notice.notice_id}/withdrawal").status_code == 404
    assert seller.post(f"/en/board/{notice.notice_id}/withdrawal").status_code == 303
    assert "99,50" not in enter().get("/en/board").text
    assert buyer.post(reply).status_code == 409
    with refused(town, "notice-not-open"), town.book.unit_of_work(actor=ada) as uow:
        board.withdraw_notice(uow, notice.notice_id, writer=ada, on=town.today)
    with town.book.read() as connection:
        assert entries(connection, town.book.book_id) == before, "a board posts nothing"
        [line] = evidence(connection, town.book, article="25")
    assert (line.actor, line.facts["units"], line.facts["reference_percent"]) == (ada, 2, "99.5")
    assert line.facts["withdrawn_on"] == town.today.isoformat()
    check_everything(town.book)


def test_a_notice_is_refused_for_what_its_writer_does_not_have(enter: Enter, desk: Desk) -> None:
    town = desk.town
    ada, bob, stranger = town.citizen("Ada"), town.citizen("Bob"), "cnobody"
    series_id = desk.issue({ada: 6, bob: 2})
    post(desk, series_id, ada, units=4)
    with refused(town, "units-not-held"):
        post(desk, series_id, ada, units=3)
    for days in (0, 91, 400):
        with refused(town, "notice-days-unusable"):
            post(desk, series_id, ada, units=1, days=days)
    with refused(town, "units-not-positive"):
        post(desk, series_id, ada, units=0)
    with refused(town, "reference-price-unusable"):
        post(desk, series_id, ada, units=1, reference_percent=Decimal("200.01"))
    with refused(town, "holder-not-identified"):
        post(desk, series_id, stranger, side=NoticeSide.BUY)
    post(desk, series_id, bob, side=NoticeSide.BUY, units=50)
    with town.book.unit_of_work(actor=town.maker) as uow:
        register.block_units(uow, series_id, holder=ada, units=1, why=Block.FREEZE, on=town.today, paper=EVIDENCE)
    with refused(town, "holder-is-frozen"):
        post(desk, series_id, ada, units=1)
    form = {"series": series_id, "side": "", "units": "1,5", "price": "x", "days": ""}
    answer = enter(bob).post("/fr/board", data=form)
    assert [f'id="{name}-error"' in answer.text for name in ("side", "units", "price", "days")] == [True] * 4
    town.jump_to(town.today + timedelta(days=31))
    with town.book.read() as connection:
        assert board.standing_notices(connection, town.book.book_id, town.today) == [], "they have expired"


def test_units_pass_when_two_people_enter_a_signed_declaration(enter: Enter, desk: Desk) -> None:
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.issue({ada: 6})

    def ask(**changes: Any) -> str:
        values = {"seller": ada, "buyer": bob, "units": 2, "on": town.today, "paper": PAPER, "reason": "sold"}
        with town.book.unit_of_work(actor=town.maker) as uow:
            return decisions.request_transfer(uow, series_id, **(values | changes))

    with refused(town, "holder-not-identified"):
        ask(buyer="cnobody")
    approval_id = ask()
    with pytest.raises(Refusal, match="approval-not-given"), town.book.unit_of_work(actor=town.maker) as uow:
        decisions.do_approved(uow, approval_id)
    assert desk.register(series_id) == {ada: 6}
    assert enter(town.checker).post(f"/fr/operations/approvals/{approval_id}").status_code == 303
    assert desk.register(series_id) == dict(sorted({ada: 4, bob: 2}.items()))
    beyond = ask(units=5, paper=EVIDENCE)
    assert enter(town.checker).post(f"/fr/operations/approvals/{beyond}").status_code == 409
    with town.book.unit_of_work(actor=town.maker) as uow:
        register.block_units(uow, series_id, holder=ada, units=1, why=Block.FREEZE, on=town.today, paper=EVIDENCE)
    with refused(town, "holder-is-frozen"):
        ask()
    check_everything(town.book)
