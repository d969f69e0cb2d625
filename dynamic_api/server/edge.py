"""The outermost layer: request id, CORS, the last resort for our own faults, metrics and the access log."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Message, Receive, Scope, Send

from dynamic_api import logs
from dynamic_api.clock import written
from dynamic_api.errors import Refusal, Unavailable
from dynamic_api.metrics import Metrics
from dynamic_api.routes import answers
from dynamic_api.routes.header_fields import fields_of
from dynamic_api.server.wire import AtHand, Field, Soon, Wire

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{8,64}")
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED = (
    b"ETag, Idempotency-Replayed, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    b"X-Request-Id"
)
_ANY = ("*",)
_OPEN = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNROUTED = "none"
"""The route of a request that no route took."""


class Inner(AtHand, Protocol):
    """What the edge is around."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI app does."""


@dataclass(slots=True)
class Edge:
    """An ASGI app around another. The inner one names its route in `scope["route_name"]`."""

    app: Inner
    metrics: Metrics
    origins: tuple[str, ...]
    access_log: bool = True
    # Ids have to differ, not to be secret: asking the system each time costs ten times as much.
    _chance: Callable[[int], int] = field(default_factory=lambda: random.Random().getrandbits)  # noqa: S311

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = fields_of(scope)
        answer = _Watched(send, [self._named(scope, headers), *self._cors(headers)])
        started = time.perf_counter()
        try:
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await answer.preflight(headers.get(b"access-control-request-headers", b""))
            else:
                await self._inner(scope, receive, answer)
        finally:
            self._note(scope, answer.status, time.perf_counter() - started)

    def at_hand(self, scope: Scope) -> Wire | Soon | None:
        """As a call, when the app's answer is at hand."""
        started = time.perf_counter()
        headers = fields_of(scope)
        name = self._named(scope, headers)
        wire = self.app.at_hand(scope)
        if not isinstance(wire, Wire):
            return wire
        whole = wire.plus((name, *self._cors(headers)))
        self._note(scope, wire.status, time.perf_counter() - started)
        return whole

    def _named(self, scope: Scope, headers: dict[bytes, bytes]) -> Field:
        """The field with the request's id, which is put into the scope."""
        shown = headers.get(b"x-request-id")
        request_id = shown if shown and _REQUEST_ID.fullmatch(shown) else b"%032x" % self._chance(128)
        scope["request_id"] = request_id.decode()
        return b"x-request-id", request_id

    async def _inner(self, scope: Scope, receive: Receive, answer: _Watched) -> None:
        try:
            await self.app(scope, receive, answer)
        except Refusal as refusal:
            if isinstance(refusal, Unavailable):
                logs.fault(scope["request_id"], refusal)
            await answers.refused(refusal)(scope, receive, answer)
        except Exception:
            logs.log.exception("request %s failed", scope["request_id"])
            if answer.status:
                raise
            await answers.broken(scope["request_id"])(scope, receive, answer)

    def _cors(self, headers: dict[bytes, bytes]) -> list[Field]:
        origin = headers.get(b"origin", b"")
        if self.origins == _ANY:
            return _OPEN if origin else _OPEN[:1]
        if origin.decode("latin-1") not in self.origins:
            return []
        exposed = (b"access-control-expose-headers", _EXPOSED)
        return [(b"access-control-allow-origin", origin), exposed, (b"vary", b"Origin")]

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else "other"
        route = scope.get("route_name", UNROUTED)
        self.metrics.count(route, method, status, seconds)
        if not self.access_log:
            return
        client = scope.get("client")
        logs.access(
            logs.Access(
                time=written(time.time_ns() // 1_000_000),
                request_id=scope["request_id"],
                method=method,
                route=route,
                path=scope["path"][:200],
                status=status,
                ms=round(seconds * 1000, 2),
                address=scope.get("address") or (client[0] if client else ""),
                caller=scope.get("caller"),
            )
        )


@dataclass(slots=True)
class _Watched:
    """A `send` that adds headers, and remembers the status."""

    send: Callable[[Message], Awaitable[None]]
    extra: list[Field]
    status: int = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message["headers"]
            names = {name for name, _ in given}
            message["headers"] = [*given, *(pair for pair in self.extra if pair[0] not in names)]
        await self.send(message)

    async def preflight(self, wanted: bytes) -> None:
        """The answer to a browser that asks before it calls."""
        headers = [(b"access-control-allow-methods", _METHODS), (b"access-control-max-age", b"600")]
        if wanted:
            headers.append((b"access-control-allow-headers", wanted))
        await self({"type": "http.response.start", "status": 204, "headers": headers})
        await self({"type": "http.response.body", "body": b""})
