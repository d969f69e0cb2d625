"""Who runs next: a bounded number at once, and accounts take turns, however much one of them asks for."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dynamic_api.errors import Limited, Refusal, Unavailable
from dynamic_api.run_settings import Runs as Rules

_FIRST_GUESS_SECONDS = 2.0
_WEIGHT = 0.2


@dataclass(slots=True)
class Turns:
    """Places for runs. Everything happens on one event loop."""

    rules: Rules
    running: Counter[str] = field(default_factory=Counter)
    _lines: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)
    _usual_seconds: float = _FIRST_GUESS_SECONDS

    @property
    def waiting(self) -> int:
        """Runs that wait."""
        return sum(map(len, self._lines.values()))

    @asynccontextmanager
    async def turn(self, account: str, gone: asyncio.Event) -> AsyncIterator[float]:
        """A place; the seconds it took to get one. Raises Limited and Unavailable, and Gone for a client
        that left meanwhile."""
        waited = await self._enter(account, gone)
        started = time.monotonic()
        try:
            yield waited
        finally:
            self._usual_seconds += _WEIGHT * (time.monotonic() - started - self._usual_seconds)
            self._leave(account)

    async def _enter(self, account: str, gone: asyncio.Event) -> float:
        if self._has_room(account):
            self.running[account] += 1
            return 0.0
        self._require_line(account)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(account, deque()).append(place)
        started = time.monotonic()
        leaving = asyncio.create_task(gone.wait())
        try:
            await asyncio.wait(
                (place, leaving), timeout=self.rules.queue_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            leaving.cancel()
            if not place.done():
                self._give_up(account, place)
        if not place.cancelled():
            return time.monotonic() - started
        raise Gone() if gone.is_set() else self._too_late(account)

    def _has_room(self, account: str) -> bool:
        """Whether a run of this account could start now."""
        return (
            self.running.total() < self.rules.concurrent
            and self.running[account] < self.rules.concurrent_per_account
        )

    def _require_line(self, account: str) -> None:
        if len(self._lines.get(account, ())) >= self.rules.queue_per_account:
            raise Limited(
                "too_many_runs",
                f"{self.rules.queue_per_account} runs of this account are waiting already",
                mend="wait for some of them to end",
                headers=self._retry_after(),
            )
        if self.waiting >= self.rules.queue:
            raise Unavailable(
                "queue_full", "too many runs are waiting", mend="try again later", headers=self._retry_after()
            )

    def _too_late(self, account: str) -> Refusal:
        headers = self._retry_after()
        if self.running[account] >= self.rules.concurrent_per_account:
            message = f"{self.running[account]} runs of this account are under way, and none has ended"
            return Limited("too_many_runs", message, mend="wait for one to end", headers=headers)
        message = f"no place became free in {self.rules.queue_seconds:.0f} s"
        return Unavailable("queue_timeout", message, mend="try again later", headers=headers)

    def _retry_after(self) -> dict[str, str]:
        """When a new call could get a place, by how long runs took of late."""
        rounds = (self.waiting + 1) / self.rules.concurrent
        return {"Retry-After": str(max(1, min(600, math.ceil(rounds * self._usual_seconds))))}

    def _give_up(self, account: str, place: asyncio.Future[None]) -> None:
        place.cancel()
        line = self._lines[account]
        line.remove(place)
        if not line:
            del self._lines[account]

    def _leave(self, account: str) -> None:
        self.running[account] -= 1
        if not self.running[account]:
            del self.running[account]
        while (following := next(filter(self._has_room, self._lines), None)) is not None:
            line = self._lines.pop(following)
            place = line.popleft()
            if line:
                self._lines[following] = line
            self.running[following] += 1
            place.set_result(None)


class Gone(Unavailable):
    """The client left before its turn: nobody hears of it."""

    def __init__(self) -> None:
        super().__init__("client_gone", "the client went away")
