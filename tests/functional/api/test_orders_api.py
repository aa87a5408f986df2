"""Orders to the bank through the JSON API: files made by one and released by another, mandates given and taken back."""

import hashlib
from typing import Any

from contracts.servicing.accounts import account_of
from ledger import approvals
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry, Posting
from ledger.payments import transfers
from ledger.payments.model import TransferDraft, TransferKind
from ledger.payments.payees import record_check
from ledger.payments.rail import PayeeAnswer, PayeeMatch
from tests.api_kit import Desk, code_of


def owe(desk: Desk, who: str, cents: int) -> str:
    """The bank holds what belongs to a lender, whose account her bank knows under a like name; her token."""
    payee, book = desk.stage.parties[who], desk.wiring.book
    with book.unit_of_work(actor="test") as uow:
        lines = (Posting(AccountRef("550100"), debit=cents), Posting(AccountRef("489300", payee), credit=cents))
        uow.post(JournalEntry("owed", uow.today(), "opening", lines))
        account = account_of(uow.connection, uow, payee, uow.today())
        record_check(uow, payee, PayeeAnswer(account.iban, account.name, PayeeMatch.CLOSE_MATCH, "A. Name"))
    return payee


def order(desk: Desk, who: str, cents: int) -> None:
    """One transfer to a lender, which two people have released; her bank knows her."""
    payee, book = owe(desk, who, cents), desk.wiring.book
    draft = TransferDraft("single", payee, cents, AccountRef("489300", payee), TransferKind.PAYOUT)
    with book.unit_of_work(actor="test") as uow:
        account = account_of(uow.connection, uow, payee, uow.today())
        record_check(uow, payee, PayeeAnswer(account.iban, account.name, PayeeMatch.MATCH))
        body = transfers.approval_body([draft])
        asked = approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason="due")
    with book.unit_of_work(actor="checker") as uow:
        approvals.approve(uow, asked)
        transfers.order_transfers(uow, [draft], approval_id=asked)


def decide(desk: Desk, ask: str, do: str) -> Any:
    """Asked by one, approved by another, done."""
    asked = desk.post(ask, who="nadia", json={"reason": "due"})
    assert asked.status_code == 201, asked.text
    release = {"approval_id": asked.json()["approval_id"]}
    assert code_of(desk.post(do, who="nadia", json=release)) == "approval-not-given"
    assert desk.post(f"/v1/approvals/{release['approval_id']}/approval", who="pieter").status_code == 200
    done = desk.post(do, who="nadia", json=release)
    assert done.status_code in {200, 201}, done.text
    return done.json()


def test_payouts_wait_for_an_agreement_on_an_account_and_go_in_the_files_of_their_run(banked: Desk) -> None:
    payee = owe(banked, "amelie", 4_200)
    assert code_of(banked.post("/v1/order-files", who="nadia", json={})) == "nothing-to-batch"
    assert code_of(banked.post("/v1/order-files", who="nadia", json={"kind": "B2B"})) == "nothing-to-batch"
    asked = banked.post("/v1/payouts/request", who="nadia", json={"reason": "her account is in doubt"})
    assert code_of(asked) == "nothing-to-pay-out"
    [held] = banked.get("/v1/held-payees", who="sofia").json()
    assert (held["payee"], held["result"], held["name_held"]) == (payee, "close-match", "A. Name")
    assert code_of(banked.post("/v1/order-files", who="nadia", json={})) == "nothing-to-batch"
    at = f"/v1/held-payees/{payee}/{held['account']}"
    decide(banked, f"{at}/override-request", f"{at}/override")
    assert banked.get("/v1/held-payees", who="sofia").json() == []
    decide(banked, "/v1/payouts/request", "/v1/payouts")
    assert code_of(banked.post("/v1/order-files", who="nadia", json={})) == "nothing-to-batch"  # a run has its own
    [run] = banked.get("/v1/payout-runs", who="sofia").json()
    assert (run["state"], run["waiting"], run["waiting_cents"], run["files"]) == ("ordered", 1, 4_200, [])
    at = f"/v1/payout-runs/{run['run_id']}/files"
    assert code_of(banked.post(at, who="pieter")) == "approver-makes-no-files"
    [released] = banked.post(at, who="nadia").json()["files"]
    assert (released["count"], released["total_cents"], released["state"]) == (1, 4_200, "released")
    assert banked.post(at, who="nadia").json()["files"] == [released]
    file = banked.get(f"/v1/order-files/{released['batch_id']}/file", who="nadia").content
    assert hashlib.sha256(file).hexdigest() == released["sha256"]


def test_an_order_file_is_made_by_one_released_by_another_and_stays_the_same_bytes(banked: Desk) -> None:
    order(banked, "amelie", 4_200)
    first = banked.post("/v1/order-files", who="nadia", json={}).json()
    assert banked.post(f"/v1/order-files/{first['batch_id']}/discarded", who="nadia").status_code == 200
    made, again = (banked.post("/v1/order-files", who=who, json={}).json() for who in ("nadia", "pieter"))
    assert made == again
    assert (made["count"], made["total_cents"], made["state"]) == (1, 4_200, "made")
    at = f"/v1/order-files/{made['batch_id']}"
    files = [banked.get(f"{at}/file", who="nadia").content for _ in range(2)]
    assert {hashlib.sha256(file).hexdigest() for file in files} == {made["sha256"]}
    assert code_of(banked.get(f"{at}/file", who="sofia")) == "role-not-allowed"
    assert decide(banked, f"{at}/release-request", f"{at}/release") == {"batch_id": made["batch_id"]}
    states = {each["batch_id"]: each["state"] for each in banked.get("/v1/order-files", who="sofia").json()}
    assert states == {first["batch_id"]: "discarded", made["batch_id"]: "released"}
    assert code_of(banked.post(f"{at}/discarded", who="nadia")) == "move-not-allowed"


def test_an_entrepreneur_gives_one_mandate_and_takes_it_back(banked: Desk) -> None:
    given = banked.post("/v1/mandates", who="velo", json={"scheme": "B2B", "language": "nl"})
    assert given.status_code == 201, given.text
    assert code_of(banked.post("/v1/mandates", who="velo", json={"scheme": "CORE"})) == "mandate-active"
    [mandate] = banked.get("/v1/mandates", who="sofia").json()
    assert (mandate["mandate_id"], mandate["scheme"], mandate["state"]) == (
        given.json()["mandate_id"],
        "B2B",
        "active",
    )
    assert [paper["kind"] for paper in banked.get("/v1/documents", who="velo").json()] == ["mandate"]
    assert banked.post("/v1/mandates/revocation", who="velo").status_code == 200
    assert code_of(banked.post("/v1/mandates/revocation", who="velo")) == "mandate-missing"
    assert banked.get("/v1/direct-debits", who="sofia").json() == []


def test_no_refund_waits_for_the_bank_where_none_failed(desk: Desk) -> None:
    assert desk.get("/v1/bank-refunds", who="sofia").json() == []
    assert code_of(desk.post("/v1/bank-refunds/request", who="nadia", json={"reason": "x"})) == "nothing-to-pay-out"
    assert code_of(desk.post("/v1/bank-refunds/rnothing", who="nadia")) == "refund-not-known"
