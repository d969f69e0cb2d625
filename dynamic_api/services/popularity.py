"""How often a skill was run and installed, day by day, and how it is liked: what the leaderboard counts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from dynamic_api.database.tables import skill_days

Kind = Literal["executions", "installs"]
EXECUTIONS: Kind = "executions"
INSTALLS: Kind = "installs"


def count(db: Connection, skill_ids: Collection[str], kind: Kind, now: int) -> None:
    """Add one to each of `skill_ids` on the day of `now`. In the transaction of what is counted."""
    if not skill_ids:
        return
    today = day(now)
    # In one order everywhere, so that two transactions never wait for each other.
    rows = [{"skill_id": skill_id, "day": today, kind: 1} for skill_id in sorted(skill_ids)]
    db.execute(_statement(db.dialect.name, kind), rows)


def day(now: int) -> date:
    """The day in UTC."""
    return datetime.fromtimestamp(now / 1000, UTC).date()


@cache
def _statement(dialect: str, kind: Kind) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(skill_days)
    more = {kind: skill_days.c[kind] + statement.excluded[kind]}
    return statement.on_conflict_do_update(index_elements=["skill_id", "day"], set_=more)
