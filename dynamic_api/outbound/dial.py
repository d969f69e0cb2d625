"""The one place where a connection begins: look the name up, check every address, dial one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Protocol

import httpcore2

from dynamic_api.errors import Unprocessable, Upstream
from dynamic_api.outbound.addresses import kind_of
from dynamic_api.outbound.resolve import Resolver

MOST_DIALLED = 4


class Dial(Protocol):
    """Opens connections to addresses."""

    async def __call__(self, address: str, port: int) -> httpcore2.AsyncNetworkStream:
        """A TCP connection to the IP address `address`. Raises httpcore2.ConnectError, ConnectTimeout."""


async def dial_tcp(address: str, port: int) -> httpcore2.AsyncNetworkStream:
    """A connection by the system. An address in figures is not looked up again."""
    return await httpcore2.AnyIOBackend().connect_tcp(address, port)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to names whose addresses are all public, and to the `host:port` pairs in `allowed`."""

    def __init__(self, resolver: Resolver, dial: Dial, allowed: frozenset[str]) -> None:
        self._resolver = resolver
        self._dial = dial
        self._allowed = allowed

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self.addresses(host, port)
        for count, address in enumerate(addresses, 1):
            try:
                return await self._dial(address, port)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if count == len(addresses):
                    raise
        raise AssertionError("`addresses` gives at least one")

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The checked addresses of `host`. Raises Unprocessable when any of them is not public, Upstream.

        One bad address among good ones is how a name is made to pass the check and lead elsewhere later.
        """
        found = await self._look_up(host, port)
        place = pair(host, port)
        if place not in self._allowed and any(kind_of(address) for address in found):
            # Which address it is would tell a stranger how our network looks from inside.
            raise Unprocessable(
                "address_refused",
                f"{host} does not lead to the public Internet",
                place=place,
                mend="use a public https address, or have the operator add it to the outbound allow-list",
            )
        return found[:MOST_DIALLED]

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        if _is_address(host):
            return (host,)
        try:
            found = await self._resolver.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise _unknown(host) from error
        if not found:
            raise _unknown(host)
        return found


def pair(host: str, port: int) -> str:
    """`host:port` as it stands in the allow-list: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unknown(host: str) -> Upstream:
    return Upstream("host_unknown", f"{host} has no address", place=host, mend="look at the name and its DNS")
