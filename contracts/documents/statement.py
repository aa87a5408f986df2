"""A holder's statement: claims, what was expected against what came, and the money held, with chart and table.

The totals are sums of the rows it prints; nothing is typed.
"""

import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from contracts.documents.changes import changes_part
from contracts.documents.model import Language, StatementData, StatementTotals
from contracts.documents.paper import Attachment, Bars, Block, Column, Facts, Heading, Notice, Paper, Prose, Table
from contracts.documents.text import Wording, figure, long_date, money, month, number, short_date, wording
from ledger.errors import Refusal

PATHS_FILE = "totals.jsonl"
"""The paths of the holder's balances in the totals of a closed period, for `bxl verify state --mine`."""


def render_statement(data: StatementData, language: Language, *, totals: StatementTotals | None = None) -> bytes:
    """The statement as a tagged PDF, the same bytes for the same data; the paths of `totals` are attached."""
    return statement_paper(data, language, totals=totals).render()


def attached_paths(pdf: bytes) -> bytes:
    """The paths attached to a statement; refuses `totals-proof-malformed` where there are none."""
    import pikepdf  # noqa: PLC0415 -- loads when a statement is checked

    try:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            return document.attachments[PATHS_FILE].get_file().read_bytes()
    except (KeyError, pikepdf.PdfError) as error:
        raise Refusal("totals-proof-malformed", reason="nothing is attached to the PDF") from error


def statement_paper(data: StatementData, language: Language, *, totals: StatementTotals | None = None) -> Paper:
    """The statement before it is drawn."""
    words = wording(language)
    say = words.say
    return Paper(
        language=language,
        title=say("statement.title"),
        subtitle=say(
            "statement.subtitle",
            starts=long_date(data.starts_on, language),
            ends=long_date(data.ends_on, language),
        ),
        kind=say("statement.kind"),
        issuer=say("common.issuer"),
        identifier=data.statement_id,
        issued_on=data.issued_on,
        footer=say("common.footer", identifier=data.statement_id, version=words.version, verify=data.verify_address),
        page_label=say("common.page"),
        blocks=(
            *_summary(data, words),
            *_claims(data, words),
            *_flows(data, words),
            *changes_part(data.changes, words, subject=say("statement.column_loan")),
            *_balances(data, words),
            *(_totals(totals, words) if totals else ()),
        ),
        attachments=_attachments(totals, words) if totals else (),
        watermark=say("common.watermark") if data.sandbox else None,
    )


