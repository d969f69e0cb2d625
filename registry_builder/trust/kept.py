"""What a verifier remembers between two looks at a registry: without it, an old bucket looks new."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuf.api.metadata import Root, Snapshot, Timestamp

from registry_builder.core.errors import Foreign
from registry_builder.trust.metadata import ROOT, SNAPSHOT, TIMESTAMP, S, is_signed_by, parse

_MEND = "it belongs to another registry or was damaged: look into it, or give another folder"


class Kept:
    """Roots, timestamp and snapshot that were trusted before, in `folder`; nothing without one."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str) -> bytes | None:
        """The file `name`, None when it was never kept."""
        if self.folder is None or not (path := self.folder / name).is_file():
            return None
        return path.read_bytes()

    def root(self, version: int) -> bytes | None:
        """The root with that number."""
        return self.get(f"{version}.{ROOT}.json")

    @property
    def timestamp(self) -> bytes | None:
        return self.get(f"{TIMESTAMP}.json")

    @property
    def snapshot(self) -> bytes | None:
        return self.get(f"{SNAPSHOT}.json")

    def keep(self, name: str, body: bytes) -> None:
        """Remember `body` as `name`; a kill leaves the old file or the new one."""
        if self.folder is None or self.get(name) == body:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f".{name}.{os.getpid()}"
        with beside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / name)

    def check(self, trusted: bytes, version: int) -> None:
        """Raises Foreign when what is kept is not of the registry of `trusted`, or does not hold together."""
        own = self.root(version)
        if own is not None and own != trusted:
            raise Foreign("bad-state", "has another root of that number", place=str(self.folder), mend=_MEND)
        roots = [parse(body, Root, str(self.folder)).signed for body in self._roots()]
        whole = self._is_of(roots, TIMESTAMP, Timestamp) and self._is_of(roots, SNAPSHOT, Snapshot)
        if not whole:
            raise Foreign("bad-state", "does not hold together", place=str(self.folder), mend=_MEND)

    def _is_of(self, roots: Sequence[Root], role: str, form: type[S]) -> bool:
        """Whether one of the kept roots vouches for what is kept of `role`, if anything is."""
        body = self.get(f"{role}.json")
        if body is None:
            return True
        held = parse(body, form, str(self.folder))
        return any(is_signed_by(root, role, held) for root in roots)

    def _roots(self) -> Iterator[bytes]:
        for path in sorted(self.folder.glob(f"[0-9]*.{ROOT}.json")) if self.folder else ():
            yield path.read_bytes()
