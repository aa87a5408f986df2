"""Holds, reversals, notes, limits and reads of the record over HTTP."""

from typing import Any

import pytest

from tests.api_kit import Desk, code_of
from tests.record_kit import BANK, BOOK, CITIZEN, ENTRIES, HOLDS, again, back, entries, move, paid


def posted(desk: Desk, path: str, body: Any, key: str = "") -> Any:
    answer = desk.post(path, who="nadia", json=body, key=key)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def begun(desk: Desk) -> None:
    posted(desk, ENTRIES, entries(paid("paid", 1_000)))


def standing(desk: Desk, account: str = CITIZEN) -> Any:
    return desk.get(f"{BOOK}/balances/{account}", who="sofia").json()


def test_a_hold_counts_against_the_floor_until_it_is_posted_or_voided(record: Desk) -> None:
    begun(record)
    assert posted(record, HOLDS, back("h/1", 700)) == {"key": "h/1", "n": 3, "result": "posted"}
    assert (standing(record)["balance"], standing(record)["held_debit"]) == (-1_000, 700)
    [refused] = posted(record, ENTRIES, entries(back("b1", 400)))["results"]
    assert (refused["code"], refused["facts"]["missing_cents"]) == ("floor-breached", 100)
    posted(record, f"{HOLDS}/h/1/post", back("b2", 200))
    [hold] = record.get(HOLDS, who="sofia").json()
    assert (hold["key"], hold["state"], [line["debit"] for line in hold["remaining"]]) == ("h/1", "open", [500, 0])
    posted(record, f"{HOLDS}/h/1/void", {"key": "v1"})
    assert (standing(record)["balance"], standing(record)["held_debit"]) == (-800, 0)
    ended = record.get(f"{HOLDS}/h/1", who="sofia").json()
    assert (ended["state"], ended["remaining"]) == ("void", [])
    assert [(step["step"], step["kind"]) for step in ended["steps"]] == [(1, "part"), (2, "void")]
    assert record.get(HOLDS, who="sofia").json() == []


def test_without_lines_all_that_is_left_of_a_hold_is_posted(record: Desk) -> None:
    begun(record)
    posted(record, HOLDS, back("h1", 700))
    posted(record, f"{HOLDS}/h1/post", back("b1", 200))
    first = posted(record, f"{HOLDS}/h1/post", move("b2"), key="all-the-rest")
    assert standing(record)["balance"] == -300
    assert record.get(f"{HOLDS}/h1", who="sofia").json()["state"] == "posted"
    assert posted(again(record), f"{HOLDS}/h1/post", move("b2"), key="all-the-rest") == first
    assert posted(record, f"{HOLDS}/h1/post", move("b2")) == first | {"result": "duplicate"}
    assert code_of(record.post(f"{HOLDS}/h1/post", who="nadia", json=move("b3"))) == "hold-ended"


def test_what_stays_of_a_hold_can_be_freed_with_its_posting(record: Desk) -> None:
    begun(record)
    posted(record, HOLDS, back("h1", 700))
    posted(record, f"{HOLDS}/h1/post", back("b1", 200, releases_rest=True))
    assert (standing(record)["balance"], standing(record)["held_debit"]) == (-800, 0)


def test_open_holds_are_read_page_by_page(record: Desk) -> None:
    begun(record)
    for i in range(5):
        posted(record, HOLDS, back(f"h{i}", 100))
    posted(record, f"{HOLDS}/h2/void", {"key": "v"})
    pages, after_n = [], 0
    while page := record.get(f"{HOLDS}?limit=2&after_n={after_n}", who="sofia").json():
        pages.append([hold["key"] for hold in page])
        after_n = page[-1]["n"]
    assert pages == [["h0", "h1"], ["h3", "h4"]]


def test_a_single_write_is_repeated_with_its_refusal(record: Desk) -> None:
    begun(record)
    refused = record.post(f"{HOLDS}/h1/void", who="nadia", json={"key": "v1"}, key="the-same-key")
    posted(record, HOLDS, back("h1", 700))
    repeated = record.post(f"{HOLDS}/h1/void", who="nadia", json={"key": "v1"}, key="the-same-key")
    assert code_of(refused) == code_of(repeated) == "hold-unknown"
    other = record.post(f"{HOLDS}/h1/void", who="nadia", json={"key": "v2"}, key="the-same-key")
    assert code_of(other) == "idempotency-key-reused"
    rest = record.post(f"{HOLDS}/never/post", who="nadia", json=move("b"), key="another-key")
    assert code_of(rest) == "hold-unknown"


def test_a_reversal_is_the_mirror_of_its_entry(record: Desk) -> None:
    begun(record)
    first = posted(record, f"{ENTRIES}/2/reversal", {"key": "r1", "effective_on": "2026-03-02"}, key="reversal-1")
    mirror = record.get(f"{ENTRIES}/{first['n']}", who="sofia").json()
    assert mirror["reverses"] == 2
    assert [(line["account"], line["debit"], line["credit"]) for line in mirror["lines"]] == [
        (BANK, 0, 1_000),
        (CITIZEN, 1_000, 0),
    ]
    again_body = {"key": "r1", "effective_on": "2026-03-02"}
    repeated = record.post(f"{ENTRIES}/2/reversal", who="nadia", json=again_body, key="reversal-1")
    assert (repeated.json(), repeated.headers["idempotency-replayed"]) == (first, "true")
    accounts = record.post(f"{ENTRIES}/1/reversal", who="nadia", json={"key": "r2", "effective_on": "2026-03-02"})
    assert code_of(accounts) == "entry-reverses-unknown"


