"""The page of a customer of some bank, in French, Dutch and English: he transfers money to our account and sees it.

It works without JavaScript and says that no money moves. A link can fill it in: `?amount=500.00&text=+++090/…+++`.
"""

import html
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency

from api.rails.sandbox.bank import CLIENT_IBAN
from api.rails.sandbox.bank.books import NAMES, Object
from api.rails.sandbox.checkout import LANGUAGES, LOCALES, STYLE

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_AMOUNT = re.compile(r"([0-9]{1,7})(?:[.,]([0-9]{2}))?")
_MOST_SHOWN = 50

_TEXTS = {
    "fr": {
        "banner": "SANDBOX · Aucun argent réel ne circule",
        "title": "Votre banque",
        "lead": "Virement vers {payee}",
        "to": "Compte du bénéficiaire",
        "name": "Votre nom",
        "iban": "Votre compte (IBAN)",
        "amount": "Montant en euros",
        "text": "Communication (libre ou structurée)",
        "send": "Virer",
        "wrong_name": "Indiquez votre nom.",
        "wrong_iban": "Ce numéro de compte n'existe pas.",
        "wrong_amount": "Indiquez un montant comme 500,00.",
        "seen": "Entre votre compte et le nôtre",
        "none": "Rien encore. Indiquez votre compte pour voir vos virements.",
        "day": "Date",
        "said": "Communication",
        "sum": "Montant",
        "show": "Voir mes virements",
        "returned": "retour {reason}",
        "note": "Cette page imite la banque d'un citoyen. Le relevé du jour est écrit quand le jour suivant commence.",
    },
    "nl": {
        "banner": "SANDBOX · Er beweegt geen echt geld",
        "title": "Uw bank",
        "lead": "Overschrijving naar {payee}",
        "to": "Rekening van de begunstigde",
        "name": "Uw naam",
        "iban": "Uw rekening (IBAN)",
        "amount": "Bedrag in euro",
        "text": "Mededeling (vrij of gestructureerd)",
        "send": "Overschrijven",
        "wrong_name": "Vul uw naam in.",
        "wrong_iban": "Dit rekeningnummer bestaat niet.",
        "wrong_amount": "Vul een bedrag in zoals 500,00.",
        "seen": "Verrichtingen tussen uw rekening en de onze",
        "none": "Geen verrichtingen. Vul uw rekening in om de uwe te zien.",
        "day": "Datum",
        "said": "Mededeling",
        "sum": "Bedrag",
        "show": "Mijn verrichtingen tonen",
        "returned": "terug {reason}",
        "note": "Deze pagina bootst de bank van een burger na. Het dagafschrift komt wanneer de datum verschuift.",
    },
    "en": {
        "banner": "SANDBOX · No real money moves",
        "title": "Your bank",
        "lead": "Transfer to {payee}",
        "to": "Payee's account",
        "name": "Your name",
        "iban": "Your account (IBAN)",
        "amount": "Amount in euros",
        "text": "Communication (free or structured)",
        "send": "Transfer",
        "wrong_name": "State your name.",
        "wrong_iban": "There is no account of this number.",
        "wrong_amount": "State an amount such as 500.00.",
        "seen": "Between your account and ours",
        "none": "Nothing yet. State your account to see what is yours.",
        "day": "Date",
        "said": "Communication",
        "sum": "Amount",
        "show": "Show my transfers",
        "returned": "returned {reason}",
        "note": "This page imitates a citizen's bank. The statement of the day is written when the date moves on.",
    },
}

_STYLE = """
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem }
main { max-width: 34rem } .field { margin-bottom: 1rem }
.field label { display: block; border: 0; padding: 0; margin: 0; font-weight: 600 }
.field input { width: 100%; height: auto; font: inherit; padding: .5rem .75rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--card); color: inherit }
.error { color: #b3261e; margin: .25rem 0 0 } @media (prefers-color-scheme: dark) { .error { color: #ffb4ab } }
.seen { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .375rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
th:last-child, td:last-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
"""


def cents_of_text(text: str) -> int | None:
    """Cents of an amount as a person writes it: no decimals or two, after a point or a comma, nothing between digits.

    >>> cents_of_text("500"), cents_of_text("500,5"), cents_of_text("1.234,50"), cents_of_text("0,05")
    (50000, None, None, 5)
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        return None
    return int(match[1]) * 100 + int(match[2] or 0) or None


def bank_page(
    language: str, form: Mapping[str, str], *, lines: Sequence[Object], wrong: Sequence[str], today: date
) -> str:
    """The page with what was filled in, and the lines of the account that is stated."""
    text = {name: html.escape(words, quote=True) for name, words in _TEXTS[language].items()}
    payee = html.escape(NAMES[CLIENT_IBAN])
    fields = "".join(_field(name, text, form, is_wrong=name in wrong) for name in ("name", "iban", "amount", "text"))
    links = "".join(
        f'<a href="?lang={code}" hreflang="{code}" lang="{code}"{" aria-current=true" * (code == language)}>{name}</a>'
        for code, name in LANGUAGES.items()
    )
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{text["title"]} · SANDBOX</title>
<style>{STYLE}{_STYLE}</style>
</head>
<body>
<p class="banner" role="status" style="margin:0">{text["banner"]}</p>
<main>
<div class="card">
<h1>{text["title"]} · {html.escape(format_date(today, "long", locale=LOCALES[language]))}</h1>
<h2>{text["lead"].format(payee=payee)}</h2>
<dl><dt>{text["to"]}</dt><dd>{_grouped(CLIENT_IBAN)}</dd></dl>
<form method="post" action="/bank?lang={language}">
{fields}
<button class="pay">{text["send"]}</button>
<button formmethod="get" formaction="/bank" name="lang" value="{language}" formnovalidate>{text["show"]}</button>
</form>
<h2 id="seen">{text["seen"]}</h2>
{_table(lines, language, text)}
</div>
<footer><nav aria-label="Language">{links}</nav>{text["note"]}</footer>
</main>
</body>
</html>
"""


def _field(name: str, text: Mapping[str, str], form: Mapping[str, str], *, is_wrong: bool) -> str:
    error = f'<p class="error" id="{name}-error">{text["wrong_" + name]}</p>' if is_wrong else ""
    marks = f' aria-invalid="true" aria-describedby="{name}-error"' if is_wrong else ""
    value = html.escape(form[name], quote=True)
    mode = ' inputmode="decimal"' if name == "amount" else ""
    return (
        f'<div class="field"><label for="{name}">{text[name]}</label>'
        f'<input id="{name}" name="{name}" value="{value}" maxlength="140" autocomplete="off"{mode}{marks}>'
        f"{error}</div>"
    )


def _table(lines: Sequence[Object], language: str, text: Mapping[str, str]) -> str:
    if not lines:
        return f"<p>{text['none']}</p>"
    rows = "".join(_row(line, language, text) for line in lines[:_MOST_SHOWN])
    head = f"<tr><th>{text['day']}</th><th>{text['said']}</th><th>{text['sum']}</th></tr>"
    return f'<div class="seen" tabindex="0"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _row(line: Object, language: str, text: Mapping[str, str]) -> str:
    day = format_date(date.fromisoformat(line["on"]), "short", locale=LOCALES[language])
    amount = format_currency(Decimal(line["cents"]).scaleb(-2), "EUR", locale=LOCALES[language])
    returned = f" ({text['returned'].format(reason=html.escape(line['reason']))})" if line["reason"] else ""
    return f"<tr><td>{day}</td><td>{html.escape(line['text'])}{returned}</td><td>{html.escape(amount)}</td></tr>"


def _grouped(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
