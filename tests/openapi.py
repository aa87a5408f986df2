"""Reading the OpenAPI document as a client would: every operation with its examples, and whether an answer fits.

The check knows the words that the document uses; one that it does not know fails, so that nothing passes unread.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

KNOWN = frozenset(
    {
        *("$ref", "additionalProperties", "anyOf", "const", "default", "description", "enum", "example", "examples"),
        *("format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "pattern"),
        *("properties", "required", "title", "type"),
    }
)
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
FORMATS = {"date": r"\d{4}-\d\d-\d\d", "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"}


def operations(document: Any, below: str) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        if path.startswith(below):
            for method, operation in methods.items():
                yield path, method, operation


def content_of(operation: Any) -> Iterator[tuple[int, str, Any]]:
    """Every documented answer that has examples: status, media type, what is said of it."""
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            if "examples" in content:
                yield int(status), media_type, content


def faults(document: Any, schema: Any, value: Any, at: str = "") -> list[str]:
    """Where `value` does not fit `schema`."""
    if "$ref" in schema:
        return faults(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], value, at)
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "anyOf" in schema:
        tried = [faults(document, each, value, at) for each in schema["anyOf"]]
        return [] if any(not each for each in tried) else [f"{at}: fits nothing of {schema['anyOf']}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{at}: {value!r} is no {kind}"]
    return [*_plain_faults(schema, value, at), *_inner_faults(document, schema, value, at)]


def _plain_faults(schema: Any, value: Any, at: str) -> list[str]:
    found = []
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        found.append(f"{at}: {value!r} is not one of those allowed")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{at}: {value} is out of range")
    if isinstance(value, str):
        pattern = schema.get("pattern") or FORMATS.get(schema.get("format", ""), "")
        if pattern and not re.search(f"^(?:{pattern})$", value):
            found.append(f"{at}: {value!r} has not the form of {pattern}")
    return found


def _inner_faults(document: Any, schema: Any, value: Any, at: str) -> list[str]:
    if isinstance(value, list):
        return [fault for i, each in enumerate(value) for fault in faults(document, schema["items"], each, f"{at}/{i}")]
    if not isinstance(value, dict):
        return []
    known, more = schema.get("properties", {}), schema.get("additionalProperties", False)
    found = [f"{at}/{name}: is missing" for name in schema.get("required", []) if name not in value]
    for name, each in value.items():
        inner = known.get(name, more)
        if inner is False:
            found.append(f"{at}/{name}: is not documented")
        elif inner is not True:
            found += faults(document, inner, each, f"{at}/{name}")
    return found
