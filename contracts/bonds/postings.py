"""The journal entries that a bond causes. Units are counted in the series' own asset, money in EUR; neither mixes.

| event | debit | credit | fact key |
|---|---|---|---|
| units-issued | 489200 holder | 489500 issuer, [489400 holder] | units:<series>:<pledge> |
| | 010000 holder (units) | 011000 issuer (units) | |
| units-not-allotted | 489200 holder | 489400 holder | units:<series>:<pledge> |
| units-transferred | 010000 buyer (units) | 010000 seller (units) | units:<series>:<paper> |
| units-pledged | 012000 holder (units) | 010000 holder (units) | units:<series>:<paper> |
| units-unpledged | 010000 holder (units) | 012000 holder (units) | units:<series>:<paper> |
| units-frozen | 013000 holder (units) | 010000 holder (units) | units:<series>:<paper> |
| units-unfrozen | 010000 holder (units) | 013000 holder (units) | units:<series>:<paper> |
| run-called | [030100 series], [030200 series] | [031100 series], [031200 series] | run:<series>:<run>:called |
| run-settled | [031100 series], [031200 series] | [030100 series], [030200 series] | run:<series>:<run>:settled |
| rounding-kept | 489600 series | 489800 series | run:<series>:<run>:rounding |
| coupon-paid | 489600 series | 489300 holder, [453000 issuer] | run:<series>:<run>:<holder> |
| units-redeemed | 489600 series | [489300 holder], [489700 holder], [453000 issuer] | run:<series>:<run>:<holder> |
| | 011000 issuer (units) | [010000 holder (units)], [012000 holder (units)], [013000 holder (units)] | |
| redemption-released | 489700 holder | 489300 entitled | held:<holder>:<paper> |
| nominal-reduced | 044000 holder | 045000 issuer | nominal:<series>:<resolution>:<holder> |
| proceeds-entered | 040000 series | 043000 series | proceeds:<series>:<order> |
| proceeds-allocated | 041000 project | 040000 series | proceeds:<project>:<paper> |
| proceeds-released | 040000 series | 041000 project | proceeds:<project>:<paper> |
| proceeds-spent | 042000 project | 041000 project | spent:<paper> |

What stands in brackets is left out where it is nothing. Issue, coupons and redemption have one entry for each holder.
Units that are pledged to a creditor or frozen stay the holder's: she has the coupons, and what they are redeemed for is
held back until they are released. Paying out issuer and holders are transfer orders of `ledger.payments`. What the
issuer does with the proceeds stands in class 0: 043000 is what it has to account for, a paper proves one expense.
"""

from collections.abc import Mapping
from datetime import date

from contracts.bonds.model import Block, Run, RunLine, Series, series_asset
from contracts.bonds.projects import Expense, UseKind
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.templates import DatedBy, Template, credit, debit

UNITS = "units"
"""The word for a series' own asset, which is another for each series."""

