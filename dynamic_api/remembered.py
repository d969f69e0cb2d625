"""Bodies that are asked for again and again, kept while neither the database nor the bucket has changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sqlalchemy import Connection

from dynamic_api.database.engine import Database
from dynamic_api.services.published import Published

KEPT = 512


class Remembered:
    """Bodies by what was asked. PostgreSQL does not tell when it changed: there nothing is kept."""

    def __init__(self, database: Database, published: Published) -> None:
        self._database = database
        self._published = published
        self._known: tuple[object, dict[Hashable, bytes]] = (None, {})

    async def body(self, asked: Hashable, make: Callable[[Connection], bytes]) -> bytes:
        """What `make` gives, made anew or as it was."""
        serial, view = self._database.stamp(), self._published.stamp
        if serial is None or view is None:
            return await self._database.read(make)
        # Both were read before the body is made: what changes meanwhile makes it anew next time.
        stamp, bodies = self._known
        if stamp != (serial, view) or len(bodies) >= KEPT:
            bodies = {}
            self._known = ((serial, view), bodies)
        if asked not in bodies:
            bodies[asked] = await self._database.read(make)
        return bodies[asked]
