"""Who calls: the credential, the address, and how often they may."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from starlette.requests import Request

from dynamic_api.context import Context
from dynamic_api.ids import digest
from dynamic_api.limiter import Left
from dynamic_api.routes.endpoint import Auth, Endpoint
from dynamic_api.routes.header_fields import field_of
from dynamic_api.services import access
from dynamic_api.services.caller import Caller, Trace

INSTALL_ID_HEADER = b"x-skillzdrive-install-id"
_INSTALL_ID = re.compile(r"[0-9a-fA-F-]{36}")


def trace_of(context: Context, request: Request) -> Trace:
    """How the call came in."""
    return Trace(
        request_id=request.scope.get("request_id", ""),
        address=address_of(context, request),
        user_agent=field_of(request, b"user-agent") or "",
        session_id=field_of(request, b"x-session-id"),
    )


def address_of(context: Context, request: Request) -> str:
    """The client's address: the last one in X-Forwarded-For that no trusted proxy has."""
    client = request.client.host if request.client else ""
    trusted = context.settings.server.trusted_proxies
    if not trusted:
        return client
    # Some proxies add a line of their own below the one that the client sent.
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    if not forwarded or not _is_trusted(client, trusted):
        return client
    for hop in reversed([part.strip() for part in forwarded.split(",")]):
        if not _is_trusted(hop, trusted):
            return hop if _is_address(hop) else client
    return client


@lru_cache(maxsize=4096)
def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    if not _is_address(address):
        return False
    host = ipaddress.ip_address(address)
    return any(host in ipaddress.ip_network(network, strict=False) for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
    """The caller whose key is `secret`, remembered until anything is committed. Raises Unauthenticated."""
    callers = context.callers.at(await context.database.stamp())
    known = callers.known.get(name := digest(secret))
    if known is None:
        known = await context.database.read(lambda db: access.caller_of(db, secret, now))
        callers.keep(name, known)
    else:
        access.require_in_time(known, now)
    return known


async def admit(
    context: Context, endpoint: Endpoint, request: Request, address: str, now: int
) -> tuple[Caller | None, Left]:
    """The caller, and the headers that say how much is left. Raises Unauthenticated, Forbidden, Limited."""
    if endpoint.auth in {Auth.NONE, Auth.OWN}:
        return None, ()
    secret = bearer(request)
    if secret is None:
        if endpoint.auth is not Auth.ANONYMOUS:
            raise access.refused()
        return None, await _take_anonymous(context, endpoint, request, address)
    caller = await caller_of(context, secret, now)
    limits = context.settings.limits
    per_minute = caller.rate_limit_per_minute
    left = await context.limiter.take(
        "key", caller.key_id, limits.key_per_minute if per_minute is None else per_minute
    )
    if endpoint.auth is not Auth.UPLOAD:
        access.require_beyond_uploads(caller)
    if not endpoint.bots:
        access.require_person(caller)
    return caller, left


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
