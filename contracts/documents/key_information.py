"""The key investment information sheet: Annex I of Regulation (EU) 2020/1503 in the order of the model of 2022/2119.

Title, disclaimer and risk warning come first, in the words of article 23(6). There are no footnotes. What the offer
states is drawn from the offer; what the project owner answered comes as it was written in that language.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from contracts.documents.model import Enterprise, Language
from contracts.documents.paper import Block, Bullets, Column, Facts, Heading, Notice, Paper, Prose, Table
from contracts.documents.schedule_table import repayment_in_words
from contracts.documents.text import Wording, figure, long_date, money, percent, short_date, wording
from contracts.terms.schedule import Instalment, Schedule
from ledger.storage.base import JSON

_MOST_DUES = 12
"""A schedule of more instalments is shown by year, so that it never fills a page of the six."""
_FIXED_WARNINGS = 2
"""The paragraphs of the risk warning whose words article 23(6)(c) fixes; what follows them is said of proxi loans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInformation:
    """Everything that a sheet states. `answers` are the project owner's, by item: texts by language, amounts in cents.

    `schedule` is that of the maximum, paid out on the last day of the offer.
    """

    identifier: str
    version: int
    issued_on: date
    owner: Enterprise
    legal_form: str
    title: str
    pitch: Mapping[str, str]
    use_of_funds: Mapping[str, str]
    minimum_cents: int
    maximum_cents: int
    opens_on: date
    closes_on: date
    schedule: Schedule
    term_years: int
    reflection_days: int
    answers: Mapping[str, JSON]
    licence_holder: str
    verify_address: str
    sandbox: bool


def render_key_information(data: KeyInformation, language: Language) -> bytes:
    """The sheet as a tagged PDF; the caller counts its pages."""
    return key_information_paper(data, language).render()


def key_information_paper(data: KeyInformation, language: Language) -> Paper:
    """The sheet before it is drawn."""
    words = wording(language)
    say = words.say
    return Paper(
        language=language,
        title=say("kiis.title"),
        subtitle=f"{data.owner.name} · {data.title}",
        kind=say("kiis.kind"),
        issuer=say("common.issuer"),
        identifier=data.identifier,
        issued_on=data.issued_on,
        footer=say("common.footer", identifier=data.identifier, version=words.version, verify=data.verify_address),
        page_label=say("common.page"),
        blocks=(
            *_warnings(data, words),
            *_overview(data, words),
            *_part_a(data, words),
            *_part_b(data, words),
            *_part_c(data, words),
            *_instruments(words),
            *_part_g(data, words),
            *_part_h(data, words),
            Heading(say("kiis.part_i"), 1),
            Prose(say("kiis.none_i")),
        ),
        watermark=say("common.watermark") if data.sandbox else None,
    )


