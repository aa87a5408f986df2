"""A town with a loan of each kind that statistics tell apart."""

from datetime import date

from contracts.loans import postings, service
from contracts.loans.books import loan_book
from tests.entries import entry
from tests.products_kit import EVIDENCE, Town

FIRST_DUE, SECOND_DUE = date(2027, 3, 7), date(2028, 3, 7)
LENT = {"steady": 100_000, "slow": 200_000, "silent": 300_000, "broken": 400_000, "gone": 500_000}


def peopled(town: Town) -> dict[str, str]:
    """Five loans paid out on 2026-03-07 and one that is only agreed, in the state of 2028-06-30.

    steady pays on the day; slow pays its first due after 117 days; silent never pays; broken is bankrupt in September
    2027; gone is bankrupt in April 2027, lost in January 2028, and 100,000 cents of it come back in March.
    """
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    opened: dict[str, str] = {}
    for n, (name, cents) in enumerate(LENT.items()):
        borrower = town.enterprise(f"Firm {name}", number=_NUMBERS[n])
        opened[name] = town.open_offer(borrower, maximum_cents=cents, sector="food")
        town.pay_pledge(opened[name], ada, cents // 4)
        town.pay_pledge(opened[name], bob, cents - cents // 4)
    opened["agreed"] = town.open_offer(town.enterprise("Firm agreed", number=_NUMBERS[5]), maximum_cents=150_000)
    town.pay_pledge(opened["agreed"], ada, 150_000)
    town.go_to(date(2026, 3, 7))
    loans = {name: town.loan_of(offer_id) for name, offer_id in opened.items()}
    for name in LENT:
        town.disburse(loans[name])
    town.jump_to(FIRST_DUE)
    town.pay_due(loans["steady"], 1)
    town.pay_due(loans["broken"], 1)
    town.jump_to(date(2027, 4, 1))
    bankrupt(town, loans["gone"])
    town.jump_to(date(2027, 7, 2))
    town.pay_due(loans["slow"], 1)
    town.jump_to(date(2027, 9, 1))
    bankrupt(town, loans["broken"])
    town.jump_to(date(2028, 1, 15))
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.write_off(uow, loans["gone"], on=town.today, evidence=EVIDENCE)
    town.settle()
    town.jump_to(SECOND_DUE)
    town.pay_due(loans["steady"], 2)
    town.pay_due(loans["slow"], 2)
    recover(town, loans["gone"], 100_000)
    town.jump_to(date(2028, 6, 30))
    return loans


_NUMBERS = ("0403.199.702", "0200.362.210", "0202.239.951", "0206.731.645", "0214.596.464", "0203.201.340")


def bankrupt(town: Town, loan_id: str) -> None:
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()


def recover(town: Town, loan_id: str, cents: int) -> None:
    """The curator pays a dividend, which is shared out over the claims."""
    with town.book.read() as connection:
        book = loan_book(connection, town.book.book_id, loan_id)
    parts = [cents * claim.principal_cents // book.loan.principal_cents for claim in book.claims]
    with town.book.unit_of_work(actor=town.maker) as uow:
        uow.post(entry("dividend", ("550100", cents, 0), (f"489600:{loan_id}", 0, cents), on=town.today))
        for claim, part in zip(book.claims, parts, strict=True):
            uow.post(
                postings.recovery_distributed(
                    book.loan, claim, recovery_id="r1", recovered_cents=part, on=town.today, actor=town.maker
                )
            )
