"""One call from request to response: admit, decode, one service call in one transaction, encode."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import cast

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from dynamic_api.context import Context
from dynamic_api.errors import Refusal
from dynamic_api.memory.memo import AnyValues
from dynamic_api.routes import answers, at_hand, decode, forms, identify
from dynamic_api.routes.endpoint import Answer, Async, Call, Endpoint, Mode, Sync
from dynamic_api.routes.header_fields import fields_of
from dynamic_api.routes.kept import again, to_keep
from dynamic_api.routes.trace import address_of
from dynamic_api.server.wire import Kept
from dynamic_api.services import idempotency
from dynamic_api.services.idempotency import Once, Stored

REPLAYED = {"Idempotency-Replayed": "true"}


async def respond(context: Context, endpoint: Endpoint, request: Request) -> Response:
    """The response of `endpoint`. Raises Refusal."""
    now = context.clock()
    address = request.scope["address"] = address_of(context, request.scope)
    # Asked for before the key is: what changes in between is then missing in what is remembered.
    values = await _values(context, endpoint)
    who, left = await identify.admit(context, endpoint, request, address, now)
    if who is not None:
        request.scope["caller"] = who.key_prefix
    call = Call(context, request, now, who)
    response = await (_made(endpoint, call) if values is None else _remembered(endpoint, call, values))
    response.raw_headers += left
    return response


async def _values(context: Context, endpoint: Endpoint) -> AnyValues | None:
    """Where the answers of `endpoint` are remembered; None where they are not, or not now."""
    if not endpoint.remembered:
        return None
    return context.remembered.of_bucket() if endpoint.of_bucket else await context.remembered.values()


async def _remembered(endpoint: Endpoint, call: Call, values: AnyValues) -> Response:
    """As `_made`, or what that was when the same was asked before, and nothing has changed since."""
    scope = call.request.scope
    path, query = scope["path"], scope["query_string"] if endpoint.query else b""
    asked = (path, query, call.who and call.who.key_id)
    answer: Kept | None = values.known.get(asked)
    if answer is None:
        made = await _made(endpoint, call)
        answer = to_keep(made)
        if answer is None:
            return made
        values.keep(asked, answer, answer.size + len(path) + len(query))
    at_hand.keep(values, scope, at_hand.Known(answer, endpoint, call.who, path))
    return again(answer.wire(fields_of(scope).get(b"if-none-match")))


async def _made(endpoint: Endpoint, call: Call) -> Response:
    context, request = call.context, call.request
    call.path = decode.path_values(request)
    if endpoint.query is not None:
        call.query = decode.query_values(request, endpoint.query)
    if endpoint.body is not None:
        most = endpoint.most(context.settings) if endpoint.most else context.settings.server.body_bytes
        call.raw = await forms.raw_body(request, most)
        call.body = decode.json_body(request, call.raw, endpoint.body)
    return await _run(endpoint, call)


async def _run(endpoint: Endpoint, call: Call) -> Response:
    if endpoint.mode is Mode.ASYNC:
        result = await cast("Async", endpoint.handler)(call)
        return _response(endpoint, result)
    handler = cast("Sync", endpoint.handler)
    if endpoint.mode is Mode.READ:
        return _response(endpoint, await call.context.database.read(lambda db: handler(db, call)))
    return await write(endpoint, call, handler)


async def write(endpoint: Endpoint, call: Call, handler: Sync) -> Response:
    """The response of `handler` in a transaction, once for each Idempotency-Key. For ASYNC handlers too."""
    if once := once_of(endpoint, call):
        stored, headers = await run_once(endpoint, call, once, handler)
        return answers.answered(stored.body, stored.status, headers)
    return _response(endpoint, await call.context.database.write(lambda db: handler(db, call)))


def once_of(endpoint: Endpoint, call: Call) -> Once | None:
    """What binds the call's Idempotency-Key; None without one. Raises Invalid."""
    key = call.request.headers.get("idempotency-key")
    if key is None or not endpoint.costs:
        return None
    idempotency.require_fit(key)
    route = f"{endpoint.method} {call.request.scope['path']}"
    return Once(call.caller.user_id, key, route[:128], hashlib.sha256(call.raw).hexdigest())


async def recalled(endpoint: Endpoint, call: Call) -> Response | None:
    """The answer of an earlier call with the same Idempotency-Key: for ASYNC handlers, before they begin."""
    once = once_of(endpoint, call)
    if once is None:
        return None
    stored = await call.context.database.read(lambda db: idempotency.recall(db, once))
    return None if stored is None else answers.answered(stored.body, stored.status, REPLAYED)


async def run_once(
    endpoint: Endpoint, call: Call, once: Once, handler: Sync
) -> tuple[Stored, Mapping[str, str]]:
    """The answer of `handler`, or that of the earlier call with the same key."""

    def work(db: Connection) -> tuple[Stored, Mapping[str, str]]:
        if stored := idempotency.recall(db, once):
            return stored, REPLAYED
        answer = _answer(handler(db, call))
        stored = Stored(
            answer.status or endpoint.status,
            answers.encode(answer.value, wrap=endpoint.wrap and answer.wrap),
        )
        idempotency.keep(db, once, stored, call.now)
        return stored, answer.headers

    database = call.context.database
    try:
        return await database.write(work)
    except (IntegrityError, Refusal):
        # Two at once with one key: the other was first, which may be why this one was refused.
        stored = await database.read(lambda db: idempotency.recall(db, once))
        if stored is None:
            raise
        return stored, REPLAYED


def _answer(result: object) -> Answer:
    return result if isinstance(result, Answer) else Answer(result)


def _response(endpoint: Endpoint, result: object) -> Response:
    if isinstance(result, Response):
        return result
    answer = _answer(result)
    status = answer.status or endpoint.status
    if status == 204:
        return Response(status_code=204, headers=dict(answer.headers))
    body = answers.encode(answer.value, wrap=endpoint.wrap and answer.wrap)
    return answers.answered(body, status, answer.headers)
