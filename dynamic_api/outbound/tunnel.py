"""Connections for somebody else's bytes, such as those of a script: the same guard, and no HTTP of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from dynamic_api.errors import Upstream
from dynamic_api.outbound.dial import GuardedBackend, dial_tcp, pair
from dynamic_api.outbound.resolve import Resolver, SystemResolver

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[str, int], Awaitable[Streams]]

LOOK_UPS = 4


class Tunnel:
    """Connects to names whose addresses are all public, and to the `host:port` pairs in `allowed`."""

    def __init__(
        self,
        *,
        allowed: Iterable[str] = (),
        resolver: Resolver | None = None,
        connect: Connect = asyncio.open_connection,
    ) -> None:
        # Own threads: names whose servers do not answer must not take those that the API needs.
        names = resolver or SystemResolver(ThreadPoolExecutor(LOOK_UPS, "tunnel"))
        self._guard = GuardedBackend(names, dial_tcp, frozenset(allowed))
        self._connect = connect

    async def __call__(self, host: str, port: int) -> Streams:
        """A connection to an address that was checked. Raises Unprocessable (address_refused), Upstream."""
        for address in await self._guard.addresses(host, port):
            try:
                return await self._connect(address, port)
            except OSError:
                continue
        raise Upstream("outbound_failed", f"no connection to {pair(host, port)}", place=pair(host, port))
