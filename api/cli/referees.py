"""`bxl referees`: foreign programs compute every balance of the book, and are compared with the record."""

import json

import click

from api.bootstrap import open_book, search_path
from api.cli.options import book_options, settings_for
from api.worker.nightly import record_verdicts
from ledger.audit.referees import SHOWN_DIFFERENCES, Outcome, Verdict, ask_referees, verdict_facts


@click.command(name="referees")
@click.option("--record", is_flag=True, help="Enter the verdicts in the record, as every night.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
@book_options
def referees(*, record: bool, as_json: bool, database: str | None, book: str | None) -> int:
    """Have beancount, hledger and ledger compute every balance; exit 1 where one differs, 2 where one did not run."""
    opened = open_book(settings_for(database, book))
    verdicts = ask_referees(opened, search_path=search_path())
    if record:
        record_verdicts(opened, verdicts, key=f"verdict:{opened.clock.now().isoformat()}")
    if as_json:
        click.echo(json.dumps({"book": opened.book_id, "verdicts": verdict_facts(verdicts)}))
    else:
        for verdict in verdicts:
            click.echo("\n".join(_lines(verdict)))
    outcomes = {verdict.outcome for verdict in verdicts}
    return 1 if Outcome.DIFFERS in outcomes else 2 if Outcome.NOT_RUN in outcomes else 0


def _lines(verdict: Verdict) -> list[str]:
    first = f"{verdict.referee}: {verdict.outcome}, {verdict.balances_compared} balances compared"
    named = first + (f" ({verdict.version})" if verdict.version else "")
    remark = [f"  {verdict.remark}"] if verdict.remark else []
    shown = [
        f"  {d.account} {d.asset}: the record states {d.stated}, {verdict.referee} finds {d.found:f}"
        for d in verdict.differences[:SHOWN_DIFFERENCES]
    ]
    more = len(verdict.differences) - len(shown)
    return [named, *remark, *shown, *([f"  and {more} more"] if more else [])]
