"""Reads many keys in order, several at once, never more than a window of bytes ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from registry_builder.core.errors import Refusal
from registry_builder.store.base import Reader

WINDOW = 64 * 2**20
_UNKNOWN = 4096
T = TypeVar("T")
Wanted = tuple[T, str, int]
"""What the caller wants it for, its key, the number of its bytes (0: not known)."""


def read_ahead(
    reader: Reader, wanted: Iterable[Wanted[T]], parallel: int
) -> Iterator[tuple[T, bytes | Refusal]]:
    """Each item of `wanted` with its bytes, or why there are none."""
    if parallel == 1:
        for item, key, _ in wanted:
            yield item, _get(reader, key)
        return
    with ThreadPoolExecutor(parallel) as pool:
        yield from _windowed(wanted, lambda key: pool.submit(_get, reader, key), parallel * 4)


def _windowed(
    wanted: Iterable[Wanted[T]], submit: Callable[[str], Future[bytes | Refusal]], most: int
) -> Iterator[tuple[T, bytes | Refusal]]:
    waiting: deque[tuple[T, int, Future[bytes | Refusal]]] = deque()
    held = 0
    for item, key, size in wanted:
        waiting.append((item, size or _UNKNOWN, submit(key)))
        held += size or _UNKNOWN
        while len(waiting) >= most or (held > WINDOW and waiting):
            first, cost, answer = waiting.popleft()
            held -= cost
            yield first, answer.result()
    while waiting:
        first, _, answer = waiting.popleft()
        yield first, answer.result()


def _get(reader: Reader, key: str) -> bytes | Refusal:
    try:
        return reader.get(key)
    except Refusal as error:
        return error
