"""Remembered answers for who does not want to wait: found by the URL and the credential as they were sent."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from dynamic_api.context import Context
from dynamic_api.memory.memo import AnyValues
from dynamic_api.routes import identify
from dynamic_api.routes.endpoint import Endpoint
from dynamic_api.routes.header_fields import fields_of
from dynamic_api.routes.trace import address_of
from dynamic_api.server.wire import Kept, Wire, lines_of, url_of
from dynamic_api.services import access
from dynamic_api.services.caller import Caller

_OWN_BYTES = 500
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


def at_hand(context: Context, scope: Scope) -> Wire | None:
    """The answer, counted as a call; None when there is something to wait for, or it would be refused."""
    known, now = _known(context, scope), context.clock()
    if known is None or (known.who is not None and not access.is_in_time(known.who, now)):
        return None
    address = address_of(context, scope)
    left = context.limiter.take_at_once(identify.takes(context, known.endpoint, known.who, scope, address))
    if left is None:
        return None
    scope["route_name"], scope["path"], scope["address"] = known.endpoint.name, known.path, address
    if known.who is not None:
        scope["caller"] = known.who.key_prefix
    wire = known.answer.wire(fields_of(scope).get(b"if-none-match"))
    return wire._replace(lines=wire.lines + lines_of(left)) if left else wire


def _known(context: Context, scope: Scope) -> Known | None:
    url, remembered = scope["url"], context.remembered
    for values, of_bucket in ((remembered.of_bucket(), True), (remembered.at_hand(), False)):
        known = None if values is None else values.known.get(_asked(scope, url, of_bucket))
        if known is not None:
            found: Known = known
            return found
    return None


def _asked(scope: Scope, url: bytes, of_bucket: bool) -> tuple[bytes, bytes | None]:
    return url, None if of_bucket else fields_of(scope).get(b"authorization")
