"""Files that anyone may take: the figures of the statistics pages, the loan book and the plans without names."""

from fastapi import APIRouter
from starlette.responses import Response

from api.deps import WiringDep

router = APIRouter(include_in_schema=False)


@router.get("/statistics/statistics.json")
def statistics_file(wiring: WiringDep) -> Response:
    """Every figure of the page, with definitions and the data dictionary."""
    return Response(wiring.statistics.current(wiring.book).json, media_type="application/json")


@router.get("/statistics/loan-book.csv")
def loan_book_file(wiring: WiringDep) -> Response:
    """One row a loan, without names."""
    return _table("loan-book.csv", wiring.statistics.current(wiring.book).loan_book)


@router.get("/statistics/restructurings.json")
def scorecard_file(wiring: WiringDep) -> Response:
    """Every figure of the page on what became of plans, with definitions."""
    return Response(wiring.statistics.current(wiring.book).scorecard_json, media_type="application/json")


@router.get("/statistics/restructurings.csv")
def restructurings_file(wiring: WiringDep) -> Response:
    """One row a plan that came into effect, without names."""
    return _table("restructurings.csv", wiring.statistics.current(wiring.book).restructurings)


def _table(name: str, content: bytes) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8; header=present", headers=headers)
