"""Real servers on loopback that behave as badly as a test says, and resolvers that say what it says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpcore2

from dynamic_api.outbound.dial import dial_tcp

Respond = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]

PUBLIC = "93.184.216.34"


@dataclass
class Served:
    """A server: its port, and every request's head as it came in."""

    port: int
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    """A server on 127.0.0.1 that reads one request per connection and lets `respond` answer."""
    served = Served(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(sizes[0].split(b":")[1])) if sizes else b""
            served.requests.append(head + body)
            await respond(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    async with server:
        yield served


def saying(answer: bytes) -> Respond:
    """Sends the bytes of `answer` and closes."""

    async def respond(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return respond


def ok(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{''.join(lines)}\r\n".encode() + body


@dataclass
class Names:
    """A resolver with a table: each look-up of a name takes its next row, the last one for ever."""

    table: Mapping[str, Sequence[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        rows = self.table.get(host)
        if rows is None:
            raise OSError("no such name")
        self.asked.append(host)
        return rows[min(self.asked.count(host), len(rows)) - 1]


@dataclass
class Detour:
    """Dials the loopback instead of the addresses in `ports`, and remembers every address it was given."""

    ports: Mapping[str, int]
    dialled: list[str] = field(default_factory=list)

    async def __call__(self, address: str, port: int) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(address)
        if address not in self.ports:
            raise httpcore2.ConnectError("nobody there")
        return await dial_tcp("127.0.0.1", self.ports[address])
