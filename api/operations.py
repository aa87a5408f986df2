"""Is it up, and how is it: `/health` for whoever restarts processes, `/metrics` for whoever watches them."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from api.deps import BookDep
from api.mail.queries import waiting
from ledger.audit.referees import doubtful_verdicts
from ledger.book import Book
from ledger.counts import record_counts

router = APIRouter(include_in_schema=False)
_MEANINGS = {
    "entries": "Journal entries posted",
    "checkpoint_size": "Entries under the newest signed checkpoint",
    "outbox_waiting": "Outbox rows that wait for the worker",
    "outbox_given_up": "Outbox rows the worker gave up",
    "mails_waiting": "Mails that wait to leave",
    "referees_doubtful": "Foreign programs that differed, or did not run, at the newest verdict",
}


@router.get("/health")
def health(book: BookDep) -> dict[str, str | int]:
    """The database answers and holds the book."""
    return {"state": "up", "entries": figures(book)["entries"], "business_date": book.today().isoformat()}


@router.get("/metrics")
def metrics(book: BookDep) -> PlainTextResponse:
    """The figures in Prometheus' text format."""
    return PlainTextResponse(metrics_text(figures(book)), media_type="text/plain; version=0.0.4; charset=utf-8")


def figures(book: Book) -> dict[str, int]:
    """Sizes of the record and of the queues, in one snapshot."""
    with book.read() as connection:
        return {
            **asdict(record_counts(connection, book.book_id)),
            "mails_waiting": waiting(connection, book.book_id),
            "referees_doubtful": len(doubtful_verdicts(connection, book.book_id)),
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
