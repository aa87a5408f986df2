"""A loan from its last pledge to its write-off through the API, with the papers and receipts that each person gets."""

from datetime import date

import pytest

from api.bootstrap import document_desk
from contracts.documents.verify import verify_receipt_pdf
from contracts.statements import statement_data
from ledger.integrator import integrate
from ledger.log.policy import parse_policy
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.verify.acknowledgement import verify_acknowledgement
from ledger.verify.receipt import verify_receipt
from tests.api_kit import Desk, code_of, moved
from tests.camt_kit import CLIENT_IBAN

SHA = "a" * 64


@pytest.fixture
def funded(desk: Desk) -> str:
    """The oven's loan: 24,000 EUR from two lenders, agreed on 7 March; its id."""
    desk.stage.let_pay("amelie", "marie", "fournil")
    desk.stage.pledge("amelie", "oven", 14_000)
    desk.stage.pledge("marie", "oven", 10_000)
    desk.stage.come_to_rest()
    for day in range(3, 9):
        moved(desk.stage, date(2026, 3, day))
    return desk.stage.loan_of("oven")


def published(desk: Desk) -> None:
    """What the integrator and the signer do in their own processes."""
    from api.cli.signer import signer_of

    integrate(desk.wiring.book, desk.wiring.settings.log_folder)
    signer_of(desk.wiring.settings).run_round()


def test_a_loan_is_paid_out_under_four_eyes(desk: Desk, funded: str) -> None:
    path = f"/v1/loans/{funded}"
    asked = desk.post(f"{path}/disbursement-request", who="nadia", json={"reason": "signed"}).json()["approval_id"]
    alone = desk.post(f"{path}/disbursement", who="nadia", json={"approval_id": asked})
    assert code_of(alone) == "approval-not-given"
    desk.post(f"/v1/approvals/{asked}/approval", who="pieter")
    poor = desk.post(f"{path}/disbursement", who="nadia", json={"approval_id": asked})
    assert code_of(poor) == "cash-rule-not-met"
    settlement = {"reference": "1182.2603.08", "amount_cents": 2_400_000, "evidence": SHA}
    assert desk.post("/v1/settlements", who="nadia", json=settlement).status_code == 201
    ordered = desk.post(f"{path}/disbursement", who="nadia", json={"approval_id": asked})
    order_id = ordered.json()["order_id"]
    (order,) = desk.get("/v1/transfer-orders", who="sofia").json()
    assert (order["order_id"], order["amount_cents"], order["state"]) == (order_id, 2_400_000, "ordered")
    confirmed = {"statement_reference": "2026-067", "evidence": SHA}
    desk.post(f"/v1/transfer-orders/{order_id}/confirmation", who="nadia", json=confirmed)
    assert desk.get(path, who="amelie").json()["disbursed_on"] == "2026-03-08"
    (bank,) = [a for a in desk.get("/v1/books/main/trial-balance", who="sofia").json() if a["account"] == "550100"]
    assert (bank["debit"], bank["credit"]) == (0, 0)
    lines = desk.get("/v1/books/main/statement?account=550100", who="sofia").json()
    assert [(line["purpose"], line["balance"]) for line in lines] == [
        ("settlement-booked", 2_400_000),
        ("transfer-booked", 0),
    ]


def test_a_loan_is_seen_by_its_lenders_its_borrower_and_staff_only(desk: Desk, funded: str) -> None:
    path = f"/v1/loans/{funded}"
    for who in ("amelie", "marie", "fournil", "nadia", "sofia"):
        assert desk.get(path, who=who).status_code == 200, who
    for who in ("jan", "velo"):
        assert code_of(desk.get(path, who=who)) == "loan-not-known"
    page = desk.get(path, who="marie").json()
    shown = {(lender["own"], lender["principal_cents"]) for lender in page["lenders"]}
    assert shown == {(False, 1_400_000), (True, 1_000_000)}
    assert {claim["principal_cents"] for claim in page["claims"]} == {1_000_000}
    assert desk.stage.parties["amelie"] not in desk.get(path, who="marie").text


