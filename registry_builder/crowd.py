"""One function on many things, several at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(do: Callable[[T], R], items: Sequence[T], parallel: int) -> list[R]:
    """What `do` gives for each, in order, `parallel` at once; after the first failure none is begun."""
    if parallel == 1:
        return [do(item) for item in items]
    found: dict[int, R] = {}
    rest = iter(range(len(items)))  # shared by all: a future for each item costs more than its PUT

    def work() -> None:
        for index in rest:
            try:
                found[index] = do(items[index])
            except BaseException:
                deque(rest, maxlen=0)
                raise

    with ThreadPoolExecutor(parallel) as pool:
        workers = [pool.submit(work) for _ in range(min(parallel, len(items)))]
    for worker in workers:
        worker.result()
    return [found[index] for index in range(len(items))]
