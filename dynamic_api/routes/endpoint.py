"""What a route declares: the same declaration checks requests, runs them and documents them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from dynamic_api.context import Context
from dynamic_api.errors import Refusal
from dynamic_api.routes.trace import trace_of
from dynamic_api.server.wire import Wire
from dynamic_api.services.access import refused
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.settings import Settings

PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
"""A parameter in the path of a route."""


class Auth(Enum):
    """Which credential a route wants (contracts/skillzdrive.md 1)."""

    NONE = "none"
    ANONYMOUS = "anonymous"
    """None is needed; one that is sent must hold."""
    KEY = "key"
    UPLOAD = "upload"
    """A key of any kind, also one that may only upload."""
    OWN = "own"
    """The handler looks at the credential itself."""


class Mode(Enum):
    """What a handler gets beside the call."""

    READ = "read"
    """A connection, to read from."""
    WRITE = "write"
    """A connection, in a transaction that ends with the call."""
    ASYNC = "async"
    """Nothing; it is a coroutine, and uses `call.context.database` itself."""


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON body: unknown fields are refused, so that a misspelt one is not lost silently."""


class Query(Struct, frozen=True):
    """The query string. Unknown parameters are left alone: caches and proxies add some."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A value with another status or with headers; `wrap` puts it under `data`."""

    value: object
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wrap: bool = True


@dataclass(slots=True)
class Call:
    """One request, decoded."""

    context: Context
    request: Request
    now: int
    who: Caller | None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None
    raw: bytes = b""

    @property
    def caller(self) -> Caller:
        """Whose key it is. Raises Unauthenticated where the route lets anonymous calls in."""
        if self.who is None:
            raise refused()
        return self.who

    @property
    def trace(self) -> Trace:
        """How it came in."""
        return trace_of(self.context, self.request.scope)


Sync = Callable[[Connection, Call], object]
Async = Callable[[Call], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Quick:
    """How a route that keeps its own answers, of one path, has them at hand (`routes/at_hand.py`)."""

    look: Callable[[Context, Caller, str | None], Wire | None]
    """The answer to a caller who shows this If-None-Match; None when there is something to wait for."""
    note: Callable[[Context, Scope, Caller, Wire, int], None]
    """Is told what was found before it is sent, and when. It must not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route. `answer` is the type under `data`; `errors` are statuses with their codes."""

    method: str
    path: str
    name: str
    handler: Sync | Async
    mode: Mode
    auth: Auth
    tag: str
    summary: str
    answer: Any = None
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    status: int = 200
    errors: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    remembered: bool = False
    """Whether the answer is a function of the key, the URL, the database and the bucket, and of nothing else:
    then it is made once, and again when one of these has changed."""
    of_bucket: bool = False
    """Whether a remembered answer is a function of the path and the bucket alone."""
    quick: Quick | None = None
    costs: bool = False
    """Whether it takes an Idempotency-Key."""
    wrap: bool = True
    """Whether the answer goes under `data`."""
    media_type: str = "application/json"
    limit: str | None = None
    """Another bucket of the limiter than the credential's: "telemetry", or "none"."""
    bots: bool = False
    """Whether a bot's key is let in."""
    refusal: Callable[[Refusal], Response] | None = None
    """Writes an error where clients do not read ours."""
    form: Mapping[str, str] | None = None
    """Parts of a multipart body, name → description."""
    takes_bytes: bool = False
    """Whether the body is a file, as it is; the handler reads it."""
    most: Callable[[Settings], int] | None = None
    """Bytes of the JSON body that are read, where it is not `server.body_bytes`."""