UNITS_ISSUED = Template(
    "units-issued",
    key="units:<series>:<pledge>",
    dated_by=DatedBy.AGREEMENT,
    legs=(
        debit("489200", of="holder", amount="paid"),
        credit("489500", of="issuer", amount="price"),
        credit("489400", of="holder", amount="rest", optional=True),
        debit("010000", of="holder", amount="issued", asset=UNITS),
        credit("011000", of="issuer", amount="issued", asset=UNITS),
    ),
)
UNITS_NOT_ALLOTTED = Template(
    "units-not-allotted",
    key="units:<series>:<pledge>",
    dated_by=DatedBy.AGREEMENT,
    legs=(debit("489200", of="holder"), credit("489400", of="holder")),
)
UNITS_TRANSFERRED = Template(
    "units-transferred",
    key="units:<series>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("010000", of="buyer", asset=UNITS), credit("010000", of="seller", asset=UNITS)),
)
UNITS_PLEDGED = Template(
    "units-pledged",
    key="units:<series>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("012000", of="holder", asset=UNITS), credit("010000", of="holder", asset=UNITS)),
)
UNITS_UNPLEDGED = Template(
    "units-unpledged",
    key="units:<series>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("010000", of="holder", asset=UNITS), credit("012000", of="holder", asset=UNITS)),
)
UNITS_FROZEN = Template(
    "units-frozen",
    key="units:<series>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("013000", of="holder", asset=UNITS), credit("010000", of="holder", asset=UNITS)),
)
UNITS_UNFROZEN = Template(
    "units-unfrozen",
    key="units:<series>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("010000", of="holder", asset=UNITS), credit("013000", of="holder", asset=UNITS)),
)
RUN_CALLED = Template(
    "run-called",
    key="run:<series>:<run>:called",
    dated_by=DatedBy.AGREEMENT,
    legs=(
        debit("030100", of="series", amount="principal", optional=True),
        credit("031100", of="series", amount="principal", optional=True),
        debit("030200", of="series", amount="interest", optional=True),
        credit("031200", of="series", amount="interest", optional=True),
    ),
)
RUN_SETTLED = Template(
    "run-settled",
    key="run:<series>:<run>:settled",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit("031100", of="series", amount="principal", optional=True),
        credit("030100", of="series", amount="principal", optional=True),
        debit("031200", of="series", amount="interest", optional=True),
        credit("030200", of="series", amount="interest", optional=True),
    ),
)
ROUNDING_KEPT = Template(
    "rounding-kept",
    key="run:<series>:<run>:rounding",
    dated_by=DatedBy.CAUSE,
    legs=(debit("489600", of="series"), credit("489800", of="series")),
)
COUPON_PAID = Template(
    "coupon-paid",
    key="run:<series>:<run>:<holder>",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit("489600", of="series", amount="gross"),
        credit("489300", of="holder", amount="net"),
        credit("453000", of="issuer", amount="tax", optional=True),
    ),
)
UNITS_REDEEMED = Template(
    "units-redeemed",
    key="run:<series>:<run>:<holder>",
    dated_by=DatedBy.CAUSE,
    legs=(
        debit("489600", of="series", amount="gross"),
        credit("489300", of="holder", amount="net", optional=True),
        credit("489700", of="holder", amount="held", optional=True),
        credit("453000", of="issuer", amount="tax", optional=True),
        debit("011000", of="issuer", amount="redeemed", asset=UNITS),
        credit("010000", of="holder", amount="free", asset=UNITS, optional=True),
        credit("012000", of="holder", amount="pledged", asset=UNITS, optional=True),
        credit("013000", of="holder", amount="frozen", asset=UNITS, optional=True),
    ),
)
HELD_RELEASED = Template(
    "redemption-released",
    key="held:<holder>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("489700", of="holder"), credit("489300", of="entitled")),
)
NOMINAL_REDUCED = Template(
    "nominal-reduced",
    key="nominal:<series>:<resolution>:<holder>",
    dated_by=DatedBy.AGREEMENT,
    legs=(debit("044000", of="holder"), credit("045000", of="issuer")),
)
PROCEEDS_ENTERED = Template(
    UseKind.ENTERED.value,
    key="proceeds:<series>:<order>",
    dated_by=DatedBy.CAUSE,
    legs=(debit("040000", of="series"), credit("043000", of="series")),
)
PROCEEDS_ALLOCATED = Template(
    UseKind.ALLOCATED.value,
    key="proceeds:<project>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("041000", of="project"), credit("040000", of="series")),
)
PROCEEDS_RELEASED = Template(
    UseKind.RELEASED.value,
    key="proceeds:<project>:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("040000", of="series"), credit("041000", of="project")),
)
PROCEEDS_SPENT = Template(
    UseKind.SPENT.value,
    key="spent:<paper>",
    dated_by=DatedBy.OUTSIDE,
    legs=(debit("042000", of="project"), credit("041000", of="project")),
)
TEMPLATES = (
    UNITS_ISSUED,
    UNITS_NOT_ALLOTTED,
    UNITS_TRANSFERRED,
    UNITS_PLEDGED,
    UNITS_UNPLEDGED,
    UNITS_FROZEN,
    UNITS_UNFROZEN,
    RUN_CALLED,
    RUN_SETTLED,
    ROUNDING_KEPT,
    COUPON_PAID,
    UNITS_REDEEMED,
    HELD_RELEASED,
    NOMINAL_REDUCED,
    PROCEEDS_ENTERED,
    PROCEEDS_ALLOCATED,
    PROCEEDS_RELEASED,
    PROCEEDS_SPENT,
)


