"""Examples for the OpenAPI document, each of which a test runs against a live book.

`examples.json` holds, for each operation of the record, requests and the answers to them, in an order in which they can
be run on a fresh book; `payout_examples.json` the same for runs of payouts, on a book that owes money. `refusals.json`
holds the facts of every refusal that the record's resources can answer with.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from api.errors import PROBLEM
from api.refusals import sentence, status
from api.v1.schemas import Problem
from ledger.errors import Refusal

RECORD, PAYOUTS = "examples.json", "payout_examples.json"
_BELOW = ("/v1/books/", "/v1/payout-runs")
Responses = dict[int | str, dict[str, Any]]


def requests(operation: str) -> dict[str, Any]:
    """The bodies that can be sent to an operation, by what they show."""
    found: dict[str, Any] = {}
    for name, example in _described(operation)["runs"].items():
        if "request" in example:
            found[name] = {"summary": name, "value": example["request"]}
    return found


def answers(operation: str) -> Responses:
    """The answers of an operation: those to its examples, and every refusal it is documented to give."""
    described = _described(operation)
    runs = described["runs"]
    shown = {name: {"summary": name, "value": run["answer"]} for name, run in runs.items()}
    responses: Responses = {}
    for code, facts in refusals(operation).items():
        refusal = Refusal(code, **facts)
        if _read("refusals.json")[code].get("alone"):
            shown[code] = {"summary": code, "value": {"results": [_of_one(refusal)], "accounts": []}}
        else:
            _add(responses, refusal, described["path"])
    responses[described["status"]] = {"content": {"application/json": {"examples": shown}}}
    return responses


def all_runs(of: str = RECORD) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Every operation of the file with its path, status and runs, in an order in which they run."""
    return list(_read(of).items())


def refusals(operation: str) -> Mapping[str, Mapping[str, Any]]:
    """The facts of each refusal that is documented for an operation."""
    found: dict[str, Mapping[str, Any]] = {}
    for code, row in _read("refusals.json").items():
        if row["operation"] == operation:
            found[code] = row["facts"]
    return found


def documented() -> Collection[str]:
    """The code of every refusal that is documented for some operation."""
    return list(_read("refusals.json"))


def place_of(code: str) -> tuple[str, bool] | None:
    """The operation under which a refusal is documented, and whether it is an entry's own result there."""
    row = _read("refusals.json").get(code)
    return None if row is None else (row["operation"], row.get("alone", False))


def problem_of(refusal: Refusal, instance: str) -> dict[str, Any]:
    """The problem document of a refusal, in English."""
    return {
        "type": f"urn:bxl-invest:problem:{refusal.code}",
        "title": sentence(refusal, "en"),
        "status": status(refusal),
        "code": refusal.code,
        "facts": dict(refusal.facts),
        "instance": instance,
    }


def restore(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the members of examples that are null: the framework leaves them out."""
    for path, methods in document["paths"].items():
        for described in methods.values() if path.startswith(_BELOW) else ():
            names = (name for of in (RECORD, PAYOUTS) for name, _ in all_runs(of))
            [operation] = [name for name in names if described["operationId"].startswith(f"{name}_v1")]
            for status_code, answer in answers(operation).items():
                for media_type, content in answer["content"].items():
                    described["responses"][str(status_code)]["content"][media_type]["examples"] = content["examples"]
            if "requestBody" in described:
                described["requestBody"]["content"]["application/json"]["examples"] = requests(operation)
    return document


def _described(operation: str) -> Any:  # noqa: ANN401 -- JSON
    return {**_read(RECORD), **_read(PAYOUTS)}[operation]


def _of_one(refusal: Refusal) -> dict[str, Any]:
    problem = problem_of(refusal, "")
    said = {name: problem[name] for name in ("status", "code", "title", "facts")}
    return {"key": refusal.facts["key"], "result": "refused", **said}


def _add(responses: Responses, refusal: Refusal, path: str) -> None:
    described = responses.setdefault(
        status(refusal), {"model": Problem, "description": "Refused", "content": {PROBLEM: {"examples": {}}}}
    )
    value = problem_of(refusal, path)
    described["content"][PROBLEM]["examples"][refusal.code] = {"summary": refusal.code, "value": value}


@cache
def _read(name: str) -> Any:  # noqa: ANN401 -- JSON
    return json.loads(files("api.v1").joinpath(name).read_text("utf-8"))