def _warnings(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say = words.say
    yield Notice(say("kiis.disclaimer_title"), (say("kiis.disclaimer"),))
    yield Notice(say("kiis.warning_title"), words.items("risk.all")[:_FIXED_WARNINGS])
    yield Notice(
        say("kiis.reflection_title"),
        (say("kiis.reflection", days=str(data.reflection_days)), say("kiis.reflection_how")),
    )
    if data.sandbox:
        yield Notice(say("common.sandbox_title"), (say("common.sandbox"),))


def _overview(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("kiis.overview"), 1)
    yield Facts(
        (
            (say("kiis.identifier"), data.identifier),
            (say("kiis.sheet_version"), f"{data.version} ({long_date(data.issued_on, language)})"),
            (say("kiis.owner_and_project"), f"{data.owner.name}: {data.title}"),
            (say("kiis.instrument"), say("kiis.instrument_value")),
            (say("kiis.target"), money(data.minimum_cents, language)),
            (say("kiis.deadline"), long_date(data.closes_on, language)),
        )
    )


def _part_a(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say, owner = words.say, data.owner
    yield Heading(say("kiis.part_a"), 1)
    link = data.answers.get("statements_link")
    yield Facts(
        (
            (say("kiis.identity"), f"{owner.name}, {owner.enterprise_number}"),
            (say("kiis.legal_form"), data.legal_form),
            (say("kiis.contact"), _line(data, "contact")),
            (say("kiis.responsible"), _line(data, "responsible")),
            (say("kiis.statements_link"), str(link) if link else say("kiis.none")),
        )
    )
    yield Prose(say("kiis.responsibility"))
    yield from _answered(data, words, "ownership", "management", "activities")
    yield Heading(say("kiis.figures"))
    yield from _figures(data, words)
    yield Heading(say("kiis.project"))
    yield Prose(" ".join(data.pitch[words.language].split()))
    yield Prose(" ".join(data.use_of_funds[words.language].split()))


def _figures(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    years = cast("Sequence[Mapping[str, int]]", data.answers.get("figures") or ())
    if not years:
        yield Prose(say("kiis.figures_none"))
        return
    names = ("turnover_cents", "result_cents", "equity_cents", "debt_cents")
    yield Table(
        columns=(Column(say("kiis.year"), 12), *(Column(say(f"kiis.{name}"), 22, figures=True) for name in names)),
        rows=tuple((str(row["year"]), *(figure(row[name], language) for name in names)) for row in years),
    )


def _part_b(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("kiis.part_b"), 1)
    yield Facts(
        (
            (say("kiis.target"), money(data.minimum_cents, language)),
            (say("kiis.maximum"), money(data.maximum_cents, language)),
            (say("kiis.opens"), long_date(data.opens_on, language)),
            (say("kiis.deadline"), long_date(data.closes_on, language)),
            (say("kiis.offers_completed"), _line(data, "offers_completed")),
            (say("kiis.own_funds_cents"), money(cast("int", data.answers["own_funds_cents"]), language)),
        )
    )
    yield from _answered(data, words, "capital_changes")
    yield Prose(say("kiis.if_missed", target=money(data.minimum_cents, language)))


def _part_c(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say = words.say
    yield Heading(say("kiis.part_c"), 1)
    other = _text(data, words, "risk_other")
    told = ("risk_project", "risk_sector", "risk_default", "risk_return")
    named = [(name, _text(data, words, name)) for name in told]
    named += [("risk_platform", say("kiis.risk_platform_text")), ("risk_illiquid", say("kiis.risk_illiquid_text"))]
    named += [("risk_other", other)] if other else []
    yield Bullets(tuple(f"{say(f'kiis.{name}')}: {text}" for name, text in named))


def _instruments(words: Wording) -> Iterator[Block]:
    """Parts D, E and F: a loan is no security, no special purpose vehicle stands between, and rights are those of G."""
    for part in "def":
        yield Heading(words.say(f"kiis.part_{part}"), 1)
        yield Prose(words.say(f"kiis.none_{part}"))


def _part_g(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say, language, terms = words.say, words.language, data.schedule.terms
    yield Heading(say("kiis.part_g"), 1)
    yield Facts(
        (
            (say("kiis.nature"), say("kiis.nature_value")),
            (say("kiis.duration"), say("kiis.duration_value", years=str(data.term_years))),
            (say("kiis.rate"), percent(terms.rate_annual, language)),
            (say("kiis.day_count"), terms.day_count.value),
            (say("kiis.repayment"), repayment_in_words(terms, language)),
        )
    )
    yield from _answered(data, words, "security", "past_defaults")
    yield Prose(say("kiis.schedule_note", total=money(data.maximum_cents, language)), small=True)
    yield _schedule(data.schedule.instalments, words)
    yield Heading(say("kiis.servicing"))
    yield Prose(say("kiis.servicing_text", licence=data.licence_holder))


def _schedule(instalments: Sequence[Instalment], words: Wording) -> Table:
    """The schedule by due date, or by year where it has many instalments."""
    say, language = words.say, words.language
    by_year = len(instalments) > _MOST_DUES
    sums: dict[str, list[int]] = {}
    for row in instalments:
        when = str(row.due_on.year) if by_year else short_date(row.due_on)
        held = sums.setdefault(when, [0, 0, 0])
        for index, cents in enumerate((row.interest_cents, row.principal_cents, row.total_cents)):
            held[index] += cents
    totals = [sum(row[index] for row in sums.values()) for index in range(3)]
    headers = ("agreement.column_interest", "agreement.column_principal", "agreement.column_total")
    return Table(
        columns=(
            Column(say("kiis.year" if by_year else "agreement.column_due"), 16),
            *(Column(say(header), 20, figures=True) for header in headers),
        ),
        rows=tuple((when, *(figure(cents, language) for cents in row)) for when, row in sums.items()),
        total=(say("agreement.total"), *(figure(cents, language) for cents in totals)),
    )


def _part_h(data: KeyInformation, words: Wording) -> Iterator[Block]:
    say = words.say
    yield Heading(say("kiis.part_h"), 1)
    yield from _answered(data, words, "fees")
    yield Facts(
        (
            (say("kiis.information_link"), _line(data, "information_link")),
            (say("kiis.complaints"), say("kiis.complaints_text", licence=data.licence_holder)),
        )
    )


def _answered(data: KeyInformation, words: Wording, *keys: str) -> Iterator[Block]:
    """The owner's texts under their headings: a long one may go on over the page, which a row of facts may not."""
    for key in keys:
        yield Heading(words.say(f"kiis.{key}"))
        yield Prose(_text(data, words, key))


def _text(data: KeyInformation, words: Wording, key: str) -> str:
    """The answer in this language; empty where an optional one was not given."""
    texts = cast("Mapping[str, Any]", data.answers.get(key) or {})
    return str(texts.get(words.language, ""))


def _line(data: KeyInformation, key: str) -> str:
    return str(data.answers[key])
