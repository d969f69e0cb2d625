"""The sink of a build: bodies go to one temporary file as they are made, never all into memory."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from registry_builder.core.errors import Trouble
from registry_builder.core.tree import Pin, pin


class Spool:
    """Key → body, kept on disk until the context ends. A killed process leaves nothing behind."""

    def __init__(self) -> None:
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(prefix="skillpress-")  # noqa: SIM115 - __exit__ closes
        except OSError as error:
            raise _trouble(error) from error
        self._end = 0
        self._places: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # what could not be flushed is not needed any more
            self._file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order in which they were first added."""
        return iter(self._places)

    def add(self, key: str, body: bytes) -> Pin:
        """Keep `body` under `key`; a second body for a key replaces the first."""
        try:
            self._file.seek(self._end)
            self._file.write(body)
        except OSError as error:
            raise _trouble(error) from error
        self._places[key] = (self._end, len(body))
        self._end += len(body)
        return pin(body)

    def get(self, key: str) -> bytes:
        """The body of `key`, which must have been added. Threads may call it at once."""
        start, size = self._places[key]
        try:
            self._file.flush()
            return os.pread(self._file.fileno(), size, start)
        except OSError as error:
            raise _trouble(error) from error


def _trouble(error: OSError) -> Trouble:
    reason = error.strerror or str(error)
    mend = "make room there, or name another folder in TMPDIR; nothing that is served was harmed"
    return Trouble("no-temporary", f"temporary file: {reason}", place=tempfile.gettempdir(), mend=mend)
