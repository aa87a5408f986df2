"""An extract from the register of a bond series, made when its holder asks for it, proving her newest line."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import cast

from api.bootstrap import Wiring
from api.receipts import addressee, published_size, purpose_words, sealed
from contracts.bonds.holder import holding_of, register_lines
from contracts.documents.extract import render_extract
from contracts.documents.model import ExtractData, ExtractLine, Language
from ledger.audit.openings import receipt_for
from ledger.balances import OwnedLine
from ledger.signing import policy_in_force


def extract_pdf(wiring: Wiring, holder: str, series_id: str, *, language: str) -> bytes:
    """The signed extract, with the files of a receipt attached, of what the holder has now.

    Refuses `series-not-known` for a series of which she never had a unit, and `receipt-not-yet-final` until the
    published log covers her newest line.
    """
    chosen = cast("Language", language)
    data, newest = _data(wiring, holder, series_id, chosen)
    proof = receipt_for(wiring.book, wiring.settings.log_folder, n=newest.n, line=newest.line)
    return sealed(wiring, render_extract(data, chosen, proof=proof.proof, opening=proof.opening))


def _data(wiring: Wiring, holder: str, series_id: str, language: Language) -> tuple[ExtractData, OwnedLine]:
    """What the extract says, and the line that it proves."""
    settings, book = wiring.settings, wiring.book
    size = published_size(wiring)
    policy = policy_in_force(settings.log_folder, size)
    with book.read() as connection:
        today = book.today_in(connection)
        holding = holding_of(connection, book, holder, series_id, today)
        lines = register_lines(connection, book.book_id, holder, series_id)
        named = addressee(connection, book, holder, today)
    terms, newest = holding.terms, lines[0]
    data = ExtractData(
        extract_id=f"{book.book_id}-{series_id}-{newest.n}",
        holder=named,
        series_id=series_id,
        title=terms.title,
        issuer=holding.issuer_name,
        issued_on=terms.issued_on,
        matures_on=terms.matures_on,
        as_of=_as_of(today, newest),
        nominal_cents=terms.nominal_cents,
        units=holding.units,
        pledged=holding.held.pledged,
        frozen=holding.held.frozen,
        lines=tuple(_entries(lines, language)),
        entry_number=newest.n,
        origin=policy.origin,
        checkpoint_size=size,
        policy_sha256=policy.sha256.hex(),
        licence_holder=settings.operator,
        verify_address=f"{settings.origin}/log/",
        sandbox=settings.is_sandbox,
    )
    return data, newest


def _as_of(today: date, newest: OwnedLine) -> date:
    """Today, or the later day on which the newest entry takes effect."""
    return max(today, newest.effective_on)


def _entries(lines: Sequence[OwnedLine], language: Language) -> Iterator[ExtractLine]:
    """One line an entry, oldest first; what only passes between her own accounts changes no count."""
    after = 0
    for n, own in groupby(reversed(lines), key=lambda line: line.n):
        parts = list(own)
        units = sum(line.debit - line.credit for line in parts)
        after += units
        yield ExtractLine(
            on=parts[0].effective_on,
            happened=purpose_words(parts[0].purpose, language),
            units=units,
            after=after,
            entry=n,
        )
