"""The loan agreement between one lender and one borrower, as a tagged PDF that is the same bytes for the same data.

Its articles follow chapter II of the ordinance of 17 March 2023 (proxi loans) and the warnings article 23(6) of
Regulation (EU) 2020/1503. The sentences are in `wording/`; here is only which of them apply, and with what figures.
"""

import json
from collections.abc import Iterator

from contracts.documents.model import AgreementData, Language
from contracts.documents.paper import (
    Attachment,
    Block,
    Bullets,
    Facts,
    Heading,
    Notice,
    Paper,
    Prose,
    SignatureBox,
    Signatures,
)
from contracts.documents.schedule_table import repayment_in_words, schedule_table
from contracts.documents.text import Wording, long_date, money, percent, wording

TERMS_FILE = "terms.json"
SIGNATURE_FIELDS = ("borrower", "lender")


def render_agreement(data: AgreementData, language: Language) -> bytes:
    """The unsigned agreement; `contracts.documents.signature.sign_pdf` signs it for both parties."""
    return agreement_paper(data, language).render()


def agreement_paper(data: AgreementData, language: Language) -> Paper:
    """The agreement before it is drawn."""
    words = wording(language)
    say = words.say
    return Paper(
        language=language,
        title=say("agreement.title"),
        subtitle=say("agreement.subtitle", day=long_date(data.agreed_on, language)),
        kind=say("agreement.kind"),
        issuer=say("common.issuer"),
        identifier=data.agreement_id,
        issued_on=data.agreed_on,
        footer=say("common.footer", identifier=data.agreement_id, version=words.version, verify=data.verify_address),
        page_label=say("common.page"),
        blocks=(
            *_opening(data, words),
            *_figures(data, words),
            *_articles(data, words),
            *_risks_and_signatures(data, words),
            *_annexes(data, words),
        ),
        attachments=(
            Attachment(TERMS_FILE, "application/json", say("agreement.attachment"), terms_json(data, words.version)),
        ),
        watermark=say("common.watermark") if data.sandbox else None,
    )


def terms_json(data: AgreementData, wording_version: str) -> bytes:
    """The terms as canonical JSON: integer cents, rates as decimal strings, ISO dates; no name and no address."""
    terms = data.terms
    body = {
        "agreement": data.agreement_id,
        "loan": data.loan_id,
        "agreed_on": data.agreed_on.isoformat(),
        "scheme": data.scheme,
        "rules": list(data.rules),
        "wording": wording_version,
        "lender": data.lender.party,
        "borrower": {"party": data.borrower.party, "enterprise_number": data.borrower.enterprise_number},
        "principal_cents": terms.principal_cents,
        "loan_total_cents": data.loan_total_cents,
        "rate_annual": str(terms.rate_annual),
        "effective_rate": str(data.effective_rate),
        "starts_on": terms.starts_on.isoformat(),
        "first_due_on": terms.first_due_on.isoformat(),
        "ends_on": terms.ends_on.isoformat(),
        "term_years": data.term_years,
        "every": terms.every.value,
        "repayment": terms.kind.value,
        "day_count": terms.day_count.value,
        "rank": "subordinated",
        "early_repayment": "full-once" if data.early_repayment_allowed else "excluded",
        "allocation_order": list(data.allocation_order),
        "withheld_by": data.withheld_by,
        "withholding_rate": str(data.withholding_rate),
        "tax_credit": {
            "first_rate": str(data.tax_credit.first_rate),
            "first_periods": data.tax_credit.first_periods,
            "later_rate": str(data.tax_credit.later_rate),
            "loss_rate": str(data.tax_credit.loss_rate),
            "source": data.tax_credit.source,
            "provisional": data.tax_credit.provisional,
        },
        "pledged_on": data.pledged_on.isoformat(),
        "reflection_ended_on": data.reflection_ended_on.isoformat(),
        "schedule": [
            {
                "n": row.n,
                "due_on": row.due_on.isoformat(),
                "days": row.days,
                "interest_cents": row.interest_cents,
                "principal_cents": row.principal_cents,
                "total_cents": row.total_cents,
                "outstanding_cents": row.outstanding_cents,
            }
            for row in data.schedule.instalments
        ],
        "sandbox": data.sandbox,
    }
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _opening(data: AgreementData, words: Wording) -> Iterator[Block]:
    say, lender, borrower = words.say, data.lender, data.borrower
    if data.sandbox:
        yield Notice(say("common.sandbox_title"), (say("common.sandbox"),))
    yield Prose(say("agreement.basis"))
    yield Heading(say("agreement.part_parties"), 1)
    yield Heading(say("agreement.lender"))
    yield Facts(
        (
            (say("agreement.name"), lender.name),
            (say("agreement.address"), ", ".join(lender.address)),
            (say("agreement.reference"), lender.party),
        )
    )
    yield Heading(say("agreement.borrower"))
    represented = ((say("agreement.represented_by"), borrower.represented_by),) if borrower.represented_by else ()
    yield Facts(
        (
            (say("agreement.name"), borrower.name),
            (say("agreement.enterprise_number"), borrower.enterprise_number),
            (say("agreement.address"), ", ".join(borrower.address)),
            *represented,
            (say("agreement.reference"), borrower.party),
        )
    )
    yield Prose(f"{data.licence_holder} {say('agreement.licence')}.")


