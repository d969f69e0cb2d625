"""A running API for tests: a real registry, a real server, and accounts made as wanted."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn
from sqlalchemy import Connection, update

from dynamic_api.app import App, build
from dynamic_api.database.tables import api_keys
from dynamic_api.ids import digest
from dynamic_api.server import connection
from dynamic_api.server.data_folder import open_folder
from dynamic_api.services import accounts, keys
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import parse

T = TypeVar("T")
PLACE = re.compile(r"(body|form)([.:\[].+)?|(query|path|header)\..+|(?!\w+ \d)[^\[\]]*[./:][^\[\]]*")
"""Where something is wrong: in a part of the request (docs/api.md), or in a file or at a host."""
_names = itertools.count(1)


@dataclass(slots=True)
class Clock:
    """The time that the API sees: the real one, moved by `ahead` milliseconds."""

    ahead: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead


@dataclass(slots=True)
class Person:
    """An account with an all-skills key, and a client that sends it."""

    id: str
    email: str
    key: str
    http: httpx2.Client = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        """get, post, put, patch, delete, request: as this person."""
        return getattr(self.http, name)


@dataclass(slots=True)
class World:
    """The app, its address, and what tests do to it from behind."""

    app: App
    url: str
    clock: Clock
    data: Path
    registry: Path | None
    anonymous: httpx2.Client
    loop: asyncio.AbstractEventLoop
    address: str | None = None
    """Where new clients say that they come from, in a world that believes them (oidc_room.PROXY)."""
    _clients: list[httpx2.Client] = field(default_factory=list)

    @property
    def settings(self) -> Any:
        return self.app.context.settings

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, as a service would be."""
        # In a thread of its own, for a test may have a loop already, as those that drive a browser do.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(self.app.context.database.write(work))).result()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection of its own."""
        with self.app.context.database.engine.connect() as connection:
            return work(connection)

    def settle(self) -> None:
        """Return once the audit rows of what was read are on disk, and the reports of use are counted."""

        async def settled() -> None:
            await self.app.context.accesses.flush()
            await self.app.context.usage.count()

        asyncio.run_coroutine_threadsafe(settled(), self.loop).result(30)

    def person(self, *, options: KeyOptions | None = None, **account: Any) -> Person:
        """A new account with a key."""
        email = account.pop("email", f"person{next(_names)}@example.com")
        prices = account.pop("prices", self.settings.credits)

        def make(db: Connection) -> tuple[str, str]:
            user = accounts.create(db, email, prices, now=self.clock(), **account)
            return user.id, keys.create(db, user.id, "main", options or KeyOptions(), now=self.clock()).secret

        user_id, secret = self.write(make)
        return Person(user_id, email, secret, self.client(secret))

    def key(self, person: Person, options: KeyOptions, name: str | None = None) -> Person:
        """The same account with another key."""
        name = name or f"key {next(_names)}"
        made = self.write(lambda db: keys.create(db, person.id, name, options, now=self.clock()))
        return Person(person.id, person.email, made.secret, self.client(made.secret))

    def spoil(self, person: Person, state: str) -> None:
        """Make a key revoked or disabled; any other state is made by its options."""
        values = {"revoked": {"revoked_at": 1}, "disabled": {"enabled": False}}.get(state)
        if values is not None:
            found = api_keys.c.sha256 == digest(person.key)
            self.write(lambda db: db.execute(update(api_keys).where(found).values(**values)) and None)

    def client(self, secret: str | None = None, **headers: str) -> httpx2.Client:
        """An HTTP client, with a key or without."""
        if secret is not None:
            headers["authorization"] = f"Bearer {secret}"
        if self.address is not None:
            headers.setdefault("x-forwarded-for", self.address)
        client = _client(self.url, headers)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()


def _client(url: str, headers: dict[str, str]) -> httpx2.Client:
    hooks = {"response": [require_even_place]}
    return httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=30, event_hooks=hooks)


def require_even_place(response: httpx2.Response) -> None:
    """Each refusal that any test gets says in the one notation where something is wrong."""
    if response.status_code < 400 or response.headers.get("content-type") != "application/json":
        return
    response.read()
    body = response.json()
    error = body.get("error") if isinstance(body, dict) else None
    if response.request.headers.get("content-type", "").startswith("multipart/"):
        return  # a file of the zip may have any name
    for each in (body, error, *(error.get("problems", []) if isinstance(error, dict) else [])):
        place = each.get("place") if isinstance(each, dict) else None
        assert place is None or PLACE.fullmatch(place), f"{response.request.url}: {place!r} in {body}"


def listening() -> tuple[socket.socket, str]:
    """A socket on a free port, and its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def serving(app: Any, listener: socket.socket | None = None, **more: Any) -> Iterator[str]:
    """The address of a server that runs `app` in a thread, on `listener` when that was opened before."""
    listener = listener or listening()[0]
    options = {"log_level": "error", "access_log": False, "lifespan": "on", "ws": "none"}
    options |= {"http": connection.Connection} | more
    config = uvicorn.Config(app, proxy_headers=False, **options)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started, "the server did not start"
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@contextmanager
def world(
    folder: Path, database_url: str | None, settings: dict[str, Any], registry: Path | None = None
) -> Iterator[World]:
    """A world whose settings are `settings` over what suits tests."""
    table: dict[str, Any] = {**settings}
    names = ("anonymous", "address", "key", "telemetry", "telemetry_address")
    unlimited = {f"{name}_per_minute": 0 for name in names}
    table["limits"] = unlimited | table.get("limits", {})
    table["runs"] = {"backend": "none"} | table.get("runs", {})
    table["data"] = {"database_url": database_url} | table.get("data", {})
    clock = Clock()
    data = open_folder(folder)
    listener, address = listening()
    app = build(parse(table, "test"), data, address, published_folder=registry, now=clock)
    loops: list[asyncio.AbstractEventLoop] = []

    class InLoop:
        """The app, which tells the loop that it runs in."""

        at_hand = app.at_hand

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                loops.append(asyncio.get_running_loop())
            await app(scope, receive, send)

    with (
        serving(InLoop(), listener) as url,
        _client(url, {}) as anonymous,
    ):
        made = World(app, url, clock, data.path, registry, anonymous, loops[0])
        try:
            yield made
        finally:
            made.close()
