"""The auditor's pages: trial balance by date, journal, public log, exports, exceptions. They only read."""

import re
from collections import defaultdict
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.deps import BookDep, Language, Number, Staff, WiringDep
from contracts.bonds.standing import register_totals
from contracts.evidence import evidence
from frontend.forms import Form, date_of
from frontend.i18n import tongue
from frontend.rendering import render, see_other
from ledger import balances
from ledger.audit.referees import doubtful_verdicts
from ledger.balances import AccountBalance, PostedEntry
from ledger.counts import record_counts
from ledger.errors import Refusal
from ledger.findings import finding_lines
from ledger.integrator import read_checkpoint
from ledger.log.leaf import canonical_json
from ledger.payments.queries import open_cases

ENTRIES_A_PAGE = 40
EVIDENCE_A_PAGE = 200
COMMANDS = (
    ("export-beancount", "bxl export --format beancount --out journal.beancount"),
    ("export-hledger", "bxl export --format hledger --out journal.hledger"),
    ("export-ledger", "bxl export --format ledger --out journal.ledger"),
    ("export-csv", "bxl export --format csv --out journal.csv"),
    ("export-fec", "bxl export --format fec --out journal.txt"),
    ("export-parquet", "bxl export --format parquet --out journal.parquet"),
    ("export-log", "bxl export --format log --out book.log"),
    ("export-ecspr", "bxl ecspr evidence"),
    ("referees", "bxl referees"),
    ("audit-rows", "bxl audit"),
    ("audit-bundle", "bxl audit bundle --out openings.jsonl"),
    ("audit-offline", "bxl audit --log data/log --openings openings.jsonl"),
)
router = APIRouter(prefix="/audit")


@dataclass(frozen=True, slots=True)
class AssetBalances:
    """The trial balance of one asset; `scale` is the number of its decimals."""

    asset: str
    scale: int
    rows: list[AccountBalance]
    debit: int
    credit: int


@router.get("")
def trial_balance(request: Request, book: BookDep, staff: Staff, on: str = "") -> Response:
    """The balance of every account by date of effect, one table an asset."""
    del staff
    with book.read() as connection:
        day = date_of(on) or book.today_in(connection)
        rows = balances.trial_balance(connection, book.book_id, on=day)
        scales = balances.asset_scales(connection, book.book_id)
    groups = _by_asset(rows, scales)
    form = Form({"on": day.isoformat()})
    return render(request, "audit_balance.html", tab="balance", on=day, groups=groups, form=form)


@router.get("/entries")
def journal(
    request: Request, book: BookDep, staff: Staff, language: Language, find: str = "", at: Number | None = None
) -> Response:
    """The journal, newest first; `find` goes to an entry by its number or its fact key."""
    del staff
    wanted = find.strip()
    with book.read() as connection:
        count = balances.entry_count(connection, book.book_id)
        by_key = balances.entry_by_key(connection, book.book_id, wanted) if wanted else None
        newest = count - 1 if at is None else min(at, count - 1)
        first = max(0, newest - ENTRIES_A_PAGE + 1)
        entries = balances.entries(connection, book.book_id, first_n=first, limit=newest - first + 1)
        scales = balances.asset_scales(connection, book.book_id)
    found = by_key.n if by_key else _number(wanted, count)
    if found is not None:
        return see_other(f"/{language}/audit/entries/{found}")
    errors = {"find": tongue(language).text("audit.find-none")} if wanted else {}
    return render(
        request,
        "audit_entries.html",
        tab="entries",
        entries=entries[::-1],
        scales=scales,
        older=first - 1 if first else None,
        newer=newest + ENTRIES_A_PAGE if newest < count - 1 else None,
        form=Form({"find": find}, errors),
    )


