"""How often somebody may call: windows of a minute, in memory for one process or in Redis for many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from dynamic_api.errors import Limited
from dynamic_api.logs import log
from registry_builder.core.errors import Misuse

MINUTE_SECONDS = 60
PATIENCE_SECONDS = 1.0
AWAY_SECONDS = 2.0
"""How long nobody asks again after a question that was not answered."""
IN_MEMORY = "memory://"
_MOST_WINDOWS = 100_000


Left = Sequence[tuple[bytes, bytes]]
"""The RateLimit fields of an answer."""
Take = tuple[str, str, int]
"""One call to count: of which kind, whose, and how many a minute there may be; 0 for any number."""


def warning(storage: str, workers: int) -> str | None:
    """What an operator should know who starts that many processes; None when all is well."""
    if workers < 2 or storage != IN_MEMORY:
        return None
    return (
        f"limits: each of the {workers} workers counts calls alone, so a limit is {workers} times as high; "
        "set limits.storage to redis://host:port/n"
    )


class _Counter(Protocol):
    """Counts calls in windows of a minute."""

    def hit(self, kind: str, who: str, per_minute: int) -> tuple[int, float]:
        """Count one call: how many there were in this window, and the seconds until it ends."""


class Limiter:
    """Counts calls. Redis is asked in a thread, so that the loop does not wait for it."""

    def __init__(self, address: str) -> None:
        self._memory = _Memory() if address == IN_MEMORY else None
        self._counter: _Counter = self._memory or _Shared(address)

    async def take(self, takes: Iterable[Take]) -> Left:
        """Count a call in each of `takes`; what its answer says of the last limit. Raises Limited."""
        left: Left = ()
        for kind, who, per_minute in takes:
            if per_minute <= 0:
                left = ()
            elif self._memory is not None:
                left = _left(kind, per_minute, *self._memory.hit(kind, who, per_minute))
            else:
                hit = await asyncio.to_thread(self._counter.hit, kind, who, per_minute)
                left = _left(kind, per_minute, *hit)
        return left

    def take_at_once(self, takes: Sequence[Take]) -> Left | None:
        """As `take`; None, and nothing is counted, where one has to wait or would be refused."""
        memory = self._memory
        if memory is None or not all(memory.has_room(*take) for take in takes):
            return None
        left: Left = ()
        for kind, who, per_minute in takes:
            left = _left(kind, per_minute, *memory.hit(kind, who, per_minute)) if per_minute > 0 else ()
        return left


def _left(kind: str, per_minute: int, count: int, seconds: float) -> Left:
    """What is left of a limit after `count` calls. Raises Limited."""
    reset = min(MINUTE_SECONDS, max(1, int(seconds) + 1))
    if count > per_minute:
        raise _too_many(kind, per_minute, str(reset))
    return (
        (b"ratelimit-limit", b"%d" % per_minute),
        (b"ratelimit-remaining", b"%d" % (per_minute - count)),
        (b"ratelimit-reset", b"%d" % reset),
    )


def _too_many(kind: str, per_minute: int, reset: str) -> Limited:
    return Limited(
        "rate_limited",
        f"{per_minute} calls a minute are allowed; the next is possible in {reset} s",
        mend="wait as long as Retry-After says" + (", or call with an API key" if kind != "key" else ""),
        headers={
            "RateLimit-Limit": str(per_minute),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": reset,
            "Retry-After": reset,
        },
    )


class _Memory:
    """Two numbers for each caller: measured, the library's storage in memory costs ten times as much."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], list[float]] = {}

    def hit(self, kind: str, who: str, per_minute: int) -> tuple[int, float]:
        now = time.monotonic()
        window = self._windows.get((kind, who))
        if window is None or window[0] <= now:
            if len(self._windows) >= _MOST_WINDOWS:
                self._forget(now)
            window = self._windows[kind, who] = [now + MINUTE_SECONDS, 0]
        window[1] += 1
        return int(window[1]), window[0] - now

    def has_room(self, kind: str, who: str, per_minute: int) -> bool:
        """Whether another call would be let in."""
        window = self._windows.get((kind, who))
        return window is None or per_minute <= 0 or window[1] < per_minute or window[0] <= time.monotonic()

    def _forget(self, now: float) -> None:
        """Drop what has ended; should all be under way, then the oldest half."""
        going = {name: window for name, window in self._windows.items() if window[0] > now}
        if len(going) >= _MOST_WINDOWS:
            going = dict(list(going.items())[_MOST_WINDOWS // 2 :])
        self._windows = going


class _Shared:
    """Windows in Redis or Valkey; while that is away, in memory."""

    def __init__(self, address: str) -> None:
        from limits import RateLimitItemPerMinute
        from limits.storage import storage_from_string
        from limits.strategies import FixedWindowRateLimiter

        try:
            storage = storage_from_string(address, **_patience(address))
        except Exception as error:
            mend = f"{IN_MEMORY} or redis://host:port/n (install skillpress[redis])"
            raise Misuse(
                "bad-setting", f"cannot count calls there: {error}", place="limits.storage", mend=mend
            ) from error
        self._item = RateLimitItemPerMinute
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self._alone = _Memory()
        self._is_away = False
        self._again_at = 0.0

    def hit(self, kind: str, who: str, per_minute: int) -> tuple[int, float]:
        if time.monotonic() < self._again_at:
            return self._alone.hit(kind, who, per_minute)
        item = self._item(per_minute)
        try:
            allowed = self._limiter.hit(item, kind, who)
            reset, remaining = self._limiter.get_window_stats(item, kind, who)
        except self._storage.base_exceptions as error:
            # Without its counter the API goes on: it is there to serve, and each process still counts alone.
            self._tell(error)
            return self._alone.hit(kind, who, per_minute)
        self._is_away = False
        return per_minute - remaining + (not allowed), reset - time.time()

    def _tell(self, error: Exception) -> None:
        """Log the first failure of a row."""
        if not self._is_away:
            log.warning("limits: the shared counter does not answer (%s)", type(error).__name__)
        self._is_away = True
        self._again_at = time.monotonic() + AWAY_SECONDS


def _patience(address: str) -> dict[str, float]:
    """How long one question may take, where the storage can be told."""
    seconds = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    return seconds if address.startswith("redis") else {}
