"""What a line of a bank statement is: a pure decision, the first rule that fits.

    1  returned or reversed, of an order of ours         money that comes back, or a debit given back
    2  a settlement's reference and exact amount         the provider's payout
    3  an order of ours, by its end-to-end id            a transfer that the bank has carried out
    4  a mandate and its end-to-end id                   a direct debit that was paid
    5  a structured communication, exact amount, open    what the payer was asked for
    6  the same, found in free text                      (the reader has found it already)
    7  known account, exact amount                       a proposal: a person confirms
    8  anything else                                     suspense

Before the last two: money from the operator's own account tops the client account up, and the bank's charges are known
by their code. A payer of a pledge pays from her own account where it is known: another's is a proposal too, since money
goes back to where it came from. A debt may be paid by anybody.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ledger.payments.iso20022.model import StatementLine

_SETTLEMENT = re.compile(r"(?<![\d.])\d{4,}\.\d{4}\.\d{2}(?![\d.])")
_CHARGES = frozenset({"CHRG", "COMM", "FEES"})
LARGEST_PROPOSAL = 10
"""So many open items of one payer are added up; beyond, a person looks."""


class Handling(StrEnum):
    """What is done with a line."""

    SETTLEMENT = "settlement"
    EXPECTED = "expected"
    ORDER = "order"
    RETURNED_ORDER = "returned-order"
    COLLECTED = "collected"
    RETURNED_DEBIT = "returned-debit"
    TOP_UP = "top-up"
    CHARGE = "charge"
    SUSPENSE = "suspense"
    UNKNOWN_DEBIT = "unknown-debit"


class Reason(StrEnum):
    """Why money is in suspense."""

    AMOUNT_DIFFERS = "amount-differs"
    PAID_ALREADY = "paid-already"
    ACCOUNT_OF_ANOTHER = "account-of-another"
    KNOWN_ACCOUNT = "known-account"
    SETTLEMENT_NOT_ANNOUNCED = "settlement-not-announced"
    RETURN_NOT_KNOWN = "return-not-known"
    NOT_IDENTIFIED = "not-identified"
    DIVIDED = "divided"
    JOINED = "joined"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTransfer:
    """A payment that was asked for by transfer; `own_account_only` where only its payer may pay it."""

    payment_id: str
    payer: str
    amount_cents: int
    is_open: bool
    own_account_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOrder:
    """A transfer or a debit that we ordered."""

    order_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the books know that a line can be about.

    `expected` by structured communication; `payer_ibans` by payer; `settlements` amounts by the provider's reference;
    `orders` that the bank has not carried out yet, `returnable` ones that may come back, and `debits`, each by its
    end-to-end id; `own_iban` is the operator's own account.
    """

    expected: Mapping[str, ExpectedTransfer] = field(default_factory=dict)
    payer_ibans: Mapping[str, str] = field(default_factory=dict)
    settlements: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, OwnOrder] = field(default_factory=dict)
    returnable: Mapping[str, OwnOrder] = field(default_factory=dict)
    debits: Mapping[str, OwnOrder] = field(default_factory=dict)
    own_iban: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a line, with what it was matched, and for suspense why and what is proposed."""

    handling: Handling
    target: str = ""
    reason: Reason | None = None
    proposal: tuple[str, ...] = ()


def settlement_references(line: StatementLine) -> list[str]:
    """Everything in a line's text that has the form of a provider's settlement reference, as 1234567.2611.03 has."""
    return _SETTLEMENT.findall(f"{line.remittance} {line.end_to_end_id or ''}")


def match_lines(lines: Sequence[StatementLine], known: Known) -> list[Decision]:
    """One decision a line, in order. What one line has paid is not open for the next."""
    matcher = _Matcher(known)
    return [matcher.decide(line) for line in lines]


class _Matcher:
    """The rules, with what the lines before have used up."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.used: set[str] = set()
        self.by_iban: dict[str, list[ExpectedTransfer]] = defaultdict(list)
        for each in known.expected.values():
            iban = known.payer_ibans.get(each.payer)
            if each.is_open and iban is not None:
                self.by_iban[iban].append(each)

    def decide(self, line: StatementLine) -> Decision:
        if line.return_reason is not None or line.is_reversal:
            return self._returned(line)
        decision = self._debit(line) if line.amount_cents < 0 else self._credit(line)
        if decision.target:
            self.used.add(decision.target)
        return decision

    def _returned(self, line: StatementLine) -> Decision:
        """Rule 1: money back from a transfer, or a debit that its debtor's bank has taken back."""
        comes_in = line.amount_cents > 0
        orders = self.known.returnable if comes_in else self.known.debits
        order = orders.get(line.end_to_end_id or "")
        if order is not None and order.amount_cents == abs(line.amount_cents):
            return Decision(Handling.RETURNED_ORDER if comes_in else Handling.RETURNED_DEBIT, order.order_id)
        if comes_in:
            return Decision(Handling.SUSPENSE, reason=Reason.RETURN_NOT_KNOWN)
        return Decision(Handling.UNKNOWN_DEBIT)

    def _debit(self, line: StatementLine) -> Decision:
        """Rule 3, and the bank's own charges."""
        order = self.known.orders.get(line.end_to_end_id or "")
        if order is not None and order.amount_cents == -line.amount_cents and order.order_id not in self.used:
            return Decision(Handling.ORDER, order.order_id)
        if _CHARGES & set(re.split(r"\W", line.bank_code)):
            return Decision(Handling.CHARGE)
        return Decision(Handling.UNKNOWN_DEBIT)

    def _credit(self, line: StatementLine) -> Decision:
        """Rules 2 and 4 to 8."""
        references = settlement_references(line)
        for reference in references:
            if self.known.settlements.get(reference) == line.amount_cents and reference not in self.used:
                return Decision(Handling.SETTLEMENT, reference)
        debit = self.known.debits.get(line.end_to_end_id or "") if line.mandate_reference else None
        if debit is not None and debit.amount_cents == line.amount_cents and debit.order_id not in self.used:
            return Decision(Handling.COLLECTED, debit.order_id)
        if self.known.own_iban is not None and line.counterparty_iban == self.known.own_iban:
            return Decision(Handling.TOP_UP)
        expected = self.known.expected.get(line.structured_reference or "")
        if expected is not None:
            return self._expected(line, expected)
        if references:
            return Decision(Handling.SUSPENSE, reason=Reason.SETTLEMENT_NOT_ANNOUNCED)
        proposal = self._proposal(line)
        return Decision(
            Handling.SUSPENSE, reason=Reason.KNOWN_ACCOUNT if proposal else Reason.NOT_IDENTIFIED, proposal=proposal
        )

    def _expected(self, line: StatementLine, expected: ExpectedTransfer) -> Decision:
        """Rules 5 and 6: exact, open, and from where it may come; else a proposal."""
        if not expected.is_open or expected.payment_id in self.used:
            return Decision(Handling.SUSPENSE, reason=Reason.PAID_ALREADY)
        if line.amount_cents != expected.amount_cents:
            several = self._proposal(line)
            proposal = several or (expected.payment_id,)
            return Decision(Handling.SUSPENSE, reason=Reason.AMOUNT_DIFFERS, proposal=proposal)
        account = self.known.payer_ibans.get(expected.payer)
        if expected.own_account_only and account is not None and line.counterparty_iban not in {None, account}:
            return Decision(Handling.SUSPENSE, reason=Reason.ACCOUNT_OF_ANOTHER, proposal=(expected.payment_id,))
        return Decision(Handling.EXPECTED, expected.payment_id)

    def _proposal(self, line: StatementLine) -> tuple[str, ...]:
        """Rule 7: the one open item of that account with that amount; or all its open items, if they add up to it."""
        mine = [each for each in self.by_iban.get(line.counterparty_iban or "", ()) if each.payment_id not in self.used]
        exact = [each for each in mine if each.amount_cents == line.amount_cents]
        if exact:
            return (exact[0].payment_id,) if len(exact) == 1 else ()
        adds_up = 1 < len(mine) <= LARGEST_PROPOSAL and _total(mine) == line.amount_cents
        return tuple(each.payment_id for each in mine) if adds_up else ()


def _total(items: Iterable[ExpectedTransfer]) -> int:
    return sum(each.amount_cents for each in items)
