"""An extract from the register of a bond series, for its holder: what she has, and by which entries.

The page is for people; the proof is that of the newest entry. Its two attachments are those of a receipt, so that
whatever checks a receipt checks an extract.
"""

from collections.abc import Iterator

from contracts.documents.model import ExtractData, Language
from contracts.documents.paper import Block, Column, Facts, Heading, Notice, Paper, Prose, Table
from contracts.documents.receipt import proof_blocks, proof_files
from contracts.documents.text import Wording, long_date, money, number, short_date, wording


def render_extract(data: ExtractData, language: Language, *, proof: bytes, opening: bytes) -> bytes:
    """The unsigned extract with `receipt.tlog-proof` and `opening.json` attached."""
    return extract_paper(data, language, proof=proof, opening=opening).render()


def extract_paper(data: ExtractData, language: Language, *, proof: bytes, opening: bytes) -> Paper:
    """The extract before it is drawn."""
    words = wording(language)
    say = words.say
    return Paper(
        language=language,
        title=say("extract.title"),
        subtitle=say("extract.subtitle", title=data.title, day=long_date(data.as_of, language)),
        kind=say("extract.kind"),
        issuer=say("common.issuer"),
        identifier=data.extract_id,
        issued_on=data.as_of,
        footer=say("common.footer", identifier=data.extract_id, version=words.version, verify=data.verify_address),
        page_label=say("common.page"),
        blocks=tuple(_blocks(data, words)),
        attachments=proof_files(words, proof=proof, opening=opening),
        watermark=say("common.watermark") if data.sandbox else None,
    )


def _blocks(data: ExtractData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    if data.sandbox:
        yield Notice(say("common.sandbox_title"), (say("common.sandbox"),))
    units = say("extract.units")
    yield Heading(say("extract.part_held"), 1)
    yield Facts(
        (
            (say("receipt.holder"), "\n".join((data.holder.name, *data.holder.address))),
            (say("agreement.reference"), data.holder.party),
            (say("extract.issuer"), data.issuer),
            (say("extract.series"), f"{data.title}\n{data.series_id}"),
            (say("extract.issued_on"), long_date(data.issued_on, language)),
            (say("extract.matures_on"), long_date(data.matures_on, language)),
            (units, number(data.units, language)),
            (say("extract.nominal"), money(data.nominal_cents, language)),
            (say("extract.value"), money(data.units * data.nominal_cents, language)),
            *(
                (say(f"extract.{name}"), number(count, language))
                for name, count in (("pledged", data.pledged), ("frozen", data.frozen))
                if count
            ),
            (say("extract.as_of"), long_date(data.as_of, language)),
            (say("extract.kept_by"), data.licence_holder),
        ),
        strong=frozenset({units}),
    )
    yield Prose(say("extract.meaning"))
    yield Heading(say("extract.part_entries"), 1)
    yield Table(
        columns=(
            Column(say("extract.column_on"), 16),
            Column(say("extract.column_happened"), 42),
            Column(say("extract.column_units"), 14, figures=True),
            Column(say("extract.column_after"), 14, figures=True),
            Column(say("receipt.entry"), 14, figures=True),
        ),
        rows=tuple(
            (
                short_date(line.on),
                line.happened,
                f"+{number(line.units, language)}" if line.units > 0 else number(line.units, language),
                number(line.after, language),
                number(line.entry, language),
            )
            for line in data.lines
        ),
        total=(say("extract.total"), "", "", number(data.units, language), ""),
    )
    yield from proof_blocks(data, words)
