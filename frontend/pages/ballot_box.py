"""What the pages of all votes do with a ballot: take it, give its file and its receipt, and give or end a proxy."""

import hashlib
from datetime import date

from starlette.responses import Response

from api.bootstrap import Wiring
from contracts.parties.queries import display_name
from contracts.votes import queries, service
from contracts.votes.rules import ALL
from contracts.votes.tally import Choice
from frontend.forms import Form, refused
from frontend.i18n import tongue
from ledger.errors import Refusal
from ledger.storage.base import json_text

OFFERED = (Choice.YES, Choice.NO)
BALLOT, PROOF, OPENING = "ballot", "ballot.tlog-proof", "opening.json"
PROXY_FIELDS = dict.fromkeys(("party-unknown", "proxy-dates-differ"), "holder")


def choice_form(choice: str, language: str) -> Form:
    """What was chosen; an error where it is none of `OFFERED`."""
    form = Form({"choice": choice}, target="ballot")
    if choice not in OFFERED:
        form.errors["choice"] = tongue(language).text("vote.error-choice")
    return form


def send_ballot(
    wiring: Wiring, actor: str, vote_id: str, voter: str, form: Form, *, language: str
) -> tuple[Form, Refusal] | None:
    """Cast what the form chose, with all of the voter's claims; the form with what is wrong where it is refused."""
    try:
        with wiring.book.unit_of_work(actor=actor) as uow:
            service.cast_whole(uow, vote_id, voter, Choice(form.value("choice")))
    except Refusal as refusal:
        return refused(refusal, language, form, {}), refusal
    return None


def give_proxy(wiring: Wiring, voter: str, vote_id: str, holder: str, *, last_on: date) -> None:
    """Let another person vote, from today to the end of the vote; the mandate's hash goes into the record.

    Refuses `party-unknown` and what `contracts.votes.service.give_proxy` refuses.
    """
    with wiring.book.unit_of_work(actor=voter) as uow:
        display_name(uow.connection, wiring.book, holder)
        days = {"valid_from": uow.today(), "valid_until": last_on}
        mandate = [vote_id, voter, holder, *(day.isoformat() for day in days.values())]
        proof = hashlib.sha256(json_text(mandate).encode()).hexdigest()
        service.give_proxy(uow, vote_id, voter=voter, holder=holder, evidence=proof, **days)


def own_file(wiring: Wiring, voter: str, vote_id: str, name: str) -> Response:
    """One's newest ballot to keep, or one of the two files of its receipt; refuses `ballot-unknown`."""
    book = wiring.book
    with book.read() as connection:
        claims = queries.own_claims(connection, book.book_id, vote_id, voter)
    class_name = claims[0].class_name if claims else ALL
    if name == BALLOT:
        return download(queries.ballot_file(book, vote_id, voter, class_name), f"ballot-{vote_id}.json")
    receipt = queries.ballot_receipt(book, wiring.settings.log_folder, vote_id, voter, class_name)
    if name == PROOF:
        return download(receipt.proof, PROOF, kind="text/plain; charset=utf-8")
    return download(receipt.opening, OPENING)


def download(content: bytes, name: str, *, kind: str = "application/json") -> Response:
    """A file that no cache keeps."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=kind, headers=headers)
