"""What the papers of a year's end have in common: their frame, their test notice, and what they stand on."""

from collections.abc import Iterable, Iterator

from contracts.documents.model import Enterprise
from contracts.documents.paper import Block, Facts, Notice, Paper, Prose
from contracts.documents.text import Wording, long_date, number
from contracts.documents.yearly import Frame

FactRow = tuple[str, str]


def yearly_paper(frame: Frame, words: Wording, section: str, blocks: Iterable[Block]) -> Paper:
    """The paper of a wording `section` over these blocks."""
    say = words.say
    return Paper(
        language=words.language,
        title=say(f"{section}.title"),
        subtitle=say(f"{section}.subtitle", year=str(frame.year)),
        kind=say(f"{section}.kind"),
        issuer=say("common.issuer"),
        identifier=frame.paper_id,
        issued_on=frame.made_on,
        footer=say("common.footer", identifier=frame.paper_id, version=words.version, verify=frame.verify_address),
        page_label=say("common.page"),
        blocks=(*_test(frame, words), *blocks),
        watermark=say("common.watermark") if frame.sandbox else None,
    )


def stands_on(frame: Frame, words: Wording) -> tuple[FactRow, ...]:
    """Who made it, when, and on which entry of the books it stands."""
    say = words.say
    return (
        (say("receipt.issuer_licence"), frame.licence_holder),
        (say("statement.issued_on"), long_date(frame.made_on, words.language)),
        (say("statement.known"), number(frame.known_at_entry, words.language)),
    )


def enterprise_facts(borrower: Enterprise, words: Wording) -> Facts:
    """A borrower: name, number, who signs for it, and its token."""
    say = words.say
    rows = (
        (say("agreement.borrower"), borrower.name),
        (say("agreement.enterprise_number"), borrower.enterprise_number or say("common.no_value")),
        (say("agreement.represented_by"), borrower.represented_by or say("common.no_value")),
        (say("agreement.reference"), borrower.party),
    )
    return Facts(rows)


def reserve(words: Wording, *sentences: str, rules: Iterable[str] = ()) -> Iterator[Block]:
    """What is not sure: a notice over the sentences, and the dated rows that the figures follow from."""
    say = words.say
    if sentences:
        yield Notice(say("year_end.provisional_title"), sentences)
    if named := tuple(rules):
        yield Prose(say("year_end.rules", rules=", ".join(named)), small=True)


def _test(frame: Frame, words: Wording) -> Iterator[Block]:
    if frame.sandbox:
        yield Notice(words.say("common.sandbox_title"), (words.say("common.sandbox"),))