def _summary(data: StatementData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    if data.sandbox:
        yield Notice(say("common.sandbox_title"), (say("common.sandbox"),))
    yield Facts(
        (
            (say("statement.holder"), "\n".join((data.holder.name, *data.holder.address))),
            (say("agreement.reference"), data.holder.party),
            (say("statement.issued_on"), long_date(data.issued_on, language)),
            (say("statement.known"), number(data.known_at_entry, language)),
        )
    )
    closing, net = say("statement.closing"), say("statement.net")
    changed, recovered = (sum(getattr(c, name) for c in data.changes) for name in ("claim_cents", "received_cents"))
    rare = ((say("statement.recovered"), recovered), (say("statement.changed"), changed))
    yield Heading(say("statement.part_summary"), 1)
    yield Facts(
        tuple(
            (label, money(cents, language))
            for label, cents in (
                (say("statement.opening"), sum(c.opening_cents for c in data.claims)),
                (say("statement.expected"), sum(f.expected_cents for f in data.flows)),
                (say("statement.received_principal"), sum(f.principal_cents for f in data.flows)),
                (say("statement.received_interest"), sum(f.interest_gross_cents for f in data.flows)),
                (say("statement.withholding"), sum(f.withholding_cents for f in data.flows)),
                (net, sum(f.net_cents for f in data.flows)),
                *((label, cents) for label, cents in rare if cents),
                (say("statement.overdue"), sum(c.overdue_cents for c in data.claims)),
                (say("statement.lost"), sum(c.lost_cents for c in data.claims)),
                (closing, sum(c.closing_cents for c in data.claims)),
            )
        ),
        strong=frozenset({closing, net}),
        figures=True,
    )
    yield Prose(say("statement.note"), small=True)
    yield Prose(say("statement.tax_note"), small=True)


def _claims(data: StatementData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("statement.part_claims"), 1)
    if not data.claims:
        yield Prose(say("statement.no_claims"))
        return
    sums = ("principal_cents", "opening_cents", "closing_cents", "overdue_cents", "lost_cents")
    yield Table(
        columns=(
            Column(say("statement.column_loan"), 27),
            *(
                Column(say(f"statement.column_{name}"), 15, figures=True)
                for name in ("lent", "opening", "closing", "overdue", "lost")
            ),
            Column(say("statement.column_state"), 16),
        ),
        rows=tuple(
            (claim.title, *(figure(getattr(claim, name), language) for name in sums), claim.state_label)
            for claim in data.claims
        ),
        total=(
            say("statement.total"),
            *(figure(sum(getattr(claim, name) for claim in data.claims), language) for name in sums),
            "",
        ),
    )


def _flows(data: StatementData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    if not data.flows:
        yield Heading(say("statement.part_flows"), 1)
        yield Prose(say("statement.no_flows"))
        return
    yield Heading(say("statement.part_chart"), 1)
    yield _chart(data, words)
    yield Heading(say("statement.part_flows"), 1)
    none = say("common.no_value")
    sums = ("expected_cents", "principal_cents", "interest_gross_cents", "withholding_cents", "net_cents")
    yield Table(
        columns=(
            Column(say("statement.column_due"), 14),
            Column(say("statement.column_loan"), 21),
            Column(say("statement.column_received"), 14),
            Column(say("statement.column_expected"), 12, figures=True),
            Column(say("statement.column_principal"), 12, figures=True),
            Column(say("statement.column_interest"), 12, figures=True),
            Column(say("statement.column_withholding"), 15, figures=True),
            Column(say("statement.column_net"), 12, figures=True),
            Column(say("statement.column_entry"), 11, figures=True),
        ),
        rows=tuple(
            (
                short_date(flow.due_on),
                flow.title,
                none if flow.received_on is None else short_date(flow.received_on),
                *(figure(getattr(flow, name), language) for name in sums),
                none if flow.entry is None else str(flow.entry),
            )
            for flow in data.flows
        ),
        total=(
            say("statement.total"),
            "",
            "",
            *(figure(sum(getattr(flow, name) for flow in data.flows), language) for name in sums),
            "",
        ),
    )


def _chart(data: StatementData, words: Wording) -> Bars:
    """What was expected by the month of its due date, what came by the month in which it came, both before tax."""
    say, language = words.say, words.language
    expected: dict[date, int] = defaultdict(int)
    received: dict[date, int] = defaultdict(int)
    for flow in data.flows:
        expected[flow.due_on.replace(day=1)] += flow.expected_cents
        if flow.received_on is not None:
            received[flow.received_on.replace(day=1)] += flow.principal_cents + flow.interest_gross_cents
    months = sorted(expected.keys() | received.keys())
    return Bars(
        title=say("statement.chart_title"),
        description=say(
            "statement.chart_description",
            expected=money(sum(expected.values()), language),
            received=money(sum(received.values()), language),
        ),
        labels=tuple(month(m, language) for m in months),
        names=(say("statement.chart_expected"), say("statement.chart_received")),
        series=(tuple(expected[m] for m in months), tuple(received[m] for m in months)),
    )


def _balances(data: StatementData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("statement.part_balances"), 1)
    if not data.balances:
        yield Prose(say("statement.no_balances"))
        return
    yield Table(
        columns=(
            Column(say("statement.column_account"), 25),
            Column(say("statement.column_held"), 50),
            Column(say("statement.column_amount"), 25, figures=True),
        ),
        rows=tuple((b.account, b.label, figure(b.amount_cents, language)) for b in data.balances),
        total=(say("statement.total"), "", figure(sum(b.amount_cents for b in data.balances), language)),
    )


def _totals(totals: StatementTotals, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    until, entry = long_date(totals.until_on, language), number(totals.entry, language)
    if not totals.is_checked:
        yield Notice(say("statement.totals_alarm_title"), (say("statement.totals_alarm", until=until, entry=entry),))
        return
    yield Heading(say("statement.part_totals"), 1)
    accounts = number(totals.accounts, language)
    yield Prose(say("statement.totals_checked", accounts=accounts, until=until, entry=entry, file=PATHS_FILE))


def _attachments(totals: StatementTotals, words: Wording) -> tuple[Attachment, ...]:
    return (Attachment(PATHS_FILE, "application/jsonl", words.say("statement.attachment_totals"), totals.paths),)
