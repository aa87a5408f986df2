"""`/v1/portfolio`: a citizen's claims, expected against received; `/v1/dues`: what an entrepreneur has to pay."""

from fastapi import APIRouter, Response

from api.deps import BookDep, Citizen, Entrepreneur, Language, Number, WiringDep
from api.statements import statement_pdf
from api.v1.schemas.loans import Due, Portfolio
from contracts.loans import queries

router = APIRouter(tags=["portfolio"])


@router.get("/portfolio")
def get_portfolio(book: BookDep, citizen: Citizen) -> Portfolio:
    """The caller's own claims, late ones first."""
    with book.read() as connection:
        portfolio = queries.portfolio(connection, book, citizen.party_id, book.today_in(connection))
    return Portfolio.model_validate(portfolio)


@router.get(
    "/portfolio/statements/{year}.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}},
)
def get_statement(wiring: WiringDep, citizen: Citizen, language: Language, year: Number) -> Response:
    """The caller's statement of a calendar year."""
    pdf = statement_pdf(wiring, citizen.party_id, year, language=language)
    headers = {"Content-Disposition": f'attachment; filename="bxl-statement-{year}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)


@router.get("/dues")
def list_dues(book: BookDep, entrepreneur: Entrepreneur) -> list[Due]:
    """The caller's called instalments that are unpaid, oldest first, each with where to pay it."""
    with book.read() as connection:
        page = queries.borrower_page(connection, book, entrepreneur.party_id, book.today_in(connection))
    return [Due.model_validate(due) for due in page.dues]
