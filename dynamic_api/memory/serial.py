"""A number that triggers raise with every change of some kind, read again only after some commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from sqlalchemy import Connection

from dynamic_api.database.engine import Database


class Serial:
    """What `read` gives now. What was read before a commit that did not raise it stays good."""

    def __init__(self, database: Database, read: Callable[[Connection], int]) -> None:
        self._database = database
        self._read = read
        self._known: tuple[Hashable, int] = (None, 0)
        self._reading = asyncio.Lock()

    def at_hand(self) -> int | None:
        """As `current`; None where one has to wait."""
        committed = self._database.stamp_at_hand()
        return self._known[1] if committed is not None and committed == self._known[0] else None

    async def current(self) -> int:
        """The number, as young as the database's stamp. Raises Unavailable."""
        committed = await self._database.stamp()
        if committed != self._known[0]:
            async with self._reading:  # one asks for all who wait
                if committed != self._known[0]:
                    self._known = (committed, await self._database.read(self._read))
        return self._known[1]
