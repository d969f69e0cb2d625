"""A proxy as operators have it: it ends TLS, says whom it speaks for, and passes one request on."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.clients.authority import Authority

_END = b"\r\n\r\n"


@contextmanager
def ending_tls(authority: Authority, target: list[str]) -> Iterator[str]:
    """The https address of a proxy for the http address that is put into `target`."""
    loop = asyncio.new_event_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.cert, authority.key)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = loop.create_task(_passed_on(reader, writer, target[0]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = loop.run_until_complete(asyncio.start_server(accept, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(_ended(tasks), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
    client, parts = writer.get_extra_info("peername")[0], urlsplit(target)
    with suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(_END)
        said = f"X-Forwarded-For: {client}\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
        below, out = await asyncio.open_connection(parts.hostname, parts.port)
        out.write(head.removesuffix(b"\r\n") + said.encode())
        upwards = asyncio.create_task(_pumped(reader, out))
        await _pumped(below, writer)
        upwards.cancel()
        out.close()
    writer.close()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
