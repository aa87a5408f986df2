"""Every example in the OpenAPI document of the record is run against a live book and answers as documented."""

import json
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI

from api.refusals import status as status_of
from api.v1 import examples
from api.v1.router import router
from ledger.errors import Refusal
from tests import openapi
from tests.api_kit import Desk
from tests.record_kit import BOOK

BELOW = "/v1/books/"


@cache
def the_document() -> Any:
    """The document without an installation behind it."""
    app = FastAPI()
    app.include_router(router)
    return examples.restore(app.openapi())


def shown(value: Any, desk: Desk, approval: str) -> Any:
    """An answer with the identifiers that chance has made written as in the document."""
    text = json.dumps(value).replace(desk.stage.parties["nadia"], "s00000000")
    return json.loads(text.replace(approval or "<none>", "a000000000"))


def test_every_example_runs_on_a_fresh_book_and_gives_the_documented_answer(record: Desk) -> None:
    document, approval, ran = record.get("/v1/openapi.json").json(), "", 0
    for operation, described in examples.all_runs():
        for name, run in described["runs"].items():
            body = json.loads(json.dumps(run.get("request")).replace("a000000000", approval or "none"))
            if body is None:
                answer = record.client.get(
                    described["path"], params=run.get("query"), headers=record._credential("sofia")
                )
            else:
                answer = record.post(described["path"], who="nadia", json=body, headers={"Accept-Language": "en"})
            assert answer.status_code == described["status"], f"{operation} {name}: {answer.text}"
            said = answer.json()
            if operation == "request_limits":
                approval = said["approval_id"]
                assert record.post(f"/v1/approvals/{approval}/approval", who="pieter").status_code == 200
            schema = schema_of(document, operation, described["status"])
            assert openapi.faults(document, schema, said) == [], f"{operation} {name}"
            assert shown(said, record, approval) == run["answer"], f"{operation} {name}"
            ran += 1
    assert ran == sum(len(described["runs"]) for _, described in examples.all_runs()) > 20


def schema_of(document: Any, operation: str, status: int) -> Any:
    [found] = [
        described
        for _, _, described in openapi.operations(document, BELOW)
        if described["operationId"].startswith(operation)
    ]
    return found["responses"][str(status)]["content"]["application/json"]["schema"]


def test_every_operation_of_the_record_documents_examples_of_what_it_takes_and_gives() -> None:
    document = the_document()
    runs = dict(examples.all_runs())
    seen = set()
    for path, method, operation in openapi.operations(document, BELOW):
        [name] = [each for each in runs if operation["operationId"].startswith(each)]
        seen.add(name)
        described = runs[name]
        assert method == "get" or set(operation["requestBody"]["content"]["application/json"]["examples"]) == set(
            described["runs"]
        ), path
        answers = operation["responses"][str(described["status"])]["content"]["application/json"]["examples"]
        assert set(described["runs"]) <= set(answers), path
    assert seen == set(runs)


def test_every_documented_request_and_answer_fits_its_own_schema() -> None:
    document = the_document()
    tried = 0
    for path, _, operation in openapi.operations(document, BELOW):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in body.get("examples", {}).items():
            assert openapi.faults(document, body["schema"], example["value"]) == [], f"{path} {name}"
            tried += 1
        for status, media_type, content in openapi.content_of(operation):
            schema = content.get("schema") or {"$ref": "#/components/schemas/Problem"}
            for name, example in content["examples"].items():
                assert openapi.faults(document, schema, example["value"]) == [], f"{path} {status} {name}"
                tried += 1
                if media_type == "application/problem+json":
                    refusal = Refusal(name, **example["value"]["facts"])
                    assert status == status_of(refusal) == example["value"]["status"]
    assert tried > 80


def test_the_addresses_in_the_examples_are_those_of_the_parameters() -> None:
    document = the_document()
    runs = dict(examples.all_runs())
    for path, _, operation in openapi.operations(document, BELOW):
        [described] = [run for name, run in runs.items() if operation["operationId"].startswith(name)]
        filled = path
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                [value, *_] = parameter["schema"]["examples"]
                filled = filled.replace("{" + parameter["name"] + "}", str(value))
        assert filled == described["path"]
        assert filled.startswith(BOOK)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"key": "k", "n": "1", "result": "posted"}, "/n: '1' is no integer"),
        ({"key": "k", "n": 1, "result": "lost"}, "/result: 'lost' is not one of those allowed"),
        ({"key": "k", "n": 1}, "/result: is missing"),
        ({"key": "k", "n": 1, "result": "posted", "more": 1}, "/more: is not documented"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_noticed(value: Any, fault: str) -> None:
    document = the_document()
    assert openapi.faults(document, {"$ref": "#/components/schemas/Entered"}, value) == [fault]
