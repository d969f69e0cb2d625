"""The record of sessions: when they were closed, and by whom."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, delete, select, update

from dynamic_api.database.tables import run_sessions
from dynamic_api.errors import Unavailable
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


def require_not_elsewhere(db: Connection, caller: Caller, session_id: str, process: str, now: int) -> None:
    """Raise Unavailable for a session of the caller that another process has open."""
    row = run_sessions.c
    there = select(row.id).where(
        row.id == session_id,
        row.user_id == caller.user_id,
        row.process != process,
        OPEN,
        row.expires_at > now,
    )
    if caller.allowed is not None:
        there = there.where(row.key_id == caller.key_id)
    if db.execute(there).first() is not None:
        raise Unavailable(
            "session_elsewhere",
            "another process of this server has this session",
            place="sessionId",
            mend="try again, or ask the operator to send all runs to one process (docs/runs.md)",
            headers={"Retry-After": "1"},
        )


def any_forgotten(db: Connection, before: int, but: Collection[str]) -> bool:
    """Whether sessions of a process that is no more are still open in the books."""
    return db.execute(select(run_sessions.c.id).where(*_forgotten(before, but)).limit(1)).first() is not None


def close_forgotten(db: Connection, before: int, but: Collection[str], now: int) -> int:
    """Close those whose time was over at `before`, without those of `but`; how many there were."""
    return db.execute(update(run_sessions).where(*_forgotten(before, but)).values(closed_at=now)).rowcount


def forget(db: Connection, before: int, most: int) -> int:
    """Remove up to `most` sessions that were closed before `before`; how many they were."""
    old = select(run_sessions.c.id).where(run_sessions.c.closed_at < before).limit(most)
    return int(db.execute(delete(run_sessions).where(run_sessions.c.id.in_(old))).rowcount)


def close_all(db: Connection, now: int) -> None:
    """Close every one: for a database whose only process has just begun."""
    db.execute(update(run_sessions).where(OPEN).values(closed_at=now))


def _forgotten(before: int, but: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return (OPEN, run_sessions.c.expires_at <= before, run_sessions.c.id.not_in(but))
