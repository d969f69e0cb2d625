"""What a process does beside answering: tasks that start and stop with the app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from dynamic_api.logs import log

Task = Callable[[asyncio.Event], Awaitable[None]]
AGAIN_SECONDS = 1.0


@asynccontextmanager
async def running(tasks: Sequence[Task]) -> AsyncIterator[None]:
    """Run each of `tasks` until the end; each gets an event that tells it to finish."""
    stop = asyncio.Event()
    started = [asyncio.create_task(_kept_up(task, stop)) for task in tasks]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*started)


async def _kept_up(task: Task, stop: asyncio.Event) -> None:
    """A task that breaks is logged and begun again."""
    while not stop.is_set():
        try:
            await task(stop)
        except Exception:  # noqa: BLE001 - it is logged whole, and the server goes on
            log.exception("a task in the background broke off")
            await pause(stop, AGAIN_SECONDS)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait that long, or until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
