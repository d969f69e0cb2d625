"""The sink of a build: bodies go to a temporary file as they are made, never all into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

from registry_builder.core.errors import Trouble
from registry_builder.core.tree import Pin, pin

Place = tuple[int, int, int]
"""Number of a file, start and size."""


class Spool:
    """Key → body, kept on disk until the context ends. A killed process leaves nothing behind."""

    def __init__(self) -> None:
        self._files = [_file()]
        self._own = 0
        self._end = 0
        self._places: dict[str, Place] = {}
        self._inherited: dict[str, Place] = {}
        self._last: tuple[bytes, Place, Pin] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            with suppress(OSError):  # what could not be written is not needed any more
                file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._places or key in self._inherited

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order in which they were first added."""
        return iter(self._places)

    def add(self, key: str, body: bytes) -> Pin:
        """Keep `body` under `key`; a second body for a key replaces the first.

        The same bytes under two keys, one after the other, are written and digested once.
        """
        if self._last is None or self._last[0] is not body:
            self._last = (body, self._append(body), pin(body))
        _, self._places[key], pinned = self._last
        return pinned

    def _append(self, body: bytes) -> Place:
        place = (self._own, self._end, len(body))
        try:
            _write(self._files[self._own], body, self._end)
        except OSError as error:
            raise _trouble(error) from error
        self._end += len(body)
        return place

    def get(self, key: str) -> bytes:
        """The body of `key`, which must have been added. Threads may call it at once."""
        number, start, size = self._places.get(key) or self._inherited[key]
        try:
            return _read(self._files[number], size, start)
        except OSError as error:
            raise _trouble(error) from error

    def share(self, count: int) -> None:
        """Open `count` files more, one for each of as many forks."""
        self._files += [_file() for _ in range(count)]

    def divert(self, number: int) -> None:
        """In a fork: what is added from now on goes to the shared file `number`, which no other writes."""
        self._inherited, self._places = self._places, {}
        self._own = len(self._files) - 1 - number
        self._end = os.fstat(self._files[self._own].fileno()).st_size
        self._last = None

    def drain(self) -> dict[str, Place]:
        """Where each new key is, for `adopt` of the spool that was forked; they are forgotten here."""
        places, self._places = self._places, {}
        return places

    def adopt(self, places: Mapping[str, Place]) -> None:
        """Take over the keys that a fork drained."""
        self._places.update(places)


def _file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(prefix="skillpress-", buffering=0)
    except OSError as error:
        raise _trouble(error) from error


def _write(file: IO[bytes], body: bytes, at: int) -> None:
    rest = memoryview(body)
    while rest:
        written = os.pwrite(file.fileno(), rest, at)
        rest, at = rest[written:], at + written


def _read(file: IO[bytes], size: int, start: int) -> bytes:
    body = os.pread(file.fileno(), size, start)
    while len(body) < size:  # one call gives 2 GiB at most
        more = os.pread(file.fileno(), size - len(body), start + len(body))
        if not more:
            raise AssertionError("the spool is shorter than what was written to it")
        body += more
    return body


def _trouble(error: OSError) -> Trouble:
    reason = error.strerror or str(error)
    mend = "make room there, or name another folder in TMPDIR; nothing that is served was harmed"
    return Trouble("no-temporary", f"temporary file: {reason}", place=tempfile.gettempdir(), mend=mend)
