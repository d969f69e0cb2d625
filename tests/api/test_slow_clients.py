"""Slow and half-open clients: their connections end, and others do not notice (issue 5, "Bad input")."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from dynamic_api.errors import Refusal
from dynamic_api.routes import answers, forms
from dynamic_api.server.patience import HEAD_BYTES, REST_BYTES, Patient
from tests.api.world import serving

SLOW_SECONDS = 0.6


class Hasty(Patient):
    """A server that tests need not wait for."""

    head_seconds = 0.4


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads a small body; `/slow` takes longer over its answer than a client may over its head."""
    if scope["path"] == "/slow":
        await asyncio.sleep(SLOW_SECONDS)
    try:
        body = await forms.raw_body(Request(scope, receive), 64, 0.3)
        response = answers.answered(body, 200, {})
    except Refusal as refusal:
        response = answers.refused(refusal)
    await response(scope, receive, send)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(app, http=Hasty, lifespan="off") as url:
        yield urlsplit(url).netloc


def connected(server: str) -> socket.socket:
    host, _, port = server.partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def rest(client: socket.socket) -> bytes:
    """What comes until the server ends the connection."""
    parts = []
    try:
        while part := client.recv(4096):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET[:-2], b"\r\n"])
def test_head_that_does_not_come_ends_the_connection(server: str, sent: bytes) -> None:
    with connected(server) as client:
        client.sendall(sent)
        began = time.monotonic()
        assert rest(client) == b""
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("sent", [b"\r\n", b"GET / HT", GET[:-2]])
def test_second_head_that_does_not_come_ends_it_as_well(server: str, sent: bytes) -> None:
    """Bytes that begin no request would else keep uvicorn waiting for ever."""
    with connected(server) as client:
        client.sendall(GET)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.sendall(sent)
        assert rest(client) == b""


def test_head_without_an_end_is_not_read_for_ever(server: str) -> None:
    with connected(server) as client:
        client.sendall(GET[:-2] + b"A: " + b"x" * (HEAD_BYTES + 1))
        assert rest(client).startswith(b"HTTP/1.1 400")


def test_body_that_does_not_come_is_refused(server: str) -> None:
    with connected(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        answer = rest(client)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"body_too_slow"' in answer


def test_body_that_is_refused_by_its_size_is_let_come(server: str) -> None:
    """Who sends all of it before reading would else see a reset in place of the answer."""
    body = b"x" * 3_000_000
    with connected(server) as client:
        for _ in range(2):
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            answer = client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 413")
            assert b"payload_too_large" in answer


@pytest.mark.parametrize("most", [65_536, 4 * REST_BYTES])
def test_refused_body_is_not_let_come_for_ever(server: str, most: int) -> None:
    """Neither when it stops, nor when it is longer than any that is read."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (1 << 40)
    with connected(server) as client:
        client.sendall(head)
        assert client.recv(4096).startswith(b"HTTP/1.1 413")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < most:
                client.sendall(b"x" * 65_536)
                sent += 65_536
        assert rest(client) == b""
    assert sent < 2 * REST_BYTES


def test_who_is_answered_slowly_and_comes_again_is_served(server: str) -> None:
    with connected(server) as client:
        for path in (b"/slow", b"/", b"/slow"):
            client.sendall(GET.replace(b"/ ", path + b" ", 1))
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
