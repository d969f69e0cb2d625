"""The clock, and times as they are written. Services get `now` as a parameter."""

from __future__ import annotations

import time
from datetime import UTC, datetime

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def now() -> int:
    """Whole milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def written(moment: int) -> str:
    """RFC 3339 with milliseconds, as webhooks have it (contracts/skillzdrive.md 6)."""
    return (
        datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def month(moment: int) -> str:
    """The calendar month in UTC, "2026-11"."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m")
