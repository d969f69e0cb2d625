"""What lies behind a sandbox's proxy in tests: made-up names, and servers on loopback that may be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from dynamic_api.outbound import Tunnel

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Far:
    """A `Dial` with the guard of the API. `names` are all names there are."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self.clear()

    def clear(self) -> None:
        self.names: dict[str, Sequence[str]] = {}
        self.allowed: set[str] = set()
        self.dialled: list[tuple[str, int]] = []
        for server in self._servers:
            server.close()
        self._servers = []

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        """Satisfies `Resolver`."""
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]

    async def connect(self, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.dialled.append((address, port))
        return await asyncio.open_connection(address, port)

    async def dial(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await Tunnel(allowed=self.allowed, resolver=self, connect=self.connect)(host, port)

    async def serve(self, name: str, serve: Serve) -> str:
        """Serve on loopback; gives `name:port`, which may be reached although it is loopback."""
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        port = server.sockets[0].getsockname()[1]
        self.names[name] = ("127.0.0.1",)
        self.allowed.add(f"{name}:{port}")
        return f"{name}:{port}"
