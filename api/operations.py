"""Is it up, and how is it: `/health` for whoever restarts processes, `/metrics` for whoever watches them."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from api.bootstrap import Wiring
from api.deps import BookDep, WiringDep
from api.mail.queries import waiting
from ledger.audit.referees import doubtful_verdicts
from ledger.book import Book
from ledger.counts import record_counts
from ledger.errors import Refusal
from ledger.standing import LogStanding, log_standing

router = APIRouter(include_in_schema=False)
_MEANINGS = {
    "entries": "Journal entries posted",
    "checkpoint_size": "Entries under the newest signed checkpoint",
    "outbox_waiting": "Outbox rows that wait for the worker",
    "outbox_given_up": "Outbox rows the worker gave up",
    "mails_waiting": "Mails that wait to leave",
    "referees_doubtful": "Foreign programs that differed, or did not run, at the newest verdict",
    "log_pending": "Entries that the published checkpoint does not cover",
    "log_pending_seconds": "Seconds since the oldest of them was booked",
    "log_anchored": "Entries under the newest anchor",
    "log_anchor_seconds": "Seconds since the newest anchor, or since the first entry",
}


@router.get("/health")
def health(book: BookDep) -> dict[str, str | int]:
    """The database answers and holds the book."""
    return {"state": "up", "entries": figures(book)["entries"], "business_date": book.today().isoformat()}


@router.get("/metrics")
def metrics(wiring: WiringDep) -> PlainTextResponse:
    """The figures in Prometheus' text format."""
    text = metrics_text({**figures(wiring.book), **log_figures(standing_of(wiring))})
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def figures(book: Book) -> dict[str, int]:
    """Sizes of the record and of the queues, in one snapshot."""
    with book.read() as connection:
        return {
            **asdict(record_counts(connection, book.book_id)),
            "mails_waiting": waiting(connection, book.book_id),
            "referees_doubtful": len(doubtful_verdicts(connection, book.book_id)),
        }


def standing_of(wiring: Wiring) -> LogStanding | None:
    """How far the log is; None where its checkpoint can't be believed, which the signer and every audit tell."""
    book = wiring.book
    try:
        return log_standing(book, wiring.settings.log_folder, now=book.clock.now())
    except Refusal:
        return None


def log_figures(standing: LogStanding | None) -> dict[str, int]:
    """The log's gauges: none where nothing can be said."""
    if standing is None:
        return {}
    return {
        "log_pending": standing.pending,
        "log_pending_seconds": standing.pending_seconds,
        "log_anchored": standing.anchored,
        "log_anchor_seconds": standing.anchor_seconds,
    }


def metrics_text(standing: Mapping[str, int]) -> str:
    """The figures, one gauge each.

    >>> print(metrics_text({"entries": 3}), end="")
    # HELP bxl_entries Journal entries posted.
    # TYPE bxl_entries gauge
    bxl_entries 3
    """
    lines: list[str] = []
    for name, value in standing.items():
        lines += [f"# HELP bxl_{name} {_MEANINGS[name]}.", f"# TYPE bxl_{name} gauge", f"bxl_{name} {value}"]
    return "\n".join(lines) + "\n"
