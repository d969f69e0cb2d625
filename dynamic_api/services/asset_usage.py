"""Uses of assets as clients report them: each counts once, and is on disk before the answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from dynamic_api.database.tables import usage_events
from dynamic_api.services.caller import Caller
from dynamic_api.sx.usage import Event


class Used(Struct, frozen=True):
    """One use. `at` is in milliseconds."""

    id: str
    at: int
    actor: str
    asset_name: str
    asset_version: str
    asset_type: str


class Filter(Struct, frozen=True, kw_only=True):
    """Which uses are asked for; None stands for all. Times are in milliseconds."""

    asset_name: str | None = None
    asset_type: str | None = None
    actor: str | None = None
    since: int | None = None
    until: int | None = None


def store(db: Connection, caller: Caller, events: Sequence[Event], now: int) -> None:
    """Keep those of `events` that are new."""
    rows = [
        {
            "id": event.id,
            "at": int(event.time.timestamp() * 1000),
            "received_at": now,
            "reporter_id": caller.user_id,
            "actor": (event.actor or caller.email)[:320],
            "asset_name": event.asset_name,
            "asset_version": event.asset_version,
            "asset_type": event.asset_type,
        }
        for event in events
    ]
    db.execute(_statement(db.dialect.name), rows)


@cache
def _statement(dialect: str) -> Any:
    """Nothing is asked back, so that the driver sends all rows at once."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(usage_events).on_conflict_do_nothing()


def moment(now: int) -> datetime:
    """Milliseconds as a time in UTC."""
    return datetime.fromtimestamp(now / 1000, UTC)


def page(db: Connection, wanted: Filter, after: tuple[int, str] | None, limit: int) -> list[Used]:
    """Uses, newest first, from the first one after (time, id)."""
    event = usage_events.c
    query = select(usage_events).order_by(event.at.desc(), event.id.desc()).limit(limit)
    if after is not None:
        query = query.where(or_(event.at < after[0], and_(event.at == after[0], event.id < after[1])))
    for column, value in (
        (event.asset_name, wanted.asset_name),
        (event.asset_type, wanted.asset_type),
        (event.actor, wanted.actor),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(event.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(event.at < wanted.until)
    return [
        Used(row.id, row.at, row.actor, row.asset_name, row.asset_version, row.asset_type)
        for row in db.execute(query)
    ]
