"""Templates: the business events that are posted, each as the lines it may have.

An event is declared once, and its entries are built from the declaration alone: a caller gives who, when and how much,
never an account's side. A leg is one line; `amount` and the words of `ids` are names that the caller fills in.

    ISSUED = Template(
        "loan-issued",
        key="issue:<loan>:<pledge>",
        dated_by=DatedBy.AGREEMENT,
        legs=(
            debit("489200", of="lender", amount="principal"),
            credit("489500", of="borrower", amount="principal"),
            debit("020000", of="lender", amount="principal", asset="claim"),
            credit("021000", of="borrower", amount="principal", asset="claim"),
        ),
    )

What does not fit its template is a defect of ours and no refusal. Two events may share a purpose where they mean the
same to whoever reads the line; they then agree on who dates them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from ledger.accounts import AccountRef, Side, chart_row
from ledger.errors import InvariantError
from ledger.journal import JournalEntry, Posting
from ledger.money import EUR

_PART = re.compile(r"<([a-z_]+)>")
_NONE: Mapping[str, str] = MappingProxyType({})


class DatedBy(StrEnum):
    """Who sets an event's date of effect, which says whether it may lie in a period that is closed.

    OUTSIDE: the bank, the provider, the court or the lender; it happened on that day, however late we hear of it.
    AGREEMENT: what was agreed, or the law; a job that runs late still gives that day.
    CAUSE: the entry that it follows, which may be late itself.
    RELEASE: we do; an order is never dated before the day on which it is released, so its period is open.
    """

    OUTSIDE = "outside"
    AGREEMENT = "agreement"
    CAUSE = "cause"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of an event: `amount` on `side` of an account.

    `owner` is a word of the caller's `ids`, or empty for an account without owner. `asset` is a code, or a lower-case
    word of the caller's `assets`. An `optional` leg is left out where its amount is 0. With `given`, the caller names
    the account itself, and its code is one of `codes`. A leg for `many` lines stands for any number of them on accounts
    whose codes begin with one of `codes`.
    """

    side: Side
    codes: tuple[str, ...]
    owner: str
    amount: str
    asset: str
    optional: bool
    given: bool
    many: bool = False

    def takes(self, posting: Posting) -> bool:
        """Whether `posting` can be a line of this leg."""
        code, owner, asset = posting.account
        fits = code.startswith(self.codes) if self.many else code in self.codes
        return (
            fits and asset == self.asset and bool(owner) <= (self.many or bool(self.owner)) and self._on_side(posting)
        )

    def _on_side(self, posting: Posting) -> bool:
        return (posting.debit if self.side is Side.DEBIT else posting.credit) > 0

    def posting(self, account: AccountRef, amount: int) -> Posting:
        """The line; refuses what `Posting` refuses."""
        return Posting(account, debit=amount) if self.side is Side.DEBIT else Posting(account, credit=amount)


def debit(
    *codes: str,
    of: str = "",
    amount: str = "amount",
    asset: str = EUR.code,
    optional: bool = False,
    given: bool = False,
    many: bool = False,
) -> Leg:
    """A leg on the debit side; see `Leg`."""
    return Leg(Side.DEBIT, codes, of, amount, asset, optional, given, many)


def credit(
    *codes: str,
    of: str = "",
    amount: str = "amount",
    asset: str = EUR.code,
    optional: bool = False,
    given: bool = False,
    many: bool = False,
) -> Leg:
    """A leg on the credit side; see `Leg`."""
    return Leg(Side.CREDIT, codes, of, amount, asset, optional, given, many)


