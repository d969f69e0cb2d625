"""Makes the bundles for sx that private versions lack: those from before, and those that were cut short.

An upload makes its own at once. This looks through all versions when a process starts, and every hour.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.private_store import PrivateStore
from dynamic_api.services import asset_bundles
from dynamic_api.services.asset_bundles import BATCH
from dynamic_api.tasks.background import pause

LOOK_SECONDS = 3600.0
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class BundleMaker:
    """`run` it until `stop` is set."""

    database: Database
    store: PrivateStore

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again. Nothing that fails ends it."""
        while not stop.is_set():
            try:
                await self.sweep(stop)
            except Refusal as refusal:
                log.warning("bundles for sx: %s", refusal.message)
            await pause(stop, LOOK_SECONDS)

    async def sweep(self, stop: asyncio.Event) -> int:
        """Make all that lack; how many there were. Between two, others get their turn."""
        count, after = 0, ("", 0)
        while not stop.is_set():
            found = await self.database.survey(
                lambda db: asset_bundles.bare(db, after=after)  # noqa: B023 - used up at once
            )
            for each in found:
                count += await asset_bundles.make(self.database, self.store, [each])
                if stop.is_set():
                    break
                await pause(stop, PAUSE_SECONDS)
            if len(found) < BATCH:
                break
            after = (found[-1].skill_id, found[-1].ordinal)
        return count