def test_each_lender_downloads_her_own_agreement_and_nobody_elses(desk: Desk, funded: str) -> None:
    (mine,) = desk.get("/v1/documents", who="amelie").json()
    assert (mine["kind"], mine["language"]) == ("agreement", "fr")
    pdf = desk.get(f"/v1/documents/{mine['document_id']}.pdf", who="amelie")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    for who in ("marie", "jan", "fournil", "nadia", "sofia"):
        refused = desk.get(f"/v1/documents/{mine['document_id']}.pdf", who=who)
        assert (refused.status_code, code_of(refused)) == (404, "document-not-known"), who
    assert code_of(desk.get(f"/v1/documents/{mine['document_id']}.pdf")) == "log-in-needed"


def test_a_year_s_statement_says_what_the_books_say(desk: Desk, funded: str) -> None:
    pdf = desk.get("/v1/portfolio/statements/2026.pdf", who="marie")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    book = desk.wiring.book
    with book.read() as connection:
        data = statement_data(
            connection,
            book,
            desk.stage.parties["marie"],
            year=2026,
            today=date(2026, 12, 31),
            language="nl",
            desk=document_desk(desk.wiring),
        )
    (claim,) = data.claims
    assert (claim.opening_cents, claim.closing_cents, claim.lost_cents) == (0, 1_000_000, 0)
    schedule = desk.get(f"/v1/loans/{funded}", who="marie").json()["shares"]
    due = [share for share in schedule if share["due_on"].startswith("2026")]
    assert sum(flow.expected_cents for flow in data.flows) == sum(
        s["principal_cents"] + s["interest_cents"] for s in due
    )
    assert {flow.received_on for flow in data.flows} == {None}
    assert data.balances == ()


@pytest.mark.parametrize(("who", "year"), [("marie", 2025), ("marie", 2027), ("marie", 0), ("jan", 2026)])
def test_a_year_without_a_loan_has_no_statement(desk: Desk, funded: str, who: str, year: int) -> None:
    refused = desk.get(f"/v1/portfolio/statements/{year}.pdf", who=who)
    assert (refused.status_code, code_of(refused)) == (404, "statement-not-available")


def test_only_citizens_have_statements(desk: Desk, funded: str) -> None:
    assert code_of(desk.get("/v1/portfolio/statements/2026.pdf", who="nadia")) == "role-not-allowed"
    assert code_of(desk.get("/v1/portfolio/statements/2026.pdf")) == "log-in-needed"


def test_a_receipt_is_its_holders_only_and_holds_offline(desk: Desk, funded: str) -> None:
    lines = desk.get("/v1/receipts", who="amelie").json()
    line = next(each for each in lines if each["purpose"] == "loan-issued" and each["account"].startswith("020000"))
    path = f"/v1/receipts/{line['n']}/{line['line']}"
    assert line["final"] is False
    assert code_of(desk.get(f"{path}.pdf", who="amelie")) == "receipt-not-yet-final"
    published(desk)
    assert next(each for each in desk.get("/v1/receipts", who="amelie").json() if each == line | {"final": True})
    policy = parse_policy((desk.wiring.settings.log_folder / "policy").read_bytes())
    proof = desk.get(f"{path}.tlog-proof", who="amelie").content
    opening = desk.get(f"{path}/opening.json", who="amelie").content
    assert verify_receipt(proof, opening, policy).exit_code == 0
    pdf = desk.get(f"{path}.pdf", who="amelie").content
    assert policy.receipt_certificate_sha256 is not None
    contents = verify_receipt_pdf(pdf, receipt_certificate_sha256=policy.receipt_certificate_sha256)
    assert (contents.proof, contents.opening) == (proof, opening)
    for who in ("marie", "fournil", "nadia", "sofia"):
        for suffix in (".pdf", ".tlog-proof", "/opening.json"):
            assert code_of(desk.get(path + suffix, who=who)) == "line-unknown", who


def test_before_its_receipt_a_line_has_an_acknowledgement_which_is_its_holders_only(desk: Desk, funded: str) -> None:
    line = desk.get("/v1/receipts", who="amelie").json()[0]
    path = f"receipts/{line['n']}/{line['line']}.ack"
    promise = desk.get(f"/v1/{path}", who="amelie").content
    log_dir = desk.wiring.settings.log_folder
    policy = parse_policy((log_dir / "policy").read_bytes())
    assert verify_acknowledgement(promise, policy).exit_code == 0
    published(desk)
    assert verify_acknowledgement(promise, policy, log=log_dir).exit_code == 0
    assert desk.get(f"/v1/{path}", who="amelie").content == promise
    for who in ("marie", "fournil", "nadia", "sofia"):
        assert code_of(desk.get(f"/v1/{path}", who=who)) == "line-unknown", who


