"""Header fields of a request, by lower-case name: the edge makes the mapping once for every layer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Scope

_FIELDS = "fields"


def fields_of(scope: Scope) -> dict[bytes, bytes]:
    """Name → value; of a field that was sent twice, the first."""
    known: dict[bytes, bytes] | None = scope.get(_FIELDS)
    if known is None:
        known = scope[_FIELDS] = dict(reversed(scope["headers"]))
    return known


def text_of(scope: Scope, name: bytes) -> str | None:
    """The value of the field `name`; None when it was not sent."""
    value = fields_of(scope).get(name)
    return None if value is None else value.decode("latin-1")


def field_of(request: Request, name: bytes) -> str | None:
    """As `text_of`."""
    return text_of(request.scope, name)
