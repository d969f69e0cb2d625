"""One function on many things, several at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Crowd:
    """`parallel` threads, which stay until the context ends: to begin one costs more than several PUTs."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._pool = ThreadPoolExecutor(parallel)  # which begins a thread when it is needed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def each(self, do: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What `do` gives for each, in order; after the first failure none is begun."""
        if self._parallel == 1 or len(items) == 1:
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

        workers = [self._pool.submit(work) for _ in range(min(self._parallel, len(items)))]
        wait(workers)
        for worker in workers:
            worker.result()
        return [found[index] for index in range(len(items))]
