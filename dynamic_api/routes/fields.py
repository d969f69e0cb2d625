"""What a declared field takes, in words: for the page of the API, and for whoever sent something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

_STEP = re.compile(r"[^.\[\]]+|\[[^\]]*\]")
_KINDS = {"boolean": "true or false", "null": "null", "number": "a number", "object": "an object"}
# For Python alone, where `$` also fits before a line feed.
_NO_LINE_FEED = r"(?!\n)"


def listed(form: type[Struct]) -> Iterator[tuple[str, bool, str]]:
    """Name, whether it is needed, and what it takes, of each field of `form`."""
    root, parts = _schema(form)
    for name, schema in root["properties"].items():
        yield name, name in root.get("required", ()), _said(schema, parts)


def wanted(form: type[Struct], path: str) -> str | None:
    """What belongs at `path` ("local[0].slug") in `form`; None where nothing is declared."""
    schema, parts = _schema(form)
    for step in _STEP.findall(path):
        schema = _whole(schema, parts)
        inside = schema.get("items") if step.startswith("[") else schema.get("properties", {}).get(step)
        if not isinstance(inside, dict):
            return None
        schema = inside
    return _said(schema, parts)


@lru_cache(maxsize=256)
def whole_numbers(form: type[Struct]) -> frozenset[str]:
    """The fields of `form` that take a whole number."""
    root, parts = _schema(form)
    kinds = {name: _whole(schema, parts).get("type") for name, schema in root["properties"].items()}
    return frozenset(name for name, kind in kinds.items() if kind == "integer")


@lru_cache(maxsize=256)
def _schema(form: type[Struct]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    (root,), parts = msgspec.json.schema_components([form], ref_template="{name}")
    return _whole(root, parts), parts


def _whole(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` without a reference, and without the null that it may be."""
    while "$ref" in schema:
        schema = parts[schema["$ref"]]
    some = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return _whole(some[0], parts) if len(some) == 1 else schema


def _said(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _said(parts[schema["$ref"]], parts)
    if "anyOf" in schema:
        return " or ".join(_said(option, parts) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type")
    if kind == "array":
        most = f", {schema['maxItems']} at the most" if "maxItems" in schema else ""
        return f"a list of {_said(schema.get('items', {}), parts)}{most}"
    if kind == "object" and schema.get("properties"):
        return f"{{{', '.join(schema['properties'])}}}"
    if kind == "integer":
        return "a whole number" + _span(schema.get("minimum"), schema.get("maximum"))
    if kind == "string":
        return _text(schema)
    return _KINDS.get(str(kind), "anything")


def _text(schema: Mapping[str, Any]) -> str:
    if "pattern" in schema:
        return f"text that fits {schema['pattern'].replace(_NO_LINE_FEED, '')}"
    span = _span(schema.get("minLength"), schema.get("maxLength"))
    return f"text{span.replace(' from', ' of')} characters" if span else "text"


def _span(least: int | None, most: int | None) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f" from {least} on"
    return f" from {least or 0} to {most}"
