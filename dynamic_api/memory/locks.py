"""The sx.lock of each caller, kept while nothing that it may show has changed.

What has changed is told by a serial that triggers raise (`asset_stamps`) and by the stamp of the published
view. Even the serial is read only after some commit. So a lock that is known costs no resolving,
and one whose ETag the client has costs no body. What locks have in common is read once for all callers, and
those who come at the same time, as all do after a change, have theirs made together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from dynamic_api.database.engine import Database
from dynamic_api.memory.serial import Serial
from dynamic_api.memory.together import Together
from dynamic_api.services import asset_lock
from dynamic_api.services.asset_lock import Parts
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.sx.lock import etag

Stamp = tuple[object, int]
Lock = tuple[str, bytes | None]
"""An ETag, and the body unless it was shown."""
TAGS_KEPT = 20_000
BYTES_KEPT = 8 * 1024 * 1024
PARTS_KEPT = 10_000
"""Assets and texts of rows."""
AT_ONCE = 16
"""Locks that are made by one call: on SQLite nothing else is answered meanwhile."""


@dataclass(frozen=True, slots=True)
class Known:
    """A lock as it was made. `body` is None once it made room for others."""

    stamp: Stamp
    etag: str
    body: bytes | None

    def shown_to(self, shown: str | None) -> Lock:
        """It as an answer."""
        return self.etag, None if shown == self.etag else self.body


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
        self._parts: tuple[Stamp | None, Parts] = (None, Parts(origin))
        self._making: Together[Caller, Known] = Together(self._make, AT_ONCE)

    def at_hand(self, caller: Caller, shown: str | None) -> Lock | None:
        """As `lock`; None where one has to wait."""
        serial = self._serial.at_hand()
        known = None if serial is None else self._good(caller, shown, (self._published.stamp, serial))
        return None if known is None else known.shown_to(shown)

    async def lock(self, caller: Caller, shown: str | None) -> Lock:
        """The lock for a caller who shows this ETag. Raises Unavailable."""
        known = self._good(caller, shown, await self._stamp()) or await self._making.value(caller)
        return known.shown_to(shown)

    def _good(self, caller: Caller, shown: str | None, stamp: Stamp) -> Known | None:
        """What was made at `stamp`, if it is enough of an answer."""
        known = self._known.get(_who(caller))
        if known is None or known.stamp != stamp or (known.body is None and shown != known.etag):
            return None
        return known

    async def _stamp(self) -> Stamp:
        return self._published.stamp, await self._serial.current()

    async def _make(self, callers: Sequence[Caller]) -> list[Known]:
        # Read before the locks are made: what changes meanwhile makes them anew next time.
        stamp = await self._stamp()
        parts = self._parts_at(stamp)
        bodies = await self._database.read(lambda db: asset_lock.bodies(db, self._published, callers, parts))
        made = [
            Known(stamp, etag(body, caller.user_id), body)
            for caller, body in zip(callers, bodies, strict=True)
        ]
        for caller, known in zip(callers, made, strict=True):
            self._keep(_who(caller), known)
        return made

    def _parts_at(self, stamp: Stamp) -> Parts:
        """What locks of other callers were made of; who makes one keeps the parts that it began with."""
        made, parts = self._parts
        if made != stamp or len(parts.assets) + len(parts.texts) > PARTS_KEPT:
            parts = Parts(self._origin)
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


def _who(caller: Caller) -> str:
    return f"{caller.user_id} {caller.include_team:d}{caller.include_shared:d}"
