"""The papers that the tests of documents draw: one loan of 500 EUR, its receipt and a year's statement."""

from datetime import UTC, date, datetime
from decimal import Decimal

from contracts.documents.key_information import KeyInformation
from contracts.documents.model import (
    Addressee,
    AgreementData,
    Enterprise,
    ExtractData,
    ExtractLine,
    ReceiptData,
    StatementBalance,
    StatementClaim,
    StatementData,
    StatementFlow,
    StatementTotals,
    TaxCreditNote,
)
from contracts.schemes.withholding import HolderKind, withholding
from contracts.terms.schedule import Every, RepaymentKind, Schedule, Terms, schedule
from contracts.terms.taeg import taeg
from tests.sheets_kit import sheet, texts

AT = datetime(2026, 3, 9, 11, 0, tzinfo=UTC)
VERIFY = "https://invest.example.brussels/verify"
LICENCE = "Coopérative Iris Finance SC"
LENDER = Addressee(
    party="cabcdefghi",
    name="Élodie Vandenbrœck-Șerbańska",
    address=("Rue de l'Écuyer 12 bte 3", "1000 Bruxelles"),
)
BORROWER = Enterprise(
    party="ebcdefghij",
    name="Boulangerie Saint-Gilles & Fils <SRL>",
    enterprise_number="0403.170.701",
    address=("Chaussée de Waterloo 100", "1060 Saint-Gilles"),
    represented_by="Amélie Peeters, administratrice",
)
OFFERED = tuple(kind for kind in RepaymentKind if kind is not RepaymentKind.BULLET_CAPITALISED)
"""The forms of repayment that a scheme allows; `tests/unit/test_proxi.py` shows the other refused."""
PROOF = b"c2sp.org/tlog-proof@v1\nindex 46666\n" + b"b" * 1500 + b"\n"
OPENING = b'{"lines":[],"n":46666}'


def plan(kind: RepaymentKind = RepaymentKind.ANNUITY, instalments: int = 20) -> Schedule:
    """500 EUR at 3 %, quarterly from 16 March 2026."""
    return schedule(
        Terms(50_000, Decimal("0.03"), date(2026, 3, 16), date(2026, 6, 16), instalments, Every.QUARTER, kind)
    )


def agreement(**changes: object) -> AgreementData:
    """A loan of 25,000 EUR of which one lender gives 500."""
    rows = plan()
    values: dict[str, object] = {
        "agreement_id": "dk7m2x9qpa",
        "loan_id": "l4tz8c2hwe",
        "agreed_on": date(2026, 3, 9),
        "purpose": "un four électrique et la remise à neuf du fournil",
        "lender": LENDER,
        "borrower": BORROWER,
        "schedule": rows,
        "term_years": 5,
        "loan_total_cents": 2_500_000,
        "effective_rate": taeg(rows.terms),
        "scheme": "proxi.B",
        "rules": ("BE/legal_rate@2026-01-01", "proxi.B/term@2024-03-01"),
        "withheld_by": "operator",
        "withholding_rate": Decimal("0.30"),
        "withholding_provisional": False,
        "tax_credit": TaxCreditNote(
            first_rate=Decimal("0.04"),
            first_periods=3,
            later_rate=Decimal("0.025"),
            loss_rate=Decimal("0.30"),
            source="ordonnance 17.03.2023, art. 12 et 13",
            provisional=True,
        ),
        "pledged_on": date(2026, 3, 3),
        "reflection_ended_on": date(2026, 3, 7),
        "risk_acknowledged_on": date(2026, 3, 3),
        "licence_holder": LICENCE,
        "verify_address": VERIFY,
        "sandbox": False,
        "policy_sha256": "ab" * 32,
    }
    return AgreementData(**(values | changes))


def receipt(**changes: object) -> ReceiptData:
    """The lender's share of one instalment."""
    values: dict[str, object] = {
        "receipt_id": "main-46666-2",
        "holder": LENDER,
        "happened": "Votre part de l'échéance 3 du prêt « Un four pour le fournil »",
        "entry_number": 46_666,
        "effective_on": date(2026, 9, 16),
        "booked_at": datetime(2026, 9, 16, 10, 30, 5, tzinfo=UTC),
        "account": "489300:cabcdefghi",
        "asset": "EUR",
        "side": "credit",
        "amount_cents": 2613,
        "origin": "log.invest.example.brussels/main",
        "checkpoint_size": 70_000,
        "policy_sha256": "ab" * 32,
        "licence_holder": LICENCE,
        "verify_address": VERIFY,
        "sandbox": False,
    }
    return ReceiptData(**(values | changes))


