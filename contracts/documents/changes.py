"""What plans and losses changed of claims, as a part of a paper: one line a change, and what each means."""

from collections.abc import Iterator, Sequence

from contracts.documents.model import ChangedClaim, ClaimEvent
from contracts.documents.paper import Block, Column, Heading, Prose, Table
from contracts.documents.text import Wording, figure, short_date


def changes_part(changes: Sequence[ChangedClaim], words: Wording, *, subject: str) -> Iterator[Block]:
    """The table of changes, headed `subject` where it names loans or lenders; nothing where nothing changed."""
    say, language = words.say, words.language
    if not changes:
        return
    yield Heading(say("changes.part"), 1)
    yield Table(
        columns=(
            Column(say("changes.column_on"), 13),
            Column(subject, 24),
            Column(say("changes.column_event"), 29),
            Column(say("changes.column_amount"), 12, figures=True),
            Column(say("changes.column_effect"), 13, figures=True),
            Column(say("statement.column_entry"), 9, figures=True),
        ),
        rows=tuple(
            (
                short_date(change.on),
                change.subject,
                event_name(change.event, words),
                figure(change.amount_cents, language),
                figure(change.claim_cents, language),
                str(change.entry),
            )
            for change in changes
        ),
        total=(
            say("statement.total"),
            "",
            "",
            "",
            figure(sum(change.claim_cents for change in changes), language),
            "",
        ),
    )
    yield Prose(say("changes.note"), small=True)


def event_name(event: ClaimEvent, words: Wording) -> str:
    """What happened, in the paper's language."""
    return words.say(f"changes.{event.value.replace('-', '_')}")
