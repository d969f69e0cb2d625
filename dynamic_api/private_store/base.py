"""What a private store can do. A key is the sha256 of the bytes, so nothing there ever changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Protocol

from dynamic_api.errors import Absent, Invalid, Unavailable

GOOD_FOR = timedelta(hours=24)
"""How long a download URL of ours holds."""
ELSEWHERE_SECONDS = 120
"""How long one does that leads past us: whoever has it is not asked again."""

CHUNK = 256 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PrivateStore(Protocol):
    """Keeps private bytes by digest. Threads may share it. Every method may raise Unavailable."""

    def put(self, sha256: str, chunks: Iterable[bytes]) -> int:
        """Keep the bytes, whole or not at all; gives their number. Raises Invalid for another digest.

        To put what is there already is no error, and heals it if it was damaged.
        """

    def get(self, sha256: str) -> bytes:
        """The bytes, their digest checked. Raises Absent."""

    def stream(self, sha256: str) -> Iterator[bytes]:
        """The bytes piece by piece. Raises Absent at once, and not when they are taken."""

    def exists(self, sha256: str) -> bool:
        """Whether the bytes are there."""

    def delete(self, sha256: str) -> None:
        """Forget the bytes; what is not there is no error."""

    def discard(self, sha256: str, before: float) -> bool:
        """Forget the bytes if they were last put before `before` (seconds since 1970); whether they are gone.

        What somebody puts meanwhile stays, also when the same was there before.
        """

    def elsewhere(self, sha256: str, filename: str) -> str | None:
        """Where anybody can download the bytes as `filename` for ELSEWHERE_SECONDS; None: here only."""

    def ready(self) -> None:
        """Raise Unavailable if nothing can be read or written now."""


def check_key(sha256: str) -> None:
    """Raise Absent for what cannot be a key."""
    if not _SHA256.fullmatch(sha256):
        raise absent()


def absent() -> Absent:
    return Absent("not_found", "these bytes are not there", place="sha256")


def unavailable(why: str) -> Unavailable:
    return Unavailable("private_store_unavailable", why, mend="try again later")


class Summed:
    """Passes chunks on and sums them; `check` says whether they were what the key promises."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._state = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._state.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def digest(self) -> bytes:
        return self._state.digest()

    def check(self, sha256: str) -> None:
        """Raise Invalid for another digest than `sha256`."""
        if self._state.hexdigest() != sha256:
            message = f"the bytes have the sha256 {self._state.hexdigest()}"
            raise Invalid("digest_mismatch", message, place=sha256, mend="send them again")


def checked(sha256: str, body: bytes) -> bytes:
    """`body`, if it still is what was put. Raises Unavailable."""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise unavailable(f"the bytes kept as {sha256} have changed")
    return body
