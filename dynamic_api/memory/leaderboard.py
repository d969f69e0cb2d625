"""The leaderboard of a process: counted at most once a minute, shown with what is on offer now."""

from __future__ import annotations

import asyncio

import msgspec

from dynamic_api.clock import MINUTE
from dynamic_api.database.engine import Database
from dynamic_api.services import popularity
from dynamic_api.services.popularity import DAYS, Figures, SortBy
from dynamic_api.services.published import Published

TOP = 10


class Leaderboard:
    """Counting looks at every skill that anybody used in 30 days: too dear for each call."""

    def __init__(self, database: Database, published: Published) -> None:
        self._database = database
        self._published = published
        self._counted: dict[SortBy, tuple[int, list[Figures]]] = {}
        self._lock = asyncio.Lock()

    async def show(self, sort_by: SortBy, now: int) -> dict[str, object]:
        """The answer of row 4: the first ten, best first."""
        figures = await self._figures(sort_by, now)
        records = self._published.by_ids([item.skill_id for item in figures])
        shown = [
            _shown(records[item.skill_id].json, item)
            for item in figures
            if item.skill_id in records and records[item.skill_id].offered
        ]
        return {"sort_by": sort_by, "days": DAYS, "skills": shown[:TOP]}

    async def _figures(self, sort_by: SortBy, now: int) -> list[Figures]:
        async with self._lock:
            counted = self._counted.get(sort_by)
            if counted is None or not 0 <= now - counted[0] < MINUTE:
                found = await self._database.survey(lambda db: popularity.ranked(db, sort_by, now))
                counted = self._counted[sort_by] = (now, found)
        return counted[1]


def _shown(skill: bytes, figures: Figures) -> dict[str, object]:
    known: dict[str, object] = msgspec.json.decode(skill)
    return known | {
        "executions": figures.executions,
        "installs": figures.installs,
        "rating": figures.rating,
        "ratings": figures.ratings,
    }
