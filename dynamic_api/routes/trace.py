"""How a call came in: from which address, by which client."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Scope

from dynamic_api.context import Context
from dynamic_api.routes.header_fields import text_of
from dynamic_api.services.caller import Trace


def trace_of(context: Context, scope: Scope) -> Trace:
    """What the audit log keeps of a call."""
    return Trace(
        request_id=scope.get("request_id", ""),
        address=scope.get("address") or address_of(context, scope),
        user_agent=text_of(scope, b"user-agent") or "",
        session_id=text_of(scope, b"x-session-id"),
    )


def address_of(context: Context, scope: Scope) -> str:
    """The client's address: the last one in X-Forwarded-For that no trusted proxy has."""
    peer = scope.get("client")
    client: str = peer[0] if peer else ""
    trusted = context.settings.server.trusted_proxies
    if not trusted:
        return client
    # Some proxies add a line of their own below the one that the client sent.
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
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
