"""`bxl erase`: one person asks that a party is erased, another approves, and its key is destroyed."""

import json

import click

from api.bootstrap import open_book
from api.cli.options import as_actor, book_options, settings_for
from contracts.erasure import erase_party, request_erasure
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.erasure import Basis


@click.command("erase")
@click.argument("party")
@click.option("--basis", type=click.Choice([basis.value for basis in Basis]), help="Article 17(1) of the GDPR, to ask.")
@click.option("--reason", help="What the second person reads, to ask.")
@click.option("--approval", "approval_id", help="The approval under which to erase.")
@as_actor
@click.option("--json", "as_json", is_flag=True, help="Print the approval, or the entries, as JSON.")
@book_options
def erase_command(
    party: str,
    basis: str | None,
    reason: str | None,
    approval_id: str | None,
    actor: str,
    *,
    as_json: bool,
    database: str | None,
    book: str | None,
) -> None:
    """Erase PARTY, a token such as c4k2: its papers, mails and identity open no more, and its lines of the log neither.

    With --basis and --reason it is asked for. With --approval it is done; where nobody has approved it yet, this
    approves it as the second person. Between the two, `bxl attest` must have attested what is to be closed.
    """
    if [bool(basis), bool(reason), bool(approval_id)] not in ([True, True, False], [False, False, True]):
        raise click.UsageError("either --basis and --reason, to ask, or --approval, to erase")
    opened = open_book(settings_for(database, book))
    with opened.unit_of_work(actor=actor) as unit:
        told = _ask(unit, party, basis, reason) if basis and reason else _erase(unit, party, str(approval_id))
    told |= {"entries": [result.n for result in unit.results]} if approval_id else {}
    click.echo(json.dumps(told) if as_json else "\n".join(f"{name}: {value}" for name, value in told.items()))


def _ask(unit: UnitOfWork, party: str, basis: str, reason: str) -> dict[str, object]:
    return {"approval": request_erasure(unit, party, basis=Basis(basis), reason=reason)}


def _erase(unit: UnitOfWork, party: str, approval_id: str) -> dict[str, object]:
    asked = approvals.find(unit.connection, unit.book_id, approval_id)
    if asked is not None and asked.approver is None:
        approvals.approve(unit, approval_id)
    return {"erased": party, "keys": erase_party(unit, party, approval_id=approval_id)}
