"""Connections to the local file: opened when they are needed, used by one thread at a time, kept."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dynamic_api.catalogue.file import DAMAGED, LINK, is_damage, open_to_read
from dynamic_api.errors import Unavailable

IDLE = 8
"""Connections that are kept while nobody uses them; each may hold 2 MB of pages."""

_Key = tuple[int, int]


class Readers:
    """Connections that read the current file; when another takes its place, they follow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._link = os.fspath(folder / LINK)
        self._key: _Key | None = None
        self._idle: deque[tuple[_Key, sqlite3.Connection]] = deque()
        self._counting = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection. Raises Unavailable while there is no local file, or none that can be read."""
        key, connection = self._take()
        try:
            yield connection
        except sqlite3.Error as error:
            connection.close()
            raise self._unreadable(error) from error
        except BaseException:
            # A generator of rows may still be open: the connection is not worth keeping.
            connection.close()
            raise
        self._give_back(key, connection)

    def close(self) -> None:
        """Close what is idle."""
        with suppress(IndexError):
            while True:
                self._idle.pop()[1].close()

    def _take(self) -> tuple[_Key, sqlite3.Connection]:
        key = self._current()
        if key != self._key:
            self._key = key
            self.close()
        with suppress(IndexError):
            return self._idle.pop()
        try:
            return key, open_to_read(self.folder)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _give_back(self, key: _Key, connection: sqlite3.Connection) -> None:
        with self._counting:
            kept = key == self._key and len(self._idle) < IDLE
            if kept:
                self._idle.append((key, connection))
        if not kept:
            connection.close()

    def _current(self) -> _Key:
        """What tells the file apart. While there is none, who has one open goes on with it."""
        try:
            found = os.stat(self._link)  # noqa: PTH116 - a Path costs more than the look
        except OSError:
            return self._key or (0, 0)
        return (found.st_dev, found.st_ino)

    def _unreadable(self, error: sqlite3.Error) -> Unavailable:
        if is_damage(error):
            with suppress(OSError):
                (self.folder / DAMAGED).touch()
        return not_ready("the catalogue was not read yet")


def not_ready(message: str) -> Unavailable:
    """The answer while the loader has not done its work."""
    mend = "the loader does it within seconds; if not, look at /readyz"
    return Unavailable("catalogue_unavailable", message, mend=mend, headers={"Retry-After": "5"})
