"""The code that a banking app scans says what EPC069-12 lays down, and its picture is what another writer draws."""

import re

import pytest
from lxml import etree
from segno import helpers

from ledger.errors import InvariantError
from ledger.payments.references import structured_communication
from ledger.payments.transfer_code import transfer_code_svg, transfer_code_text
from tests.bankfiles_kit import HOLDER, OURS

ISO = "RF18539007547034"


def text_of(amount_cents: int = 50_000, reference: str = "123456789002", name: str = HOLDER.name, bic: str = "") -> str:
    return transfer_code_text(name=name, iban=OURS, amount_cents=amount_cents, reference=reference, bic=bic)


def test_a_structured_communication_goes_into_the_text_and_an_iso_reference_into_its_element() -> None:
    assert text_of().split("\n") == [
        *("BCD", "002", "1", "SCT", "", "BXL Invest, compte de tiers", OURS, "EUR500.00", "", ""),
        "+++123/4567/89002+++",
    ]
    assert text_of(1, ISO, bic="GKCCBEBB").split("\n")[4:] == ["GKCCBEBB", HOLDER.name, OURS, "EUR0.01", "", ISO]


def test_the_longest_name_and_the_largest_amount_fit() -> None:
    text = text_of(99_999_999_999, name="Ĝ" * 70)
    assert len(text.encode()) <= 331
    assert transfer_code_svg(text, title="x").startswith("<svg")


@pytest.mark.parametrize(
    ("amount_cents", "reference"), [(0, ISO), (-1, ISO), (10**11, ISO), (1, "123456789003"), (1, "hello"), (1, "")]
)
def test_what_no_bank_would_take_is_a_defect(amount_cents: int, reference: str) -> None:
    with pytest.raises(InvariantError):
        text_of(amount_cents, reference)


def test_the_picture_holds_the_code_that_another_writer_makes_of_the_same_transfer() -> None:
    reference = structured_communication(42)
    text = text_of(1_234, reference)
    picture = etree.fromstring(transfer_code_svg(text, title="Virement <12,34 €>"))
    assert picture.find("{*}title").text == "Virement <12,34 €>"
    other = helpers.make_epc_qr(HOLDER.name, OURS, "12.34", text=text.rpartition("\n")[2], encoding=1)
    assert drawn(picture.find("{*}path[@class]").get("d")) == [list(row) for row in other.matrix]


def drawn(path: str) -> list[list[int]]:
    """The rows of modules that an SVG path of strokes draws, without the quiet zone."""
    rows: dict[int, set[int]] = {}
    x = y = 0
    for command, *numbers in re.findall(r"([Mmh])(-?\d+(?:\.\d+)?)(?: ?(-?\d+(?:\.\d+)?))?", path):
        step = int(float(numbers[0]))
        if command == "h":
            rows.setdefault(y, set()).update(range(x, x + step))
            x += step
        else:
            down = int(float(numbers[1]))
            x, y = (step, down) if command == "M" else (x + step, y + down)
    width = max(max(row) for row in rows.values()) - 3
    return [[int(column + 4 in rows.get(row + 4, set())) for column in range(width)] for row in range(width)]
