"""What a loan's accounts must hold, reckoned in the plainest way from what happened: no code of the product is used.

Shares are whole cents by largest remainder over the claims as the schedule has them before an instalment, ties to the
first pledge in alphabetical order; tax is 30 % of each share of interest, rounded half up. What is paid while the
borrower owes what her bank took back is shared out once she owes nothing.
"""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

TAX = Fraction(30, 100)
MOST_DAYS = 30


@dataclass
class NaiveDue:
    """An instalment as its loan shows it, and what became of it."""

    n: int
    due_on: date
    interest: int
    principal: int
    is_called: bool = False
    paid_on: date | None = None
    is_cancelled: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is to be paid now."""
        return self.is_called and self.paid_on is None and not self.is_cancelled


@dataclass
class NaiveLoan:
    """A running loan: claims by pledge, each with its lender; and what each account must hold in consequence."""

    claims: dict[str, tuple[str, int]]
    dues: list[NaiveDue]
    parked: list[NaiveDue] = field(default_factory=list)
    tax: int = 0
    owed: int = 0
    is_bankrupt: bool = False

    def __post_init__(self) -> None:
        self.outstanding = {pledge: cents for pledge, (_, cents) in self.claims.items()}
        self.plan = plan_of(self.outstanding, self.dues)
        self.received = dict.fromkeys(self.lenders, 0)
        self.paid_out = dict.fromkeys(self.lenders, 0)
        self.lost = dict.fromkeys(self.claims, 0)

    @property
    def lenders(self) -> list[str]:
        """Everybody with a claim."""
        return sorted({lender for lender, _ in self.claims.values()})

    @property
    def is_over(self) -> bool:
        """Whether nothing can come any more."""
        return all(due.paid_on is not None or due.is_cancelled for due in self.dues)

    def open_dues(self) -> list[NaiveDue]:
        """What is to be paid now, oldest first."""
        return [due for due in self.dues if due.is_open]

    def call(self, on: date) -> None:
        """Every due whose day has come is called, while the borrower is not bankrupt."""
        if not self.is_bankrupt:
            for due in self.dues:
                due.is_called = due.is_called or due.due_on <= on

    def pay(self, due: NaiveDue, on: date) -> None:
        """A due is paid: shared out, or kept while the borrower owes something."""
        due.paid_on = on
        if self.owed:
            self.parked.append(due)
        else:
            self._share_out(due)

    def end_day(self) -> None:
        """What is kept goes to the lenders, unless the borrower owes something: a job of the next day does it."""
        while self.parked and not self.owed:
            self._share_out(self.parked.pop(0))

    def _share_out(self, due: NaiveDue) -> None:
        for pledge, (interest, principal) in self.plan[due.n].items():
            tax = int(interest * TAX + Fraction(1, 2))
            self.outstanding[pledge] -= principal
            self.received[self.claims[pledge][0]] += interest + principal - tax
            self.tax += tax

    def write_off(self) -> None:
        """What is neither repaid nor kept for the lenders is lost, and no due is left."""
        for pledge, cents in self.unpaid().items():
            self.lost[pledge] += cents
            self.outstanding[pledge] -= cents
        for due in self.dues:
            due.is_cancelled = due.paid_on is None

    def recover(self, cents: int) -> None:
        """Money that came after the loss: by what each has still lost, and nothing of it is taxed."""
        pledges = sorted(self.lost)
        for pledge, part in zip(pledges, split(cents, [self.lost[each] for each in pledges]), strict=True):
            self.lost[pledge] -= part
            self.received[self.claims[pledge][0]] += part

    def claim_all(self, on: date, rate: Fraction, since: date, *, called: bool) -> NaiveDue:
        """One due of all principal that is not called yet, with interest to a day, in place of all the later ones."""
        left = [due for due in self.dues if not due.is_called]
        principal = sum(due.principal for due in left)
        days = days_30e(max([due.due_on for due in self.dues if due.is_called], default=since), on)
        interest = int(principal * rate * days / 360 + Fraction(1, 2))
        last = NaiveDue(left[0].n, on, interest, principal, is_called=called)
        self.dues[left[0].n - 1 :] = [last]
        self.plan = plan_of({pledge: cents for pledge, (_, cents) in self.claims.items()}, self.dues)
        return last

    def unpaid(self) -> dict[str, int]:
        """Principal that was not repaid, by pledge; what is kept was."""
        kept = {pledge: sum(self.plan[due.n][pledge][1] for due in self.parked) for pledge in self.claims}
        return {pledge: self.outstanding[pledge] - kept[pledge] for pledge in self.claims}

    def pay_out(self) -> None:
        """Everybody has all that came."""
        self.paid_out = dict(self.received)

    def days_past_due(self, on: date) -> int:
        """Days since the oldest due date that is unpaid."""
        return max([(on - due.due_on).days for due in self.dues if due.paid_on is None and not due.is_cancelled] + [0])

    def accounts(self, loan_id: str, borrower: str) -> dict[tuple[str, str], int]:
        """Every account that the loan's life moves, by name and asset: what it holds, debit positive."""
        claim = f"LOAN-{loan_id.upper()}"
        held: dict[tuple[str, str], int] = {}
        for lender in self.lenders:
            own = [pledge for pledge, (holder, _) in self.claims.items() if holder == lender]
            held[f"020000:{lender}", claim] = sum(self.outstanding[pledge] for pledge in own)
            held[f"022000:{lender}", claim] = sum(self.lost[pledge] for pledge in own)
            held[f"489300:{lender}", "EUR"] = self.paid_out[lender] - self.received[lender]
        called = self.open_dues()
        for code, sign in (("030", 1), ("031", -1)):
            held[f"{code}100:{loan_id}", "EUR"] = sign * sum(due.principal for due in called)
            held[f"{code}200:{loan_id}", "EUR"] = sign * sum(due.interest for due in called)
        held[f"021000:{borrower}", claim] = -sum(self.outstanding.values()) - sum(self.lost.values())
        held[f"489600:{loan_id}", "EUR"] = -sum(due.interest + due.principal for due in self.parked)
        held[f"453000:{borrower}", "EUR"] = -self.tax
        held[f"416300:{borrower}", "EUR"] = self.owed
        held[f"489500:{borrower}", "EUR"] = 0
        return held


def plan_of(claims: dict[str, int], dues: list[NaiveDue]) -> dict[int, dict[str, tuple[int, int]]]:
    """Interest and principal of each pledge in each due, were all paid in order."""
    plan, left = {}, dict(sorted(claims.items()))
    for due in dues:
        weights = list(left.values())
        parts = zip(split(due.interest, weights), split(due.principal, weights), strict=True)
        plan[due.n] = dict(zip(left, parts, strict=True))
        left = {pledge: cents - plan[due.n][pledge][1] for pledge, cents in left.items()}
    return plan


def split(cents: int, weights: list[int]) -> list[int]:
    """Whole cents in proportion to `weights`, the largest remainders rounded up, the first one where they are equal."""
    total = sum(weights)
    exact = [Fraction(cents * weight, total) if total else Fraction(0) for weight in weights]
    parts = [int(each) for each in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: cents - sum(parts)]:
        parts[i] += 1
    return parts


def days_30e(start: date, end: date) -> int:
    """Days between two dates where every month has thirty (30E/360)."""
    first, last = min(start.day, MOST_DAYS), min(end.day, MOST_DAYS)
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first
