"""The runs of one process: begun for routes, looked after by one task, ended when the process stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.runs.attempt import STOPPING, Asked, Attempt
from dynamic_api.runs.parts import Parts
from dynamic_api.runs.reply import Reply
from dynamic_api.runs.sessions import Session
from dynamic_api.sandbox.base import FilePart, FileRow, OnOutput, Sandbox
from dynamic_api.services import run_ledger, run_sessions
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.idempotency import Once
from dynamic_api.tasks.background import pause, running

REFUNDS_AT_ONCE = 50
SERVER_LOST = "server_lost"
"""Why a run was refunded whose server was not heard of."""


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Do it, or give it up when the process stops meanwhile: trying a sandbox takes seconds."""
    doing, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not doing.done():
        doing.cancel()
        await asyncio.wait({doing})
    if not doing.cancelled():
        doing.result()


@dataclass(slots=True)
class Runs:
    """Part of the context. `make` gives a sandbox that was not started yet."""

    parts: Parts
    make: Callable[[], Sandbox]
    _under_way: dict[asyncio.Task[Reply], Attempt] = field(default_factory=dict)
    _refused_at_start: bool = False
    _looked_at: object = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Start the sandbox beside, and at the end close every session and every book."""
        try:
            await self._close_former()
            async with running((self._look_after,)):
                yield
                await self._end_all()
        finally:
            await self.parts.sandbox.stop()

    async def _close_former(self) -> None:
        """What an earlier process had open is gone. Only SQLite has one process at a time."""
        if self.parts.database.engine.dialect.name == "sqlite":
            now = self.parts.clock()
            await self.parts.database.write(lambda db: run_sessions.close_all(db, now))

    def begin(
        self, caller: Caller, trace: Trace, asked: Asked, once: Once | None, on_output: OnOutput | None
    ) -> tuple[Attempt, asyncio.Task[Reply]]:
        """A run that goes on whoever waits for it, and closes its books."""
        attempt = Attempt(self.parts, caller, trace, asked, once, on_output)
        task = asyncio.create_task(attempt.go())
        self._under_way[task] = attempt
        task.add_done_callback(self._forget)
        return attempt, task

    def _forget(self, task: asyncio.Task[Reply]) -> None:
        self._under_way.pop(task, None)
        if not task.cancelled():
            task.exception()

    def probe(self) -> str:
        """For /readyz: good unless the operator asked for a sandbox that does not hold."""
        health = self.parts.sandbox.health
        if not self.parts.tried.is_set():
            return "ok, being tried"
        if health.level != "refused":
            return f"ok, {health.backend}, level {health.level}"
        good = "ok, " if self.parts.rules.backend in {"auto", "none"} else ""
        return f"{good}level refused: {health.reason}"

    async def close(self, caller: Caller, trace: Trace, session_id: str) -> None:
        """End a session, and the run in it. Raises Absent."""
        session = await self.parts.session(caller, session_id)
        del self.parts.sessions.rows[session.id]
        await self.parts.sandbox.close(session.id)
        now = self.parts.clock()
        await self.parts.database.write(lambda db: run_sessions.close_for(db, caller, trace, session.id, now))

    async def files(self, caller: Caller, session_id: str, directory: str) -> list[FileRow]:
        """What is directly in a folder of a session. Raises Absent, Invalid, Forbidden."""
        session = await self._used(caller, session_id)
        return await self.parts.sandbox.list(session.id, directory)

    async def lines(self, caller: Caller, session_id: str, path: str, first: int, count: int) -> bytes:
        """Lines of a file."""
        session = await self._used(caller, session_id)
        return await self.parts.sandbox.read_lines(session.id, path, first, count)

    async def part(self, caller: Caller, session_id: str, path: str, offset: int, size: int) -> FilePart:
        """Bytes of a file."""
        session = await self._used(caller, session_id)
        return await self.parts.sandbox.read(session.id, path, offset, size)

    async def put(self, caller: Caller, trace: Trace, session_id: str, path: str, data: bytes) -> None:
        """Write a file whole."""
        session = await self._used(caller, session_id)
        await self.parts.sandbox.put(session.id, path, data)
        now = self.parts.clock()
        await self.parts.database.write(
            lambda db: run_sessions.put_file(db, caller, trace, session.id, path, len(data), now)
        )

    async def _used(self, caller: Caller, session_id: str) -> Session:
        session = await self.parts.session(caller, session_id)
        session.last_used_at = self.parts.clock()
        return session

    async def _look_after(self, stop: asyncio.Event) -> None:
        """Start the sandbox, and again when it breaks; close what is over; refund what nobody holds."""
        while not stop.is_set():
            await _unless_stopped(self._start_if_down(), stop)
            try:
                await self.tidy()
            except Refusal as refusal:
                log.warning("runs: %s", refusal.message)
            await pause(stop, self.parts.rules.sweep_seconds)

    async def _start_if_down(self) -> None:
        """A sandbox that was refused at its first start stays so: the machine is as it is."""
        parts = self.parts
        if parts.tried.is_set():
            if parts.sandbox.health.level != "refused" or self._refused_at_start:
                return
            log.warning("runs: the sandbox broke, and is started again")
            await self._lose_sessions()
            await parts.sandbox.stop()
            parts.sandbox = self.make()
        health = await parts.sandbox.start()
        self._refused_at_start = health.level == "refused"
        parts.tried.set()

    async def _lose_sessions(self) -> None:
        lost = list(self.parts.sessions.rows)
        self.parts.sessions.rows.clear()
        now = self.parts.clock()
        await self.parts.database.write(lambda db: run_sessions.close(db, lost, now))

    async def tidy(self) -> None:
        """One look: sessions whose time is over, runs and sessions that a process left behind."""
        parts, now = self.parts, self.parts.clock()
        await parts.close(parts.sessions.idle_too_long(now))
        self._forget_withdrawn()
        self._show()
        active = frozenset(parts.active)
        late = await parts.database.read(lambda db: run_ledger.expired(db, now, REFUNDS_AT_ONCE, active))
        for run_id in late:
            await parts.database.write(
                lambda db: run_ledger.refund(db, run_id, SERVER_LOST, now, only_expired=True)  # noqa: B023
            )
        before, mine = now - round(parts.rules.lease_seconds * 1000), frozenset(parts.sessions.rows)
        if await parts.database.read(lambda db: run_sessions.any_forgotten(db, before, mine)):
            await parts.database.write(lambda db: run_sessions.close_forgotten(db, before, mine, now))

    def _forget_withdrawn(self) -> None:
        """Keep no files of what was taken back (DESIGN.md D14)."""
        stamp = self.parts.published.stamp
        if stamp != self._looked_at:
            self._looked_at = stamp
            for sha256 in self.parts.published.withdrawn(self.parts.shelf.known()):
                self.parts.shelf.forget(sha256)

    def _show(self) -> None:
        gauges, parts = self.parts.gauges, self.parts
        gauges.waiting.set(parts.turns.waiting)
        gauges.running.set(parts.turns.running.total())
        gauges.sessions.set(len(parts.sessions.rows))

    async def _end_all(self) -> None:
        """Stop what runs, wait for its books, and close the sessions."""
        tasks = list(self._under_way)
        for attempt in self._under_way.values():
            attempt.leave(STOPPING)
        if tasks:
            await asyncio.wait(tasks)
        rows = list(self.parts.sessions.rows.values())
        self.parts.sessions.rows.clear()
        await self.parts.close(rows)
