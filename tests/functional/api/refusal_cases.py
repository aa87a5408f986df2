"""One request for every refusal that the record's resources give: what comes before it, and the request itself."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ledger.clock import FixedClock
from ledger.facts import PeriodClose
from tests.api_kit import Desk
from tests.record_kit import BANK, BOOK, CITIZEN, ENTRIES, HOLDS, back, entries, move, paid

Step = tuple[str, Any] | Callable[[Desk], str | None]
"""A request, or a deed; what it gives is the approval that the request names."""
MOST = 2**53 - 1
HELD = (HOLDS, back("hold", 400))
LIMITS = f"{BOOK}/accounts/{CITIZEN}/limits"
UP_TO_10 = {"floor": 0, "ceiling": 1_000}
CLOSED = {"floor": 0, "closed": True}
AT_ZERO = "489100:c9"
APPROVAL = "<approval>"


@dataclass(frozen=True)
class Case:
    """`send` is refused with the code after the steps `before`; a body that is None is a GET."""

    send: tuple[str, Any]
    before: Sequence[Step] = ()
    headers: dict[str, str] = field(default_factory=dict)


def first(*steps: Step) -> Sequence[Step]:
    """Ten euro have arrived, and then."""
    return ((ENTRIES, entries(paid("paid", 1_000))), *steps)


def one(stated: Any, *before: Step) -> Case:
    return Case((ENTRIES, entries(stated)), first(*before))


def later(desk: Desk) -> None:
    clock = desk.wiring.book.clock
    assert isinstance(clock, FixedClock)
    clock.instant += timedelta(days=2)
    desk._tokens.clear()  # sessions end sooner


def february_is_closed(desk: Desk) -> None:
    with desk.wiring.book.unit_of_work(actor="s1") as unit:
        unit.post(PeriodClose("period:2026-02", date(2026, 2, 28)))


def ask(account: str, limits: Any) -> Callable[[Desk], str]:
    """Ask a colleague for limits; gives the approval."""

    def asked(desk: Desk) -> str:
        body = limits | {"reason": "more than one pledge"}
        answer = desk.post(f"{BOOK}/accounts/{account}/limits-request", who="nadia", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["approval_id"])

    return asked


def approve(account: str, limits: Any) -> Callable[[Desk], str]:
    """The same, and the colleague has approved."""

    def approved(desk: Desk) -> str:
        approval = ask(account, limits)(desk)
        assert desk.post(f"/v1/approvals/{approval}/approval", who="pieter").status_code == 200
        return approval

    return approved


def limit(account: str, limits: Any) -> Callable[[Desk], None]:
    """The same, and the limits are entered."""

    def limited(desk: Desk) -> None:
        body = limits | {"approval_id": approve(account, limits)(desk)}
        assert desk.post(f"{BOOK}/accounts/{account}/limits", who="nadia", json=body).status_code == 201

    return limited


def a_week(desk: Desk) -> None:
    for _ in range(4):
        later(desk)


LARGE = move("large", *[("030100", MOST, 0), ("031100", 0, MOST)] * 500)
CASES: dict[str, Case] = {
    "account-closed": one(
        paid("late", 5, AT_ZERO),
        (ENTRIES, entries(paid("p2", 5, AT_ZERO), back("b2", 5, AT_ZERO))),
        limit(AT_ZERO, CLOSED),
    ),
    "account-malformed": one(move("m", ("bank", 5, 0), (CITIZEN, 0, 5))),
    "account-not-empty": Case((LIMITS, CLOSED | {"approval_id": APPROVAL}), first(approve(CITIZEN, CLOSED))),
    "account-not-in-chart": one(move("m", ("999999", 5, 0), (CITIZEN, 0, 5))),
    "account-unknown": Case((f"{BOOK}/accounts/489100:c99/limits-request", UP_TO_10 | {"reason": "x"})),
    "amount-negative": one(move("m", (BANK, -5, 0), (CITIZEN, 0, 5))),
    "amount-not-an-integer": one(move("m", (BANK, "5.00", 0), (CITIZEN, 0, 5))),  # type: ignore[arg-type]  # on purpose
    "amount-too-large": one(move("m", (BANK, 2**64, 0), (CITIZEN, 0, 2**64))),
    "approval-body-changed": Case(
        (LIMITS, {"floor": 0, "ceiling": 2_000, "approval_id": APPROVAL}), first(approve(CITIZEN, UP_TO_10))
    ),
    "approval-expired": one(paid("m", 5, approvals=[APPROVAL]), approve(CITIZEN, UP_TO_10), a_week),
    "approval-not-given": one(paid("m", 5, approvals=[APPROVAL]), ask(CITIZEN, UP_TO_10)),
    "approval-unknown": one(paid("m", 5, approvals=["a000000000"])),
    "asset-code-malformed": one(
        move("m")
        | {
            "postings": [
                {"account": BANK, "asset": "eur", "debit": 5},
                {"account": CITIZEN, "asset": "eur", "credit": 5},
            ]
        }
    ),
    "balance-too-large": Case(
        (ENTRIES, entries(LARGE | {"key": "3"})),
        ((ENTRIES, entries(LARGE | {"key": "1"})), (ENTRIES, entries(LARGE | {"key": "2"}))),
    ),
    "book-unknown": Case(("/v1/books/other/entries", entries(paid("m", 5)))),
    "ceiling-breached": one(paid("m", 1), limit(CITIZEN, UP_TO_10)),
    "date-out-of-range": one(paid("m", 5, on="2200-01-01")),
    "entry-already-reversed": Case(
        (f"{ENTRIES}/2/reversal", {"key": "r2", "effective_on": "2026-03-02"}),
        first((f"{ENTRIES}/2/reversal", {"key": "r1", "effective_on": "2026-03-02"})),
    ),
    "entry-has-no-key": Case((f"{ENTRIES}/0/notes", {"key": "n", "text": "It begins here."})),
    "entry-has-too-few-postings": one(move("m", (BANK, 5, 0))),
    "entry-has-too-many-postings": one(move("m", *[(BANK, 1, 0), (CITIZEN, 0, 1)] * 5_000)),
    "entry-is-not-mirror": one(back("m", 999, reverses="paid")),
    "entry-number-unknown": Case((f"{ENTRIES}/99", None)),
    "entry-reverses-unknown": one(back("m", 5, reverses="never")),
    "entry-settles-and-reverses": one(back("m", 1_000, reverses="paid", settles="hold")),
    "entry-unbalanced": one(move("m", (BANK, 5, 0), (CITIZEN, 0, 4))),
    "evidence-malformed": one(paid("m", 5, evidence="abc")),
    "fact-key-reused": one(paid("paid", 5)),
    "floor-breached": one(back("m", 1_200)),
    "hold-ended": Case((f"{HOLDS}/hold/void", {"key": "v2"}), first(HELD, (f"{HOLDS}/hold/void", {"key": "v1"}))),
    "hold-exceeded": Case((f"{HOLDS}/hold/post", back("m", 450)), first(HELD)),
    "hold-expired": Case(
        (f"{HOLDS}/hold/post", move("m")),
        first((HOLDS, back("hold", 400, expires_at="2026-03-03T11:00:00Z")), later),
    ),
    "hold-expires-before-it-begins": Case((HOLDS, back("h", 5, expires_at="2026-03-01T00:00:00Z")), first()),
    "hold-in-closed-period": Case((HOLDS, back("h", 5, on="2026-02-28")), first(february_is_closed)),
    "hold-unknown": Case((f"{HOLDS}/never/void", {"key": "v"})),
    "idempotency-key-reused": one(
        paid("m", 5), lambda desk: _sent(desk, entries(paid("other", 5)), key="the-refused-one")
    ),
    "instant-without-zone": Case((HOLDS, back("h", 5, expires_at="2026-04-01T00:00:00")), first()),
    "key-malformed": one(paid("=SUM(A1)", 5)),
    "known-at-malformed": Case((f"{BOOK}/trial-balance?known_at=2026-03-02T12:00:00", None)),
    "limits-exclude-balance": Case(
        (LIMITS, {"floor": 2_000, "approval_id": APPROVAL}), first(approve(CITIZEN, {"floor": 2_000}))
    ),
    "limits-malformed": Case((f"{LIMITS}-request", UP_TO_10 | {"floor": 2_000, "reason": "x"}), first()),
    "media-type-not-supported": Case((ENTRIES, entries(paid("m", 5))), headers={"Content-Type": "text/plain"}),
    "metadata-malformed": one(paid("m", 5, metadata={"Invoice": "17"})),
    "metadata-too-large": one(paid("m", 5, metadata={f"name_{i}": "x" for i in range(21)})),
    "period-closed-for-purpose": one(paid("m", 5, on="2026-02-28", purpose="transfer-ordered"), february_is_closed),
    "posting-has-both-sides": one(move("m", (BANK, 5, 5), (CITIZEN, 0, 5))),
    "posting-is-empty": one(move("m", (BANK, 0, 0), (CITIZEN, 0, 5))),
    "purpose-malformed": one(paid("m", 5, purpose="\u202eabc")),
    "remark-malformed": Case((f"{ENTRIES}/2/notes", {"key": "n", "text": "a\x00b"}), first()),
    "request-malformed": one(paid("m", 5, colour="red")),
    "reversal-of-reversal": Case(
        (f"{ENTRIES}/3/reversal", {"key": "r2", "effective_on": "2026-03-02"}),
        first((f"{ENTRIES}/2/reversal", {"key": "r1", "effective_on": "2026-03-02"})),
    ),
    "too-many-entries": Case((ENTRIES, {"entries": [paid("m", 5)] * 10_001})),
    "unknown-asset": one(
        move(
            "m",
            postings=[
                {"account": BANK, "asset": "GOLD", "debit": 5},
                {"account": CITIZEN, "asset": "GOLD", "credit": 5},
            ],
        )
    ),
}


def _sent(desk: Desk, body: Any, *, key: str) -> None:
    assert desk.post(ENTRIES, who="nadia", json=body, key=key).status_code == 200


def outcome_of(desk: Desk, case: Case, *, language: str = "en", key: str = "the-refused-one") -> Any:
    """Send the request of a case; the steps before it have been taken."""
    path, body = case.send
    headers = {"Accept-Language": language, **case.headers}
    if body is None:
        return desk.get(path, who="nadia", headers=headers)
    if "Content-Type" in headers:
        headers |= {"Authorization": f"Bearer {desk.token('nadia')}", "Idempotency-Key": key}
        return desk.client.post(path, content=json.dumps(body), headers=headers)
    return desk.post(path, who="nadia", json=body, key=key, headers=headers)


def prepared(desk: Desk, case: Case) -> Case:
    """Take the steps before; gives the case with the approval that they have led to."""
    approval = ""
    for step in case.before:
        if callable(step):
            approval = step(desk) or approval
            continue
        path, body = step
        answer = desk.post(path, who="nadia", json=body)
        assert answer.status_code in {200, 201}, answer.text
        assert all(result["result"] == "posted" for result in answer.json().get("results", [])), answer.text
    path, body = case.send
    filled = json.loads(json.dumps(body).replace(APPROVAL, approval))
    return Case((path, filled), case.before, case.headers)


def refusal_in(answer: Any, code: str) -> dict[str, Any]:
    """The refusal in a problem document, or in the result of the one entry that was sent."""
    said = answer.json()
    if answer.status_code == 200:
        [said] = said["results"]
        assert said["result"] == "refused"
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert said["type"] == f"urn:bxl-invest:problem:{code}"
        assert said["status"] == answer.status_code
    return dict(said)


def settled(facts: Mapping[str, Any], desk: Desk, case: Case) -> Any:
    """The facts of a refusal with identifiers that chance has made written as in the documented example."""
    _, body = case.send
    approval = str((body or {}).get("approval_id") or facts.get("approval") or "<none>")
    text = json.dumps(facts).replace(desk.stage.parties["nadia"], "s00000000")
    return json.loads(text.replace(approval, "a000000000"))
