"""The clock, and times as they are written. Services get `now` as a parameter."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
LATEST = 253_402_300_799_999
"""The end of the year 9999: what comes later cannot be written."""


def now() -> int:
    """Whole milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def written(moment: int) -> str:
    """RFC 3339 with milliseconds, as webhooks have it (contracts/skillzdrive.md 6)."""
    return f"{_second(moment // 1000)}.{moment % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def month(moment: int) -> str:
    """The calendar month in UTC, "2026-11"."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m")
