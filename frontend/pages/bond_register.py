"""The desk of a series that is subscribed: its sharing, its register, call and put."""

from typing import Annotated

from fastapi import APIRouter, UploadFile
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.deps import Language, Operator, WiringDep
from contracts.bonds import decisions, redemption
from contracts.parties.queries import find_by_email
from frontend.forms import Form
from frontend.i18n import tongue
from frontend.pages.bond_desk import answer
from frontend.pages.desk_fields import count_in, day_in, sha256_in, text_in
from ledger.book import UnitOfWork
from ledger.errors import Refusal

Text = Annotated[str, Field()]
File = UploadFile | None
router = APIRouter(prefix="/operations/bonds/{series_id}")


@router.post("/allotment")
def ask_allotment(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, series_id: str, seed: Text = ""
) -> Response:
    """Ask a second person to approve the sharing that the page shows."""
    form, reason = Form({"seed": seed}, target="allotment"), tongue(language).text("bond-desk.allot-ask")

    def ask(uow: UnitOfWork) -> None:
        decisions.request_allotment(uow, series_id, seed=seed.strip(), reason=reason)

    fields = {"lottery-seed-missing": "seed", "lottery-seed-differs": "seed"}
    return answer(request, wiring, operator, series_id, form, ask, fields)


@router.post("/call")
def ask_call(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    series_id: str,
    on: Text = "",
    units: Text = "",
    seed: Text = "",
) -> Response:
    """Ask a second person to approve that the issuer's call is announced; no number of units means all."""
    form = Form({"on": on, "units": units, "seed": seed}, target="call")
    day, reason = day_in(form, "on", language), tongue(language).text("bond-desk.call-ask")
    count = count_in(form, "units", language) if units.strip() else None

    def ask(uow: UnitOfWork) -> None:
        decisions.request_call(uow, series_id, redeem_on=day, units=count, seed=seed.strip(), reason=reason)

    fields = {
        "redemption-notice-too-short": "on",
        "redemption-day-unusable": "on",
        "redemption-overlaps": "on",
        "units-not-held": "units",
        "lottery-seed-missing": "seed",
    }
    return answer(request, wiring, operator, series_id, form, ask, fields)


@router.post("/put")
def record_put(  # noqa: PLR0913, PLR0917 -- one argument a field of the form
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    series_id: str,
    holder: Text = "",
    units: Text = "",
    on: Text = "",
    evidence: File = None,
) -> Response:
    """Record a holder's notice that units of hers be redeemed on a day of the terms."""
    form = Form({"holder": holder, "units": units, "on": on, "evidence": ""}, target="put")
    who, count = text_in(form, "holder", language), count_in(form, "units", language)
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)

    def record(uow: UnitOfWork) -> None:
        redemption.notify_put(
            uow,
            series_id,
            holder=_holder(uow, who),
            units=count,
            redeem_on=day,
            on=uow.today(),
            evidence=proof,
        )

    fields = {
        "redemption-not-in-terms": "on",
        "redemption-notice-too-short": "on",
        "units-not-held": "units",
        "holder-not-identified": "holder",
        "holder-is-frozen": "holder",
    }
    return answer(request, wiring, operator, series_id, form, record, fields)


@router.post("/transfer")
def ask_transfer(  # noqa: PLR0913, PLR0917 -- one argument a field of the form
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    series_id: str,
    seller: Text = "",
    buyer: Text = "",
    units: Text = "",
    on: Text = "",
    evidence: File = None,
) -> Response:
    """Ask a second person to enter that units pass from one holder to another, by the paper that both signed."""
    form = Form({"seller": seller, "buyer": buyer, "units": units, "on": on, "evidence": ""}, target="transfer")
    of, to = text_in(form, "seller", language), text_in(form, "buyer", language)
    count, day = count_in(form, "units", language), day_in(form, "on", language)
    proof, reason = sha256_in(form, evidence, language), tongue(language).text("bond-desk.transfer-ask")

    def ask(uow: UnitOfWork) -> None:
        decisions.request_transfer(
            uow,
            series_id,
            seller=_holder(uow, of),
            buyer=_holder(uow, to),
            units=count,
            on=day,
            paper=proof,
            reason=reason,
        )

    fields = {"holder-not-identified": "buyer", "holder-is-frozen": "seller"}
    return answer(request, wiring, operator, series_id, form, ask, fields)


def _holder(uow: UnitOfWork, typed: str) -> str:
    """A holder by her token, or by her e-mail address; refuses `holder-not-identified` for an unknown address."""
    if "@" not in typed:
        return typed
    found = find_by_email(uow.connection, uow, typed)
    if found is None:
        raise Refusal("holder-not-identified", holder=typed[:40], reason="party-unknown")
    return found.party_id
