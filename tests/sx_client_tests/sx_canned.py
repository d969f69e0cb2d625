"""A server that says what a test tells it to say, and nothing of its own."""

from __future__ import annotations

import io
import json
import socket
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Said = Response | bytes | str | int | Mapping[str, Any]
"""An answer: as it is, a body of a 200, a status, or JSON."""


@dataclass(slots=True)
class Canned:
    """`rest`: `GET /path` → answer; `graphql`: operation → its data, or what gives it for the variables."""

    url: str = ""
    rest: dict[str, Said | Callable[[Request], Said]] = field(default_factory=dict)
    graphql: dict[str, Any] = field(default_factory=dict)
    seen: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    variables: list[Mapping[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """Look it up; 404 with a body for what is not canned."""
        body = await request.body()
        name = f"{request.method} {request.url.path}"
        self.seen.append((name, dict(request.headers), body))
        if name == "POST /graphql" and name not in self.rest:
            return self._graphql(json.loads(body))
        said = self.rest.get(name, 404)
        return as_response(said(request) if callable(said) and not isinstance(said, Response) else said)

    def _graphql(self, call: Mapping[str, Any]) -> Response:
        self.variables.append(call["variables"])
        data = self.graphql.get(call["operationName"])
        if callable(data) and not isinstance(data, Response):
            data = data(call["variables"])
        if isinstance(data, Response):
            return data
        if data is None:
            return JSONResponse({"errors": [{"message": f"no {call['operationName']}"}]})
        return JSONResponse({"data": data})


def as_response(said: Said) -> Response:
    """The answer to send."""
    if isinstance(said, Response):
        return said
    if isinstance(said, int):
        return Response(b"" if said in {204, 304} else f"status {said}", said)
    return Response(said) if isinstance(said, bytes | str) else JSONResponse(said)


@contextmanager
def canned() -> Iterator[Canned]:
    """A server on loopback."""
    told = Canned()
    app = Starlette(routes=[Route("/{path:path}", told.answer, methods=["GET", "POST", "PUT", "HEAD"])])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        told.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.should_exit = True
            thread.join(10)


METADATA = (
    '[asset]\nname = "{name}"\nversion = "{version}"\ntype = "skill"\n\n[skill]\nprompt-file = "SKILL.md"\n'
)


def bundle(name: str = "pdf", version: str = "1", **files: str) -> bytes:
    """The zip of a skill; `files` add to it, or replace."""
    out = io.BytesIO()
    held = {"SKILL.md": "# A skill\n", "metadata.toml": METADATA.format(name=name, version=version)}
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in {**held, **{key.replace("__", "/"): text for key, text in files.items()}}.items():
            item = zipfile.ZipInfo(path)
            item.external_attr = 0o100644 << 16
            archive.writestr(item, text)
    return out.getvalue()


def connection(*nodes: Mapping[str, Any], cursor: str | None = None) -> dict[str, Any]:
    """A page; with a cursor there is another."""
    return {"pageInfo": {"hasNextPage": cursor is not None, "endCursor": cursor}, "nodes": list(nodes)}
