"""From values and refusals to responses: the envelope (contracts/skillzdrive.md 2.1)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from dynamic_api.errors import (
    Absent,
    Conflict,
    Forbidden,
    Invalid,
    Limited,
    Refusal,
    TimedOut,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
    Unpaid,
    Unprocessable,
    Upstream,
    Withdrawn,
    WrongType,
)

STATUS: Mapping[type[Refusal], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Unpaid: 402,
    Forbidden: 403,
    Absent: 404,
    TooSlow: 408,
    Conflict: 409,
    Withdrawn: 410,
    TooLarge: 413,
    WrongType: 415,
    Unprocessable: 422,
    Limited: 429,
    Upstream: 502,
    Unavailable: 503,
    TimedOut: 504,
}
"""The one table from what happened to what HTTP calls it."""

_encoder = msgspec.json.Encoder()
JSON = "application/json"
NO_STORE = "no-store"
AGAIN_SECONDS = "5"
"""When to try again what a fault of ours kept from happening."""


def encode(value: object, *, wrap: bool = True) -> bytes:
    """JSON, under `data` unless told otherwise."""
    return _encoder.encode({"data": value} if wrap else value)


def answered(body: bytes, status: int, headers: Mapping[str, str]) -> Response:
    """A JSON answer that no cache keeps, unless `headers` say otherwise."""
    return Response(body, status, {"Cache-Control": NO_STORE, **headers}, JSON)


def tagged(body: bytes, etag: str, control: str) -> Response:
    """A JSON answer with an entity tag, which depends on who asks."""
    return Response(body, 200, {"Cache-Control": control, "ETag": etag, "Vary": "Authorization"}, JSON)


def refused(refusal: Refusal) -> Response:
    """The answer to what was refused."""
    status = status_of(refusal)
    headers = {"Retry-After": AGAIN_SECONDS, **refusal.headers} if status == 503 else refusal.headers
    return answered(encode({"error": refusal.body()}, wrap=False), status, headers)


def status_of(refusal: Refusal) -> int:
    """The status of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def broken(request_id: str) -> Response:
    """The answer to a fault of ours, which the log explains under the same id."""
    error = {
        "code": "internal_error",
        "message": "the server failed; nothing was changed or charged",
        "mend": f"try again; if it stays, tell the operator the request id {request_id}",
    }
    return answered(encode({"error": error}, wrap=False), 500, {})