def test_a_note_says_something_about_an_entry_and_changes_nothing(record: Desk) -> None:
    begun(record)
    noted = posted(record, f"{ENTRIES}/2/notes", {"key": "n1", "text": "Le nom était faux.", "evidence": "b" * 64})
    note = record.get(f"{ENTRIES}/{noted['n']}", who="sofia").json()
    assert (note["type"], note["details"]) == ("note/1", {"about": 2, "text": "Le nom était faux."})


def test_limits_change_once_two_people_agree(record: Desk) -> None:
    begun(record)
    limits = {"floor": 0, "ceiling": 2_000}
    path = f"{BOOK}/accounts/{CITIZEN}/limits"
    approval = posted(record, f"{path}-request", limits | {"reason": "enough"})["approval_id"]
    early = record.post(path, who="nadia", json=limits | {"approval_id": approval})
    assert code_of(early) == "approval-not-given"
    assert code_of(record.post(f"/v1/approvals/{approval}/approval", who="nadia")) == "approver-is-requester"
    posted_by_colleague = record.post(f"/v1/approvals/{approval}/approval", who="pieter")
    assert posted_by_colleague.status_code == 200
    entered = posted(record, path, limits | {"approval_id": approval})
    entry = record.get(f"{ENTRIES}/{entered['n']}", who="sofia").json()
    assert (entry["type"], entry["approvals"]) == ("rules/1", [approval])
    assert (standing(record)["floor"], standing(record)["ceiling"]) == (0, 2_000)
    [refused] = posted(record, ENTRIES, entries(paid("more", 1_001)))["results"]
    assert (refused["code"], refused["facts"]["rule"]) == ("ceiling-breached", "489100:c17/EUR v2")
    once_more = posted(record, path, limits | {"approval_id": approval})
    assert once_more["n"] == entered["n"]


def test_the_desk_approves_limits_and_enters_them(record: Desk) -> None:
    begun(record)
    body = {"floor": 0, "ceiling": 2_000, "reason": "enough"}
    approval = posted(record, f"{BOOK}/accounts/{CITIZEN}/limits-request", body)["approval_id"]
    cookie = {"Cookie": f"bxl_session={record.token('pieter')}", "Origin": "http://127.0.0.1:8000"}
    page = record.client.get("/en/operations", headers=cookie)
    assert (page.status_code, "Change the limits of an account" in page.text, CITIZEN in page.text) == (200, True, True)
    done = record.client.post(f"/en/operations/approvals/{approval}", headers=cookie)
    assert done.status_code == 303, done.text
    assert standing(record)["ceiling"] == 2_000


def test_a_balance_is_given_on_a_day_as_known_at_an_entry_or_an_instant(record: Desk) -> None:
    posted(record, ENTRIES, entries(paid("k1", 100), paid("k2", 20, on="2026-02-01"), paid("k3", 3, on="2026-04-01")))

    def balance(**asked: str) -> int:
        answer = record.client.get(
            f"{BOOK}/balances/{BANK}", params=asked, headers={"Authorization": f"Bearer {record.token('sofia')}"}
        )
        assert answer.status_code == 200, answer.text
        return int(answer.json()["balance"])

    assert (balance(), balance(on="2026-02-28"), balance(on="2026-03-31"), balance(known_at="2")) == (123, 20, 120, 100)
    assert (balance(on="2026-02-28", known_at="2"), balance(on="2026-02-28", known_at="3")) == (0, 20)
    assert (balance(known_at="2026-03-02T12:00:00+01:00"), balance(known_at="2026-03-02T10:59:59Z")) == (123, 0)
    rows = record.get(f"{BOOK}/trial-balance?on=2026-02-28&known_at=3", who="sofia").json()
    assert [(row["account"], row["debit"], row["credit"]) for row in rows] == [(CITIZEN, 0, 20), (BANK, 20, 0)]
    assert record.get(f"{BOOK}/balances/550100?asset=GOLD", who="sofia").json()["balance"] == 0


@pytest.mark.parametrize(
    "known_at", ["yesterday", "2026-03-02", "2026-03-02T12:00:00", "0001-01-01T00:00:00%2B14:00", "-1", "%00", "²"]
)
def test_what_is_neither_a_number_nor_an_instant_is_refused(record: Desk, known_at: str) -> None:
    answer = record.get(f"{BOOK}/trial-balance?known_at={known_at}", who="sofia")
    assert code_of(answer) == "known-at-malformed"


def test_a_statement_is_read_forwards_and_backwards_by_cursor(record: Desk) -> None:
    posted(record, ENTRIES, entries(*[paid(f"k{i}", i) for i in range(1, 8)]))

    def page(cursor: str) -> list[int]:
        lines = record.get(f"{BOOK}/statement?account={BANK}&limit=3&{cursor}", who="sofia").json()
        return [line["seq"] for line in lines]

    assert [page(f"after_seq={seq}") for seq in (0, 3, 6, 7)] == [[1, 2, 3], [4, 5, 6], [7], []]
    assert [page(f"before_seq={seq}") for seq in (8, 5, 2, 1)] == [[7, 6, 5], [4, 3, 2], [1], []]


@pytest.mark.parametrize(
    "asked", ["statement?account=550100&asset=%00", "balances/550100?asset=%E2%80%AE", "holds/%00"]
)
def test_a_character_that_can_not_be_shown_is_malformed_in_an_address_too(record: Desk, asked: str) -> None:
    assert code_of(record.get(f"{BOOK}/{asked}", who="sofia")) == "request-malformed"


def test_another_book_than_the_one_that_is_served_is_unknown(record: Desk) -> None:
    for path in ("entries", "holds", "trial-balance", "statement?account=550100", "balances/550100"):
        answer = record.get(f"/v1/books/other/{path}", who="sofia")
        assert (answer.status_code, code_of(answer)) == (404, "book-unknown"), path
    assert code_of(record.get("/v1/books/other/entries")) == "log-in-needed"
