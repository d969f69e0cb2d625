"""Who calls, and how often they may."""

from __future__ import annotations

import re

from starlette.requests import Request

from dynamic_api.context import Context
from dynamic_api.limiter import Left
from dynamic_api.routes.endpoint import Auth, Endpoint
from dynamic_api.routes.header_fields import field_of
from dynamic_api.services import access
from dynamic_api.services.caller import Caller

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
        return None, await _take_anonymous(context, endpoint, request, address)
    caller = await caller_of(context, secret, now)
    left = await _take_of_key(context, endpoint, caller)
    if endpoint.auth is not Auth.UPLOAD:
        access.require_beyond_uploads(caller)
    if not endpoint.bots:
        access.require_person(caller)
    return caller, left


async def _take_of_key(context: Context, endpoint: Endpoint, caller: Caller) -> Left:
    if endpoint.limit == "none":
        return ()
    per_minute = caller.rate_limit_per_minute
    if per_minute is None:
        per_minute = context.settings.limits.key_per_minute
    return await context.limiter.take("key", caller.key_id, per_minute)


async def _take_anonymous(context: Context, endpoint: Endpoint, request: Request, address: str) -> Left:
    if endpoint.limit == "none":
        return ()
    limits = context.settings.limits
    shown = field_of(request, INSTALL_ID_HEADER) or ""
    install_id = shown.lower() if _INSTALL_ID.fullmatch(shown) else ""
    if endpoint.limit == "telemetry":
        await context.limiter.take("telemetry-address", address, limits.telemetry_address_per_minute)
        return await context.limiter.take("telemetry", f"{address} {install_id}", limits.telemetry_per_minute)
    await context.limiter.take("address", address, limits.address_per_minute)
    return await context.limiter.take("anonymous", f"{address} {install_id}", limits.anonymous_per_minute)
