"""What a bucket can do: two verbs to read, three more to write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol, Self


@dataclass(frozen=True, slots=True)
class Listed:
    """A key that is there, and the number of its bytes."""

    key: str
    size: int


class Tag(NamedTuple):
    """What changes with the bytes at a key; `sha256` is theirs where the store tells without reading them."""

    value: str
    sha256: str | None


class Reader(Protocol):
    """Reads a bucket."""

    def get(self, key: str) -> bytes:
        """The bytes at `key`. Raises Missing; Trouble when the store cannot be read."""

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """The keys that begin with `prefix`, sorted."""


class Store(Reader, Protocol):
    """Reads and writes a bucket. Entering it takes what writing needs; leaving it gives that back.

    `exclusive` is true while nobody else can write: an open generation found then has lost its owner.
    `parallel` is how many keys are worth writing at once. `conditional`, known once `prepare` was called, is
    whether `expect` holds.
    """

    exclusive: bool
    parallel: int
    conditional: bool

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        """Write `body` whole or not at all; gives its tag.

        With `expect`, only if the key has a tag of that value now ("" means: is not there). Raises Busy
        when it has another, Trouble when the store cannot be written.
        """

    def delete(self, key: str) -> None:
        """Remove `key`; one that is not there is no error."""

    def tag(self, key: str) -> Tag | None:
        """What changes whenever the bytes at `key` change, None when it is not there."""

    def prepare(self) -> None:
        """Make sure that conditional writes hold. Raises Trouble when they do not."""
