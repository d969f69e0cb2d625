"""A receiver of webhooks on the loopback: keeps what it was sent, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request. Names of `headers` are lower-case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """`answers` maps a path to the statuses of its next requests; beyond those it answers 200."""

    address: str = ""
    answers: dict[str, list[int]] = field(default_factory=dict)
    held: dict[str, threading.Event] = field(default_factory=dict)
    _received: list[Received] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def hold(self, path: str) -> threading.Event:
        """Answer requests to `path` only once the event is set."""
        return self.held.setdefault(path, threading.Event())

    def at(self, path: str) -> list[Received]:
        """What came to `path` so far."""
        with self._news:
            return [item for item in self._received if item.path == path]

    def wait(self, path: str, count: int = 1, seconds: float = 20) -> list[Received]:
        """What came to `path`, once it is `count` requests."""
        with self._news:
            there = self._news.wait_for(
                lambda: sum(item.path == path for item in self._received) >= count, seconds
            )
        assert there, f"{len(self.at(path))} of {count} requests came to {path}"
        return self.at(path)

    def forget(self) -> None:
        """Be as new."""
        with self._news:
            self._received.clear()
            self.answers.clear()
            self.held.clear()

    def take(self, item: Received) -> int:
        with self._news:
            self._received.append(item)
            self._news.notify_all()
            statuses = self.answers.get(item.path, [])
            status = statuses.pop(0) if statuses else 200
        if item.path in self.held:
            self.held[item.path].wait(20)
        return status


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(Received(self.path, headers, body))
            try:
                self.send_response(status)
                if status in {301, 302, 307}:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                # The sender gave up: that is what some tests are about.
                return

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        for event in receiver.held.values():
            event.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
