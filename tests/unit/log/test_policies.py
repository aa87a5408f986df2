"""What policy/1 and key/1 may say, and which policy a note stands under."""

import pytest

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.keys import make_later_keys
from ledger.log.policies import is_key_line, is_policy_line, key_line, policy_line, refuse_ended, with_log_keys
from ledger.log.policy import parse_policy, policy_text
from tests.keychanges import NEXT_ORIGIN
from tests.proof import ORIGIN

HEAD = Checkpoint(ORIGIN, 7, b"\7" * 32)


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("keys")
    first, later = (make_later_keys(folder, origin, passphrase=None) for origin in (ORIGIN, NEXT_ORIGIN))
    old = policy_text(first, receipt_certificate_sha256=None)
    return old, with_log_keys(old, later, ended=HEAD)


def test_new_keys_leave_the_rest_of_a_policy_as_it_was(texts) -> None:
    old, new = texts
    kept = [line for line in old.decode().splitlines() if not line.startswith("log ")]
    assert [line for line in new.decode().splitlines() if not line.startswith(("log ", "# ended"))] == kept
    assert parse_policy(new).ended == (HEAD,)


def test_the_lines_of_a_change_are_of_the_form_that_verifiers_ask_for(texts) -> None:
    old, new = map(parse_policy, texts)
    rotated, compromised = (key_line(old, new, until_on=None, ended=ended) for ended in (None, HEAD))
    assert is_key_line(rotated)
    assert is_key_line(compromised)
    assert is_policy_line(policy_line(before=old.sha256, text=texts[1], until_on=None))
    assert key_line(old, old, until_on=None, ended=None) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"begins": []},
        {"begins": ["no key"]},
        {"compromised": "none"},
        {"origin": ""},
        {"root": "AA=="},
        {"size": 0},
        {"size": True},
        {"until": "2026-05-31"},
    ],
)
def test_a_compromise_that_says_anything_else_is_refused(texts, changed) -> None:
    old, new = map(parse_policy, texts)
    assert not is_key_line(dict(key_line(old, new, until_on=None, ended=HEAD)) | changed)


@pytest.mark.parametrize("changed", [{"before": "00"}, {"policy": "no policy\n"}, {"until": "2026-5-1"}, {"more": "x"}])
def test_an_announcement_that_says_anything_else_is_refused(texts, changed) -> None:
    assert not is_policy_line(dict(policy_line(before=b"\1" * 32, text=texts[1], until_on=None)) | changed)


@pytest.mark.parametrize(("size", "root"), [(8, HEAD.root), (7, b"\1" * 32)])
def test_an_origin_counts_up_to_its_last_head(size: int, root: bytes) -> None:
    refuse_ended(HEAD, [HEAD])
    refuse_ended(Checkpoint(ORIGIN, 6, b"\1" * 32), [HEAD])
    refuse_ended(Checkpoint(NEXT_ORIGIN, size, root), [HEAD])
    with pytest.raises(Refusal, match="origin-ended"):
        refuse_ended(Checkpoint(ORIGIN, size, root), [HEAD])
