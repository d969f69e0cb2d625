"""revoked.json, kept beside the local file and never shorter than it was (DESIGN.md D14)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from dynamic_api.catalogue.readers import not_ready
from dynamic_api.catalogue.status import replace_file
from registry_builder.core.errors import Foreign, Missing
from registry_builder.core.revoked import REVOKED_KEY, Revoked, decode_revoked, encode_revoked
from registry_builder.store.base import Reader

FILE = "revoked.json"


def known_revocations(folder: Path) -> Revoked | None:
    """Those that were read before; None when there is no sound copy."""
    try:
        return decode_revoked((folder / FILE).read_bytes())
    except (OSError, Foreign):
        return None


def follow_revocations(reader: Reader, folder: Path) -> int:
    """Take over what revoked.json has more than we know; gives how many there are. Raises Trouble.

    A bucket that has no such file revoked nothing; that, too, is written down.
    """
    known = known_revocations(folder)
    try:
        told = decode_revoked(reader.get(REVOKED_KEY))
    except Missing:
        told = Revoked()
    merged = known or Revoked()
    for item in told.revoked:
        merged = merged.plus(item)
    if merged != known:
        replace_file(folder / FILE, encode_revoked(merged))
    return len(merged.revoked)


class Revocations:
    """Artifact digest → reason, read again whenever the file changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = os.fspath(folder / FILE)
        self._stamp: tuple[int, int, int] | None = None
        self._reasons: Mapping[str, str] | None = None
        self._reading = Lock()

    @property
    def reasons(self) -> Mapping[str, str]:
        """What is revoked now. A copy that is gone or damaged leaves what was known.

        Raises Unavailable while nothing is known: bytes that might be revoked are not given out.
        """
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a Path costs more than the look
        except OSError:
            return self._known()
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            self._read_again(stamp)
        return self._known()

    def _read_again(self, stamp: tuple[int, int, int]) -> None:
        """One thread at a time; the stamp comes last, for whoever sees it looks no further."""
        with self._reading:
            if stamp == self._stamp:
                return
            if read := known_revocations(self._folder):
                self._reasons = {**(self._reasons or {}), **read.reasons}
            self._stamp = stamp

    def _known(self) -> Mapping[str, str]:
        if self._reasons is None:
            raise not_ready("the revocations were not read yet")
        return self._reasons