def extract(**changes: object) -> ExtractData:
    """Six units of a bond, of which two were sold and one is pledged."""
    entries = (("Vous avez reçu des titres d'une obligation", 6, 6), ("Des titres ont changé de détenteur", -2, 4))
    values: dict[str, object] = {
        "extract_id": "main-n4tz8c2hwe-46666",
        "holder": LENDER,
        "series_id": "n4tz8c2hwe",
        "title": "Une salle de sport pour Etterbeek",
        "issuer": "Commune d'Etterbeek",
        "issued_on": date(2026, 4, 20),
        "matures_on": date(2028, 4, 20),
        "as_of": date(2026, 9, 16),
        "nominal_cents": 100_000,
        "units": 4,
        "pledged": 1,
        "frozen": 0,
        "lines": tuple(
            ExtractLine(on=date(2026, 4 + n, 20), happened=happened, units=units, after=after, entry=46_600 + 66 * n)
            for n, (happened, units, after) in enumerate(entries)
        ),
        "entry_number": 46_666,
        "origin": "log.invest.example.brussels/main",
        "checkpoint_size": 70_000,
        "policy_sha256": "ab" * 32,
        "licence_holder": LICENCE,
        "verify_address": VERIFY,
        "sandbox": False,
    }
    return ExtractData(**(values | changes))


def statement(**changes: object) -> StatementData:
    """A year with three quarters expected, two of which came, and another loan lost."""
    flows = []
    for row in plan().instalments[:3]:
        came = row.n < 3
        tax = withholding(row.interest_cents, HolderKind.RESIDENT_INDIVIDUAL, row.due_on).tax_cents if came else 0
        flows.append(
            StatementFlow(
                due_on=row.due_on,
                loan_id="l4tz8c2hwe",
                title="Un four pour le fournil",
                expected_cents=row.total_cents,
                received_on=row.due_on if came else None,
                principal_cents=row.principal_cents if came else 0,
                interest_gross_cents=row.interest_cents if came else 0,
                withholding_cents=tax,
                net_cents=row.total_cents - tax if came else 0,
                entry=1000 + row.n if came else None,
            )
        )
    values: dict[str, object] = {
        "statement_id": "d9x8w7v6u5",
        "holder": LENDER,
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 12, 31),
        "issued_on": date(2027, 1, 4),
        "known_at_entry": 51_234,
        "claims": (
            _claim("Un four pour le fournil", 50_000, opening=0, closing=45_329, overdue=2702, lost=0),
            _claim("Atelier vélo du Canal", 120_000, opening=120_000, closing=0, overdue=0, lost=120_000),
        ),
        "flows": tuple(flows),
        "changes": (),
        "balances": (StatementBalance(label="À verser sur votre compte", account="489300:cabcdefghi", amount_cents=1),),
        "licence_holder": LICENCE,
        "verify_address": VERIFY,
        "sandbox": False,
    }
    return StatementData(**(values | changes))


def key_information(**changes: object) -> KeyInformation:
    """The sheet of an offer of 25,000 EUR over five years, quarterly."""
    starts_on, first_due_on = date(2026, 3, 16), date(2026, 6, 16)
    terms = Terms(2_500_000, Decimal("0.03"), starts_on, first_due_on, 20, Every.QUARTER, RepaymentKind.LINEAR)
    values: dict[str, object] = {
        "identifier": "969500BXLINVEST0006000000001",
        "version": 1,
        "issued_on": date(2026, 3, 2),
        "owner": BORROWER,
        "legal_form": "SRL",
        "title": "Un four pour le fournil",
        "pitch": texts("Un four électrique <neuf> & plus sobre."),
        "use_of_funds": texts("Four: 20,000 EUR."),
        "minimum_cents": 1_500_000,
        "maximum_cents": 2_500_000,
        "opens_on": date(2026, 3, 2),
        "closes_on": date(2026, 3, 16),
        "schedule": schedule(terms),
        "term_years": 5,
        "reflection_days": 4,
        "answers": sheet(),
        "licence_holder": LICENCE,
        "verify_address": VERIFY,
        "sandbox": False,
    }
    return KeyInformation(**(values | changes))


def totals(**changes: object) -> StatementTotals:
    """The holder's part in the totals of a half-year, found."""
    values: dict[str, object] = {
        "until_on": date(2026, 6, 30),
        "entry": 40_123,
        "accounts": 3,
        "is_checked": True,
        "paths": b'{"format":"bxl-share/1"}\n',
    }
    return StatementTotals(**(values | changes))


def _claim(title: str, principal: int, *, opening: int, closing: int, overdue: int, lost: int) -> StatementClaim:
    return StatementClaim(
        loan_id="l4tz8c2hwe",
        title=title,
        principal_cents=principal,
        opening_cents=opening,
        closing_cents=closing,
        overdue_cents=overdue,
        lost_cents=lost,
        cut_cents=0,
        state_label="en cours",
    )
