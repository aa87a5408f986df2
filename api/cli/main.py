"""The command `bxl`.

Exit codes of every command: 0 done or verified, 1 refused or forged, 2 incomplete or unavailable, 3 usage.
Commands are imported when they are called, so that `bxl --help` answers at once.
"""

import importlib
import json
import os
import sys
from typing import NoReturn

import click
from typing_extensions import override

from ledger.errors import Refusal

EXIT_REFUSED, EXIT_INCOMPLETE, EXIT_USAGE = 1, 2, 3
UNAVAILABLE = frozenset({
    "database-missing",
    "database-of-another-program",
    "disk-full",
    "format-needs-extra",
    "log-keys-missing",
    "log-not-published",
    "schema-version-differs",
    "token-key-missing",
    "token-needs-extra",
    "token-unavailable",
    "quorum-not-reached",
    "timestamp-unavailable",
    "timestamps-not-set-up",
    "witness-key-missing",
    "wrapping-key-missing",
})  # fmt: skip
"""Refusals that say that what a command needs is not there, which is not a no to what was asked."""

# command -> (module, attribute, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "attest": ("api.cli.audit", "attest_command", "digest the rows that no entry tells of, under an entry of the log"),
    "audit": ("api.cli.audit", "audit", "derive everything again, from the rows or from a published log alone"),
    "balance": ("api.cli.balances", "balance_command", "print one account's balance on a day, as known at an entry"),
    "bank": ("api.cli.bank", "bank", "take in the bank's statements, and print what is in suspense"),
    "bridges": ("api.cli.bridges", "bridges", "check and complete transfers between books of one database"),
    "demo": ("api.cli.demo", "demo", "prepare the demo's book, or move its date"),
    "bench": ("api.cli.bench", "bench", "measure posting on a database of your own"),
    "drill": ("api.cli.drill", "drill", "alter a copy of the book in every way, and see whether the audit finds it"),
    "ecspr": ("api.cli.ecspr", "ecspr", "list what was checked of the European crowdfunding regulation, by article"),
    "erase": ("api.cli.erase", "erase_command", "destroy a party's key under four eyes, once the law keeps nothing"),
    "export": ("api.cli.books", "export_command", "write the book for other programs to read and check"),
    "import": ("api.cli.books", "import_command", "post journal entries from a file of JSON lines"),
    "keys": ("api.cli.keys", "keys", "replace the key under which the keys of persons are wrapped"),
    "log": ("api.cli.log", "log", "publish or anchor the transparency log, or say how far it is"),
    "migrate": ("api.cli.migrate", "migrate", "bring a database to this version's schema and create its book"),
    "period": ("api.cli.periods", "period", "close a period under four eyes, and list those that are closed"),
    "report": ("api.cli.reports", "report", "print annual statements, restatements, and balances below their floor"),
    "referees": ("api.cli.referees", "referees", "have beancount, hledger and ledger compute every balance"),
    "fund": ("api.cli.fund", "fund", "file a loan's agreements with the Fund, record its answer"),
    "run": ("api.cli.run", "run", "start the whole demo: sandbox, web, worker, signer"),
    "reconcile": ("api.cli.reconcile", "reconcile", "close a day against provider and bank, and verify its report"),
    "sandbox": ("api.cli.sandbox", "sandbox", "play the payment provider on this machine"),
    "loan": ("api.cli.loan", "loan", "show what events make of a loan"),
    "scheme": ("api.cli.scheme", "scheme", "show the dated rules of a scheme, and compute tax credits by them"),
    "serve": ("api.cli.serve", "serve", "serve the pages and the JSON API"),
    "signer": ("api.cli.signer", "signer", "sign the published log, as a process that opens no database"),
    "state": ("api.cli.state", "state", "enter the totals of a closed period; one account's path in them"),
    "statement": ("api.cli.books", "statement_command", "print the postings of one account"),
    "statistics": ("api.cli.statistics", "statistics", "print default rate, vintages and recovery of all loans"),
    "templates": ("api.cli.templates", "templates_command", "list the business events that are posted, with accounts"),
    "terms": ("api.cli.terms", "terms", "compute repayment schedules, day counts and bonds from their terms"),
    "trace": ("api.cli.trace", "trace_command", "follow every euro of a bond from a payment to a project's expense"),
    "trial-balance": ("api.cli.books", "trial_balance_command", "print every account's balance"),
    "verify": ("api.cli.verify", "verify", "check a receipt, a balance, totals or a copy of the log, offline"),
    "witness": ("api.cli.witness", "witness", "be a witness: cosign the checkpoints of a log that only grows"),
    "worker": ("api.cli.worker", "worker", "do what happens after a request: payments, dated jobs, mail, the log"),
    "loss-certificate": (
        "api.cli.yearend",
        "loss_certificate_command",
        "certify what lenders lost of a loan in a year",
    ),
    "year-end": ("api.cli.yearend", "year_end_command", "write the tax papers and statements of a year into a folder"),
    "year": ("api.cli.reports", "year", "close a financial year under four eyes, and open the next"),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing their modules."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup)
@click.version_option(package_name="bxl-invest", prog_name="bxl")
def bxl() -> None:
    """BXL Invest: proxi loans and citizen bonds on a ledger that anyone can verify."""


def main() -> NoReturn:
    """Run the command line and turn every ending into the project's exit codes."""
    if "BXL_SUPERVISED" in os.environ:
        from api.cli.supervisor import end_with_parent  # noqa: PLC0415 -- only a supervised process needs it

        end_with_parent()
    sys.exit(_run())


def _run() -> int:
    try:
        code = bxl(standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE if isinstance(error, click.UsageError) else EXIT_INCOMPLETE
    except click.Abort:
        return EXIT_INCOMPLETE
    except Refusal as refusal:
        show_refusal(refusal, as_json="--json" in sys.argv)
        return EXIT_INCOMPLETE if refusal.code in UNAVAILABLE else EXIT_REFUSED
    except Exception as error:
        if (problem := _unavailable(error)) is None:
            raise
        click.echo(problem, err=True)
        return EXIT_INCOMPLETE
    return code if isinstance(code, int) else 0


def show_refusal(refusal: Refusal, *, as_json: bool) -> None:
    """With JSON: `{"refusal": {"code", "facts"}}` on standard output; otherwise its sentence on standard error."""
    if as_json:
        click.echo(json.dumps({"refusal": {"code": refusal.code, "facts": dict(refusal.facts)}}))
        return
    from api.refusals import sentence  # noqa: PLC0415 -- only the unhappy path needs the catalogue

    click.echo(sentence(refusal, "en"), err=True)


def _unavailable(error: Exception) -> str | None:
    """In a sentence, the file or the database that can't be used; None for a defect.

    A database file that is none, or is damaged, comes as the driver's bare base class; anything more precise than that
    or an operational error is ours. SQLAlchemy is asked only if something has loaded it.
    """
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    loaded = sys.modules.get("sqlalchemy.exc")
    if loaded is None or not (isinstance(error, loaded.OperationalError) or type(error) is loaded.DatabaseError):
        return None
    return f"The database can't be used: {str(getattr(error, 'orig', error)).splitlines()[0]}"


if __name__ == "__main__":
    main()