def test_the_log_is_public_and_nothing_beside_it_is(desk: Desk, funded: str) -> None:
    published(desk)
    assert desk.get("/log/checkpoint").text.splitlines()[1] == str(desk.entries())
    assert desk.get("/log/policy").status_code == 200
    for path in ("/log/../keys/wrapping.key", "/log/%2e%2e/keys/wrapping.key", "/log/..%2fbxl.sqlite3"):
        assert desk.get(path).status_code == 404


def test_a_bankruptcy_is_recorded_and_written_off_once(desk: Desk, funded: str) -> None:
    path = f"/v1/loans/{funded}"
    early = desk.post(f"{path}/write-off", who="nadia", json={"evidence": SHA})
    assert early.status_code == 409, early.text
    desk.stage.settle_with_provider()
    desk.stage.disburse("oven")
    desk.stage.confirm_transfers()
    assert desk.post(f"{path}/bankruptcy", who="nadia", json={"evidence": SHA}).status_code == 200
    lost = desk.post(f"{path}/write-off", who="nadia", json={"evidence": SHA}, key="write-off-1").json()
    assert (lost["state_label"], lost["lost_cents"], lost["outstanding_cents"]) == ("lost", 2_400_000, 0)
    again = desk.post(f"{path}/write-off", who="nadia", json={"evidence": SHA}, key="write-off-1")
    assert again.json() == lost
    totals = desk.get("/v1/portfolio", who="amelie").json()["totals"]
    assert (totals["lost_cents"], totals["outstanding_cents"]) == (1_400_000, 0)


def test_a_recovery_is_asked_for_approved_and_expected_once(desk: Desk, funded: str) -> None:
    path = f"/v1/loans/{funded}"
    desk.stage.settle_with_provider()
    desk.stage.disburse("oven")
    desk.stage.confirm_transfers()
    body = {"amount_cents": 50_000, "evidence": SHA, "reason": "dividend"}
    assert code_of(desk.post(f"{path}/recovery-request", who="nadia", json=body)) == "move-not-allowed"
    for deed in ("bankruptcy", "write-off"):
        assert desk.post(f"{path}/{deed}", who="nadia", json={"evidence": SHA}).status_code == 200
    beyond = desk.post(f"{path}/recovery-request", who="nadia", json=body | {"amount_cents": 2_400_001})
    assert (beyond.status_code, code_of(beyond)) == (422, "recovery-exceeds-loss")
    asked = desk.post(f"{path}/recovery-request", who="nadia", json=body).json()["approval_id"]
    early = desk.post(f"{path}/recovery", who="nadia", json={"approval_id": asked})
    assert code_of(early) == "approval-not-given"
    assert desk.post(f"/v1/approvals/{asked}/approval", who="sofia").status_code == 403
    assert desk.post(f"/v1/approvals/{asked}/approval", who="pieter").status_code == 200
    with desk.wiring.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    for key in ("recovery-1", "recovery-1", "recovery-2"):
        done = desk.post(f"{path}/recovery", who="nadia", json={"approval_id": asked}, key=key)
        assert done.status_code == 201, done.text
        [line] = done.json()["recoveries"]
        assert (line["amount_cents"], line["received_on"], line["recovered_cents"]) == (50_000, None, 0)
        assert line["communication"].startswith("+++")


