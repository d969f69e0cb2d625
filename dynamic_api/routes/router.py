"""From a path to its endpoint: Starlette's routes, with our answers where none fits."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from dynamic_api import logs
from dynamic_api.context import Context
from dynamic_api.errors import Absent, Refusal, Unavailable
from dynamic_api.routes import answers
from dynamic_api.routes.at_hand import at_hand
from dynamic_api.routes.base import respond
from dynamic_api.routes.endpoint import Endpoint
from dynamic_api.routes.header_fields import fields_of
from dynamic_api.routes.places import located
from dynamic_api.server.wire import Soon, Wire

_SLASHES = re.compile("/{2,}")


class Resource(BaseRoute):
    """Every method of one path."""

    def __init__(self, context: Context, path: str, endpoints: Sequence[Endpoint]) -> None:
        self.path = path
        self._context = context
        self._regex, _, self._convertors = compile_path(path)
        self._endpoints = {endpoint.method: endpoint for endpoint in endpoints}
        if "GET" in self._endpoints:
            self._endpoints.setdefault("HEAD", self._endpoints["GET"])
        self._allow = ", ".join(sorted({*self._endpoints, "OPTIONS"}))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = self._regex.match(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        parameters = {name: self._convertors[name].convert(text) for name, text in found.groupdict().items()}
        return Match.FULL, {"path_params": parameters}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            await self._other_method(scope, receive, send)
            return
        scope["route_name"] = endpoint.name
        try:
            response = await respond(self._context, endpoint, Request(scope, receive))
        except Refusal as refusal:
            refusal.place = located(refusal.place, endpoint)
            if endpoint.refusal is None:
                raise
            if isinstance(refusal, Unavailable):
                logs.fault(scope.get("request_id", ""), refusal)
            response = endpoint.refusal(refusal)
        await response(scope, receive, send)

    async def _other_method(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            response = answers.answered(b"", 204, {"Allow": self._allow})
            del response.headers["content-type"]
        else:
            error = {
                "code": "method_not_allowed",
                "message": f"{scope['method']} is not for this path",
                "mend": f"use one of {self._allow}",
            }
            body = answers.encode({"error": error}, wrap=False)
            response = answers.answered(body, 405, {"Allow": self._allow})
        await response(scope, receive, send)


class Router:
    """Literal paths first, then patterns in their order; `otherwise` takes what none of them does."""

    def __init__(self, context: Context, endpoints: Sequence[Endpoint], otherwise: ASGIApp | None) -> None:
        paths: dict[str, list[Endpoint]] = {}
        for endpoint in endpoints:
            paths.setdefault(endpoint.path, []).append(endpoint)
        self._context = context
        resources = {path: Resource(context, path, group) for path, group in paths.items()}
        self._literal = {path: resource for path, resource in resources.items() if "{" not in path}
        self._patterns = [resource for path, resource in resources.items() if "{" in path]
        self._otherwise = otherwise
        self._quick = {each.path.encode(): each for each in endpoints if each.quick is not None}

    def at_hand(self, scope: Scope) -> Wire | Soon | None:
        return at_hand(self._context, self._quick, scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "//" in scope["path"]:
            # sx appends paths to the address as it was configured, with a slash at its end or not.
            scope["path"] = _SLASHES.sub("/", scope["path"])
        literal = self._literal.get(scope["path"])
        if literal is not None:
            scope["path_params"] = {}
            await literal.handle(scope, receive, send)
            return
        for resource in self._patterns:
            match, more = resource.matches(scope)
            if match is Match.FULL:
                scope.update(more)
                await resource.handle(scope, receive, send)
                return
        if self._otherwise is None:
            raise nothing_here()
        await self._otherwise(scope, receive, send)


def has_credential(scope: Scope) -> bool:
    """Whether a request carries an Authorization header."""
    return b"authorization" in fields_of(scope)


def nothing_here() -> Absent:
    """The answer where no route and no file is."""
    return Absent("not_found", "there is nothing under this path", mend="/docs lists what there is")
