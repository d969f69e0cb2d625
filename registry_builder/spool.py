"""The sink of a build: bodies go to one temporary file as they are made, never all into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from registry_builder.core.tree import Pin, pin


class Spool:
    """Key → body, kept on disk until the context ends. A killed process leaves nothing behind."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="skillpress-")  # noqa: SIM115 - closed by __exit__
        self._end = 0
        self._places: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order in which they were first added."""
        return iter(self._places)

    def add(self, key: str, body: bytes) -> Pin:
        """Keep `body` under `key`; a second body for a key replaces the first."""
        self._file.seek(self._end)
        self._file.write(body)
        self._places[key] = (self._end, len(body))
        self._end += len(body)
        return pin(body)

    def get(self, key: str) -> bytes:
        """The body of `key`, which must have been added. Threads may call it at once."""
        start, size = self._places[key]
        self._file.flush()
        return os.pread(self._file.fileno(), size, start)
