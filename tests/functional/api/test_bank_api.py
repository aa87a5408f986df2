"""Statements and suspense through the JSON API: imported, listed, decided by two operators, refused to others."""

from typing import Any

import pytest

from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from tests.api_kit import Desk, code_of
from tests.camt_kit import CLIENT_IBAN, Bank, Move, belgian_iban


@pytest.fixture
def bank(record: Desk) -> Desk:
    with record.wiring.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    return record


def send(desk: Desk, file: bytes, who: str = "nadia") -> Any:
    headers = {"Authorization": f"Bearer {desk.token(who)}", "Idempotency-Key": "statement-1"}
    return desk.client.post("/v1/bank-statements", files={"file": ("camt.xml", file)}, headers=headers)


def test_a_statement_is_imported_and_what_nothing_expected_is_decided_by_two(bank: Desk) -> None:
    written = Bank()
    day = bank.wiring.book.today()
    file = written.statement(
        Move(700, text="?", iban=belgian_iban(1), name="Zoé"),
        Move(300, text="?", iban=belgian_iban(1), name="Zoé"),
        day=day,
    )
    for who in ("amelie", "velo", "sofia"):
        assert code_of(send(bank, file, who)) == "role-not-allowed"
    first, again = send(bank, file), send(bank, file)
    assert (first.status_code, first.json()["lines"], first.json()["suspended"]) == (201, 2, 2), first.text
    assert (again.json()["statements"], again.json()["known_statements"]) == (0, 1)
    assert code_of(send(bank, b"<?xml version='1.0'?><x/>")) == "bank-file-kind-unknown"
    [statement] = bank.get("/v1/bank-statements", who="sofia").json()
    assert (statement["closing_cents"], statement["sha256"]) == (1_000, first.json()["sha256"])

    items = bank.get("/v1/suspense", who="sofia").json()
    assert code_of(bank.get("/v1/suspense", who="amelie")) == "role-not-allowed"
    assert items[0]["payers"] == [{"name": "Zoé", "iban": belgian_iban(1), "text": "?"}]
    assert (items[0]["answer_by"], items[0]["return_by"]) == ("2026-03-04", "2026-03-12")
    ids = {item["amount_cents"]: item["item_id"] for item in items}
    at = f"/v1/suspense/{ids[700]}"
    assert code_of(bank.post(f"{at}/parts", who="nadia", json={"parts_cents": [1, 2], "reason": "x"})) == (
        "suspense-parts-unfit"
    )
    assigned = bank.post(f"{at}/assignment", who="nadia", json={"payment_ids": ["y1"], "reason": "x"})
    assert code_of(assigned) == "payment-not-open"
    decide(bank, f"{at}/parts", {"parts_cents": [300, 400], "reason": "two gifts"})
    parts = {item["amount_cents"]: item["item_id"] for item in bank.get("/v1/suspense", who="nadia").json()}
    joined = {"item_ids": [parts[400], ids[300]], "reason": "one"}
    decide(bank, "/v1/suspense/joined", joined)
    [whole] = [item for item in bank.get("/v1/suspense", who="nadia").json() if item["amount_cents"] == 700]
    decide(bank, f"/v1/suspense/{whole['item_id']}/return", {"reason": "nobody's"})
    assert [item["amount_cents"] for item in bank.get("/v1/suspense", who="nadia").json()] == [300]
    [order] = bank.get("/v1/transfer-orders", who="nadia").json()
    assert (order["kind"], order["amount_cents"]) == ("refund", 700)


def decide(desk: Desk, path: str, body: object) -> None:
    asked = desk.post(path, who="nadia", json=body)
    assert asked.status_code == 201, asked.text
    release = {"approval_id": asked.json()["approval_id"]}
    assert code_of(desk.post("/v1/suspense/deeds", who="nadia", json=release)) == "approval-not-given"
    assert desk.post(f"/v1/approvals/{release['approval_id']}/approval", who="pieter").status_code == 200
    done = desk.post("/v1/suspense/deeds", who="nadia", json=release)
    assert (done.status_code, done.json()) == (201, release), done.text
