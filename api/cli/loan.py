"""Commands on a loan's life: what events make of its terms."""

import json
from datetime import date
from typing import BinaryIO

import click

from api.bootstrap import open_book
from api.cli.fields import MAX_INPUT_BYTES, Fields, day
from api.cli.loan_events import TEXT, read_event
from api.cli.main import EXIT_INCOMPLETE
from api.cli.options import book_options, settings_for
from api.cli.restructure import plan_json
from api.cli.terms import answer_in_json, read_terms, schedule_json
from api.cli.waterfall import waterfall_json, waterfall_lines
from contracts.loans.books import loan_book
from contracts.loans.simulation.dues import LAWFUL, allocation
from contracts.loans.simulation.simulate import Simulation, simulate
from contracts.loans.waterfall import waterfall
from ledger.journal import JournalEntry


@click.group(name="loan")
def loan() -> None:
    """What becomes of a loan."""


@loan.command(name="restructure")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def restructure_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print what a plan makes of a loan in difficulty, lender by lender, as JSON, from the JSON in FILE (or stdin).

    \b
    terms, allocation, events   as `bxl loan simulate` takes them; events until `on`
    on                          date of effect
    scheme                      such as proxi.B; left out: none, and no tax credit
    route                       voluntary, amicable, judicial
    tools                       in their order, each at most once
      holiday         periods; interest: paid, deferred (default), capitalised
      extension       periods more
      rate-cut        rate_annual
      waiver          amount_cents of called interest; left out: all of it
      capitalisation  amount_cents of called interest; left out: all of it
      carry-forward   what was called, over the instalments that are left
      haircut         amount_cents of principal; left out: all of it
      participation   amount_cents of principal that becomes shares; left out: all of it
      subordination
      better-fortune  expires_on: until when what was cut may revive
    lenders                     [{"id", "lent_cents", "resident", "claim_cents"}]; claims by default pro rata
    refused, bankrupt           {"recovery_share", "months"}: what is assumed if there is no plan
    discount_rate               text; left out: the loan's effective rate
    compelling_reasons          why a creditor is paid less than the law's minimum
    borrower_outstanding_cents  of all her loans of the scheme; left out: this loan's principal
    exemplary                   true: the borrower is exemplary, for the credit on losses
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: plan_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@loan.command(name="simulate")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def simulate_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print what events make of a loan, as JSON, from the JSON in FILE (default: standard input).

    \b
    terms             as `bxl terms schedule` takes them
    allocation        order of components, default "costs,late-interest,interest,principal"; oldest first in each
    as_of             date
    events            [{"id", "on", "type", …}], in any order; ids are n of the list where they are left out
      disbursement    amount_cents; without any, the terms are paid out as they say
      repayment       amount_cents
      prepayment      amount_cents; left out: all that is owed
      payment_holiday until, or periods: nothing falls due meanwhile
      principal_grace until, or periods: interest only
      term_extension  periods more
      rate_change     rate_annual
      interest_waiver amount_cents; left out: all interest that is called
      reage           periods: unpaid principal and the debt over so many instalments
      reamortise      unpaid principal over the instalments that are left
      charge_off      all is called, nothing more accrues
      write_off       amount_cents; left out: all principal, and the loan ends
      recovery        amount_cents
      undo            undoes: the id of another event
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: _answer(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@loan.command(name="waterfall")
@click.argument("loan_id", metavar="LOAN")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@book_options
def waterfall_command(loan_id: str, *, as_json: bool, database: str | None, book: str | None) -> int:
    """Print where every euro went that came after LOAN was lost: by component, then lender by lender.

    Exit code 2 while a recovery is not shared out yet.
    """
    opened = open_book(settings_for(database, book))
    with opened.read() as connection:
        found = waterfall(connection, opened.book_id, loan_book(connection, opened.book_id, loan_id))
    click.echo(json.dumps(waterfall_json(found), indent=2) if as_json else "\n".join(waterfall_lines(found)))
    return 0 if all(fall.is_shared_out for fall in found.recoveries) else EXIT_INCOMPLETE


def _answer(fields: Fields) -> dict[str, object]:
    terms = read_terms(fields.object("terms"))
    order = allocation(fields.get("allocation", TEXT, ",".join(LAWFUL)))
    events = [read_event(each, n) for n, each in enumerate(fields.objects("events"), 1)]
    as_of = fields.need("as_of", day())
    fields.done()
    return _simulation_json(simulate(terms, order, events, as_of), as_of)


def _simulation_json(found: Simulation, as_of: date) -> dict[str, object]:
    return {
        "as_of": as_of.isoformat(),
        "schedule_before": schedule_json(found.before.instalments),
        "schedule_after": schedule_json(found.after),
        "due": {
            "costs_cents": 0,
            "late_interest_cents": 0,
            "interest_cents": found.due_interest,
            "principal_cents": found.due_principal,
            "total_cents": found.due_interest + found.due_principal,
        },
        "days_past_due": found.days_past_due,
        "balances": {
            "costs_cents": 0,
            "late_interest_cents": 0,
            "interest_cents": found.interest,
            "principal_cents": found.principal,
            "accrued_interest_cents": found.accrued_interest,
            "to_return_cents": found.to_return,
            "written_off_cents": found.written_off,
            "recovered_cents": found.recovered,
        },
        "entries": [_entry_json(entry) for entry in found.entries],
        "accounts": {f"{account}:{account.asset}": cents for account, cents in found.accounts.items()},
    }


def _entry_json(entry: JournalEntry) -> dict[str, object]:
    return {
        "on": entry.effective_on.isoformat(),
        "purpose": entry.purpose,
        "postings": [
            {"account": str(line.account), "asset": line.account.asset, "debit": line.debit, "credit": line.credit}
            for line in entry.postings
        ],
    }
