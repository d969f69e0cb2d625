"""The record of sessions: when they were closed, and by whom."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, select, update

from dynamic_api.database.tables import run_sessions
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace

OPEN = run_sessions.c.closed_at.is_(None)


def close(db: Connection, session_ids: Collection[str], now: int) -> None:
    """Write down that they are over."""
    if session_ids:
        found = run_sessions.c.id.in_(session_ids)
        db.execute(update(run_sessions).where(found, OPEN).values(closed_at=now))


def close_for(db: Connection, caller: Caller, trace: Trace, session_id: str, now: int) -> None:
    """The caller closed it."""
    close(db, [session_id], now)
    audit.record(
        db, "RUN_SESSION_CLOSED", "run_session", now=now, caller=caller, trace=trace, target_id=session_id
    )


def put_file(
    db: Connection, caller: Caller, trace: Trace, session_id: str, path: str, size: int, now: int
) -> None:
    """The caller put a file into a session."""
    audit.record(
        db,
        "RUN_FILE_PUT",
        "run_session",
        now=now,
        caller=caller,
        trace=trace,
        target_id=session_id,
        target_name=path,
        data={"size": size},
    )


def any_forgotten(db: Connection, before: int, but: Collection[str]) -> bool:
    """Whether sessions of a process that is no more are still open in the books."""
    return db.execute(select(run_sessions.c.id).where(*_forgotten(before, but)).limit(1)).first() is not None


def close_forgotten(db: Connection, before: int, but: Collection[str], now: int) -> int:
    """Close those whose time was over at `before`, without those of `but`; how many there were."""
    return db.execute(update(run_sessions).where(*_forgotten(before, but)).values(closed_at=now)).rowcount


def _forgotten(before: int, but: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return (OPEN, run_sessions.c.expires_at <= before, run_sessions.c.id.not_in(but))
