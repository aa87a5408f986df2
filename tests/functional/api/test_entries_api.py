"""Journal entries over HTTP: results one by one or linked, repetitions, and input that no book takes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.security import MAX_ENTRIES_BYTES
from api.strict_json import MAX_LISTS, read_json
from ledger.errors import Refusal
from tests.api_kit import Desk, code_of
from tests.record_kit import BANK, BOOK, CITIZEN, ENTRIES, again, back, entries, move, paid, record_of


def post(desk: Desk, *stated: Any, key: str = "", **more: Any) -> Any:
    return desk.post(ENTRIES, who="nadia", json=entries(*stated, **more), key=key, headers={"Accept-Language": "en"})


def outcomes(answer: Any) -> list[tuple[str, str, int | None]]:
    assert answer.status_code == 200, answer.text
    return [(each["key"], each["result"], each.get("n")) for each in answer.json()["results"]]


def test_entries_are_posted_by_the_person_who_is_logged_in_with_all_that_was_stated(record: Desk) -> None:
    evidence = "a" * 64
    answer = post(record, paid("k1", 500, evidence=evidence, metadata={"invoice": "17"}))
    assert outcomes(answer) == [("k1", "posted", 2)]
    entry = record.get(f"{ENTRIES}/2", who="sofia").json()
    assert (entry["actor"], entry["evidence"]) == (record.stage.parties["nadia"], evidence)
    assert (entry["key"], entry["effective_on"], entry["purpose"]) == ("k1", "2026-03-02", "test")
    assert entry["details"] == {"meta": {"invoice": "17"}}
    assert [(line["account"], line["debit"], line["credit"]) for line in entry["lines"]] == [
        (BANK, 500, 0),
        (CITIZEN, 0, 500),
    ]


def test_each_entry_stands_or_falls_alone_and_says_what_it_left(record: Desk) -> None:
    answer = post(record, paid("k1", 500), back("k2", 900), paid("k3", 100), paid("k1", 500), paid("k1", 7))
    assert outcomes(answer) == [
        ("k1", "posted", 2),
        ("k2", "refused", None),
        ("k3", "posted", 3),
        ("k1", "duplicate", 2),
        ("k1", "refused", None),
    ]
    first, refused, third, *_, reused = answer.json()["results"]
    assert [each["balance"] for each in first["balances"] + third["balances"]] == [500, -500, 600, -600]
    assert (refused["code"], refused["facts"]["missing_cents"], reused["code"]) == (
        "floor-breached",
        400,
        "fact-key-reused",
    )
    assert refused["title"] == "Account 489100:c17 (EUR) does not hold enough for this entry."
    assert [(each["account"], each["balance"]) for each in answer.json()["accounts"]] == [(CITIZEN, -600), (BANK, 600)]


def test_an_entry_that_never_balances_is_refused_alone(record: Desk) -> None:
    answer = post(record, move("k1", (BANK, 5, 0), (CITIZEN, 0, 4)), paid("k2", 100))
    assert outcomes(answer) == [("k1", "refused", None), ("k2", "posted", 2)]
    assert answer.json()["results"][0]["code"] == "entry-unbalanced"


def test_linked_entries_are_posted_together_or_not_at_all(record: Desk) -> None:
    before = record.entries()
    answer = post(record, paid("k1", 500), back("k2", 900), paid("k3", 100), linked=True)
    assert outcomes(answer) == [("k1", "not-posted", None), ("k2", "refused", None), ("k3", "not-posted", None)]
    malformed = post(record, paid("k1", 500), move("k2", (BANK, 5, 0), (CITIZEN, 0, 4)), linked=True)
    assert outcomes(malformed) == [("k1", "not-posted", None), ("k2", "refused", None)]
    assert record.entries() == before
    together = post(record, paid("k1", 500), back("k2", 500), linked=True)
    assert outcomes(together) == [("k1", "posted", 2), ("k2", "posted", 3)]
    with record.wiring.book.read() as connection:
        from ledger.balances import entries as read

        assert len({entry.booked_at for entry in read(connection, "main", first_n=2)}) == 1


@pytest.mark.parametrize("linked", [False, True])
def test_a_repetition_gets_the_same_answers_refusals_included(record: Desk, *, linked: bool) -> None:
    stated = (paid("k1", 500), back("k2", 900), paid("k3", 100))
    first = post(record, *stated, key="the-same-key", linked=linked)
    post(record, paid("more", 5_000))  # now the refund would be possible
    before = record.entries()
    repeated = post(again(record), *stated, key="the-same-key", linked=linked)
    assert repeated.json()["results"] == first.json()["results"]
    assert (first.headers.get("idempotency-replayed"), repeated.headers["idempotency-replayed"]) == (None, "true")
    assert record.entries() == before


@pytest.mark.parametrize("second", [(paid("k9", 5),), (paid("k1", 500), paid("k9", 5), paid("k10", 5)), ()])
def test_a_key_that_was_used_for_other_entries_is_refused_and_posts_nothing(record: Desk, second: Any) -> None:
    post(record, paid("k1", 500), paid("k2", 500), key="the-same-key")
    before = record_of(record.wiring.book)
    if second:
        answer = post(record, *second, key="the-same-key")
    else:
        hold = back("h1", 5)
        answer = record.post(f"{BOOK}/holds", who="nadia", json=hold, key="the-same-key")
    assert (answer.status_code, code_of(answer)) == (409, "idempotency-key-reused")
    assert record_of(record.wiring.book) == before


def test_a_request_of_which_nothing_could_be_posted_keeps_its_key_all_the_same(record: Desk) -> None:
    unbalanced = move("k1", (BANK, 5, 0), (CITIZEN, 0, 4))
    first = post(record, unbalanced, key="the-same-key")
    assert outcomes(post(record, unbalanced, key="the-same-key")) == outcomes(first) == [("k1", "refused", None)]
    assert code_of(post(record, paid("k1", 5), key="the-same-key")) == "idempotency-key-reused"


def test_a_value_that_no_book_holds_refuses_the_whole_request_and_leaves_its_key_free(record: Desk) -> None:
    before = record_of(record.wiring.book)
    answer = post(record, paid("k1", 5), paid("k2", 2**63), key="the-same-key")
    assert (answer.status_code, code_of(answer)) == (422, "amount-too-large")
    assert answer.json()["facts"]["key"] == "k2"
    assert record_of(record.wiring.book) == before
    assert outcomes(post(record, paid("k1", 5), key="the-same-key")) == [("k1", "posted", 2)]


def malformed() -> Iterator[tuple[str, bytes, str]]:
    """What is wrong, the body, the code."""
    good = json.dumps(entries(paid("k1", 5)))

    def changed(old: str, new: str) -> bytes:
        assert old in good
        return good.replace(old, new).encode()

    yield "nothing", b"", "request-malformed"
    yield "no JSON", b"{", "request-malformed"
    yield "a list", b"[]", "request-malformed"
    yield "no entries", b'{"entries": []}', "request-malformed"
    yield "Latin-1", changed('"test"', '"\u00e9"').decode().encode("latin-1"), "request-malformed"
    yield "UTF-16", good.encode("utf-16"), "request-malformed"
    yield "a byte order mark", b"\xef\xbb\xbf" + good.encode(), "request-malformed"
    yield "a member twice", changed('"key": "k1"', '"key": "k1", "key": "k2"'), "request-malformed"
    yield "a debit twice", changed('"debit": 5', '"debit": 5, "debit": 5'), "request-malformed"
    yield "an unknown member", changed('"key": "k1"', '"key": "k1", "actor": "s2"'), "request-malformed"
    yield "NaN", changed('"debit": 5', '"debit": NaN'), "request-malformed"
    yield "infinity", changed('"debit": 5', '"debit": -Infinity'), "request-malformed"
    yield "a float", changed('"debit": 5', '"debit": 5.0'), "amount-not-an-integer"
    yield "an exponent", changed('"debit": 5', '"debit": 5e0'), "amount-not-an-integer"
    yield "a text for an amount", changed('"debit": 5', '"debit": "5"'), "amount-not-an-integer"
    yield "a Boolean for an amount", changed('"debit": 5', '"debit": true'), "amount-not-an-integer"
    yield "nothing for an amount", changed('"debit": 5', '"debit": null'), "amount-not-an-integer"
    yield "beyond 64 bits", changed('"debit": 5', f'"debit": {2**64}'), "amount-too-large"
    yield "beyond 2^53", changed('"debit": 5', f'"debit": {2**53}'), "amount-too-large"
    yield "five thousand digits", changed('"debit": 5', f'"debit": {"9" * 5_000}'), "request-malformed"
    yield "below zero", changed('"debit": 5', '"debit": -5'), "amount-negative"
    yield "1899", changed("2026-03-02", "1899-12-31"), "date-out-of-range"
    yield "2200", changed("2026-03-02", "2200-01-01"), "date-out-of-range"
    yield "a date that is none", changed("2026-03-02", "2026-02-30"), "request-malformed"
    yield "seconds for a date", changed('"2026-03-02"', "1772409600"), "request-malformed"
    yield "an instant for a date", changed("2026-03-02", "2026-03-02T00:00:00"), "request-malformed"
    yield "NUL in a key", changed('"k1"', '"k\\u00001"'), "key-malformed"
    yield "NUL as it is", changed('"k1"', '"k\x001"'), "request-malformed"
    yield "a bidirectional override in a purpose", changed('"test"', '"te\\u202est"'), "purpose-malformed"
    yield "half a character", changed('"test"', '"te\\ud800st"'), "request-malformed"
    yield "NUL in an asset", changed('"debit": 5', '"debit": 5, "asset": "E\\u0000R"'), "request-malformed"
    yield "NUL in a hold", changed('"key": "k1"', '"key": "k1", "settles": "h\\u0000"'), "request-malformed"
    yield "NUL in a name", changed('"key": "k1"', '"key": "k1", "metadata": {"a\\u0000": "b"}'), "metadata-malformed"
    yield "a colon too many", changed(CITIZEN, "489100:c17:x"), "account-malformed"
    yield "linked as text", b'{"linked": "yes", ' + good.encode()[1:], "request-malformed"
    yield "deep", changed('"test"', "[" * 100_000 + "]" * 100_000), "request-malformed"
    yield "deep and few", changed('"test"', "[" * 20 + "]" * 20), "request-malformed"
    yield (
        "too many postings",
        json.dumps(entries(move("k1", *[(BANK, 1, 0), (CITIZEN, 0, 1)] * 5_000))).encode(),
        ("entry-has-too-many-postings"),
    )
    yield "ten thousand and one", json.dumps(entries(*[paid("k", 5)] * 10_001)).encode(), "too-many-entries"
    yield "a million of nothing", b'{"entries": [' + b"{}," * 1_000_000 + b"{}]}", "request-malformed"
    yield "a million lists", b'{"entries": [' + b"[]," * 1_000_000 + b"[]]}", "request-malformed"


def test_input_that_no_book_takes_is_a_problem_document_and_posts_nothing(record: Desk) -> None:
    headers = {"Authorization": f"Bearer {record.token('nadia')}", "Content-Type": "application/json"}
    before = record_of(record.wiring.book)
    for number, (fault, body, code) in enumerate(malformed()):
        keyed = headers | {"Idempotency-Key": f"malformed-{number}"}
        answer = record.client.post(ENTRIES, content=body, headers=keyed)
        assert code_of(answer) == code, f"{fault}: {answer.text[:300]}"
        assert answer.status_code == 422, fault
        assert len(answer.content) < 2_000, fault
    assert record_of(record.wiring.book) == before


@pytest.mark.parametrize("declared", [True, False])
def test_a_million_entries_are_refused_by_their_size(record: Desk, *, declared: bool) -> None:
    chunk = json.dumps(paid("k", 5)).encode() + b","
    size = MAX_ENTRIES_BYTES + len(chunk)

    def body() -> Iterator[bytes]:
        for _ in range(size // len(chunk)):
            yield chunk

    content: Any = b"".join(body()) + chunk if declared else body()
    headers = {"Authorization": f"Bearer {record.token('nadia')}", "Idempotency-Key": "a-million-1"}
    answer = record.client.post(ENTRIES, content=content, headers=headers | {"Content-Type": "application/json"})
    assert (answer.status_code, code_of(answer)) == (413, "body-too-large")
    assert record.entries() == 1


def test_ten_thousand_entries_are_posted_in_one_request(record: Desk) -> None:
    answer = post(record, *[paid(f"k{i}", 5) for i in range(10_000)])
    assert [n for _, _, n in outcomes(answer)] == list(range(2, 10_002))
    assert answer.json()["results"][-1]["balances"][0]["balance"] == 50_000


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_kind_of_content_is_refused(record: Desk, content_type: str) -> None:
    headers = {"Authorization": f"Bearer {record.token('nadia')}", "Idempotency-Key": "another-kind"}
    with_type = headers | ({"Content-Type": content_type} if content_type else {})
    answer = record.client.post(ENTRIES, content=json.dumps(entries(paid("k1", 5))), headers=with_type)
    assert (answer.status_code, code_of(answer)) == (415, "media-type-not-supported")


def test_who_may_not_write_is_refused_before_the_body_is_read(record: Desk) -> None:
    keyed = {"Idempotency-Key": "not-for-you", "Content-Type": "application/json"}
    assert code_of(record.client.post(ENTRIES, content=b"{", headers=keyed)) == "log-in-needed"
    for who in ("amelie", "velo", "sofia"):
        headers = keyed | {"Authorization": f"Bearer {record.token(who)}"}
        assert code_of(record.client.post(ENTRIES, content=b"{", headers=headers)) == "role-not-allowed"
    assert (
        code_of(record.post(ENTRIES, who="nadia", json=entries(paid("k1", 5)), key=None)) == "idempotency-key-missing"
    )


def test_a_reader_of_json_bounds_what_it_makes_of_it() -> None:
    assert read_json(b'["[[[[{{{{", "\\"[["]') == ["[[[[{{{{", '"[[']
    assert read_json(b"[" + b"[]," * (MAX_LISTS - 2) + b"[]]") == [[]] * (MAX_LISTS - 1)
    with pytest.raises(Refusal, match="more lists or objects"):
        read_json(b"[" + b"[]," * MAX_LISTS + b"[]]")


def test_a_database_that_goes_away_says_how_far_it_came_and_a_repetition_does_the_rest(
    record: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    from ledger import writer

    stated = [paid(f"k{i}", 5) for i in range(1_200)]
    groups, whole = [0], writer.decide_requests

    def failing(connection: Any, book_id: str, requests: Any, **more: Any) -> Any:
        groups[0] += 1
        if groups[0] > 2:
            raise OperationalError("", {}, Exception("the server is gone"))
        return whole(connection, book_id, requests, **more)

    monkeypatch.setattr(writer, "decide_requests", failing)
    answer = post(record, *stated, key="the-same-key")
    assert (answer.status_code, code_of(answer)) == (503, "posting-interrupted")
    answered = answer.json()["facts"]["answered"]
    assert 0 < answered < 1_200
    assert answer.headers["retry-after"] == "1"
    monkeypatch.undo()
    repeated = post(record, *stated, key="the-same-key")
    assert {result for _, result, _ in outcomes(repeated)} == {"posted"}
    assert sorted(n for _, _, n in outcomes(repeated)) == list(range(2, 1_202))  # type: ignore[type-var]  # all numbers
