"""How commands say which rows of rules an answer rests on."""

from collections.abc import Iterable

from contracts.schemes.rules import Rule


def provisional_notes(rules: Iterable[Rule]) -> list[dict[str, object]]:
    """A note for each provisional row: a figure that follows from one says so."""
    return [{"rule": row.id, "code": "provisional"} for row in rules if row.is_provisional]
