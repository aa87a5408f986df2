"""The sandbox's checkout page, in French, Dutch and English: calm, plain, and clear that no money moves.

It works without JavaScript. A choice is a form post that is answered with a redirect to the shop's page.
"""

import html
from collections.abc import Iterable
from decimal import Decimal

from babel.numbers import format_currency

from api.rails.sandbox.checks import Object
from api.rails.sandbox.methods import METHODS, TRANSFER_IBAN

LANGUAGES = {"fr": "Français", "nl": "Nederlands", "en": "English"}
LOCALES = {"fr": "fr_BE", "nl": "nl_BE", "en": "en_BE"}

_TEXTS = {
    "fr": {
        "banner": "SANDBOX · Aucun argent réel ne circule",
        "title": "Paiement",
        "to": "Bénéficiaire",
        "for": "Objet",
        "number": "Référence",
        "account": "Compte",
        "said": "Communication",
        "method": "Moyen de paiement",
        "pay": "Payer {amount}",
        "else": "Jouer une autre issue",
        "failed": "Échec du paiement",
        "canceled": "Annuler",
        "expired": "Laisser expirer",
        "back": "Retour au site",
        "is_paid": "Ce paiement est effectué.",
        "is_failed": "Ce paiement a échoué.",
        "is_canceled": "Ce paiement est annulé.",
        "is_expired": "Ce paiement a expiré.",
        "note": "Cette page imite le prestataire de paiement. En service réel, votre banque s'affiche ici.",
    },
    "nl": {
        "banner": "SANDBOX · Er beweegt geen echt geld",
        "title": "Betaling",
        "to": "Begunstigde",
        "for": "Omschrijving",
        "number": "Referentie",
        "account": "Rekening",
        "said": "Mededeling",
        "method": "Betaalmiddel",
        "pay": "{amount} betalen",
        "else": "Een andere afloop spelen",
        "failed": "Betaling mislukt",
        "canceled": "Annuleren",
        "expired": "Laten verlopen",
        "back": "Terug naar de site",
        "is_paid": "Deze betaling is uitgevoerd.",
        "is_failed": "Deze betaling is mislukt.",
        "is_canceled": "Deze betaling is geannuleerd.",
        "is_expired": "Deze betaling is verlopen.",
        "note": "Deze pagina bootst de betaaldienst na. In de echte dienst verschijnt hier uw bank.",
    },
    "en": {
        "banner": "SANDBOX · No real money moves",
        "title": "Payment",
        "to": "Payee",
        "for": "For",
        "number": "Reference",
        "account": "Account",
        "said": "Communication",
        "method": "Payment method",
        "pay": "Pay {amount}",
        "else": "Play another outcome",
        "failed": "Payment fails",
        "canceled": "Cancel",
        "expired": "Let it expire",
        "back": "Back to the site",
        "is_paid": "This payment has been made.",
        "is_failed": "This payment failed.",
        "is_canceled": "This payment was cancelled.",
        "is_expired": "This payment expired.",
        "note": "This page imitates the payment provider. In the real service your bank appears here.",
    },
}

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --paper: #f4f2ee; --card: #fff; --line: #d9d5cc; --accent: #175c4c;
  --quiet: #5b6570; --banner: #ffe08a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e6df; --paper: #14191d; --card: #1e252b; --line: #39424b;
  --accent: #7fd1bb; --quiet: #a5aeb6; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif }
.banner { background: var(--banner); color: #3b2b00; padding: .625rem 1rem; text-align: center; font-weight: 600;
  letter-spacing: .02em }
main { max-width: 30rem; margin: 2.5rem auto; padding: 0 1rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.75rem }
h1 { font-size: 1rem; font-weight: 600; color: var(--quiet); margin: 0 }
.amount { font-size: 2.5rem; line-height: 1.2; font-weight: 650; margin: .25rem 0 1.25rem;
  font-variant-numeric: tabular-nums }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .375rem 1.25rem; margin: 0 0 1.5rem }
dt { color: var(--quiet) } dd { margin: 0; overflow-wrap: anywhere }
fieldset { border: 0; padding: 0; margin: 0 0 1.5rem } legend { font-weight: 600; padding: 0; margin-bottom: .5rem }
label { display: flex; gap: .75rem; align-items: center; border: 1px solid var(--line); padding: .625rem .875rem;
  margin-top: -1px } label:first-of-type { border-radius: .5rem .5rem 0 0 }
