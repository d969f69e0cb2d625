"""What every run of one process shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dynamic_api.database.engine import Database
from dynamic_api.errors import Absent
from dynamic_api.ids import new_id, undashed
from dynamic_api.run_settings import Runs as Rules
from dynamic_api.runs.sessions import Session, Sessions
from dynamic_api.runs.turns import Turns
from dynamic_api.runs.unpacked import Shelf
from dynamic_api.sandbox.base import Limits, Sandbox
from dynamic_api.sealing import Keyring
from dynamic_api.services import run_sessions
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.settings import Credits

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LONG = 30


class Gauges:
    """What Prometheus is told of runs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = Counter("skillpress_runs_total", "Runs, by how they ended.", ("end",), registry=registry)
        self.limits = Counter(
            "skillpress_run_limits_total", "Limits that runs hit.", ("limit",), registry=registry
        )
        self.waiting = Gauge("skillpress_run_queue_length", "Runs that wait.", registry=registry)
        self.running = Gauge("skillpress_runs_running", "Runs under way.", registry=registry)
        self.sessions = Gauge("skillpress_run_sessions", "Sessions that are open.", registry=registry)
        self.waited = Histogram(
            "skillpress_run_queue_seconds", "How long runs waited.", buckets=_SECONDS, registry=registry
        )
        self.startup = Histogram(
            "skillpress_run_startup_seconds",
            "From a run's turn to its script.",
            buckets=_SECONDS,
            registry=registry,
        )


@dataclass(slots=True)
class Parts:
    """Made once; `sandbox` is replaced when it broke. `tried`: it was started, for good or bad."""

    database: Database
    published: Published
    keys: Keyring
    rules: Rules
    prices: Credits
    clock: Callable[[], int]
    shelf: Shelf
    layers: Path
    network: Mapping[str, tuple[str, ...]]
    """Slug of a published skill → what its scripts may reach."""
    turns: Turns
    sessions: Sessions
    gauges: Gauges
    sandbox: Sandbox
    process: str = field(default_factory=new_id)
    active: set[str] = field(default_factory=set)
    """Runs whose leases this process holds."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)

    async def session(self, caller: Caller, session_id: str) -> Session:
        """A session of the caller. Raises Absent, and Unavailable when another process has it."""
        try:
            return self.sessions.find(caller, session_id)
        except Absent:
            await self.require_here(caller, session_id)
            raise

    async def require_here(self, caller: Caller, session_id: str | None) -> None:
        """Raise Unavailable for a session of the caller that another process has."""
        if session_id is None or undashed(session_id) in self.sessions.rows:
            return
        name, now = undashed(session_id), self.clock()
        await self.database.read(
            lambda db: run_sessions.require_not_elsewhere(db, caller, name, self.process, now)
        )

    async def close(self, sessions: list[Session]) -> None:
        """End these sessions, which are out of `sessions` already, and write it down."""
        for session in sessions:
            await self.sandbox.close(session.id)
        if sessions:
            ids = [session.id for session in sessions]
            now = self.clock()
            await self.database.write(lambda db: run_sessions.close(db, ids, now))


def limits(rules: Rules, minutes: int) -> Limits:
    """What a run may use in a session of so many minutes; never more time than the session has."""
    long = minutes >= LONG
    return Limits(
        wall_seconds=min(rules.long_wall_seconds if long else rules.wall_seconds, minutes * 60.0),
        cpu_seconds=rules.long_cpu_seconds if long else rules.cpu_seconds,
        memory_bytes=rules.memory_bytes,
        processes=rules.processes,
        open_files=rules.open_files,
        file_bytes=rules.file_bytes,
        output_bytes=rules.output_bytes,
        shown_bytes=rules.shown_bytes,
        stdin_bytes=rules.stdin_bytes,
        argument_bytes=rules.argument_bytes,
        cores=rules.cores,
        network_bytes=rules.network_bytes,
    )
