"""Answers as bytes and fields, ready to be sent again; with an entity tag, also as "not modified"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from dynamic_api.server.static import names_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

Field = tuple[bytes, bytes]
_OWN_BYTES = 1000
"""About what an answer takes beside its body."""
_OF_A_BODY = frozenset({b"content-length", b"content-type"})


class Ready(Response):
    """An answer whose fields are known: to make them of text costs a tenth of a bare answer."""

    def __init__(self, body: bytes, status: int, fields: list[Field]) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = fields


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole answer of status 200. `etag` is None where it has none."""

    body: bytes
    fields: Sequence[Field]
    etag: str | None

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.body) + _OWN_BYTES

    def response(self, shown: str | None) -> Ready:
        """The answer to who showed `shown` as If-None-Match."""
        if shown is not None and self.etag is not None and names_tag(shown, self.etag):
            return Ready(b"", 304, [field for field in self.fields if field[0] not in _OF_A_BODY])
        return Ready(self.body, 200, [*self.fields])


def kept(response: Response) -> Kept:
    """`response`, to be sent again."""
    tag = next((value for name, value in response.raw_headers if name == b"etag"), None)
    return Kept(bytes(response.body), tuple(response.raw_headers), None if tag is None else tag.decode())
