"""How often somebody may call: windows of a minute, in memory for one process or in Redis for many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from dynamic_api.errors import Limited
from registry_builder.core.errors import Misuse

MINUTE_SECONDS = 60


class Limiter:
    """Counts calls. Redis is asked in a thread, so that the loop does not wait for it."""

    def __init__(self, address: str) -> None:
        try:
            self._storage = storage_from_string(address)
        except Exception as error:
            mend = "memory:// or redis://host:port/n (install skillpress[redis])"
            raise Misuse(
                "bad-setting", f"cannot count calls there: {error}", place="limits.storage", mend=mend
            ) from error
        self._in_memory = isinstance(self._storage, MemoryStorage)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._items: dict[int, RateLimitItemPerMinute] = {}

    async def take(self, kind: str, who: str, per_minute: int) -> Mapping[str, str]:
        """Count one call of `who`; the RateLimit headers of its answer. Raises Limited. 0: without limit."""
        if per_minute <= 0:
            return {}
        if self._in_memory:
            allowed, headers = self._take(kind, who, per_minute)
        else:
            allowed, headers = await asyncio.to_thread(self._take, kind, who, per_minute)
        if allowed:
            return headers
        wait = headers["RateLimit-Reset"]
        raise Limited(
            "rate_limited",
            f"{per_minute} calls a minute are allowed; the next is possible in {wait} s",
            mend="wait as long as Retry-After says" + (", or call with an API key" if kind != "key" else ""),
            headers={**headers, "Retry-After": wait},
        )

    def _take(self, kind: str, who: str, per_minute: int) -> tuple[bool, dict[str, str]]:
        item = self._items.get(per_minute)
        if item is None:
            item = self._items[per_minute] = RateLimitItemPerMinute(per_minute)
        allowed = self._limiter.hit(item, kind, who)
        reset, remaining = self._limiter.get_window_stats(item, kind, who)
        seconds = min(MINUTE_SECONDS, max(1, int(reset - time.time()) + 1))
        return allowed, {
            "RateLimit-Limit": str(per_minute),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(seconds),
        }
