"""What many ask for at once, made by one call for all of them."""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from dynamic_api.errors import Refusal

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
_Waiting = dict[K, "list[Future[T]]"]


class Together(Generic[K, T]):
    """Who asks while something is made is served by the next call, with all others who wait by then.

    `make` gives a value, or a refusal, for each of at most `most` that were asked for, in their order.
    """

    def __init__(self, make: Callable[[Sequence[K]], Awaitable[Sequence[T | Refusal]]], most: int) -> None:
        self._make = make
        self._most = most
        self._waiting: _Waiting[K, T] = {}
        self._making: Task[None] | None = None

    async def value(self, asked: K) -> T:
        """What is made for `asked` from now on. Raises what `make` raises."""
        future: Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asked, []).append(future)
        if self._making is None:
            self._making = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                asked = list(self._waiting)[: self._most]
                await self._serve({each: self._waiting.pop(each) for each in asked})
        finally:
            self._making = None

    async def _serve(self, batch: Mapping[K, Sequence[Future[T]]]) -> None:
        try:
            made = await self._make(list(batch))
        except Refusal as refusal:
            made = [refusal] * len(batch)
        except Exception as error:  # noqa: BLE001 - it is for those who wait
            if len(batch) > 1:
                # What fails for one is not to fail for those who happened to ask at the same time.
                for each, futures in batch.items():
                    await self._serve({each: futures})
                return
            _fail(next(iter(batch.values())), error)
            return
        for futures, value in zip(batch.values(), made, strict=True):
            if isinstance(value, Refusal):
                _fail(futures, value)
            else:
                for future in futures:
                    if not future.done():
                        future.set_result(value)


def _fail(futures: Sequence[Future[T]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
