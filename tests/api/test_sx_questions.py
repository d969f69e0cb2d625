"""R10 through the API, on real sockets: clients that vanish, and providers that hang, lie or never end."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sx_client import SxFailure

from tests.api.sx_room import client
from tests.api.world import World, world

CONTEXT = {"repoUrl": "https://github.com/acme/shop", "branch": "main"}
QUESTION = "Which pull requests are open?"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MIB = 1024 * 1024
LIES: dict[str, bytes] = {
    "too short": HEAD + b"Content-Length: 1000\r\n\r\n[]",
    "too long": HEAD + b"Content-Length: 1\r\n\r\n[][][][][]",
    "no number": HEAD + b"Content-Length: many\r\n\r\n[]",
    "negative": HEAD + b"Content-Length: -5\r\n\r\n[]",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n[]",
    "no json": HEAD + b'Content-Length: 9\r\n\r\n{"a": nil',
    "half a json": HEAD + b'Content-Length: 7\r\n\r\n[{"a": ',
    "no chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no http": b"220 mail.example.com ready\r\n",
    "nothing": b"",
    "a long head": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * MIB + b"\r\n\r\n",
    "100 MB that it names": HEAD + b"Content-Length: 104857600\r\n\r\n",
}


@dataclass(slots=True)
class Provider:
    """A server that says what it is told to, and notes who left. `flood` is sent again and again."""

    url: str = ""
    said: bytes = b""
    flood: bytes = b""
    holds: bool = False
    sent: int = 0
    asked: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(wire,), daemon=True).start()

    def _answer(self, wire: socket.socket) -> None:
        with wire:
            wire.settimeout(20)
            try:
                wire.recv(65536)
                self.asked.set()
                wire.sendall(self.said)
                self.sent += len(self.said)
                while self.flood and self.sent < 100 * MIB:
                    wire.sendall(self.flood)
                    self.sent += len(self.flood)
                while self.holds and wire.recv(65536):
                    pass
            except OSError:
                pass
            finally:
                self.left.set()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=made.serve, args=(listener,), daemon=True)
        thread.start()
        yield made
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.fixture
def api(tmp_path: Path, registry: Path, provider: Provider) -> Iterator[World]:
    asked = {
        "github_url": provider.url,
        "github_token": "gh-secret",
        "call_seconds": 1.5,
        "budget_seconds": 10.0,
        "heartbeat_seconds": 0.1,
    }
    with world(tmp_path / "data", None, {"ai_query": asked}, registry) as made:
        yield made


def failure(api: World, place: Path) -> tuple[str, float]:
    """What sx is told, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(SxFailure) as refused:
        client(api, api.person(), place).query(QUESTION, "GITHUB", CONTEXT)
    return str(refused.value), time.monotonic() - began


@pytest.mark.parametrize("lie", LIES, ids=list(LIES))
def test_a_provider_that_lies_is_one_error_frame(
    api: World, provider: Provider, tmp_path: Path, lie: str
) -> None:
    provider.said = LIES[lie]
    told, _ = failure(api, tmp_path / "home")
    assert "github" in told.lower()
    assert "gh-secret" not in told
    assert api.person().get("/api/skills/sx.lock").status_code == 200


@pytest.mark.parametrize(
    ("said", "flood"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
        (HEAD + b"Content-Length: 104857600\r\n\r\n", b" " * 65536),
        (HEAD + b"Connection: close\r\n\r\n[", b" " * 65536),
    ],
    ids=["chunks without end", "100 MB", "until it closes"],
)
def test_a_body_without_end_is_not_read_on(
    api: World, provider: Provider, tmp_path: Path, said: bytes, flood: bytes
) -> None:
    """Memory is bounded by `answer_bytes` (8 MiB): what cannot be sent is not in it."""
    provider.said, provider.flood = said, flood
    told, _ = failure(api, tmp_path / "home")
    assert "github" in told.lower()
    assert provider.left.wait(20)
    assert provider.sent < 24 * MIB  # with what lies in the sockets of both


def test_a_provider_that_hangs_is_left_after_its_time(api: World, provider: Provider, tmp_path: Path) -> None:
    provider.holds = True
    told, took = failure(api, tmp_path / "home")
    assert "within 1.5 s" in told
    assert took < 15
    assert provider.left.wait(10)


@contextmanager
def question(api: World, person: str) -> Iterator[socket.socket]:
    """A question on a socket of its own; the first bytes of the answer have come."""
    parts, body = (
        urlsplit(api.url),
        json.dumps({"query": QUESTION, "provider": "GITHUB", "context": CONTEXT}).encode(),
    )
    lines = (
        b"POST /api/skills/ai-query/stream HTTP/1.1",
        b"Host: x",
        b"Authorization: Bearer " + person.encode(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0), 20) as wire:
        wire.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        yield wire


@pytest.mark.parametrize("how", ["closed", "reset", "half closed, then gone"])
def test_a_client_that_vanishes_ends_the_work(
    tmp_path: Path, registry: Path, provider: Provider, how: str
) -> None:
    """The call to the provider is given up at once, long before its own time."""
    asked = {
        "github_url": provider.url,
        "github_token": "gh-secret",
        "call_seconds": 60.0,
        "budget_seconds": 90.0,
        "heartbeat_seconds": 0.1,
    }
    provider.holds = True
    with world(tmp_path / "data", None, {"ai_query": asked}, registry) as api:
        person = api.person()
        with question(api, person.key) as wire:
            assert provider.asked.wait(20)
            assert not provider.left.is_set()
            if how == "reset":
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif how != "closed":
                wire.shutdown(socket.SHUT_WR)
        assert provider.left.wait(10)
        assert person.get("/api/skills/sx.lock").status_code == 200