def test_everything_is_claimed_at_once_by_two_people(desk: Desk, funded: str) -> None:
    path, notice = f"/v1/loans/{funded}", {"ground": "dissolution", "evidence": SHA, "reason": "notice sent"}
    desk.stage.settle_with_provider()
    desk.stage.disburse("oven")
    desk.stage.confirm_transfers()
    today = desk.wiring.book.today().isoformat()
    late = desk.post(f"{path}/acceleration-request", who="nadia", json=notice | {"on": "2026-03-30"})
    assert code_of(late) == "date-not-reached"
    unknown = desk.post(f"{path}/acceleration-request", who="nadia", json=notice | {"on": today, "ground": "whim"})
    assert unknown.status_code == 422
    asked = desk.post(f"{path}/acceleration-request", who="nadia", json=notice | {"on": today})
    body = {"approval_id": asked.json()["approval_id"]}
    assert code_of(desk.post(f"{path}/acceleration", who="nadia", json=body)) == "approval-not-given"
    assert desk.post(f"/v1/approvals/{body['approval_id']}/approval", who="pieter").status_code == 200
    claimed = desk.post(f"{path}/acceleration", who="nadia", json=body, key="acceleration-1").json()
    assert (claimed["state"], claimed["state_label"], claimed["ground"]) == ("accelerated", "defaulted", "dissolution")
    assert (claimed["accelerated_on"], claimed["outstanding_cents"]) == (today, 2_400_000)
    (last,) = claimed["instalments"]
    assert (last["due_on"], last["principal_cents"], last["state"]) == (today, 2_400_000, "called")
    assert desk.post(f"{path}/acceleration", who="nadia", json=body, key="acceleration-1").json() == claimed
    assert desk.get("/v1/dues", who="fournil").json()[0]["total_cents"] == last["total_cents"]


def test_a_loan_is_repaid_early_by_the_quote_that_its_lenders_see_too(desk: Desk, funded: str) -> None:
    desk.stage.settle_with_provider()
    desk.stage.disburse("oven")
    desk.stage.confirm_transfers()
    path = f"/v1/loans/{funded}/early-repayment"
    quoted = desk.get(f"{path}?on=2026-03-20", who="fournil").json()
    for who in ("amelie", "nadia"):
        assert desk.get(f"{path}?on=2026-03-20", who=who).json() == quoted
    for who in ("velo", "jan"):
        assert code_of(desk.get(f"{path}?on=2026-03-20", who=who)) == "loan-not-known"
    assert desk.get(f"{path}?on=soon", who="fournil").status_code == 422
    assert (quoted["principal_cents"], quoted["until_on"], quoted["asked_on"]) == (2_400_000, "2026-03-20", None)
    assert quoted["total_cents"] == quoted["principal_cents"] + quoted["interest_cents"]
    assert code_of(desk.get(f"{path}?on=2026-03-01", who="fournil")) == "early-repayment-quote-expired"
    body = {"until_on": "2026-03-20", "amount_cents": quoted["total_cents"]}
    assert code_of(desk.post(path, who="velo", json=body)) == "loan-not-known"
    part = desk.post(path, who="fournil", json=body | {"amount_cents": 1_000_000})
    assert (part.status_code, code_of(part)) == (422, "early-repayment-not-in-full")
    asked = desk.post(path, who="fournil", json=body, key="early-0001").json()
    assert asked["early_quote"] == quoted | {"asked_on": desk.wiring.book.today().isoformat()}
    desk.stage.let_pay("fournil")
    desk.stage.come_to_rest()
    assert desk.get(f"/v1/loans/{funded}", who="amelie").json()["state"] == "repaid"


def test_an_instalment_is_due_paid_and_received(desk: Desk, funded: str) -> None:
    desk.stage.settle_with_provider()
    desk.stage.disburse("oven")
    desk.stage.confirm_transfers()
    desk.stage.let_pay("fournil", pays=False)
    moved(desk.stage, date(2026, 4, 8))
    (due,) = desk.get("/v1/dues", who="fournil").json()
    assert (due["n"], due["due_on"], due["payment"]["state"]) == (1, "2026-04-07", "open")
    assert due["payment"]["checkout_url"]
    assert desk.get("/v1/dues", who="velo").json() == []
    desk.stage.let_pay("fournil")
    desk.stage.come_to_rest()
    assert desk.get("/v1/dues", who="fournil").json() == []
    (claim,) = desk.get("/v1/portfolio", who="amelie").json()["claims"]
    gross = claim["received_principal_cents"] + claim["received_interest_gross_cents"]
    assert gross == claim["expected_cents"]
    assert claim["received_net_cents"] == gross - claim["withholding_cents"]
    assert claim["withholding_cents"] > 0
