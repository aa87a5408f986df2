"""From read models to what charts draw: sums of what is there already, and nothing that a rule would have to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from contracts.loans.lifecycle import CANCELLED
from contracts.loans.queries import InstalmentLine, LoanEvent, MonthFlow
from contracts.offers.queries import OfferCard
from contracts.terms.schedule import Instalment
from frontend.charts import Bar, GaugeFigures
from ledger.payments.iso20022.model import Account
from ledger.payments.model import PaymentView
from ledger.payments.references import printed_communication
from ledger.payments.transfer_code import transfer_code_text

IBAN_GROUP = 4
MONTHS_BACK = MONTHS_AHEAD = 12
NEXT_INSTALMENTS = 4


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """What a payer fills in to pay by transfer, as it is printed, and the text of the code that fills it in for her."""

    payee: str
    iban: str
    amount_cents: int
    communication: str
    code: str


def transfer_request(account: Account, asked: PaymentView) -> TransferRequest:
    """A payment that waits for a transfer to our account; it has a structured communication."""
    reference = asked.structured_reference or ""
    groups = [account.iban[start : start + IBAN_GROUP] for start in range(0, len(account.iban), IBAN_GROUP)]
    return TransferRequest(
        payee=account.name,
        iban=" ".join(groups),
        amount_cents=asked.amount_cents,
        communication=printed_communication(reference),
        code=transfer_code_text(
            name=account.name,
            iban=account.iban,
            bic=account.bic or "",
            amount_cents=asked.amount_cents,
            reference=reference,
        ),
    )


def gauge_of(card: OfferCard) -> GaugeFigures:
    """The three shades of an offer's money; money in reflection is a part of what has arrived."""
    return GaugeFigures(
        firm_cents=card.received_cents - card.reflection_cents,
        reflection_cents=card.reflection_cents,
        promised_cents=card.committed_cents,
        minimum_cents=card.minimum_cents,
        maximum_cents=card.maximum_cents,
    )


def schedule_bars(instalments: Sequence[Instalment]) -> list[Bar]:
    """One bar per instalment, principal below interest; a year is written under its first instalment."""
    names = _first_of_each([row.due_on.year for row in instalments])
    return [Bar(name, row.principal_cents, row.interest_cents) for name, row in zip(names, instalments, strict=True)]


def loan_bars(instalments: Sequence[InstalmentLine]) -> list[Bar]:
    """The same for a loan that exists."""
    names = _first_of_each([row.due_on.year for row in instalments])
    return [Bar(name, row.principal_cents, row.interest_cents) for name, row in zip(names, instalments, strict=True)]


def near_instalments(instalments: Sequence[InstalmentLine]) -> set[int]:
    """The numbers shown at once: everything that was paid or called, and the next few."""
    coming = [row.n for row in instalments if row.state in {"scheduled", "cancelled"}]
    return {row.n for row in instalments} - set(coming[NEXT_INSTALMENTS:])


def told_events(events: Sequence[LoanEvent]) -> list[LoanEvent]:
    """What the story of a loan tells, newest first; that each later instalment is cancelled goes with the loss."""
    return [event for event in reversed(events) if event.event != CANCELLED]


def window(months: Sequence[MonthFlow], today: date) -> list[MonthFlow]:
    """The months that a chart shows: a year back and a year ahead; the table beside it has all of them."""
    now = today.year * 12 + today.month
    return [flow for flow in months if -MONTHS_BACK <= flow.month.year * 12 + flow.month.month - now <= MONTHS_AHEAD]


def flow_bars(months: Sequence[MonthFlow]) -> list[Bar]:
    """One pair per month, expected and received; a year is written under its first month."""
    names = _first_of_each([flow.month.year for flow in months])
    return [Bar(name, flow.expected_cents, flow.received_cents) for name, flow in zip(names, months, strict=True)]


def _first_of_each(years: Sequence[int]) -> list[str]:
    return [str(year) if n == 0 or years[n - 1] != year else "" for n, year in enumerate(years)]
