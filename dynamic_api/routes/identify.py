"""Who calls, and how often they may."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import Scope

from dynamic_api.context import Context
from dynamic_api.limiter import Left, Take
from dynamic_api.routes.endpoint import Auth, Endpoint
from dynamic_api.routes.header_fields import field_of, fields_of, text_of
from dynamic_api.services import access
from dynamic_api.services.caller import UPLOAD_ONLY, Caller

INSTALL_ID_HEADER = b"x-skillzdrive-install-id"
_INSTALL_ID = re.compile(r"[0-9a-fA-F-]{36}")


def bearer(request: Request) -> str | None:
    """The token that was sent; None without one. Raises Unauthenticated for another scheme."""
    header = field_of(request, b"authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise access.refused("send a bearer token", code="unauthorized")
    return token.strip()


async def caller_of(context: Context, secret: str, now: int) -> Caller:
    """Whose key `secret` is, remembered until some key or owner changes. Raises Unauthenticated."""
    callers = context.callers.at(await context.callers_serial.current())
    known = callers.known.get(secret)
    if known is None:
        known = await context.database.read(lambda db: access.caller_of(db, secret, now))
        callers.keep(secret, known)
    else:
        access.require_in_time(known, now)
    return known


async def admit(
    context: Context, endpoint: Endpoint, request: Request, address: str, now: int
) -> tuple[Caller | None, Left]:
    """The caller, and the headers that say how much is left. Raises Unauthenticated, Forbidden, Limited."""
    if endpoint.auth is Auth.NONE or endpoint.auth is Auth.OWN:
        return None, ()
    secret = bearer(request)
    if secret is None:
        if endpoint.auth is not Auth.ANONYMOUS:
            raise access.refused()
        return None, await context.limiter.take(takes(context, endpoint, None, request.scope, address))
    caller = await caller_of(context, secret, now)
    left = await context.limiter.take(takes(context, endpoint, caller, request.scope, address))
    if endpoint.auth is not Auth.UPLOAD:
        access.require_beyond_uploads(caller)
    if not endpoint.bots:
        access.require_person(caller)
    return caller, left


def at_hand(context: Context, endpoint: Endpoint, scope: Scope, now: int) -> Caller | None:
    """The caller that `admit` would let in; None where it is not remembered, or would be refused."""
    serial = context.callers_serial.at_hand()
    scheme, _, token = (text_of(scope, b"authorization") or "").partition(" ")
    if serial is None or scheme != "Bearer":
        return None
    who = context.callers.at(serial).known.get(token)
    if who is None or not access.is_in_time(who, now) or (who.is_bot and not endpoint.bots):
        return None
    return who if who.key_kind != UPLOAD_ONLY or endpoint.auth is Auth.UPLOAD else None


def takes(
    context: Context, endpoint: Endpoint, who: Caller | None, scope: Scope, address: str
) -> Sequence[Take]:
    """What a call counts against."""
    if endpoint.limit == "none" or endpoint.auth is Auth.NONE:
        return ()
    limits = context.settings.limits
    if who is not None:
        per_minute = who.rate_limit_per_minute
        return (("key", who.key_id, limits.key_per_minute if per_minute is None else per_minute),)
    shown = fields_of(scope).get(INSTALL_ID_HEADER, b"").decode("latin-1")
    install = f"{address} {shown.lower() if _INSTALL_ID.fullmatch(shown) else ''}"
    if endpoint.limit == "telemetry":
        return (
            ("telemetry-address", address, limits.telemetry_address_per_minute),
            ("telemetry", install, limits.telemetry_per_minute),
        )
    return (
        ("address", address, limits.address_per_minute),
        ("anonymous", install, limits.anonymous_per_minute),
    )
