"""The proxy alone: who is slow is let go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.base import Limits
from dynamic_api.sandbox.egress import Dial, Egress, Pace, Streams, no_dial

PLACE = "api.test:443"
CONNECT = f"CONNECT {PLACE} HTTP/1.1\r\n\r\n".encode()


@contextlib.asynccontextmanager
async def entered(dial: Dial, pace: Pace, **limits: int) -> AsyncIterator[Streams]:
    """A connection to the proxy."""
    door = socket.create_server(("127.0.0.1", 0))
    door.setblocking(False)
    address = door.getsockname()
    async with Egress(door, frozenset([PLACE]), dial, Limits(**limits), pace):  # type: ignore[arg-type]
        reader, writer = await asyncio.open_connection(*address)
        try:
            yield reader, writer
        finally:
            writer.close()


async def status(dial: Dial, request: bytes, pace: Pace) -> str:
    """The status line of the answer."""
    async with entered(dial, pace) as (reader, writer):
        writer.write(request)
        return (await reader.readline()).decode().rstrip()


async def no_answer(_host: str, _port: int) -> Streams:
    return await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("dial", "request_", "pace", "says"),
    [
        (no_dial, CONNECT[:-2], Pace(head=0.1), "400 no whole request within 0.1 seconds"),
        (no_answer, CONNECT, Pace(dial=0.1), "504 api.test:443 did not answer within 0.1 seconds"),
        (no_dial, CONNECT, Pace(), "502 this server has no way out for scripts"),
    ],
)
def test_who_does_not_get_there_is_told(dial: Dial, request_: bytes, pace: Pace, says: str) -> None:
    assert asyncio.run(status(dial, request_, pace)) == f"HTTP/1.1 {says}"


async def silent_far(_host: str, _port: int) -> Streams:
    """A connection to somebody who says nothing."""
    one, other = socket.socketpair()
    FAR_ENDS.append(other)
    return await asyncio.open_connection(sock=one)


FAR_ENDS: list[socket.socket] = []


def test_connection_ends_when_its_time_is_over_whatever_goes_on_in_it() -> None:
    async def drive() -> float:
        began = time.monotonic()
        async with entered(silent_far, Pace(whole=0.3)) as (reader, writer):
            writer.write(CONNECT)
            assert await reader.readline() == b"HTTP/1.1 200 Connection established\r\n"
            assert await reader.readline() == b"\r\n"
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        return time.monotonic() - began

    assert 0.3 <= asyncio.run(drive()) < 10
    with FAR_ENDS.pop() as end:
        assert end.recv(1) == b""


def test_no_way_out_is_the_default() -> None:
    with pytest.raises(Unavailable, match="no way out"):
        asyncio.run(no_dial("api.test", 443))
