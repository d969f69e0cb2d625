"""The way out of one run: a proxy in the API, behind a socket that listens in the run's own network.

It knows nothing of addresses: `Dial` resolves, checks, and connects to what was checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dynamic_api.errors import Refusal, Unavailable, Unprocessable
from dynamic_api.sandbox.base import Limits
from dynamic_api.sandbox.proxy_request import HEAD_BYTES, Asked, Refused, parse

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[str, int], Awaitable[Streams]]
"""A connection to a host and port. Raises Unprocessable for one that is not for strangers, Unavailable."""

AT_ONCE = 16
IN_ALL = 1000
_CHUNK = 64 * 1024
_NAMES = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway", 503: "Busy", 504: "Timeout"}


async def no_dial(host: str, port: int) -> Streams:
    """For a sandbox that was given no way out."""
    raise Unavailable("network_unavailable", "this server has no way out for scripts", place=f"{host}:{port}")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a connection may take, in seconds: to say where to, to get there, and in all."""

    head: float = 10.0
    dial: float = 10.0
    whole: float = 300.0


PACE = Pace()


class Egress:
    """Answers at `door` for as long as it is entered; `spent` once a bound was reached: nothing goes then."""

    def __init__(
        self, door: socket.socket, allowed: frozenset[str], dial: Dial, limits: Limits, pace: Pace = PACE
    ) -> None:
        self._door = door
        self._allowed = allowed
        self._dial = dial
        self._pace = pace
        self._bytes_left = limits.network_bytes
        self._left = IN_ALL
        self._open: set[asyncio.Task[None]] = set()
        self._answering: asyncio.Task[None] | None = None
        self.spent = False

    async def __aenter__(self) -> Self:
        self._answering = asyncio.create_task(self._answer())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._open, *([self._answering] if self._answering else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._door.close()

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        while self._left > 0:
            try:
                connection, _ = await loop.sock_accept(self._door)
            except OSError:
                break  # no descriptor left: the script sees a door that is shut
            self._left -= 1
            if len(self._open) >= AT_ONCE:
                with contextlib.suppress(OSError):
                    connection.send(_refusal(Refused(503, f"more than {AT_ONCE} connections at once")))
                connection.close()
                continue
            task = asyncio.create_task(self._serve(connection))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        self.spent = True
        self._door.close()

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=HEAD_BYTES)
        try:
            async with asyncio.timeout(self._pace.whole):
                await self._proxy(reader, writer)
        except (OSError, TimeoutError):
            pass  # one of the two went away, or took too long
        finally:
            writer.transport.abort()

    async def _proxy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await self._read(reader)
            far_reader, far_writer = await self._reach(asked)
        except Refused as refused:
            writer.write(_refusal(refused))
            writer.write_eof()
            await writer.drain()
            await _leave(reader)
            return
        try:
            if asked.head:
                self._spend(len(asked.head))
                far_writer.write(asked.head)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._join((reader, writer), (far_reader, far_writer))
        finally:
            far_writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        try:
            async with asyncio.timeout(self._pace.head):
                return parse(await reader.readuntil(b"\r\n\r\n"))
        except TimeoutError:
            raise Refused(400, f"no whole request within {self._pace.head:g} seconds") from None
        except asyncio.IncompleteReadError:
            raise Refused(400, "no whole request") from None
        except asyncio.LimitOverrunError:
            raise Refused(400, f"more than {HEAD_BYTES} bytes before the body") from None

    async def _reach(self, asked: Asked) -> Streams:
        if self.spent:
            raise Refused(403, "this run has used up its network")
        if asked.pair not in self._allowed:
            raise Refused(403, f"{asked.pair} is not among the hosts that this skill may reach")
        try:
            async with asyncio.timeout(self._pace.dial):
                return await self._dial(asked.host, asked.port)
        except TimeoutError:
            raise Refused(504, f"{asked.pair} did not answer within {self._pace.dial:g} seconds") from None
        except Refusal as refusal:
            status = 403 if isinstance(refusal, Unprocessable) else 502
            raise Refused(status, refusal.message) from None

    async def _join(self, near: Streams, far: Streams) -> None:
        """Both ways until the far side has said all; a near side that has is still listened to."""
        sending = asyncio.create_task(self._pump(near[0], far[1]))
        try:
            await self._pump(far[0], near[1])
            await near[1].drain()
            near[1].close()
            await near[1].wait_closed()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            self._spend(len(data))
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()

    def _spend(self, size: int) -> None:
        """Raises ConnectionAbortedError when too much has passed, on this connection or any other."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            self.spent = True
            raise ConnectionAbortedError


def _refusal(refused: Refused) -> bytes:
    """The reason stands in the status line as well: of a refused CONNECT, many programs show only that."""
    reason = "".join(sign if " " <= sign <= "~" else "?" for sign in refused.reason)
    body = f"{_NAMES[refused.status]}: {reason}\n".encode()
    return (
        f"HTTP/1.1 {refused.status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nProxy-Status: skillpress\r\nConnection: close\r\n\r\n"
    ).encode() + body


async def _leave(reader: asyncio.StreamReader) -> None:
    """Take what still comes, for a while: to close at once would take our answer back."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            while await reader.read(_CHUNK):
                pass