def proceeds(issuer: str) -> AccountRef:
    """Money of issued units that is to be paid out to the issuer."""
    return AccountRef("489500", issuer)


def collected(series_id: str) -> AccountRef:
    """The issuer's money for coupons and redemption that has arrived and is to be paid to the holders."""
    return AccountRef("489600", series_id)


_BLOCKS: Mapping[tuple[Block, bool], Template] = {
    (Block.PLEDGE, False): UNITS_PLEDGED,
    (Block.PLEDGE, True): UNITS_UNPLEDGED,
    (Block.FREEZE, False): UNITS_FROZEN,
    (Block.FREEZE, True): UNITS_UNFROZEN,
}


def unallocated(series_id: str) -> AccountRef:
    """Cash of the proceeds that is allocated to no project."""
    return AccountRef("040000", series_id)


def to_account_for(series_id: str) -> AccountRef:
    """What the issuer has to account for: all that has arrived with it."""
    return AccountRef("043000", series_id)


def project_cash(series_id: str, project_id: str) -> AccountRef:
    """Cash of a project that is not spent: the sub-account of the project."""
    return AccountRef("041000", project_ref(series_id, project_id))


def project_spent(series_id: str, project_id: str) -> AccountRef:
    """What a project has spent."""
    return AccountRef("042000", project_ref(series_id, project_id))


def project_ref(series_id: str, project_id: str) -> str:
    """Whose the accounts of a project are."""
    return f"{series_id}.{project_id}"


def issued(series: Series) -> AccountRef:
    """The issuer's side of the register: all units that are outstanding."""
    return AccountRef("011000", series.terms.issuer, series.asset.code)


def units_issued(
    series: Series, *, pledge_id: str, holder: str, paid_cents: int, units: int, actor: str
) -> JournalEntry:
    """A pledge's firm money becomes units and the issuer's proceeds; what is left of it goes back."""
    terms, price = series.terms, units * series.terms.price_cents
    ids = {"series": series.series_id, "pledge": pledge_id, "holder": holder}
    if units == 0:
        return UNITS_NOT_ALLOTTED.entry(on=terms.issued_on, actor=actor, ids=ids, amounts={"amount": paid_cents})
    return UNITS_ISSUED.entry(
        on=terms.issued_on,
        actor=actor,
        ids=ids | {"issuer": terms.issuer},
        amounts={"paid": paid_cents, "price": price, "rest": paid_cents - price, "issued": units},
        assets={UNITS: series.asset.code},
    )


def units_transferred(
    series: Series, *, seller: str, buyer: str, units: int, on: date, paper: str, actor: str
) -> JournalEntry:
    """Units pass to another holder, on the declaration whose SHA-256 is `paper`; it does so once."""
    return UNITS_TRANSFERRED.entry(
        on=on,
        actor=actor,
        ids={"series": series.series_id, "paper": paper, "seller": seller, "buyer": buyer},
        amounts={"amount": units},
        assets={UNITS: series.asset.code},
        evidence=paper,
    )


def units_blocked(
    series: Series, *, holder: str, units: int, why: Block, release: bool, on: date, paper: str, actor: str
) -> JournalEntry:
    """Units are pledged or frozen, or released, on the paper whose SHA-256 is `paper`."""
    return _BLOCKS[why, release].entry(
        on=on,
        actor=actor,
        ids={"series": series.series_id, "paper": paper, "holder": holder},
        amounts={"amount": units},
        assets={UNITS: series.asset.code},
        evidence=paper,
    )


def run_called(run: Run, *, on: date, actor: str) -> JournalEntry:
    """The holders of a run are known and its funds are asked of the issuer, per component."""
    ids = {"series": run.series_id, "run": run.run}
    return RUN_CALLED.entry(on=on, actor=actor, ids=ids, amounts=_components(run))


def run_settled(run: Run, *, on: date, actor: str) -> JournalEntry:
    """All holders of a run are paid: the mirror of its call."""
    ids = {"series": run.series_id, "run": run.run}
    return RUN_SETTLED.entry(on=on, actor=actor, ids=ids, amounts=_components(run))


def rounding_kept(run: Run, *, on: date, actor: str) -> JournalEntry:
    """What the issuer paid of a run and rounding gave to no holder is kept for the issuer."""
    ids = {"series": run.series_id, "run": run.run}
    return ROUNDING_KEPT.entry(on=on, actor=actor, ids=ids, amounts={"amount": run.rounding_cents})


