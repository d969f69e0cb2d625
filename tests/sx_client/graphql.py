"""R13: one call, its errors, and pages of 50."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sx_client.documents import INPUTS, OPERATIONS
from sx_client.errors import BadAnswer, GraphQlError, HttpError, Refused
from sx_client.selection import offences, selected
from sx_client.wire import Wire

PAGE = 50
_PAGES = 1000


def call(wire: Wire, name: str, /, **variables: object) -> dict[str, Any]:
    """`data` of the operation `name`. What is not given is sent as null."""
    operation = OPERATIONS[name]
    assert variables.keys() <= operation.variables.keys(), variables
    given = {key: variables.get(key) for key in operation.variables}
    body = json.dumps({"query": operation.text, "variables": given, "operationName": name}).encode()
    answer = wire.post("/graphql", body, {"Content-Type": "application/json", "Accept": "application/json"})
    if answer.status != 200:
        raise HttpError(answer.status, answer.body)
    try:
        table = json.loads(answer.body)
    except ValueError as error:
        raise BadAnswer(f"{name}: no JSON: {error}") from error
    if not isinstance(table, dict):
        raise BadAnswer(f"{name}: no JSON object")
    if table.get("errors"):
        raise GraphQlError([str(item.get("message")) for item in table["errors"]])
    data = table.get("data")
    if not isinstance(data, dict):
        raise BadAnswer(f"{name}: neither data nor errors")
    if found := list(offences(selected(operation), data)):
        raise BadAnswer(f"{name}: {'; '.join(found)}")
    return data


def change(wire: Wire, name: str, /, **variables: object) -> dict[str, Any]:
    """The payload of a mutation without business errors. Fields of an input are given as they are."""
    if name in INPUTS:
        assert variables.keys() <= set(INPUTS[name]), variables
        variables = {"input": {key: variables.get(key) for key in INPUTS[name]}}
    (payload,) = call(wire, name, **variables).values()
    if not isinstance(payload, dict):
        raise BadAnswer(f"{name}: no payload")
    errors = payload.get("errors") or []
    if errors:
        raise Refused("; ".join(f"{item['field']}: {', '.join(item['messages'])}" for item in errors))
    return payload


def pages(
    wire: Wire, name: str, path: Sequence[str], /, *, size: int = PAGE, **variables: object
) -> Iterator[Any]:
    """Every node below `path` of the data, page by page, until the server says that it was the last."""
    after: str | None = None
    for _ in range(_PAGES):
        connection: Any = call(wire, name, first=size, after=after, **variables)
        for key in path:
            if connection is None:
                raise BadAnswer(f"{name}: {key} of null")
            connection = connection[key]
        nodes, info = connection["nodes"], connection["pageInfo"]
        if len(nodes) > size:
            raise BadAnswer(f"{name}: {len(nodes)} nodes, {size} were asked for")
        yield from nodes
        if not info["hasNextPage"] or info["endCursor"] is None:
            return
        if info["endCursor"] == after:
            raise BadAnswer(f"{name}: the cursor does not move, sx would ask for ever")
        after = info["endCursor"]
    raise BadAnswer(f"{name}: more than {_PAGES} pages")


def nodes_of(data: Mapping[str, Any], *path: str) -> list[Any]:
    """The nodes of a connection that is not paged."""
    found: Any = data
    for key in path:
        if found is None:
            return []
        found = found[key]
    return [] if found is None else list(found["nodes"])
