"""Names to addresses: asked once per connection, and what was answered is what is dialled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol


class Resolver(Protocol):
    """Knows the addresses of names."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The IP addresses of `host`, best first. Raises OSError when there are none."""


class SystemResolver:
    """What the machine's own resolver says, in threads of `executor`, which cannot be called back."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        found = await loop.run_in_executor(self._executor, ask)
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
