"""How often skills are run and taken, day by day, and how they are liked: what the leaderboard counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, delete, desc, func, or_, select, tuple_

from dynamic_api.clock import DAY
from dynamic_api.database import at_end
from dynamic_api.database.tables import ratings, skill_days, skills
from dynamic_api.database.upsert import add

Kind = Literal["executions", "installs"]
SortBy = Literal["executions", "installs", "rating"]
EXECUTIONS: Kind = "executions"
INSTALLS: Kind = "installs"
COUNTED = "counted"
"""The kind of what waits to be counted at the end of a transaction."""
DAYS = 30
"""What the leaderboard looks back on."""
CANDIDATES = 50
"""More than are shown: some may not be on offer any more."""
_SHOWN = ("public", "premium")
# A skill with few ratings is not yet the best or the worst: five of three stars are thought beside them.
_PRIOR_COUNT, _PRIOR_STARS = 5, 15.0


class Figures(Struct, frozen=True):
    """What is known of a skill in the last 30 days. `rating` is the mean of `ratings`, None without any."""

    skill_id: str
    executions: int
    installs: int
    rating: float | None
    ratings: int


def count(db: Connection, skill_ids: Collection[str], kind: Kind, now: int) -> None:
    """Add one to each of `skill_ids` on the day of `now`, at the end of the transaction."""
    for one in skill_ids:
        at_end.add(db, COUNTED, (one, day(now), kind))


def add_counts(db: Connection) -> None:
    """Write down what the transaction has counted."""
    counts: dict[tuple[str, date], dict[str, int]] = {}
    for skill_id, on, kind in at_end.take(db, COUNTED):
        counts.setdefault((skill_id, on), {EXECUTIONS: 0, INSTALLS: 0})[kind] += 1
    # In one order everywhere, so that two transactions never wait for each other.
    rows = [{"skill_id": key[0], "day": key[1], **count} for key, count in sorted(counts.items())]
    add(db, skill_days, rows, (EXECUTIONS, INSTALLS))


def day(now: int) -> date:
    """The day in UTC."""
    return datetime.fromtimestamp(now / 1000, UTC).date()


def ranked(db: Connection, sort_by: SortBy, now: int) -> list[Figures]:
    """The first skills by `sort_by`, best first; private ones are not among them. Looks at many rows."""
    since, since_day = now - DAYS * DAY, day(now) - timedelta(days=DAYS - 1)
    if sort_by == "rating":
        ids = db.execute(_liked(since)).scalars().all()
    else:
        ids = db.execute(_busy(sort_by, since_day)).scalars().all()
    used = {row.skill_id: row for row in db.execute(_use_of(ids, since_day))}
    liked = {row.skill_id: row for row in db.execute(_rating_of(ids, since))}
    return [_figures(skill_id, used, liked) for skill_id in ids]


def rating_of(db: Connection, skill_id: str, now: int) -> tuple[float | None, int]:
    """Mean and number of a skill's ratings in the last 30 days."""
    liked = {row.skill_id: row for row in db.execute(_rating_of([skill_id], now - DAYS * DAY))}
    figures = _figures(skill_id, {}, liked)
    return figures.rating, figures.ratings


def forget(db: Connection, before: int, most: int) -> int:
    """Remove up to `most` counters of days before that of `before`; how many they were."""
    counter = skill_days.c
    old = select(counter.skill_id, counter.day).where(counter.day < day(before)).limit(most)
    mine = tuple_(counter.skill_id, counter.day)
    return int(db.execute(delete(skill_days).where(mine.in_(old))).rowcount)


def _busy(kind: Kind, since: date) -> Select[Any]:
    total = func.sum(skill_days.c[kind])
    return (
        select(skill_days.c.skill_id)
        .outerjoin(skills, skills.c.id == skill_days.c.skill_id)
        .where(skill_days.c.day >= since, _is_shown())
        .group_by(skill_days.c.skill_id)
        .having(total > 0)
        .order_by(desc(total), skill_days.c.skill_id)
        .limit(CANDIDATES)
    )


def _liked(since: int) -> Select[Any]:
    score = (func.sum(ratings.c.stars) + _PRIOR_STARS) / (func.count() + _PRIOR_COUNT)
    return (
        select(ratings.c.skill_id)
        .outerjoin(skills, skills.c.id == ratings.c.skill_id)
        .where(ratings.c.at >= since, _is_shown())
        .group_by(ratings.c.skill_id)
        .order_by(desc(score), desc(func.count()), ratings.c.skill_id)
        .limit(CANDIDATES)
    )


def _is_shown() -> ColumnElement[bool]:
    """Published skills need no row of their own; private ones always have one."""
    return or_(skills.c.id.is_(None), skills.c.category.in_(_SHOWN))


def _use_of(ids: Sequence[str], since: date) -> Select[Any]:
    return (
        select(
            skill_days.c.skill_id,
            func.sum(skill_days.c.executions).label("executions"),
            func.sum(skill_days.c.installs).label("installs"),
        )
        .where(skill_days.c.skill_id.in_(ids), skill_days.c.day >= since)
        .group_by(skill_days.c.skill_id)
    )


def _rating_of(ids: Sequence[str], since: int) -> Select[Any]:
    return (
        select(ratings.c.skill_id, func.sum(ratings.c.stars).label("stars"), func.count().label("number"))
        .where(ratings.c.skill_id.in_(ids), ratings.c.at >= since)
        .group_by(ratings.c.skill_id)
    )


def _figures(skill_id: str, used: Mapping[str, Any], liked: Mapping[str, Any]) -> Figures:
    use, rating = used.get(skill_id), liked.get(skill_id)
    return Figures(
        skill_id,
        int(use.executions) if use else 0,
        int(use.installs) if use else 0,
        round(int(rating.stars) / rating.number, 2) if rating else None,
        rating.number if rating else 0,
    )
