"""An HTTP forwarder in front of an S3 server, that counts and disturbs the requests which pass it."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Lock, Thread
from time import sleep
from typing import Self
from urllib.parse import urlsplit

_OWN = ("host", "connection", "transfer-encoding", "date", "server")
_CODES = {
    "AccessDenied": 403,
    "ExpiredToken": 400,
    "InternalError": 500,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
    "TooManyRequests": 429,
    "NoSuchBucket": 404,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: its place in the order of arrival from 1, its verb and path with query."""

    number: int
    verb: str
    path: str


Fault = Callable[[Seen], str | None]
"""What to do with a request: an S3 error code, `cut` (before forwarding), `lose` (the answer), `late`,
`truncate` (the upload), `short` (the answer), `unconditional` (forget its conditions), `sleep` (keep the
answer until `wake`), `asleep` (keep the request until then), None to forward it."""


@dataclass(slots=True)
class Proxy:
    """Forwards to `upstream`; `fault` decides about each request, `seen` has them all."""

    upstream: str
    fault: Fault = lambda _: None
    seen: list[Seen] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    late_seconds: float = 0.5
    url: str = ""
    slept: Event = field(default_factory=Event)
    awake: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _idle: Condition = field(default_factory=Condition)
    _busy: int = 0
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        proxy = self

        class Handler(_Handler):
            def answer(self) -> None:
                proxy.handle(self)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 - the names http.server calls

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self.awake.set()
        self._server.shutdown()
        self._server.server_close()

    def reset(self, fault: Fault = lambda _: None) -> None:
        """Forget what was seen and disturb by `fault` from now on."""
        with self._lock:
            self.seen.clear()
            self.hits.clear()
            self.fault = fault
            self.slept.clear()
            self.awake.clear()

    def wake(self) -> None:
        """Let go what was kept, and keep nothing from now on."""
        self.awake.set()

    def drain(self) -> None:
        """Return once nothing is on its way to the server any more."""
        with self._idle:
            assert self._idle.wait_for(lambda: not self._busy, timeout=30)

    def counts(self) -> Counter[str]:
        """Verb → how many requests had it."""
        return Counter(item.verb for item in self.seen)

    def handle(self, request: _Handler) -> None:
        """Read `request`, ask what to do with it, and do that."""
        body = request.body()
        with self._idle:
            self._busy += 1
        try:
            self._answer(request, body)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _answer(self, request: _Handler, body: bytes) -> None:
        with self._lock:
            item = Seen(len(self.seen) + 1, request.command, request.path)
            self.seen.append(item)
            fault = self.fault(item)
            self.hits[fault or ""] += 1
        if fault in _CODES:
            request.refuse(_CODES[fault], fault)
            return
        if fault == "cut":
            request.cut()
            return
        if fault == "late":
            sleep(self.late_seconds)
        if fault == "asleep":
            self.awake.wait(timeout=60)
        status, headers, answer = self._forward(request, body, fault)
        if fault == "sleep":
            self.slept.set()
            self.awake.wait(timeout=60)
        if fault == "lose":
            request.cut()
            return
        request.reply(status, headers, answer, short=fault == "short")

    def _forward(
        self, request: _Handler, body: bytes, fault: str | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = request.upstream(self.upstream)
        headers = {
            key: value
            for key, value in request.headers.items()
            if key.lower() not in (*_OWN, "expect", "content-length")
        }
        if fault == "unconditional":
            headers = {key: value for key, value in headers.items() if not key.lower().startswith("if-")}
        body = body[: len(body) // 2] if fault == "truncate" else body
        headers["Content-Length"] = str(len(body))
        upstream.request(request.command, request.path, body=body, headers=headers)
        answer = upstream.getresponse()
        return answer.status, answer.getheaders(), answer.read()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    _upstream: HTTPConnection | None = None

    def upstream(self, url: str) -> HTTPConnection:
        """A connection to the server at `url`, one for each connection of a client."""
        if self._upstream is None:
            place = urlsplit(url)
            self._upstream = HTTPConnection(place.hostname or "", place.port, timeout=30)
        return self._upstream

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that was killed
            super().handle()

    def finish(self) -> None:
        if self._upstream:
            self._upstream.close()
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives it
        return None

    def handle_expect_100(self) -> bool:
        self.send_response_only(100)
        self.end_headers()
        return True

    def body(self) -> bytes:
        """The bytes sent along."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def cut(self) -> None:
        """Reset the connection without an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def refuse(self, status: int, code: str) -> None:
        """Answer as S3 does when it refuses."""
        text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        self.reply(status, [("Content-Type", "application/xml")], text.encode())

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes, *, short: bool = False) -> None:
        """Send an answer; `short` ends the connection in the middle of it."""
        self.send_response_only(status)
        length = next((value for key, value in headers if key.lower() == "content-length"), str(len(body)))
        for key, value in headers:
            if key.lower() not in (*_OWN, "content-length"):
                self.send_header(key, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        # A client that lost its patience is gone by now.
        with suppress(OSError):
            self.wfile.write(body[: len(body) // 2] if short else body)
            if short:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
