"""A document of POST /graphql is bounded, validated once, and run in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response

from dynamic_api import logs
from dynamic_api.errors import Refusal
from dynamic_api.routes import answers
from dynamic_api.routes.endpoint import Call
from dynamic_api.routes.graphql_api.schema import schema
from dynamic_api.routes.graphql_api.scope import NotReady, Scope, told
from dynamic_api.services import asset_listing
from dynamic_api.services.caller import require_all_skills
from dynamic_api.sx.graphql_limits import read_query

_DOCUMENTS = 256
_MOST_ERRORS = 20
_MOST_MADE = 40
"""More than the mutations that a document can have."""


Ready = Sequence[tuple[object, object]]


async def run(call: Call) -> Response:
    """Always 200: what went wrong is in `errors`."""
    require_all_skills(call.caller)
    asked = call.body
    variables = asked.variables or {}
    try:
        document = read_query(asked.query, schema(), variables)
    except GraphQLError as error:
        return _answer(ExecutionResult(None, [error]))
    if errors := _flaws(asked.query):
        return _answer(ExecutionResult(None, list(errors)))
    operation = get_operation_ast(document, asked.operation_name)
    if operation is None:
        return _answer(ExecutionResult(None, [GraphQLError("the document has no such operation")]))
    changes = operation.operation is OperationType.MUTATION
    searched = await _searched(call, variables)

    def work(db: Connection, ready: Ready) -> ExecutionResult:
        scope = Scope(db, call.context, call.caller, call.trace, call.now, searched, ready)
        return _executed(document, scope, variables, asked.operation_name)

    database = call.context.database
    return _answer(await _with_bytes(database.write if changes else database.read, work))


async def _with_bytes(run: Callable[[Any], Awaitable[Any]], work: Callable[[Connection, Ready], Any]) -> Any:
    """`work` in a transaction, undone and begun again after each thing that it wants made outside."""
    ready: list[tuple[object, object]] = []
    while len(ready) <= _MOST_MADE:
        try:
            return await run(lambda db: work(db, tuple(ready)))
        except NotReady as wanted:
            ready.append((wanted.what, await asyncio.to_thread(wanted.made)))
    what = "others change the same assets all the time"
    return ExecutionResult(None, [GraphQLError(f"{what}; nothing was changed, try again")])


def _executed(
    document: DocumentNode, scope: Scope, variables: Mapping[str, Any], name: str | None
) -> ExecutionResult:
    result = execute_sync(
        schema(), document, context_value=scope, variable_values=dict(variables), operation_name=name
    )
    if not isinstance(result, ExecutionResult):
        raise AssertionError("every resolver is a plain function")
    for error in result.errors or ():
        if isinstance(error.original_error, DBAPIError | NotReady):
            raise error.original_error  # the transaction is undone, and may be tried again
    return result


@lru_cache(maxsize=_DOCUMENTS)
def _flaws(text: str) -> tuple[GraphQLError, ...]:
    """What the validation says of a document; sx sends the same ones again and again."""
    return tuple(validate(schema(), parse(text), max_errors=_MOST_ERRORS))


async def _searched(call: Call, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The catalogue's search takes its time, so that it is asked in a thread before the transaction."""
    text = variables.get("search")
    if not isinstance(text, str) or not text:
        return {}
    return {text: await asyncio.to_thread(asset_listing.offered, call.context.catalogue, text)}


def _answer(result: ExecutionResult) -> Response:
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [_told(error) for error in result.errors]
    return answers.answered(answers.encode(body, wrap=False), 200, {})


def _told(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    if isinstance(cause, Refusal):  # of a field below the first level
        error = GraphQLError(told(cause), error.nodes, path=error.path, extensions={"code": cause.code})
        return dict(error.formatted)
    if cause is not None and not isinstance(cause, GraphQLError):
        logs.log.error("a resolver failed", exc_info=cause)
        return {"message": "the server failed; nothing was changed", "extensions": {"code": "internal_error"}}
    return dict(error.formatted)
