"""The page on which is played what happens after a payment, in French, Dutch and English: refunds, chargebacks, debits.

It is the provider's own page for test payments, and stands for its dashboard too: a refund made here is one that
nobody ordered. It works without JavaScript.
"""

import html
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.rails.sandbox.checkout import amount_text, frame
from api.rails.sandbox.checks import Object, unprocessable
from api.rails.sandbox.provider import Provider

_WORDS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_ESCAPED = {
    code: {name: html.escape(text) for name, text in words.items() if isinstance(text, str)}
    for code, words in _WORDS.items()
}


def change_state_page(provider: Provider, payment: Object, language: str) -> str:
    """The page of one payment."""
    text = _ESCAPED[language]
    rows = (
        (text["for"], html.escape(payment["description"])),
        (text["number"], payment["id"]),
        (text["state"], html.escape(_WORDS[language]["states"][payment["status"]])),
    )
    return frame(
        language,
        title=text["title"],
        amount=amount_text(payment["amount_cents"], language),
        rows=rows,
        content="\n".join(_forms(provider, payment, language, text)),
        note=text["note"],
    )


def change_state(provider: Provider, payment: Object, form: Mapping[str, str]) -> None:
    """Do what a button of the page says: its name is what happens, its value the object to which it happens."""
    action, object_id = next(iter(form.items()), ("", ""))
    match action:
        case "paid" | "failed":
            provider.payments.decide(payment["id"], action)
        case "refund":
            remaining = payment["amount_cents"] - provider.refunds.refunded_cents(payment["id"])
            euros = f"{remaining // 100}.{remaining % 100:02d}"
            provider.refunds.create(payment["id"], {"amount": {"currency": "EUR", "value": euros}})
        case "charge-back":
            provider.chargebacks.charge_back(payment["id"])
        case "refunded" | "refund-failed":
            provider.refunds.set_status(object_id, action.removeprefix("refund-"))
        case "reverse":
            provider.chargebacks.reverse(object_id)
        case _:
            raise unprocessable("No such change.", "action")


def _forms(provider: Provider, payment: Object, language: str, text: Mapping[str, str]) -> Iterator[str]:
    is_debit = payment["method"] == "directdebit"
    actions = [name for name, possible in {
        "paid": payment["status"] == "pending",
        "failed": payment["status"] == "pending" or (payment["status"] == "paid" and is_debit),
        "refund": payment["status"] == "paid"
        and provider.refunds.refunded_cents(payment["id"]) < payment["amount_cents"],
        "charge-back": payment["status"] == "paid"
        and provider.chargebacks.charged_back_cents(payment["id"]) < payment["amount_cents"],
    }.items() if possible]  # fmt: skip
    yield _form(payment, language, [(name, payment["id"]) for name in actions], text)
    refunds = provider.refunds.refunds(payment["id"])
    chargebacks = provider.chargebacks.chargebacks(payment["id"])
    if refunds:
        yield f"<h2>{text['refunds']}</h2>"
    for refund in refunds:
        buttons = [(n, refund["id"]) for n in ("refunded", "refund-failed") if _may(refund["status"], n)]
        yield _row(payment, language, refund, refund["status"], buttons, text)
    if chargebacks:
        yield f"<h2>{text['chargebacks']}</h2>"
    for chargeback in chargebacks:
        won = chargeback["reversedAt"] is not None
        buttons = [] if won else [("reverse", chargeback["id"])]
        yield _row(payment, language, chargeback, "reversed" if won else "standing", buttons, text)


def _may(status: str, change: str) -> bool:
    """Whether a refund can arrive, or fail, from where it is."""
    return status in {"pending", "processing"} or (status, change) == ("refunded", "refund-failed")


def _row(
    payment: Object,
    language: str,
    item: Object,
    state: str,
    buttons: Sequence[tuple[str, str]],
    text: Mapping[str, str],
) -> str:
    amount = html.escape(amount_text(item["amount_cents"], language))
    said = html.escape(_WORDS[language]["states"].get(state, state))
    return f'<div class="row"><span>{amount} · {said}</span>{_form(payment, language, buttons, text)}</div>'


def _form(payment: Object, language: str, buttons: Sequence[tuple[str, str]], text: Mapping[str, str]) -> str:
    inner = "".join(f'<button name="{name}" value="{of}">{text[name]}</button>' for name, of in buttons)
    action = f"/change-state/{payment['id']}?lang={language}"
    return f'<form class="other" method="post" action="{action}">{inner}</form>' if inner else ""
