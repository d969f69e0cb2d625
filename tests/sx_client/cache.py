"""What sx keeps on disk: the lock and its ETag by server URL alone, and zips by name and version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SEVEN_DAYS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Cache:
    """Below `folder`. `now` gives seconds; a kept ETag is used for seven days."""

    folder: Path
    now: Callable[[], float]

    def etag(self, base_url: str) -> str | None:
        """The tag to send, with its quotes as they came; None when there is none, or it is too old."""
        path = self._place(base_url) / "etag.json"
        if not path.is_file():
            return None
        kept = json.loads(path.read_text())
        return str(kept["etag"]) if self.now() - kept["at"] < SEVEN_DAYS else None

    def lock(self, base_url: str) -> str | None:
        """The lock that came with the tag, whoever's it was: the key is the server, not the token."""
        path = self._place(base_url) / "sx.lock"
        return path.read_text() if path.is_file() else None

    def keep(self, base_url: str, text: str, etag: str) -> None:
        """Keep a lock with its tag."""
        place = self._place(base_url)
        place.mkdir(parents=True, exist_ok=True)
        (place / "sx.lock").write_text(text)
        (place / "etag.json").write_text(json.dumps({"etag": etag, "at": self.now()}))

    def bundle(self, name: str, version: str) -> bytes | None:
        """A zip that was downloaded before; its hash is never looked at again."""
        path = self._bundle(name, version)
        return path.read_bytes() if path.is_file() else None

    def keep_bundle(self, name: str, version: str, data: bytes) -> None:
        """Keep a zip that was checked."""
        path = self._bundle(name, version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _place(self, base_url: str) -> Path:
        return self.folder / "locks" / hashlib.sha256(base_url.encode()).hexdigest()[:16]

    def _bundle(self, name: str, version: str) -> Path:
        return self.folder / "assets" / name / f"{version}.zip"
