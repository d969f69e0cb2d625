"""The sessions that this process keeps: whose they are, which is busy, which may go to make room."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from dynamic_api.clock import MINUTE
from dynamic_api.errors import Absent, Conflict, Invalid, Limited, Unavailable
from dynamic_api.ids import new_id, undashed
from dynamic_api.run_settings import Runs as Rules
from dynamic_api.services.caller import Caller

SHORT = 5
"""Minutes of a session whose caller does not say."""


@dataclass(slots=True)
class Session:
    """A session. `kept` ones stay until they are closed or idle for `minutes`; others make room before.

    `opened`: the sandbox has it. `busy`: a run has it for itself. Times in milliseconds.
    """

    id: str
    user_id: str
    key_id: str
    minutes: int
    slug: str
    created_at: int
    last_used_at: int
    kept: bool
    opened: bool = False
    busy: bool = True

    @property
    def expires_at(self) -> int:
        """When it is closed, if nobody uses it."""
        return self.last_used_at + self.minutes * MINUTE


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller says of the session of a run."""

    session_id: str | None
    reuse: bool
    minutes: int | None
    slug: str


@dataclass(slots=True)
class Sessions:
    """By id. Everything happens on one event loop, and nothing here waits."""

    rules: Rules
    rows: dict[str, Session] = field(default_factory=dict)

    def of(self, caller: Caller) -> list[Session]:
        """Those that the key may use, newest first: a scoped key only has what it opened itself."""
        seen = [row for row in self.rows.values() if row.opened and _may_use(row, caller)]
        return sorted(seen, key=lambda row: (-row.last_used_at, row.id))

    def find(self, caller: Caller, session_id: str) -> Session:
        """One of them. Raises Absent, whether it is over, never was, or is somebody else's."""
        row = self.rows.get(undashed(session_id))
        if row is None or not row.opened or not _may_use(row, caller):
            raise Absent(
                "session_not_found",
                "there is no such session, or it is over",
                place="sessionId",
                mend="run it again with reuseSession to get a new one",
            )
        return row

    def claim(self, caller: Caller, wish: Wish, now: int) -> tuple[Session, list[Session]]:
        """The session for a run, marked busy; and those that have to be closed to make room for it.

        Raises Absent, Conflict, Invalid, Limited, Unavailable.
        """
        row = self._wanted(caller, wish)
        if row is not None:
            if row.busy:
                mend = "wait for its end, or leave sessionId out"
                raise Conflict(
                    "session_busy", "a script is running in this session", place="sessionId", mend=mend
                )
            _require_minutes(row, wish)
            row.busy, row.last_used_at, row.kept = True, now, row.kept or wish.reuse
            return row, []
        leaving = self._room(caller, now)
        row = Session(
            id=new_id(),
            user_id=caller.user_id,
            key_id=caller.key_id,
            minutes=wish.minutes or SHORT,
            slug=wish.slug,
            created_at=now,
            last_used_at=now,
            kept=wish.reuse,
        )
        for old in leaving:
            del self.rows[old.id]
        self.rows[row.id] = row
        return row, leaving

    def release(self, session: Session, now: int) -> None:
        """The run is over; a session that never opened is forgotten."""
        session.busy, session.last_used_at = False, now
        if not session.opened:
            self.rows.pop(session.id, None)

    def idle_too_long(self, now: int) -> list[Session]:
        """Take out those whose time is over."""
        over = [row for row in self.rows.values() if not row.busy and row.expires_at <= now]
        for row in over:
            del self.rows[row.id]
        return over

    def _wanted(self, caller: Caller, wish: Wish) -> Session | None:
        """The session that is meant; None for a new one."""
        if wish.session_id is not None:
            try:
                return self.find(caller, wish.session_id)
            except Absent:
                if wish.reuse:
                    return None
                raise
        if not wish.reuse:
            return None
        return next(
            (
                row
                for row in self.of(caller)
                if not row.busy and row.slug == wish.slug and row.minutes == (wish.minutes or row.minutes)
            ),
            None,
        )

    def _room(self, caller: Caller, now: int) -> list[Session]:
        """What has to go for one more session."""
        own = [row for row in self.rows.values() if row.user_id == caller.user_id]
        if len(own) >= self.rules.sessions_per_account:
            oldest = _oldest_spare(own)
            if oldest is None:
                raise Limited(
                    "too_many_sessions",
                    f"this account has {len(own)} sessions open, and all are in use or kept",
                    mend="close one: DELETE /api/v1/runs/sessions/{id}",
                    headers=_retry_after(own, now),
                )
            return [oldest]
        if len(self.rows) >= self.rules.sessions:
            oldest = _oldest_spare(self.rows.values())
            if oldest is None:
                raise Unavailable(
                    "too_many_sessions",
                    "no more sessions fit on this server",
                    mend="try again later",
                    headers=_retry_after(self.rows.values(), now),
                )
            return [oldest]
        return []


def _may_use(row: Session, caller: Caller) -> bool:
    return row.user_id == caller.user_id and (caller.allowed is None or row.key_id == caller.key_id)


def _require_minutes(row: Session, wish: Wish) -> None:
    if wish.minutes not in {None, row.minutes}:
        raise Invalid(
            "validation_error",
            f"this session was opened for {row.minutes} minutes",
            place="sessionMinutes",
            mend="leave it out, or leave sessionId out",
        )


def _oldest_spare(rows: Iterable[Session]) -> Session | None:
    spare = [row for row in rows if row.opened and not row.busy and not row.kept]
    return min(spare, key=lambda row: row.last_used_at, default=None)


def _retry_after(rows: Iterable[Session], now: int) -> dict[str, str]:
    soonest = min(row.expires_at for row in rows)
    return {"Retry-After": str(max(1, math.ceil((soonest - now) / 1000)))}
