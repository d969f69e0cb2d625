"""Audit rows of what was only read, on their way into the log: written many at a time.

For what is not private the client has its answer before the row is on disk. A crash loses what came in the
last FLUSH_SECONDS; a stop loses nothing. A commit for each lock that is fetched would make reading as dear as
writing. Private bytes are given only when the row is there (`keep`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal, Unavailable
from dynamic_api.logs import log
from dynamic_api.services import audit, popularity
from dynamic_api.services.audit import Row
from dynamic_api.tasks.background import pause

FLUSH_SECONDS = 0.25
BATCH = 500
WAITING = 20_000


@dataclass(frozen=True, slots=True)
class Access:
    """A row of the log; `skill_id` is what was downloaded, for the statistics."""

    row: Row
    now: int
    skill_id: str | None = None


class Accesses:
    """Takes rows on the loop; `run` writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Access] = deque()
        self._writing = asyncio.Lock()

    @property
    def is_full(self) -> bool:
        """Whether too many wait."""
        return len(self._waiting) >= WAITING

    def note(self, access: Access) -> None:
        """Keep `access`. Raises Unavailable when too many wait: what is not logged is not given."""
        if self.is_full:
            raise Unavailable("audit_full", "the audit log cannot keep up", mend="try again later")
        self._waiting.append(access)

    async def keep(self, access: Access) -> None:
        """Return once `access` is on disk, together with what others note meanwhile. Raises Unavailable."""
        self.note(access)
        await self.flush()
        if any(each is access for each in self._waiting):
            self._waiting = deque(each for each in self._waiting if each is not access)
            raise Unavailable("audit_failed", "the audit log cannot be written", mend="try again later")

    async def run(self, stop: asyncio.Event) -> None:
        """Write what came, again and again, and all that is left at the end."""
        while not stop.is_set():
            await pause(stop, FLUSH_SECONDS)
            await self.flush()
        if self._waiting:
            log.error("audit: %d rows could not be written before the end", len(self._waiting))

    async def flush(self) -> None:
        """Return once all that waits, and what is being written, is on disk; or cannot be written now."""
        async with self._writing:
            while self._waiting and await self._write():
                pass

    async def _write(self) -> bool:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            await self._database.write(lambda db: _store(db, batch))
        except Refusal as refusal:
            log.warning("audit: %s", refusal.message)
            self._waiting.extendleft(reversed(batch))
            return False
        return True


def _store(db: Connection, batch: Sequence[Access]) -> None:
    audit.record_all(db, [access.row for access in batch])
    taken = [access.skill_id for access in batch if access.skill_id is not None]
    popularity.count(db, taken, popularity.INSTALLS, batch[-1].now)
