"""Canonical JSON, commitments and public entries."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ledger.errors import Refusal
from ledger.log.encoding import from_b64
from ledger.log.leaf import (
    canonical_json,
    commit_line,
    entry_bytes,
    lines_path,
    lines_root,
    nonce,
    parse_canonical,
    root_from_lines,
)
from ledger.log.merkle import inclusion_proof, leaf_hash, root_from_inclusion, subtree_of

KEY = bytes(range(32))


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        None,
        {"a": None},
        [1.0],
        2**53,
        -(2**53),
        "e\u0301",  # e and a combining accent: not NFC
        "\ud800",
        {"é": 1},
        {1: "a"},
        {"a": {1, 2}},
        b"bytes",
    ],
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(Refusal) as refused:
        canonical_json(value)
    assert refused.value.code == "value-not-canonical"


@pytest.mark.parametrize(
    "encoded",
    [
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":NaN}',
        b'{"a":null}',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":2}',
        b'{"a":01}',
        b'{"a":-0}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        b"",
        b"[" * 5000,
        b"1" * 5000,
    ],
)
def test_bytes_that_are_not_the_one_encoding_are_refused(encoded: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse_canonical(encoded)
    assert refused.value.code == "bytes-not-canonical"


def test_canonical_bytes_parse_to_what_they_encode() -> None:
    value = {"a": ["é", 2**53 - 1, -(2**53) + 1, True, {"": "\x7f\x1f\n"}], "Z": {}}
    assert parse_canonical(canonical_json(value)) == value


def test_a_nonce_is_the_hmac_of_book_number_and_line() -> None:
    message = b"main\x00" + (46_666).to_bytes(8, "big") + (3).to_bytes(4, "big")
    assert nonce(KEY, "main", 46_666, 3) == hmac.new(KEY, message, hashlib.sha256).digest()


def test_a_commitment_is_what_sha256sum_says_of_nonce_and_line() -> None:
    line = {"debit": 5, "account": "550100"}
    secret = nonce(KEY, "main", 1, 1)
    assert commit_line(secret, line) == hashlib.sha256(secret + b'{"account":"550100","debit":5}').digest()


def test_no_two_lines_share_a_nonce() -> None:
    seen = {nonce(KEY, book, n, line) for book in ("main", "mai") for n in range(20) for line in range(20)}
    assert len(seen) == 800


def test_the_public_entry_shows_the_minute_in_utc_and_hides_the_rest() -> None:
    brussels = timezone(timedelta(hours=2))
    commitments = [hashlib.sha256(bytes([i])).digest() for i in range(2)]
    public = entry_bytes(7, "posting/1", datetime(2026, 7, 1, 14, 5, 59, 999_999, tzinfo=brussels), commitments)
    head, rest = b'{"l":{"n":2,"root":"', b'"},"n":7,"t":"posting/1","ts":"2026-07-01T12:05:00Z"}'
    assert public == head + base64.b64encode(lines_root(commitments)) + rest


@pytest.mark.parametrize("commitments", [[], [b"short"]])
def test_an_entry_without_whole_commitments_is_refused(commitments: list[bytes]) -> None:
    with pytest.raises(Refusal, match="value-not-canonical"):
        entry_bytes(1, "posting/1", datetime(2026, 1, 1, tzinfo=UTC), commitments)


def test_any_set_of_opened_lines_leads_to_the_root_with_its_path_and_with_no_other() -> None:
    for count in range(1, 12):
        commitments = [hashlib.sha256(bytes([count, i])).digest() for i in range(count)]
        expected = lines_root(commitments)
        for chosen in range(1, 2**count, max(1, 2**count // 97)):
            opened = {i: commitments[i] for i in range(count) if chosen >> i & 1}
            path = lines_path(commitments, opened)
            assert root_from_lines(count, opened, path) == expected
            assert root_from_lines(count, opened, [*path, commitments[0]]) is None
            if path:
                assert root_from_lines(count, opened, path[:-1]) is None
                assert root_from_lines(count, opened, [*path[:-1], bytes(32)]) != expected


def test_the_path_of_one_line_is_its_inclusion_proof() -> None:
    commitments = [hashlib.sha256(bytes([i])).digest() for i in range(13)]
    leaves = [leaf_hash(c) for c in commitments]
    for i in range(13):
        proof = inclusion_proof(i, 13, subtree_of(leaves))
        assert sorted(lines_path(commitments, {i})) == sorted(proof)
        assert root_from_inclusion(leaves[i], i, 13, proof) == lines_root(commitments)


@pytest.mark.parametrize(("count", "opened"), [(3, {}), (3, {3: bytes(32)}), (3, {-1: bytes(32)}), (0, {0: bytes(32)})])
def test_lines_outside_the_entry_lead_nowhere(count: int, opened: dict[int, bytes]) -> None:
    assert root_from_lines(count, opened, []) is None


@pytest.mark.parametrize("text", ["QQ", "QQ==\n", "QR==", " QQ==", "QQ==QQ==", "Q Q==", "-_8=", "é"])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(Refusal, match="base64-malformed"):
        from_b64(text)