@router.get("/entries/{n}")
def entry(request: Request, book: BookDep, staff: Staff, language: Language, n: Number) -> Response:
    """One entry with all its lines."""
    del staff
    with book.read() as connection:
        found = balances.entries(connection, book.book_id, first_n=n, limit=1)
        scales = balances.asset_scales(connection, book.book_id)
        findings = [canonical_json(dict(line)).decode() for line in finding_lines(connection, book.book_id, n)]
    if not found or found[0].n != n:
        raise Refusal("not-found")
    facts = _facts(found[0], language)
    return render(
        request,
        "audit_entry.html",
        tab="entries",
        entry=found[0],
        facts=facts,
        scales=scales,
        findings=findings,
    )


@router.get("/log")
def public_log(request: Request, wiring: WiringDep, staff: Staff) -> Response:
    """How many entries stand, how many are signed, and the newest checkpoint as it was published."""
    del staff
    book = wiring.book
    with book.read() as connection:
        counts = record_counts(connection, book.book_id)
    published = read_checkpoint(wiring.settings.log_folder)
    note = published[1].decode() if published else None
    return render(request, "audit_log.html", tab="log", counts=counts, checkpoint=note)


@router.get("/exports")
def exports(request: Request, staff: Staff) -> Response:
    """The commands that export the journal and check it without us."""
    del staff
    return render(request, "audit_exports.html", tab="exports", commands=COMMANDS)


@router.get("/bonds")
def bonds(request: Request, book: BookDep, staff: Staff) -> Response:
    """The register of every series against the units that its issuer has outstanding."""
    del staff
    with book.read() as connection:
        totals = register_totals(connection, book.book_id)
    return render(request, "audit_bonds.html", tab="bonds", totals=totals)


@router.get("/ecspr")
def crowdfunding_checks(request: Request, book: BookDep, staff: Staff, article: str = "") -> Response:
    """What was checked of the European crowdfunding regulation, article by article, the newest first in each."""
    del staff
    with book.read() as connection:
        lines = evidence(connection, book)
    articles = list(dict.fromkeys(line.article for line in lines))
    chosen = article if article in articles else next(iter(articles), "")
    shown = [line for line in reversed(lines) if line.article == chosen]
    return render(
        request,
        "audit_ecspr.html",
        tab="ecspr",
        articles=articles,
        chosen=chosen,
        count=len(shown),
        lines=shown[:EVIDENCE_A_PAGE],
    )


@router.get("/exceptions")
def exceptions(request: Request, book: BookDep, staff: Staff) -> Response:
    """What a person must look at."""
    del staff
    with book.read() as connection:
        cases = open_cases(connection, book.book_id)
        given_up = record_counts(connection, book.book_id).outbox_given_up
        doubtful = doubtful_verdicts(connection, book.book_id)
    return render(request, "audit_exceptions.html", tab="exceptions", cases=cases, given_up=given_up, doubtful=doubtful)


def _by_asset(rows: list[AccountBalance], scales: dict[str, int]) -> list[AssetBalances]:
    """Euro first, then every other asset by its code."""
    grouped: dict[str, list[AccountBalance]] = defaultdict(list)
    for row in rows:
        grouped[row.account.asset].append(row)
    return [
        AssetBalances(asset, scales[asset], found, sum(r.debit for r in found), sum(r.credit for r in found))
        for asset, found in sorted(grouped.items(), key=lambda pair: (pair[0] != "EUR", pair[0]))
    ]


def _number(wanted: str, count: int) -> int | None:
    is_number = re.fullmatch(r"\d{1,15}", wanted, re.ASCII) is not None
    return int(wanted) if is_number and int(wanted) < count else None


def _facts(shown: PostedEntry, language: str) -> list[tuple[str, str | None]]:
    words = tongue(language)
    return [
        ("effective-on", words.day(shown.effective_on) if shown.effective_on else None),
        ("booked-at", words.instant(shown.booked_at)),
        ("purpose", shown.purpose),
        ("fact-key", shown.key),
        ("evidence", shown.evidence),
        ("actor", shown.actor),
        ("approvals", ", ".join(shown.approvals) or None),
        ("reverses", None if shown.reverses is None else str(shown.reverses)),
        *((f"detail-{name}", str(value)) for name, value in sorted(shown.details.items())),
    ]
