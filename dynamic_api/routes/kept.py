"""From responses to answers that are kept, and back."""

from __future__ import annotations

from starlette.responses import Response

from dynamic_api.server.wire import Field, Kept, Wire, kept

MOST_BYTES = 256 * 1024
"""Bytes of a body that is kept, at the most."""


class Ready(Response):
    """An answer whose fields are known: to make them of text costs a tenth of a bare answer."""

    def __init__(self, body: bytes, status: int, fields: list[Field]) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = fields


def again(wire: Wire) -> Ready:
    """An answer that was kept, as a response."""
    return Ready(wire.body, wire.status, [*wire.fields])


def to_keep(response: Response) -> Kept | None:
    """`response`, to be sent again; None when it is not a whole answer, or too large."""
    if response.status_code != 200 or len(response.body) > MOST_BYTES:
        return None
    return kept(response.raw_headers, bytes(response.body))
