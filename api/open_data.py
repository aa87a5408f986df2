"""Files that anyone may take: the figures of the statistics page, and the loan book without names."""

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
    headers = {"Content-Disposition": 'attachment; filename="loan-book.csv"'}
    content = wiring.statistics.current(wiring.book).loan_book
    return Response(content, media_type="text/csv; charset=utf-8; header=present", headers=headers)
