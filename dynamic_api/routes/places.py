"""Where something is wrong, in one notation: services name the value, and the route knows where it was sent.

`body.name`, `body.local[1].slug`, `body:3` (its third line), `query.limit`, `path.slug`, `header.Range`,
`form.file`. What is in a file that was sent is `SKILL.md:3`, as everywhere in this project.
"""

from __future__ import annotations

import re

from dynamic_api.errors import Inside
from dynamic_api.routes.endpoint import PARAMETER, Endpoint

_KNOWN = re.compile(r"(?:body|form)(?:[.:\[].+)?|(?:query|path|header)\..+")
_NAME = re.compile(r"[A-Za-z_]\w*")


def located(place: str | None, endpoint: Endpoint) -> str | None:
    """`place` with the part of the request before it; as it is when that has no value of this name."""
    name = _NAME.match(place) if place else None
    if place is None or name is None or isinstance(place, Inside) or _KNOWN.fullmatch(place):
        return place
    where = _part(name[0], endpoint)
    return f"{where}.{place}" if where else place


def _part(name: str, endpoint: Endpoint) -> str | None:
    if endpoint.body is not None and name in endpoint.body.__struct_encode_fields__:
        return "body"
    if name in PARAMETER.findall(endpoint.path):
        return "path"
    if endpoint.query is not None and name in endpoint.query.__struct_encode_fields__:
        return "query"
    if name in (endpoint.form or {}):
        return "form"
    return None
