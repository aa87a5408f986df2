"""Votes for everybody: what each came to, the file that recomputes it, and how promises of news were kept.

A file is named by a number alone: an amicable agreement and a private reorganisation are confidential (Code of economic
law, art. XX.64 and XX.83/22 and following), and so is who is late.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.deps import BookDep, Staff, WiringDep
from contracts.secondchance.queries import open_files
from contracts.votes import queries
from frontend.pages.ballot_box import download
from frontend.rendering import render

router = APIRouter()


@router.get("/votes")
def all_votes(request: Request, book: BookDep) -> Response:
    """Every vote, the newest first, and every promise of news."""
    with book.read() as connection:
        today = book.today_in(connection)
        views = queries.all_votes(connection, book.book_id)
        promised = [each.promises for each in open_files(connection, book.book_id)]
    return render(
        request,
        "votes.html",
        views=views,
        promised=promised,
        missed=sum(promise.is_missed(today) for each in promised for promise in each),
        made=sum(map(len, promised)),
    )


@router.get("/votes/{vote_id}/file")
def published(wiring: WiringDep, vote_id: str) -> Response:
    """The published file of a closed vote."""
    content = queries.published_file(wiring.book, wiring.settings.log_folder, vote_id)
    return download(content, f"vote-{vote_id}.json")


@router.get("/audit/votes")
def audited_votes(request: Request, book: BookDep, staff: Staff) -> Response:
    """Every vote, for auditors: both files, and the command that recomputes the result from them."""
    del staff
    with book.read() as connection:
        views = queries.all_votes(connection, book.book_id)
    return render(request, "audit_votes.html", tab="votes", views=views)


@router.get("/audit/votes/{vote_id}/file")
def auditors(book: BookDep, staff: Staff, vote_id: str) -> Response:
    """The auditor's file of a closed vote: every claim and ballot, opened under pseudonyms."""
    del staff
    return download(queries.auditors_file(book, vote_id), f"auditor-{vote_id}.json")