@dataclass(frozen=True, slots=True)
class Template:
    """A business event: `purpose` of its entries, form of their fact `key`, who dates them, and its `legs` in order."""

    purpose: str
    key: str
    dated_by: DatedBy
    legs: tuple[Leg, ...]
    _words: tuple[tuple[str, frozenset[str]], ...] = field(init=False, repr=False, compare=False)
    """What `entry` must be given, by name of its argument: worked out once, for entries are many."""

    def __post_init__(self) -> None:
        owners = {leg.owner for leg in self.legs if leg.owner and not leg.given}
        words = (
            ("ids", frozenset(owners | set(_PART.findall(self.key)))),
            ("amounts", frozenset(leg.amount for leg in self.legs)),
            ("assets", frozenset(asset for asset in self.assets if asset.islower())),
        )
        object.__setattr__(self, "_words", words)
        if sum(leg.given for leg in self.legs) > 1:
            raise InvariantError(f"{self.purpose}: more than one leg whose account is given")
        for leg in self.legs:
            if not leg.codes or (len(leg.codes) > 1 and not (leg.given or leg.many)):
                raise InvariantError(f"{self.purpose}: a leg that is not given has one code, not {leg.codes}")
        for asset in self.assets:
            if {leg.side for leg in self.legs if leg.asset == asset} != {Side.DEBIT, Side.CREDIT}:
                raise InvariantError(f"{self.purpose}: {asset} has no two sides")

    @property
    def late_refused(self) -> bool:
        """Whether an entry may not be dated in a period that is closed."""
        return self.dated_by is DatedBy.RELEASE

    @property
    def assets(self) -> tuple[str, ...]:
        """The assets of its legs, in their order."""
        return tuple(dict.fromkeys(leg.asset for leg in self.legs))

    @property
    def is_personal(self) -> bool:
        """Whether a line may stand on an account of a person or an enterprise, who then has a receipt of it."""
        return any(chart_row(code).personal for leg in self.legs for code in leg.codes)

    def fact_key(self, ids: Mapping[str, str]) -> str:
        """The fact key of the event that `ids` name."""
        return _PART.sub(lambda part: ids[part[1]], self.key)

    def entry(
        self,
        *,
        on: date,
        actor: str,
        ids: Mapping[str, str],
        amounts: Mapping[str, int],
        assets: Mapping[str, str] = _NONE,
        account: AccountRef | None = None,
        evidence: str | None = None,
        approvals: tuple[str, ...] = (),
    ) -> JournalEntry:
        """The entry of one event; `ids`, `amounts` (minor units) and `assets` fill exactly the template's words.

        Refuses what `Posting` and `JournalEntry` refuse; what does not fit the template is an `InvariantError`.
        """
        self._check_words(ids, amounts, assets)
        self.check_account(account, self._owner_of_given(ids))
        postings = tuple(
            leg.posting(account if leg.given and account else _account(leg, ids, assets), amounts[leg.amount])
            for leg in self.legs
            if amounts[leg.amount] or not leg.optional
        )
        return JournalEntry(
            self.fact_key(ids), on, self.purpose, postings, actor=actor, evidence=evidence, approvals=approvals
        )

    def entry_of(
        self,
        postings: Sequence[Posting],
        *,
        key: str,
        on: date,
        actor: str,
        approvals: tuple[str, ...] = (),
    ) -> JournalEntry:
        """The entry of an event whose lines were computed: each is one of a leg, and no leg that must be is missing.

        Refuses what `JournalEntry` refuses; a line that no leg takes is an `InvariantError`.
        """
        for posting in postings:
            if not any(leg.takes(posting) for leg in self.legs):
                raise InvariantError(f"{self.purpose}: no line on {posting.account} in {posting.account.asset}")
        for leg in self.legs:
            if not leg.optional and not any(leg.takes(posting) for posting in postings):
                raise InvariantError(f"{self.purpose}: the {leg.side} of {leg.amount} is missing")
        return JournalEntry(key, on, self.purpose, tuple(postings), actor=actor, approvals=approvals)

    def check_account(self, account: AccountRef | None, owner: str | None = None) -> None:
        """Whether `account`, of `owner` where that is known, can stand for the leg that leaves its account open.

        For whoever keeps an account today and posts it on another day; `entry` does the same.
        """
        leg = next((leg for leg in self.legs if leg.given), None)
        if leg is None and account is None:
            return
        if leg is None or account is None:
            raise InvariantError(f"{self.purpose}: an account is given exactly where a leg leaves it open")
        if account.code not in leg.codes or account.asset != leg.asset:
            raise InvariantError(f"{self.purpose}: {account} in {account.asset} is none of {leg.codes} in {leg.asset}")
        is_owned = bool(account.owner) or not chart_row(account.code).personal
        if not is_owned or owner not in {None, account.owner}:
            raise InvariantError(f"{self.purpose}: {account} is not of the {leg.owner}")

    def _owner_of_given(self, ids: Mapping[str, str]) -> str | None:
        return next((ids[leg.owner] for leg in self.legs if leg.given and leg.owner in ids), None)

    def _check_words(self, ids: Mapping[str, str], amounts: Mapping[str, int], assets: Mapping[str, str]) -> None:
        for (what, words), stated in zip(self._words, (ids, amounts, assets), strict=True):
            if stated.keys() != words:
                raise InvariantError(f"{self.purpose}: {what} are {sorted(words)}, not {sorted(stated)}")
        for leg in self.legs:
            if not leg.optional and not amounts[leg.amount]:
                raise InvariantError(f"{self.purpose}: the {leg.side} of {leg.amount} is missing")


def purposes_never_late(templates: Iterable[Template]) -> frozenset[str]:
    """The purposes whose entries may not be dated in a closed period."""
    return frozenset(template.purpose for template in templates if template.late_refused)


def _account(leg: Leg, ids: Mapping[str, str], assets: Mapping[str, str]) -> AccountRef:
    return AccountRef(leg.codes[0], ids[leg.owner] if leg.owner else "", assets.get(leg.asset, leg.asset))