def _figures(data: AgreementData, words: Wording) -> Iterator[Block]:
    say, language, terms = words.say, words.language, data.terms
    principal = say("agreement.principal")
    yield Heading(say("agreement.part_figures"), 1)
    yield Facts(
        (
            (principal, money(data.principal_cents, language)),
            (say("agreement.loan_total"), money(data.loan_total_cents, language)),
            (say("agreement.rate"), percent(data.rate_annual, language)),
            (say("agreement.effective_rate"), percent(data.effective_rate, language)),
            (
                say("agreement.term"),
                say(
                    "agreement.term_value",
                    years=str(data.term_years),
                    starts=long_date(terms.starts_on, language),
                    ends=long_date(terms.ends_on, language),
                ),
            ),
            (say("agreement.repayment"), repayment_in_words(terms, language)),
            (say("agreement.interest_total"), money(data.schedule.totals.interest_cents, language)),
            (say("agreement.repaid_total"), money(data.schedule.totals.total_cents, language)),
            (say("agreement.rank"), say("agreement.rank_value")),
        ),
        strong=frozenset({principal, say("agreement.rank")}),
    )


def _articles(data: AgreementData, words: Wording) -> Iterator[Block]:
    say, language, terms = words.say, words.language, data.terms
    ends = long_date(terms.ends_on, language)
    order = ", ".join(say(f"article.order_{component}") for component in data.allocation_order)
    yield Heading(say("agreement.part_terms"), 1)
    yield from _article(
        words,
        "object",
        say(
            "article.object",
            principal=money(data.principal_cents, language),
            total=money(data.loan_total_cents, language),
            purpose=data.purpose.rstrip(". "),
        ),
    )
    yield from _article(words, "use", say("article.use"))
    yield from _article(words, "payout", say("article.payout", starts=long_date(terms.starts_on, language)))
    rate, day_count = percent(data.rate_annual, language), terms.day_count.value
    yield from _article(words, "interest", say("article.interest", rate=rate, day_count=day_count))
    kind = repayment_in_words(terms, language)
    yield from _article(words, "term", say("article.term", years=str(data.term_years), ends=ends, kind=kind))
    yield from _article(words, "early", say("article.early" if data.early_repayment_allowed else "article.early_none"))
    yield from _article(words, "rank", say("article.rank"))
    yield from _article(words, "allocation", say("article.allocation", order=order))
    yield from _article(words, "arrears", say("article.arrears"))
    yield Bullets(words.items("grounds.all"))
    yield from _tax(data, words)
    yield from _article(
        words,
        "reflection",
        say(
            "article.reflection",
            pledged=long_date(data.pledged_on, language),
            ended=long_date(data.reflection_ended_on, language),
        ),
    )
    for party in ("borrower", "lender"):
        yield from _article(words, party, say(f"article.{party}"))
        yield Bullets(words.items(f"declarations.{party}"))
    yield from _article(words, "operator", say("article.operator", licence=data.licence_holder))
    yield from _article(words, "proof", say("article.proof"))
    if data.policy_sha256 is not None:
        yield Prose(say("article.policy", policy=data.policy_sha256), small=True)
    yield from _article(words, "complaints", say("article.complaints"))
    yield from _article(words, "signing", say("article.signing", file=TERMS_FILE))
    if data.stamped:
        yield Prose(say("article.signing_stamped"))


def _tax(data: AgreementData, words: Wording) -> Iterator[Block]:
    say, language, credit = words.say, words.language, data.tax_credit
    rate = percent(data.withholding_rate, language)
    yield from _article(words, "tax", say(f"article.tax_{data.withheld_by}", rate=rate))
    if data.withholding_provisional:
        yield Prose(say("article.tax_provisional"))
    yield from _article(
        words,
        "credit",
        say(
            "article.credit",
            first=percent(credit.first_rate, language),
            periods=str(credit.first_periods),
            later=percent(credit.later_rate, language),
            loss=percent(credit.loss_rate, language),
        ),
    )
    if credit.provisional:
        yield Prose(say("article.credit_provisional"))


def _article(words: Wording, name: str, text: str) -> Iterator[Block]:
    yield Heading(words.say(f"article.{name}_title"))
    yield Prose(text)


def _risks_and_signatures(data: AgreementData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("agreement.part_risks"), 1)
    acknowledged = say("risk.acknowledged", day=long_date(data.risk_acknowledged_on, language))
    yield Notice(say("risk.title"), (*words.items("risk.all"), acknowledged))
    yield Heading(say("agreement.part_signatures"), 1)
    note = say("signature.note", day=long_date(data.agreed_on, language))
    borrower = data.borrower.represented_by or data.borrower.name
    yield Signatures(
        (
            SignatureBox(say("signature.borrower"), borrower, note),
            SignatureBox(say("signature.lender"), data.lender.name, note),
        )
    )


def _annexes(data: AgreementData, words: Wording) -> Iterator[Block]:
    say = words.say
    yield Heading(say("agreement.part_schedule"), 1)
    yield Prose(say("agreement.schedule_note"), small=True)
    yield schedule_table(data.schedule, words.language)
    yield Heading(say("agreement.part_rules"), 1)
    yield Prose(say("agreement.rules_note", scheme=data.scheme), small=True)
    yield Bullets(data.rules)
