"""The sx.lock of each caller, kept while nothing that it may show has changed.

What has changed is told by a serial that triggers raise (`asset_stamps`) and by the stamp of the published
view. Even the serial is read only after some commit. So a lock that is known costs no resolving,
and one whose ETag the client has costs no body. What locks have in common is read once for all callers.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from dynamic_api.database.engine import Database
from dynamic_api.memory.serial import Serial
from dynamic_api.services import asset_lock
from dynamic_api.services.asset_lock import Parts
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.sx.lock import etag

Stamp = tuple[object, int]
TAGS_KEPT = 20_000
BYTES_KEPT = 16 * 1024 * 1024
PARTS_KEPT = 20_000
"""Assets and texts of rows."""


@dataclass(frozen=True, slots=True)
class Known:
    """A lock as it was made. `body` is None once it made room for others."""

    stamp: Stamp
    etag: str
    body: bytes | None


class Locks:
    """For one process. `origin` is our own address: every URL in a lock is on it."""

    def __init__(self, database: Database, published: Published, origin: str) -> None:
        self._database = database
        self._published = published
        self._origin = origin
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._bodies: OrderedDict[str, int] = OrderedDict()
        self._size = 0
        self._serial = Serial(database, asset_lock.stamp)
        self._parts: tuple[Stamp | None, Parts] = (None, Parts())

    async def lock(self, caller: Caller, shown: str | None) -> tuple[str, bytes | None]:
        """The ETag, and the body unless `shown` is that ETag. Raises Unavailable."""
        # Read before the lock is made: what changes meanwhile makes it anew next time.
        stamp = (self._published.stamp, await self._serial.current())
        who = f"{caller.user_id} {caller.include_team:d}{caller.include_shared:d}"
        known = self._known.get(who)
        if known is None or known.stamp != stamp or (known.body is None and shown != known.etag):
            parts = self._parts_at(stamp)
            body = await self._database.read(
                lambda db: asset_lock.body(db, self._published, caller, self._origin, parts)
            )
            known = Known(stamp, etag(body, caller.user_id), body)
            self._keep(who, known)
        return known.etag, None if shown == known.etag else known.body

    def _parts_at(self, stamp: Stamp) -> Parts:
        """What locks of other callers were made of; who makes one keeps the parts that it began with."""
        made, parts = self._parts
        if made != stamp or len(parts.assets) + len(parts.texts) > PARTS_KEPT:
            parts = Parts()
            self._parts = (stamp, parts)
        return parts

    def _keep(self, who: str, known: Known) -> None:
        self._size -= self._bodies.pop(who, 0)
        self._known[who] = known
        self._known.move_to_end(who)
        self._bodies[who] = len(known.body or b"")
        self._size += len(known.body or b"")
        while self._size > BYTES_KEPT and len(self._bodies) > 1:
            other, size = self._bodies.popitem(last=False)
            self._size -= size
            if dropped := self._known.get(other):
                self._known[other] = Known(dropped.stamp, dropped.etag, None)
        if len(self._known) > TAGS_KEPT:
            gone, _ = self._known.popitem(last=False)
            self._size -= self._bodies.pop(gone, 0)
