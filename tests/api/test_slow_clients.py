"""Slow and half-open clients: their connections end, and others do not notice (issue 5, "Bad input")."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
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


PIECE = 256 * 1024
PIECES = 400


class Sender:
    """An app that answers `/stream` piece by piece and anything else at once, and counts what it gave."""

    def __init__(self) -> None:
        self.given = 0
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.given = 0
        self.ended.clear()
        try:
            if scope["path"] == "/stream":
                await StreamingResponse(self.pieces())(scope, receive, send)
            else:
                await Response(bytes(PIECE * PIECES))(scope, receive, send)
        finally:
            self.ended.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        for _ in range(PIECES):
            await asyncio.sleep(0)
            yield bytes(PIECE)
            self.given += 1


@contextmanager
def sending(send_seconds: float) -> Iterator[tuple[Sender, str]]:
    made = Sender()
    http = partial(Patient, send_seconds=send_seconds)
    with serving(made, http=http, lifespan="off", timeout_keep_alive=1) as url:
        yield made, urlsplit(url).netloc


@pytest.fixture(scope="module")
def sender() -> Iterator[tuple[Sender, str]]:
    with sending(0.4) as made:
        yield made


@pytest.fixture(scope="module")
def patient() -> Iterator[tuple[Sender, str]]:
    with sending(15) as made:
        yield made


def narrow(server: str, path: bytes) -> socket.socket:
    """A client that has asked for `path`, and for which the system keeps little."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    client.settimeout(20)
    host, _, port = server.partition(":")
    client.connect((host, int(port)))
    client.sendall(GET.replace(b"/ ", path + b" ", 1))
    return client


def test_who_takes_nothing_of_a_stream_is_cut_and_little_of_it_was_made(
    sender: tuple[Sender, str],
) -> None:
    app, server = sender
    with narrow(server, b"/stream") as client:
        assert app.ended.wait(20)
        assert app.given < 40
        assert len(rest(client)) < PIECE * PIECES / 2


def test_who_drips_is_cut_as_well(sender: tuple[Sender, str]) -> None:
    """A byte now and then is no progress."""
    app, server = sender
    with narrow(server, b"/stream") as client:
        while not app.ended.wait(0.05):
            client.recv(1)
    assert app.given < 40


@pytest.mark.parametrize("path", [b"/stream", b"/whole"])
def test_who_pauses_for_less_gets_all(patient: tuple[Sender, str], path: bytes) -> None:
    app, server = patient
    with narrow(server, path) as client:
        size = 0
        while size < PIECE * PIECES:
            size += len(client.recv(4 * 1024 * 1024))
            if app.given == 1:
                app.ended.wait(0.1)
    assert app.ended.wait(20)


def test_answer_that_is_made_whole_is_not_kept_for_ever(sender: tuple[Sender, str]) -> None:
    """The app is done, and closing a connection in good order would wait for its reader."""
    app, server = sender
    with narrow(server, b"/whole") as client:
        assert app.ended.wait(20)
        client.setblocking(True)
        assert poll_end(client)


def poll_end(client: socket.socket) -> bool:
    """Whether the server gives the connection up, seen without reading from it."""
    watch = select.poll()
    watch.register(client, 0)
    return bool(watch.poll(20_000))
