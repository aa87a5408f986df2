"""Structured communications agree with python-stdnum's, and the schemas are the ones that were published."""

import hashlib
import random
from importlib.resources import files

import pytest
from stdnum.be import ogm_vcs

from ledger.errors import InvariantError
from ledger.payments.references import (
    checked_reference,
    is_structured_communication,
    printed_communication,
    reference_in,
    structured_communication,
)


def test_communications_agree_with_another_implementation() -> None:
    draws = random.Random(2026)
    for number in [1, 97, 9_999_999_999, *(draws.randrange(1, 10**10) for _ in range(300))]:
        digits = structured_communication(number)
        assert ogm_vcs.validate(printed_communication(digits)) == digits
        assert checked_reference(printed_communication(digits)) == reference_in(f"x {digits} y") == digits
    for _ in range(300):
        digits = f"{draws.randrange(10**12):012d}"
        assert is_structured_communication(digits) is ogm_vcs.is_valid(digits)


def test_a_remainder_of_zero_is_written_97() -> None:
    assert structured_communication(97) == "000000009797"
    assert not is_structured_communication("000000009700")
    assert not is_structured_communication("000000000097")


@pytest.mark.parametrize("number", [0, -1, 10**10])
def test_a_number_without_room_is_a_defect(number: int) -> None:
    with pytest.raises(InvariantError):
        structured_communication(number)


def test_every_schema_is_the_published_one() -> None:
    folder = files("ledger.payments.iso20022") / "schemas"
    stated = dict(reversed(row.split()) for row in (folder / "SHA256SUMS").read_text("utf-8").splitlines())
    found = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".xsd")}
    assert {name: hashlib.sha256(content).hexdigest() for name, content in found.items()} == stated
    assert len(stated) == 21
