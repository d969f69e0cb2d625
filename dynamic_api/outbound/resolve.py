"""Names to addresses: asked once per connection, and what was answered is what is dialled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Protocol


class Resolver(Protocol):
    """Knows the addresses of names."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The IP addresses of `host`, best first. Raises OSError when there are none."""


class SystemResolver:
    """What the machine's own resolver says."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
