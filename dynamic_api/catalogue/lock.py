"""One loader per host: a lock on a file, which vanishes with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from registry_builder.core.errors import Busy, Trouble

FILE = "loader.lock"


class Lock:
    """The right to write in `folder`, which is made when it is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises Busy while another loader has it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            mend = "give the API a folder that it may write"
            raise Trouble("no-folder", str(error), place=str(self.folder), mend=mend) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise Busy("locked", "another loader feeds this folder", place=str(self.folder)) from error
        self._descriptor = descriptor

    def keep(self) -> None:
        """Take it anew if somebody removed the folder under us. Raises Busy, Trouble."""
        if self._descriptor is None:
            raise AssertionError("a loader is entered before it loads")
        try:
            there = (self.folder / FILE).stat()
        except FileNotFoundError:
            there = None
        if there is None or not os.path.samestat(there, os.fstat(self._descriptor)):
            self.give_back()
            self.take()

    def give_back(self) -> None:
        """Let the next one have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
