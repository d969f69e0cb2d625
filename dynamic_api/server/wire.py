"""Answers as they go out over a connection: made once, and sent as often as they are asked for."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from starlette.types import Scope

Field = tuple[bytes, bytes]
_OF_A_BODY = frozenset({b"content-length", b"content-type", b"content-security-policy"})
_OWN_BYTES = 1200
"""About what an answer takes beside its body."""


class Wire(NamedTuple):
    """An answer. `lines` write down its `fields`, `names` are theirs; `body` is left out for HEAD."""

    status: int
    fields: Sequence[Field]
    body: bytes
    lines: bytes
    names: frozenset[bytes]

    def plus(self, fields: Sequence[Field]) -> Wire:
        """With those of `fields` that it does not have, in its lines alone."""
        more = lines_of([pair for pair in fields if pair[0] not in self.names])
        return Wire(self.status, self.fields, self.body, self.lines + more, self.names)


class Soon(NamedTuple):
    """An answer that may be at hand when `ready` is done: it was a moment ago."""

    ready: Future[Any]


class AtHand(Protocol):
    """An app that can answer some requests without waiting for anything."""

    def at_hand(self, scope: Scope) -> Wire | Soon | None:
        """The answer to a plain GET or HEAD; None when it is not at hand. Only an answer is counted.

        `scope` has the method, the fields and, as it was sent, the "url"; there need be no path in it.
        """


@dataclass(slots=True)
class Kept:
    """A whole answer, to be sent again. `etag` is None where it has none."""

    etag: str | None
    whole: Wire
    _unchanged: Wire | None = None

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.whole.body) + _OWN_BYTES

    def wire(self, shown: bytes | None) -> Wire:
        """The answer to who showed `shown` as If-None-Match."""
        if shown is None or self.etag is None or not names_tag(shown.decode("latin-1"), self.etag):
            return self.whole
        if self._unchanged is None:
            self._unchanged = _wire(
                304, [pair for pair in self.whole.fields if pair[0] not in _OF_A_BODY], b""
            )
        return self._unchanged


def kept(fields: Sequence[Field], body: bytes) -> Kept:
    """An answer of status 200, to be sent again."""
    tag = next((value.decode("latin-1") for name, value in fields if name == b"etag"), None)
    return Kept(tag, _wire(200, tuple(fields), body))


def _wire(status: int, fields: Sequence[Field], body: bytes) -> Wire:
    return Wire(status, fields, body, lines_of(fields), _names(tuple([name for name, _ in fields])))


@lru_cache(maxsize=256)
def _names(names: tuple[bytes, ...]) -> frozenset[bytes]:
    """One set for all answers that have the same fields: there are few such."""
    return frozenset(names)


def lines_of(fields: Iterable[Field]) -> bytes:
    """The lines that write `fields` down."""
    return b"".join([b"%b: %b\r\n" % pair for pair in fields])


def url_of(scope: Scope) -> bytes:
    """The URL as a plain request for this path and query has it."""
    raw, query = scope["raw_path"], scope["query_string"]
    url: bytes = raw + b"?" + query if query else raw
    return url


def names_tag(header: str, tag: str) -> bool:
    """Whether an If-None-Match field names `tag`, by the weak comparison of RFC 9110 13.1.2."""
    if header == tag:
        return True
    listed = [candidate.strip() for candidate in header.split(",")]
    return listed == ["*"] or tag in [candidate.removeprefix("W/") for candidate in listed]
