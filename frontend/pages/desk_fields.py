"""Fields of the desks' forms: read from what was typed, with what is wrong said at the field.

A form with an error does nothing, so that what stands in for a field that can't be read is never used.
"""

import hashlib
from collections.abc import Mapping
from datetime import date

from fastapi import UploadFile

from frontend.forms import Form, cents_of, count_of, date_of
from frontend.i18n import tongue


def typed_form(typed: Mapping[str, str], target: str, *names: str) -> Form:
    """What was typed into the fields of one of a page's forms; its file has no text."""
    return Form({name: typed.get(name, "") for name in names} | {"evidence": ""}, target=target)


def day_in(form: Form, name: str, language: str) -> date:
    """A date, in any usual writing."""
    day = date_of(form.value(name))
    if day is None:
        form.errors[name] = tongue(language).text("operations.error-date")
    return day or date.max


def text_in(form: Form, name: str, language: str, *, error: str = "operations.error-reference") -> str:
    """A text that may not be empty; `error` names the words for one that is."""
    if not form.value(name).strip():
        form.errors[name] = tongue(language).text(error)
    return form.value(name).strip()


def cents_in(form: Form, name: str, language: str) -> int:
    """An amount in euro, as cents."""
    cents = cents_of(form.value(name))
    if cents is None:
        form.errors[name] = tongue(language).text("operations.error-amount")
    return cents or 0


def count_in(form: Form, name: str, language: str) -> int:
    """A whole number."""
    count = count_of(form.value(name))
    if count is None:
        form.errors[name] = tongue(language).text("bond-desk.error-count")
    return count or 0


def sha256_in(form: Form, evidence: UploadFile | None, language: str) -> str:
    """The hash of an evidence file, which itself is not kept."""
    content = evidence.file.read() if evidence is not None else b""
    if not content:
        form.errors["evidence"] = tongue(language).text("operations.error-evidence")
    return hashlib.sha256(content).hexdigest()