def holder_paid(
    run: Run, line: RunLine, *, issuer: str, tax_cents: int, held: tuple[int, int, int], on: date, actor: str
) -> JournalEntry:
    """One holder's part of a run: net to her, the tax kept, her redeemed units gone.

    `held` are the redeemed units by where they stand, in the order of `HELD`.
    """
    ids = {"series": run.series_id, "run": run.run, "holder": line.holder, "issuer": issuer}
    gross = line.interest_cents + line.principal_cents
    if line.redeemed_units == 0:
        amounts = {"gross": gross, "net": gross - tax_cents, "tax": tax_cents}
        return COUPON_PAID.entry(on=on, actor=actor, ids=ids, amounts=amounts)
    free, pledged, frozen = held
    held_back = line.principal_cents * (pledged + frozen) // line.redeemed_units
    return UNITS_REDEEMED.entry(
        on=on,
        actor=actor,
        ids=ids,
        amounts={
            "gross": gross,
            "net": gross - tax_cents - held_back,
            "held": held_back,
            "tax": tax_cents,
            "redeemed": line.redeemed_units,
            "free": free,
            "pledged": pledged,
            "frozen": frozen,
        },
        assets={UNITS: series_asset(run.series_id).code},
    )


def payment_key(run: Run, holder: str) -> str:
    """The fact key of the entry by which a holder is paid her part of a run."""
    return COUPON_PAID.fact_key({"series": run.series_id, "run": run.run, "holder": holder})


def redemption_released(
    *, holder: str, entitled: str, amount_cents: int, on: date, paper: str, actor: str
) -> JournalEntry:
    """What units were redeemed for while they were pledged or frozen goes to who is entitled to it by a paper."""
    ids = {"holder": holder, "entitled": entitled, "paper": paper}
    return HELD_RELEASED.entry(on=on, actor=actor, ids=ids, amounts={"amount": amount_cents}, evidence=paper)


def nominal_reduced(
    series: Series, resolution: int, *, holder: str, amount_cents: int, on: date, actor: str
) -> JournalEntry:
    """What a holder gave up of her units' nominal, as a resolution of the meeting says."""
    terms, ids = series.terms, {"series": series.series_id, "resolution": str(resolution), "holder": holder}
    return NOMINAL_REDUCED.entry(
        on=on, actor=actor, ids=ids | {"issuer": terms.issuer}, amounts={"amount": amount_cents}
    )


def proceeds_entered(series_id: str, *, order_id: str, amount_cents: int, on: date, actor: str) -> JournalEntry:
    """The bank has booked the transfer to the issuer, who accounts for its amount from now on."""
    ids = {"series": series_id, "order": order_id}
    return PROCEEDS_ENTERED.entry(on=on, actor=actor, ids=ids, amounts={"amount": amount_cents})


def proceeds_allocated(
    series_id: str, project_id: str, *, kind: UseKind, amount_cents: int, paper: str, on: date, actor: str,
    approval_id: str,
) -> JournalEntry:  # fmt: skip
    """Cash of the series becomes a project's, or is released by it, on the decision whose SHA-256 is `paper`."""
    template = PROCEEDS_RELEASED if kind is UseKind.RELEASED else PROCEEDS_ALLOCATED
    return template.entry(
        on=on,
        actor=actor,
        ids={"series": series_id, "project": project_ref(series_id, project_id), "paper": paper},
        amounts={"amount": amount_cents},
        evidence=paper,
        approvals=(approval_id,),
    )


def proceeds_spent(series_id: str, expense: Expense, *, on: date, actor: str, approval_id: str) -> JournalEntry:
    """A project paid an expense out of its cash; the same paper pays for one expense only, whoever issues."""
    return PROCEEDS_SPENT.entry(
        on=on,
        actor=actor,
        ids={"project": project_ref(series_id, expense.project_id), "paper": expense.evidence},
        amounts={"amount": expense.amount_cents},
        evidence=expense.evidence,
        approvals=(approval_id,),
    )


def _components(run: Run) -> dict[str, int]:
    return {"principal": run.principal_cents, "interest": run.interest_cents + run.rounding_cents}
