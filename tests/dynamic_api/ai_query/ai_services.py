"""GitHub, CircleCI, Linear and two models, as one server on loopback that can be told to misbehave."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import uvicorn
from ai_data import circleci, github, linear
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TOKENS = {
    "github": "gh-secret-1",
    "circleci": "cc-secret-2",
    "linear": "lin-secret-3",
    "model": "model-secret-4",
}
ASGI = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that reached a service."""

    service: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: object


@dataclass(slots=True)
class Services:
    """`faults`, `data`: service → what it does or answers instead; `turns`: what the model says."""

    url: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    data: dict[str, object] = field(default_factory=dict)
    turns: list[object] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    asked: Event = field(default_factory=Event)
    left: Event = field(default_factory=Event)
    """Set when a caller went away from a request that hangs."""

    def paths(self, service: str) -> list[str]:
        """The paths that were asked of one service, in order."""
        return [item.path for item in self.seen if item.service == service]

    async def answer(self, request: Request) -> Response:
        """Note the request; misbehave or answer."""
        service, path = request.path_params["service"], "/" + request.path_params["path"]
        body = await request.body()
        parsed = json.loads(body) if body else None
        query, headers = dict(request.query_params), dict(request.headers)
        self.seen.append(Seen(service, request.method, path, query, headers, parsed))
        self.asked.set()
        fault = self.faults.get(service)
        if fault is not None:
            return await self._misbehave(fault, request)
        if service in self.data:
            return JSONResponse(self.data[service])
        if service in {"openai", "anthropic"}:
            return self._turn(service)
        return {"github": github, "circleci": circleci, "linear": linear}[service](path, query, parsed)

    async def _misbehave(self, fault: str, request: Request) -> Response:
        if fault.isdigit():
            return JSONResponse({"message": f"no:\n {request.headers}"}, int(fault))
        if fault == "hang":
            await request.receive()
            self.left.set()
            return Response()
        return _FAULTS[fault](request)

    def _turn(self, service: str) -> Response:
        turn = self.turns.pop(0) if self.turns else "I am lost."
        if isinstance(turn, Response):
            return turn
        return JSONResponse(_openai(turn) if service == "openai" else _anthropic(turn))


async def _flood() -> AsyncIterator[bytes]:
    yield b'{"workflow_runs": ['
    for _ in range(100):
        yield b" " * 1024 * 1024


def _zipped(_request: Request) -> Response:
    return Response(gzip.compress(b" " * 1024 * 1024), headers={"Content-Encoding": "gzip"})


_FAULTS: Mapping[str, Callable[[Request], Response]] = {
    "flood": lambda _: StreamingResponse(_flood(), media_type="application/json"),
    "large": lambda _: Response(b" " * (9 * 1024 * 1024)),
    "gzip": _zipped,
    "page": lambda _: Response("<html>Sign in</html>", media_type="text/html"),
    "empty": lambda _: Response(b""),
    "list of numbers": lambda _: JSONResponse([1, 2]),
    "null": lambda _: JSONResponse(None),
    "wrong types": lambda _: JSONResponse(
        {"workflow_runs": [{"status": 7}], "total_count": "many", "items": 3}
    ),
    "deep": lambda _: Response(b"[" * 100_000),
    "bytes": lambda _: Response(b'{"a": "\xff\xfe"}'),
    "elsewhere": lambda _: Response(status_code=302, headers={"Location": "http://127.0.0.2:9/repos"}),
    "circle": lambda request: Response(status_code=302, headers={"Location": str(request.url)}),
    "limited": lambda _: JSONResponse({"message": "slow"}, 403, {"X-RateLimit-Remaining": "0"}),
}
FAULTS = sorted(_FAULTS)


def call(tool: str, **arguments: object) -> dict[str, object]:
    """A turn in which the model calls one tool."""
    return {"calls": [(tool, arguments)]}


def _openai(turn: object) -> dict[str, object]:
    if isinstance(turn, str):
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": turn}}]}
    assert isinstance(turn, dict)
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {
                "name": tool,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for number, (tool, arguments) in enumerate(turn["calls"])
    ]
    return {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": turn.get("text"), "tool_calls": calls}}
        ]
    }


def _anthropic(turn: object) -> dict[str, object]:
    if isinstance(turn, str):
        return {"type": "message", "role": "assistant", "content": [{"type": "text", "text": turn}]}
    assert isinstance(turn, dict)
    blocks: list[dict[str, object]] = [{"type": "text", "text": turn["text"]}] if "text" in turn else []
    for number, (tool, arguments) in enumerate(turn["calls"]):
        blocks.append({"type": "tool_use", "id": f"call_{number}", "name": tool, "input": arguments})
    return {"type": "message", "role": "assistant", "content": blocks, "stop_reason": "tool_use"}


@contextmanager
def running(app: ASGI) -> Iterator[str]:
    """`app` on a free port of the loopback, in a thread; gives its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        listener.listen(64)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def services() -> Iterator[Services]:
    """All five, each below its name."""
    told = Services()
    route = Route("/{service}/{path:path}", told.answer, methods=["GET", "POST"])
    with running(Starlette(routes=[route])) as url:
        told.url = url
        yield told
