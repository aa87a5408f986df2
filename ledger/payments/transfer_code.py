"""The square that a banking app scans to fill in a transfer: the EPC's payment code, as text and as a picture.

EPC069-12 (Quick Response Code: guidelines to enable data capture for the initiation of a SEPA credit transfer),
version 002: a QR code of error correction level M and at most version 13, whose text is one element a line. Its
reference element takes an ISO 11649 reference only; a Belgian structured communication goes into the text, as printed.
"""

from io import BytesIO

import segno

from ledger.errors import InvariantError
from ledger.payments.bodies import euro_text
from ledger.payments.references import checked_reference, printed_communication

_SERVICE, _VERSION, _UTF_8, _SCHEME = "BCD", "002", "1", "SCT"
_LONGEST_NAME, _LONGEST_BYTES = 70, 331
_LARGEST_CENTS = 99_999_999_999
_LARGEST_VERSION = 13
_QUIET_ZONE = 4


def transfer_code_text(*, name: str, iban: str, amount_cents: int, reference: str, bic: str = "") -> str:
    r"""The text of the code of a transfer of `amount_cents` to `iban`, under a reference that `references` checked.

    >>> transfer_code_text(name="BXL", iban="BE71096123456769", amount_cents=1250, reference="123456789002")
    'BCD\n002\n1\nSCT\n\nBXL\nBE71096123456769\nEUR12.50\n\n\n+++123/4567/89002+++'
    """
    if not 0 < amount_cents <= _LARGEST_CENTS or checked_reference(reference) != reference:
        raise InvariantError(f"no transfer code for {amount_cents} cents under {reference!r}")
    is_iso = reference.startswith("RF")
    structured, text = (reference, "") if is_iso else ("", printed_communication(reference))
    head = [_SERVICE, _VERSION, _UTF_8, _SCHEME, bic, name[:_LONGEST_NAME], iban]
    lines = "\n".join([*head, f"EUR{euro_text(amount_cents)}", "", structured, text]).rstrip("\n")
    if len(lines.encode()) > _LONGEST_BYTES:
        raise InvariantError("a transfer code is longer than EPC069-12 allows")
    return lines


def transfer_code_svg(text: str, *, title: str) -> str:
    """The picture of a code, an SVG element that takes the width of its place; `title` is what it is called."""
    code = segno.make_qr(text, error="m", boost_error=False, encoding="utf-8")
    if int(code.version) > _LARGEST_VERSION:
        raise InvariantError("a transfer code is larger than EPC069-12 allows")
    out = BytesIO()
    code.save(
        out,
        kind="svg",
        border=_QUIET_ZONE,
        title=title,
        xmldecl=False,
        svgns=True,
        omitsize=True,
        nl=False,
        light="white",
    )
    return out.getvalue().decode()
