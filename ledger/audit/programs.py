"""The foreign programs that compute a book's balances: how each is found, run, named for, and read.

They run as processes with an environment of their own and no configuration; beancount, which is a library, runs under
the interpreter it is installed for. To add a program is to add a row to `REFEREES`.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from shutil import which

from ledger.accounts import AccountRef
from ledger.audit.exports.naming import beancount_account, beancount_commodity, hledger_account

_REALIZE = """
import json, sys
import beancount
from beancount import loader
from beancount.core import realization
entries, errors, _ = loader.load_file(sys.argv[1])
root = realization.realize(entries)
balances = [
    [account.account, position.units.currency, str(position.units.number)]
    for account in realization.iter_children(root) for position in account.balance
]
print(json.dumps({"balances": balances, "error": errors[0].message if errors else ""}))
"""
"""Run by the interpreter that beancount is installed for; its own realisation sums, nothing of ours does."""

Sums = dict[tuple[str, str], Decimal]
"""(account, commodity), as a program names them, to the balance in the commodity's unit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program printed: its balances, or the complaint with which it refused the file."""

    sums: Sums
    complaint: str = ""


class DidNotRunError(Exception):
    """The program can't be had, was ended, or printed what nobody can read."""


@dataclass(frozen=True, slots=True)
class Program:
    """How foreign programs are run: found on a path, without our environment, in the folder of the exports."""

    folder: Path
    search_path: str
    seconds: int

    def find(self, name: str) -> str:
        """Where the program is."""
        found = which(name, path=self.search_path)
        if found is None:
            raise DidNotRunError(f"{name} is not installed")
        return found

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run to its end; a signal or the end of the time means that it did not run."""
        environment = {"PATH": self.search_path, "HOME": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC"}
        environment["BEANCOUNT_DISABLE_LOAD_CACHE"] = "1"
        try:
            result = subprocess.run(  # noqa: S603 -- a fixed list of programs and our own files
                command, cwd=self.folder, env=environment, timeout=self.seconds,
                stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DidNotRunError(f"ended after {self.seconds} s") from None
        except OSError as error:
            raise DidNotRunError(f"can't be started: {error.strerror}") from error
        if result.returncode < 0:
            raise DidNotRunError(f"ended by signal {-result.returncode}")
        return result


@dataclass(frozen=True, slots=True)
class Referee:
    """A program: its version, its names for an account and an asset, and the balances it computes from a file."""

    version: Callable[[Program], str]
    account: Callable[[AccountRef], str]
    commodity: Callable[[str], str]
    balances: Callable[[Program, Path], Answer]


def _first_line(program: Program, *command: str) -> str:
    return next(iter(program.run(*command).stdout.splitlines()), "")


def _checked(program: Program, strict: Sequence[str], lenient: Sequence[str], read: Callable[[str], Sums]) -> Answer:
    """The balances of the strict run, or its complaint with the balances of the lenient one as far as it gives any."""
    result = program.run(*strict)
    complaint = result.stderr or f"exit code {result.returncode}" if result.returncode else ""
    if complaint:
        result = program.run(*lenient)
        if result.returncode:
            return Answer({}, complaint)
    try:
        return Answer(read(result.stdout), complaint)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise DidNotRunError(f"its answer can't be read: {error}") from error


# beancount


def _interpreter(program: Program) -> str:
    """The interpreter of the installation that `bean-check` belongs to: named in its first line or beside it."""
    script = Path(program.find("bean-check"))
    with script.open(encoding="utf-8", errors="replace") as lines:
        named = Path(lines.readline().removeprefix("#!").strip())
    return str(named if named.name.startswith("python") else script.with_name("python"))


def _beancount_version(program: Program) -> str:
    return _first_line(program, _interpreter(program), "-c", "import beancount; print(beancount.__version__)")


def _beancount_balances(program: Program, file: Path) -> Answer:
    result = program.run(_interpreter(program), "-c", _REALIZE, str(file))
    if result.returncode:
        raise DidNotRunError(result.stderr.splitlines()[-1] if result.stderr else f"exit code {result.returncode}")
    try:
        answer = json.loads(result.stdout)
        sums = {(account, commodity): Decimal(number) for account, commodity, number in answer["balances"]}
        return Answer(sums, answer["error"])
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise DidNotRunError(f"its answer can't be read: {error}") from error


# hledger


def _hledger_version(program: Program) -> str:
    return _first_line(program, program.find("hledger"), "--version")


def _hledger_balances(program: Program, file: Path) -> Answer:
    command = [program.find("hledger"), "-f", str(file), "balance", "--flat", "--empty", "-O", "json"]
    return _checked(program, [*command, "--strict"], [*command, "--ignore-assertions"], _read_hledger)


def _read_hledger(text: str) -> Sums:
    rows, _total = json.loads(text)
    sums: Sums = {}
    for account, _shown, _depth, amounts in rows:
        for amount in amounts:
            quantity = amount["aquantity"]
            number = Decimal(quantity["decimalMantissa"]).scaleb(-quantity["decimalPlaces"])
            sums[account, amount["acommodity"]] = number
    return sums


# ledger


def _ledger_version(program: Program) -> str:
    return _first_line(program, program.find("ledger"), "--version")


def _ledger_balances(program: Program, file: Path) -> Answer:
    report = ["balance", "--flat", "--empty", "--no-total", "--balance-format", "%(account)\\t%(amount)\\n"]
    command = [program.find("ledger"), "--args-only", "-f", str(file), *report]
    return _checked(program, [*command, "--strict", "--pedantic"], [*command, "--permissive"], _read_ledger)


def _read_ledger(text: str) -> Sums:
    """Lines `account TAB amount`; an account's further commodities follow on lines of their own."""
    sums: Sums = {}
    account = ""
    for line in text.splitlines():
        before, tab, after = line.rpartition("\t")
        account = before if tab else account
        number, _, commodity = after.strip().partition(" ")
        if commodity:  # a bare 0 is an account where every commodity is 0
            sums[account, commodity.strip('"')] = Decimal(number)
    return sums


REFEREES: Mapping[str, Referee] = {
    "beancount": Referee(_beancount_version, beancount_account, beancount_commodity, _beancount_balances),
    "hledger": Referee(_hledger_version, hledger_account, str, _hledger_balances),
    "ledger": Referee(_ledger_version, hledger_account, str, _ledger_balances),
}
"""By the name of the export's format, in the order in which they are asked."""
