"""A statement changed at random is booked whole or not at all: a refusal leaves the books as they were."""

import random

from contracts.dispatch import BANK_HOOKS
from ledger.errors import Refusal
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.statements import read_statements
from ledger.payments.statements import import_statement_file
from tests.bankfiles_kit import HOLDER, Detail, Entry, camt, paid
from tests.functional.conftest import sqlite_town as sqlite_town
from tests.fuzz.bankfiles import mutated
from tests.products_kit import Town

FILE = (
    camt(
        paid(25_000, "A1", reference="123456789002", text="prêt"),
        Entry(9_000, (Detail(4_000), Detail(5_000)), "B2"),
        paid(-1_500, "C3", text="charge"),
    )
    .replace(b"2026-11-25", b"2026-03-02")
    .replace(b"2026-11-26", b"2026-03-02")
)


def test_a_changed_statement_is_booked_whole_or_not_at_all(sqlite_town: Town) -> None:
    town, draws = sqlite_town, random.Random(24)
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, HOLDER)
    outcomes = {imported(town, mutated(FILE, draws)) for _ in range(120)}
    assert imported(town, FILE) in {"", "statement-altered"}
    assert {"bank-file-not-xml", "bank-file-breaks-schema", ""} <= outcomes


def imported(town: Town, file: bytes) -> str:
    """The code of the refusal, empty where the file was taken; the account moved by what it says, or not at all."""
    before, entries, refused = town.balance("550100"), town.entries(), ""
    try:
        new = import_statement_file(town.book, file, hooks=BANK_HOOKS).statements
    except Refusal as refusal:
        new, refused = 0, refusal.code
    moved = sum(line.amount_cents for statement in read_statements(file) for line in statement.lines) if new else 0
    assert town.balance("550100") == before + moved
    assert (town.entries() > entries) is (new > 0)
    return refused