label:last-of-type { border-radius: 0 0 .5rem .5rem }
input { accent-color: var(--accent); width: 1.125rem; height: 1.125rem }
button { font: inherit; border-radius: .5rem; cursor: pointer; min-height: 2.75rem; padding: .5rem 1rem }
h2 { font-size: 1rem; margin: 1.25rem 0 .5rem }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; justify-content: space-between;
  border-top: 1px solid var(--line); padding: .5rem 0 }
.pay { width: 100%; background: var(--accent); color: var(--card); border: 0; font-weight: 650; font-size: 1.125rem }
details { margin-top: 1.25rem } summary { cursor: pointer; color: var(--quiet) }
.other { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: .75rem }
.other button { background: none; color: inherit; border: 1px solid var(--line) }
a { color: var(--accent) } .back { display: inline-block; margin-top: 1rem; font-weight: 600 }
footer { color: var(--quiet); font-size: .9375rem; margin-top: 1.25rem; text-align: center }
nav { display: flex; gap: 1rem; justify-content: center; margin-bottom: .75rem }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
"""


def language_of(asked: str | None, locale: str) -> str:
    """The language of the page: as asked, else the payment's own."""
    if asked in LANGUAGES:
        return asked
    return locale[:2] if locale[:2] in LANGUAGES else "en"


def open_page(payment: Object, language: str, methods: list[str]) -> str:
    """The page on which an open payment is decided, by one of the `methods`."""
    text = _TEXTS[language]
    choices = "".join(_choice(code, METHODS[code].label, is_first=not i) for i, code in enumerate(methods))
    others = "".join(
        f'<button name="outcome" value="{outcome}">{html.escape(text[outcome])}</button>'
        for outcome in ("failed", "canceled", "expired")
    )
    pay = html.escape(text["pay"].format(amount=amount_text(payment["amount_cents"], language)))
    form = f"""
<form method="post" action="/checkout/{payment["id"]}?lang={language}">
<fieldset><legend>{html.escape(text["method"])}</legend>{choices}</fieldset>
<button class="pay" name="outcome" value="paid">{pay}</button>
<details><summary>{html.escape(text["else"])}</summary><div class="other">{others}</div></details>
</form>"""
    return _page(payment, language, form)


def decided_page(payment: Object, language: str) -> str:
    """The page of a payment that has its outcome."""
    text = _TEXTS[language]
    said = html.escape(text[f"is_{payment['status']}"])
    back = html.escape(payment["redirectUrl"], quote=True)
    return _page(payment, language, f'<p>{said}</p><a class="back" href="{back}">{html.escape(text["back"])}</a>')


def _page(payment: Object, language: str, content: str) -> str:
    """The card with a payment, and what can be done with it."""
    text = {name: html.escape(words) for name, words in _TEXTS[language].items()}
    rows = [
        (text["to"], "BXL Invest"),
        (text["for"], html.escape(payment["description"])),
        (text["number"], payment["id"]),
    ]
    if payment["transferReference"]:
        rows += [(text["account"], TRANSFER_IBAN), (text["said"], payment["transferReference"])]
    return frame(
        language,
        title=text["title"],
        amount=amount_text(payment["amount_cents"], language),
        rows=rows,
        content=content,
        note=text["note"],
    )


def frame(language: str, *, title: str, amount: str, rows: Iterable[tuple[str, str]], content: str, note: str) -> str:
    """A page with one card; `title`, `rows`, `content` and `note` are HTML, `amount` is text."""
    languages = "".join(_language_link(code, name, is_current=code == language) for code, name in LANGUAGES.items())
    listed = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · SANDBOX</title>
<style>{STYLE}</style>
</head>
<body>
<p class="banner" role="status" style="margin:0">{html.escape(_TEXTS[language]["banner"])}</p>
<main>
<div class="card">
<h1>{title}</h1>
<p class="amount">{html.escape(amount)}</p>
<dl>
{listed}
</dl>
{content}
</div>
<footer><nav aria-label="Language">{languages}</nav>{note}</footer>
</main>
</body>
</html>
"""


def _choice(name: str, label: str, *, is_first: bool) -> str:
    checked = " checked" if is_first else ""
    return f'<label><input type="radio" name="method" value="{name}"{checked}> {html.escape(label)}</label>'


def _language_link(code: str, name: str, *, is_current: bool) -> str:
    current = ' aria-current="true"' if is_current else ""
    return f'<a href="?lang={code}" hreflang="{code}" lang="{code}"{current}>{name}</a>'


def amount_text(cents: int, language: str) -> str:
    """An amount as the language writes it in Belgium."""
    return format_currency(Decimal(cents).scaleb(-2), "EUR", locale=LOCALES[language])
