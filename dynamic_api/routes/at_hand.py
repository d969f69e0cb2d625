"""Remembered answers for who does not want to wait: found by the URL and the credential as they were sent."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from starlette.types import Scope

from dynamic_api.context import Context
from dynamic_api.memory.memo import AnyValues
from dynamic_api.memory.remembered import Remembered
from dynamic_api.routes import identify
from dynamic_api.routes.endpoint import Endpoint, Quick
from dynamic_api.routes.header_fields import fields_of, text_of
from dynamic_api.routes.trace import address_of
from dynamic_api.server.wire import Kept, Soon, Wire, url_of
from dynamic_api.services import access
from dynamic_api.services.caller import Caller

_OWN_BYTES = 400
"""About what a known answer takes beside what is kept already."""


@dataclass(frozen=True, slots=True)
class Known:
    """An answer, the endpoint that gave it, to whom, and the path."""

    answer: Kept
    endpoint: Endpoint
    who: Caller | None
    path: str


def keep(values: AnyValues, scope: Scope, known: Known) -> None:
    """Find `known` from now on by what was asked."""
    asked = _asked(scope, url_of(scope), known.endpoint.of_bucket)
    if asked not in values.known:
        values.keep(asked, known, _OWN_BYTES)


def at_hand(context: Context, quick: Mapping[bytes, Endpoint], scope: Scope) -> Wire | Soon | None:
    """The answer, counted as a call; None when there is something to wait for, or it would be refused.

    `quick` are the endpoints that keep their own answers, by their URLs.
    """
    now = context.clock()
    endpoint = quick.get(scope["url"])
    if endpoint is not None and endpoint.quick is not None:
        return _quick(context, endpoint, endpoint.quick, scope, now)
    known = _known(context.remembered, scope)
    if not isinstance(known, Known):
        return known
    if known.who is not None and not access.is_in_time(known.who, now):
        return None
    wire = known.answer.wire(fields_of(scope).get(b"if-none-match"))
    scope["path"] = known.path
    return _counted(context, known.endpoint, known.who, scope, wire)


def _quick(context: Context, endpoint: Endpoint, quick: Quick, scope: Scope, now: int) -> Wire | Soon | None:
    if context.database.stamp_at_hand() is None:
        return _soon(context.database.stamp_soon())
    who = identify.at_hand(context, endpoint, scope, now)
    found = None if who is None else quick.look(context, who, text_of(scope, b"if-none-match"))
    if who is None or found is None:
        return None
    scope["path"] = endpoint.path
    wire = _counted(context, endpoint, who, scope, found)
    if wire is not None:
        quick.note(context, scope, who, wire, now)
    return wire


def _counted(
    context: Context, endpoint: Endpoint, who: Caller | None, scope: Scope, wire: Wire
) -> Wire | None:
    """`wire` as the answer to a call that was counted; None where that would be refused."""
    address = address_of(context, scope)
    left = context.limiter.take_at_once(identify.takes(context, endpoint, who, scope, address))
    if left is None:
        return None
    scope["route_name"], scope["address"] = endpoint.name, address
    if who is not None:
        scope["caller"] = who.key_prefix
    return wire.plus(left) if left else wire


def _soon(ready: Future[Any] | None) -> Soon | None:
    return None if ready is None else Soon(ready)


def _known(remembered: Remembered, scope: Scope) -> Known | Soon | None:
    url = scope["url"]
    for_all = remembered.of_bucket()
    known: Known | None = None if for_all is None else for_all.known.get(_asked(scope, url, True))
    if known is not None:
        return known
    asked, values = _asked(scope, url, False), remembered.at_hand()
    if values is None:
        return _soon(remembered.ready(asked))
    return cast("Known | None", values.known.get(asked))


def _asked(scope: Scope, url: bytes, of_bucket: bool) -> tuple[bytes, bytes | None]:
    return url, None if of_bucket else fields_of(scope).get(b"authorization")
