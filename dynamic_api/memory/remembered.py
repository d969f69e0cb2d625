"""What is asked for again and again, kept while neither the database nor the bucket has changed."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

from dynamic_api.database.engine import Database
from dynamic_api.errors import Unavailable
from dynamic_api.memory.memo import AnyValues, Memo
from dynamic_api.services.published import Published

T = TypeVar("T")
KEPT_BYTES = 8 * 1024 * 1024
_OWN_BYTES = 300
"""About what it takes to remember nothing."""


class Remembered:
    """Values by what was asked. Nothing is kept while there is no view of the bucket."""

    def __init__(self, database: Database, published: Published) -> None:
        self.database = database
        self._published = published
        self._memo: Memo[Hashable, Any] = Memo(KEPT_BYTES)
        self._of_bucket: Memo[Hashable, Any] = Memo(KEPT_BYTES)

    def at_hand(self) -> AnyValues | None:
        """As `values`; None, too, when the database would have to be asked first."""
        view, stamp = self._published.stamp, self.database.stamp_at_hand()
        return None if view is None or stamp is None else self._memo.at((stamp, view))

    def ready(self, asked: Hashable) -> Future[Any] | None:
        """When to look again for what was known a moment ago; None for what was not, and without a view."""
        if self._published.stamp is None or asked not in self._memo.last.known:
            return None
        return self.database.stamp_soon()

    def of_bucket(self) -> AnyValues | None:
        """What is known of the bucket, whatever the database says; None while there is no view."""
        view = self._published.stamp
        return None if view is None else self._of_bucket.at(view)

    async def values(self) -> AnyValues | None:
        """What is known now, to look into and to add to; None while there is no view, or no database.

        What needs the database will say so itself; what everybody may read does not.
        """
        view = self._published.stamp
        try:
            stamp = await self.database.stamp()
        except Unavailable:
            return None
        return None if view is None else self._memo.at((stamp, view))

    async def value(self, asked: Hashable, make: Callable[[Connection], T], size: Callable[[T], int]) -> T:
        """What `make` gives, made anew or as it was; `size` says about how many bytes that takes."""
        values = await self.values()
        if values is None:
            return await self.database.read(make)
        if asked in values.known:
            known: T = values.known[asked]
            return known
        made = await self.database.read(make)
        values.keep(asked, made, size(made) + _OWN_BYTES)
        return made
