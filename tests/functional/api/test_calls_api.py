"""Two people make a refund anew over the API when nobody can find what became of it."""

from datetime import timedelta

import sqlalchemy as sa

from ledger.payments.tables import provider_call
from tests.api_kit import Desk, code_of


def test_a_refund_with_an_unknown_outcome_is_made_anew_by_two_people(desk: Desk) -> None:
    desk.stage.let_pay("amelie")
    wish = {"offer_id": desk.stage.offers["oven"], "amount_cents": 50_000, "risk_acknowledged": True, "ties": {}}
    pledge = desk.post("/v1/pledges", who="amelie", json=wish).json()
    desk.stage.come_to_rest()
    assert desk.wiring.sandbox is not None
    desk.wiring.sandbox.add_fault("reset-before", path="/v2/payments/")
    assert desk.post(f"/v1/pledges/{pledge['pledge_id']}/withdrawal", who="amelie").status_code == 200
    call_id = find_refund(desk)
    assert not desk.wiring.send_call_now(call_id)
    grow_old(desk, call_id)
    desk.stage.come_to_rest()
    assert desk.wiring.sandbox.refunds() == []

    ask, do = f"/v1/calls/{call_id}/repetition/request", f"/v1/calls/{call_id}/repetition"
    asked = desk.post(ask, who="nadia", json={"reason": "nothing at the provider"})
    assert asked.status_code == 201, asked.text
    release = {"approval_id": asked.json()["approval_id"]}
    assert code_of(desk.post(do, who="nadia", json=release)) == "approval-not-given"
    assert (
        code_of(desk.post(f"/v1/approvals/{release['approval_id']}/approval", who="nadia")) == "approver-is-requester"
    )
    assert desk.post(f"/v1/approvals/{release['approval_id']}/approval", who="pieter").status_code == 200
    done = desk.post(do, who="nadia", json=release, key="repeat-once")
    assert done.status_code == 201, done.text
    assert desk.post(do, who="nadia", json=release, key="repeat-once").json() == done.json()
    assert code_of(desk.post(do, who="nadia", json=release)) == "call-not-unknown"
    desk.stage.come_to_rest()
    [made] = desk.wiring.sandbox.refunds()
    assert made["metadata"]["op"] == done.json()["call_id"] != call_id


def find_refund(desk: Desk) -> str:
    with desk.wiring.book.read() as connection:
        query = sa.select(provider_call.c.call_id).where(provider_call.c.kind == "create-refund")
        return str(connection.execute(query).scalar_one())


def grow_old(desk: Desk, call_id: str) -> None:
    """The call was first sent seventy minutes ago."""
    c = provider_call.c
    with desk.wiring.book.engine.begin() as connection:
        sent = connection.execute(sa.select(c.first_sent_at).where(c.call_id == call_id)).scalar_one()
        earlier = sent - timedelta(minutes=70)
        connection.execute(
            provider_call.update().where(c.call_id == call_id).values(first_sent_at=earlier, next_at=earlier)
        )
