"""Who may do what: every role meets every door, and what is one person's is nobody else's."""

import hashlib

import pytest

from tests.api_kit import Desk, code_of
from tests.sheets_kit import sheet

SHA = "a" * 64
WRITES = [
    ("/v1/pledges", {"offer_id": "o1", "amount_cents": 50_000}, {"amelie"}),
    ("/v1/applications", None, {"velo"}),
    ("/v1/applications/a1/answers", {"answers": {}}, {"velo"}),
    ("/v1/applications/a1/submission", None, {"velo"}),
    ("/v1/applications/a1/withdrawal", None, {"velo"}),
    ("/v1/applications/a1/acceptance", {"opens_on": "2026-03-02", "closes_on": "2026-03-09"}, {"nadia"}),
    ("/v1/applications/a1/refusal", {"reason": "x"}, {"nadia"}),
    ("/v1/applications/a1/return", {"reason": "x"}, {"nadia"}),
    ("/v1/offers/o1/publication", {}, {"nadia"}),
    ("/v1/offers/o1/kiis", {"answers": {}}, {"nadia"}),
    ("/v1/offers/o1/kiis/issue", None, {"nadia"}),
    ("/v1/safeguards/knowledge-test", {"answers": {}, "declared": {}}, {"amelie"}),
    ("/v1/safeguards/loss-simulation", {"seen": True}, {"amelie"}),
    ("/v1/safeguards/second-chances", {"agrees": True}, {"amelie"}),
    ("/v1/approvals/a1/approval", None, {"nadia"}),
    ("/v1/loans/l1/disbursement-request", {"reason": "x"}, {"nadia"}),
    ("/v1/loans/l1/disbursement", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/loans/l1/bankruptcy", {"evidence": SHA}, {"nadia"}),
    ("/v1/loans/l1/write-off", {"evidence": SHA}, {"nadia"}),
    ("/v1/loans/l1/early-repayment", {"until_on": "2026-03-02", "amount_cents": 1}, {"velo"}),
    (
        "/v1/loans/l1/acceleration-request",
        {"ground": "dissolution", "on": "2026-03-02", "evidence": SHA, "reason": "x"},
        {"nadia"},
    ),
    ("/v1/loans/l1/acceleration", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/loans/l1/recovery-request", {"amount_cents": 1, "evidence": SHA, "reason": "x"}, {"nadia"}),
    ("/v1/loans/l1/recovery", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/transfer-orders/t1/confirmation", {"statement_reference": "s1", "evidence": SHA}, {"nadia"}),
    ("/v1/payouts/request", {"reason": "x"}, {"nadia"}),
    ("/v1/payouts", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/calls/r1/repetition/request", {"reason": "x"}, {"nadia"}),
    ("/v1/calls/r1/repetition", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/settlements", {"reference": "s1", "amount_cents": 1, "evidence": SHA}, {"nadia"}),
    ("/v1/suspense/u1/assignment", {"payment_ids": ["y1"], "reason": "x"}, {"nadia"}),
    ("/v1/suspense/u1/parts", {"parts_cents": [1, 2], "reason": "x"}, {"nadia"}),
    ("/v1/suspense/u1/return", {"reason": "x"}, {"nadia"}),
    ("/v1/suspense/joined", {"item_ids": ["u1", "u2"], "reason": "x"}, {"nadia"}),
    ("/v1/suspense/deeds", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/order-files", {}, {"nadia"}),
    ("/v1/order-files/b1/release-request", {"reason": "x"}, {"nadia"}),
    ("/v1/order-files/b1/release", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/order-files/b1/discarded", None, {"nadia"}),
    ("/v1/payout-runs/r1/files", None, {"nadia"}),
    ("/v1/held-payees/c1/a/override-request", {"reason": "x"}, {"nadia"}),
    ("/v1/held-payees/c1/a/override", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/bank-refunds/request", {"reason": "x"}, {"nadia"}),
    ("/v1/bank-refunds", {"approval_id": "a1"}, {"nadia"}),
    ("/v1/bank-refunds/r1", None, {"nadia"}),
    ("/v1/mandates", {"scheme": "CORE"}, {"velo"}),
    ("/v1/mandates/revocation", None, {"velo"}),
    ("/v1/closes", {"on": "2026-03-02"}, {"nadia"}),
    ("/v1/settlements/s1/cover", {"amount_cents": 1, "evidence": SHA}, {"nadia"}),
    ("/v1/business-date", {"to_on": "2026-03-03"}, {"nadia"}),
]
READS = [
    ("/v1/pledges", {"amelie"}),
    ("/v1/portfolio", {"amelie"}),
    ("/v1/safeguards", {"amelie"}),
    ("/v1/dues", {"velo"}),
    ("/v1/applications", {"velo", "nadia"}),
    ("/v1/loans", {"nadia", "sofia"}),
    ("/v1/offers/o1/kiis", {"nadia", "sofia"}),
    ("/v1/transfer-orders", {"nadia", "sofia"}),
    ("/v1/approvals", {"nadia", "sofia"}),
    ("/v1/bank-statements", {"nadia", "sofia"}),
    ("/v1/suspense", {"nadia", "sofia"}),
    ("/v1/order-files", {"nadia", "sofia"}),
    ("/v1/payout-runs", {"nadia", "sofia"}),
    ("/v1/held-payees", {"nadia", "sofia"}),
    ("/v1/bank-refunds", {"nadia", "sofia"}),
    ("/v1/direct-debits", {"nadia", "sofia"}),
    ("/v1/mandates", {"nadia", "sofia"}),
    ("/v1/closes", {"nadia", "sofia"}),
    ("/v1/chargebacks", {"nadia", "sofia"}),
    ("/v1/settlements", {"nadia", "sofia"}),
    ("/v1/payment-cases", {"nadia", "sofia"}),
    ("/v1/books/main/trial-balance", {"nadia", "sofia"}),
    ("/v1/books/main/entries", {"nadia", "sofia"}),
    ("/v1/documents", {"amelie", "velo", "nadia", "sofia"}),
    ("/v1/receipts", {"amelie", "velo", "nadia", "sofia"}),
]
EVERYBODY = ("amelie", "velo", "sofia", "nadia")


@pytest.mark.parametrize(("path", "body", "allowed"), WRITES, ids=[path for path, _, _ in WRITES])
def test_a_write_is_for_its_role_only(desk: Desk, path: str, body: object, allowed: set[str]) -> None:
    before = desk.entries()
    assert code_of(desk.post(path, json=body)) == "log-in-needed"
    for who in EVERYBODY:
        answer = desk.post(path, who=who, json=body)
        refused = answer.status_code == 403 and code_of(answer) == "role-not-allowed"
        assert refused == (who not in allowed), f"{who} {answer.text}"
    assert desk.entries() == before


@pytest.mark.parametrize(("path", "allowed"), READS, ids=[path for path, _ in READS])
def test_a_resource_is_for_its_readers_only(desk: Desk, path: str, allowed: set[str]) -> None:
    assert code_of(desk.get(path)) == "log-in-needed"
    for who in EVERYBODY:
        answer = desk.get(path, who=who)
        assert answer.status_code == (200 if who in allowed else 403), f"{who} {answer.text}"


def test_offers_are_for_everybody_and_drafts_for_nobody(desk: Desk) -> None:
    (offer,) = desk.get("/v1/offers").json()
    assert (offer["title"][:12], offer["rate_annual"], offer["rank"]) == ("Un four à pa", "0.035", "subordinated")
    full = desk.get(f"/v1/offers/{offer['offer_id']}").json()
    assert len(full["schedule_of_1000_eur"]) == 60
    assert {rule["id"].partition("/")[0] for rule in full["rules"]} >= {"proxi.B"}
    body = {
        "borrower": desk.stage.parties["velo"],
        "title": "Un brouillon",
        "commune": "Molenbeek-Saint-Jean",
        "sector": "Vélos",
        "pitch": {"fr": "a", "nl": "b", "en": "c"},
        "use_of_funds": {"fr": "a", "nl": "b", "en": "c"},
        "risks": {"fr": "a", "nl": "b", "en": "c"},
        "rate_annual": "0.035",
        "term_years": 5,
        "every": "month",
        "repayment": "annuity",
        "minimum_cents": 1_000_000,
        "maximum_cents": 2_000_000,
        "pledge_minimum_cents": 10_000,
        "opens_on": "2026-03-03",
        "closes_on": "2026-04-03",
    }
    draft = desk.post("/v1/offers", who="nadia", json=body)
    assert draft.status_code == 201, draft.text
    offer_id = draft.json()["offer_id"]
    assert code_of(desk.get(f"/v1/offers/{offer_id}")) == "offer-not-known"
    path = f"/v1/offers/{offer_id}/kiis"
    bare = desk.post(f"/v1/offers/{offer_id}/publication", who="nadia", json={"reason": "complete"})
    assert code_of(bare) == "kiis-incomplete"
    assert desk.post(path, who="nadia", json={"answers": sheet()}).json() == {"version": 1}
    assert code_of(desk.get(f"{path}/fr.pdf")) == "offer-not-known"
    issued = desk.post(f"{path}/issue", who="nadia").json()
    assert set(issued["papers"]) == {"fr", "nl", "en"}
    asked = desk.post(f"/v1/offers/{offer_id}/publication", who="nadia", json={"reason": "complete"}).json()
    own = desk.post(f"/v1/approvals/{asked['approval_id']}/approval", who="nadia")
    assert code_of(own) == "approver-is-requester"
    early = desk.post(f"/v1/offers/{offer_id}/publication", who="nadia", json={"approval_id": asked["approval_id"]})
    assert code_of(early) == "approval-not-given"
    given = desk.post(f"/v1/approvals/{asked['approval_id']}/approval", who="pieter").json()
    assert given["approver"] == desk.stage.parties["pieter"]
    published = desk.post(f"/v1/offers/{offer_id}/publication", who="nadia", json={"approval_id": asked["approval_id"]})
    assert published.json()["state"] == "open"
    assert desk.get(f"/v1/offers/{offer_id}").status_code == 200
    assert hashlib.sha256(desk.get(f"{path}/nl.pdf").content).hexdigest() == issued["papers"]["nl"]["sha256"]
    [version] = desk.get(path, who="sofia").json()
    assert (version["identifier"], version["missing"]) == (issued["identifier"], [])
    assert len(version["changes"]) > len(sheet())
    steep = desk.post("/v1/offers", who="nadia", json=body | {"rate_annual": "0.05"})
    assert code_of(steep) == "rate-outside-corridor"


def test_the_business_date_moves_forward_only(desk: Desk) -> None:
    assert desk.get("/v1/business-date").json()["today"] == "2026-03-02"
    back = desk.post("/v1/business-date", who="nadia", json={"to_on": "2026-03-01"})
    assert code_of(back) == "business-date-moves-forward-only"
    far = desk.post("/v1/business-date", who="nadia", json={"to_on": "2036-03-01"})
    assert code_of(far) == "business-date-too-far"
    asked = desk.post("/v1/business-date", who="nadia", json={"to_on": "2026-03-05"})
    assert asked.json() == {"today": "2026-03-02", "target_on": "2026-03-05", "is_moving": True}
