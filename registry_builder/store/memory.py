"""A bucket in memory: for tests of what stands above stores, and the plainest reading of the interface."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from registry_builder.core.errors import Busy, Missing
from registry_builder.store.base import Listed, Tag


class MemoryStore:
    """Keys → bytes. `exclusive` may be set to play a store that others write too."""

    parallel = 1
    conditional = True

    def __init__(self, exclusive: bool = True) -> None:
        self.exclusive = exclusive
        self.objects: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise Missing("no-key", "no such key", place=key) from None

    def list(self, prefix: str = "") -> Iterator[Listed]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield Listed(key, len(self.objects[key]))

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        there = self.tag(key)
        if expect is not None and expect != (there.value if there else ""):
            raise Busy("changed", "somebody else changed it", place=key, mend="run again")
        self.objects[key] = body
        return hashlib.sha256(body).hexdigest()

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def tag(self, key: str) -> Tag | None:
        body = self.objects.get(key)
        if body is None:
            return None
        sha256 = hashlib.sha256(body).hexdigest()
        return Tag(sha256, sha256)

    def prepare(self) -> None:
        return None
