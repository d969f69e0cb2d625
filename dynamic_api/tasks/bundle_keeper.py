"""Takes bundles out of the private store when a skill in them was taken back (DESIGN.md D14).

Within seconds: what a link of ours leads to in S3 is had without us for a moment. Those that expire are the
housekeeper's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.private_store import PrivateStore
from dynamic_api.services import bundle_rows
from dynamic_api.services.published import Published
from dynamic_api.tasks.background import pause

LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class BundleKeeper:
    """`run` it until `stop` is set."""

    database: Database
    published: Published
    store: PrivateStore
    clock: Callable[[], int]

    async def run(self, stop: asyncio.Event) -> None:
        """Look whenever the view has changed, and once more for the bundles that were being made then."""
        settled, before = None, None
        while not stop.is_set():
            now = self.published.stamp
            try:
                if now is not None and now != settled:
                    await self.drop_withdrawn()
                    settled, before = (now if now == before else settled), now
            except Refusal as refusal:
                log.warning("bundles: %s", refusal.message)
            await pause(stop, LOOK_SECONDS)

    async def drop_withdrawn(self) -> None:
        """Delete the bytes of bundles with something inside that was taken back; their rows say why."""
        now = self.clock()
        tainted = await self.database.survey(
            lambda db: bundle_rows.tainted(db, self.published.withdrawn, now)
        )
        for sha256 in tainted:
            await asyncio.to_thread(self.store.delete, sha256)
