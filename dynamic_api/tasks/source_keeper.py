"""Keeps the lists of the operator's GitHub sources young, as long as the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from dynamic_api.outbound.sources import Sources
from dynamic_api.tasks.background import pause

LOOK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SourceKeeper:
    """`run` it until `stop` is set. `clock` gives milliseconds."""

    sources: Sources
    clock: Callable[[], int]

    async def run(self, stop: asyncio.Event) -> None:
        """Read what is due. A stop does not wait for GitHub."""
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            reading = asyncio.create_task(self.sources.refresh(self._now()))
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
                return
            reading.result()
            await pause(stop, LOOK_SECONDS)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock() / 1000, UTC)
