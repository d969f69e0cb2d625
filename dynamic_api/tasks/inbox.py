"""Telemetry on its way into the database: kept in memory for a moment, written many at a time.

A client gets its answer before the event is on disk. A crash loses what came in the last `flush_seconds`; a
stop loses nothing. A commit for each event would cost more than a lost line of statistics is worth.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from dynamic_api.catalogue import Catalogue
from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal, Unavailable
from dynamic_api.logs import log
from dynamic_api.sections import Telemetry
from dynamic_api.services import telemetry
from dynamic_api.services.telemetry import Event
from dynamic_api.tasks.background import pause

BATCH = 500


class Inbox:
    """Takes events on the loop; `run` writes them."""

    def __init__(self, database: Database, catalogue: Catalogue, rules: Telemetry) -> None:
        self._database = database
        self._catalogue = catalogue
        self._rules = rules
        self._waiting: deque[Event] = deque()

    def take(self, event: Event, *, opted_out: bool) -> bool:
        """Whether the event is kept. Raises Unavailable when too many wait."""
        if opted_out or not self._rules.enabled:
            return False
        if len(self._waiting) >= self._rules.waiting:
            raise Unavailable("telemetry_full", "too many events wait", mend="leave it; nothing else suffers")
        self._waiting.append(event)
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Write what came, again and again, and all that is left at the end."""
        while not stop.is_set():
            await pause(stop, self._rules.flush_seconds)
            await self._flush()

    async def _flush(self) -> None:
        while self._waiting:
            events = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                public = await asyncio.to_thread(self._public, events)
                await self._database.write(lambda db: telemetry.store(db, events, public))  # noqa: B023
            except Refusal as refusal:
                # They go back, as far as there is room, and the next flush tries again.
                log.warning("telemetry: %s", refusal.message)
                room = self._rules.waiting - len(self._waiting)
                self._waiting.extendleft(reversed(events[:room]))
                return

    def _public(self, events: Sequence[Event]) -> set[str]:
        """Those of the slugs in `events` that the bucket offers."""
        slugs = {slug for event in events for slug in event.skill_slugs}
        found = self._catalogue.many(slugs=slugs) if slugs else {}
        return {slug for slug, skill in found.items() if skill.offered}
