"""One run from its call to its answer: chosen, paid for, run, settled or refunded.

It is never cancelled from outside, so that the books are always closed: `leave` asks it to stop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from dynamic_api.errors import Absent, Refusal, TimedOut, Unavailable, Upstream
from dynamic_api.logs import log
from dynamic_api.runs import reply
from dynamic_api.runs.parts import Parts, limits
from dynamic_api.runs.reply import Reply
from dynamic_api.runs.sessions import SHORT, Session, Wish
from dynamic_api.runs.unpacked import Script
from dynamic_api.sandbox.base import Job, OnOutput, Outcome
from dynamic_api.sandbox.given import check_arguments, check_stdin
from dynamic_api.sandbox.layers import find_layer
from dynamic_api.sandbox.scripts import find_script
from dynamic_api.services import credentials, credits, idempotency, run_choice, run_ledger
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.idempotency import Once, Stored
from dynamic_api.services.run_choice import Choice
from dynamic_api.services.run_ledger import Ended, Lease, Order

T = TypeVar("T")
CLIENT_GONE, STOPPING, CLOSED = "client_gone", "server_stopping", "session_closed"
TRIAL_SECONDS = 30.0
"""How long a run waits for the self-test of a sandbox that was just started."""
BEATS = 3
"""Heartbeats in the time of a lease."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants run."""

    slug: str
    script: str
    args: tuple[str, ...]
    stdin: bytes
    session_id: str | None
    reuse: bool
    minutes: int | None


@dataclass(slots=True)
class Attempt:
    """Await `go` once. `begun` is set when the run is paid for."""

    parts: Parts
    caller: Caller
    trace: Trace
    asked: Asked
    once: Once | None
    on_output: OnOutput | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _why: str = CLIENT_GONE

    def leave(self, why: str) -> None:
        """Stop as soon as may be, for this reason; the first one counts."""
        if not self._gone.is_set():
            self._why = why
            self._gone.set()

    async def go(self) -> Reply:
        """The answer. Raises Refusal; then nothing was charged, or it was given back."""
        parts, asked, once = self.parts, self.asked, self.once
        if once is not None:
            stored = await parts.database.read(lambda db: run_ledger.recall(db, once))
            if stored is not None:
                return Reply(stored, replayed=True)
        choice = await parts.database.read(
            lambda db: run_choice.choose(db, parts.published, self.caller, asked.slug)
        )
        await parts.require_here(self.caller, asked.session_id)
        script, job = await self._job(choice)
        async with parts.turns.turn(self.caller.user_id, self._gone) as waited:
            parts.gauges.waited.observe(waited)
            wish = Wish(asked.session_id, asked.reuse, asked.minutes, choice.slug)
            session, leaving = parts.sessions.claim(self.caller, wish, parts.clock())
            try:
                await parts.close(leaving)
                job = replace(job, limits=limits(parts.rules, session.minutes))
                return Reply(await self._paid(choice, script, session, job))
            finally:
                parts.sessions.release(session, parts.clock())

    async def _job(self, choice: Choice) -> tuple[Script, Job]:
        """All that can be refused before anything is paid."""
        parts, asked = self.parts, self.asked
        await _require_sandbox(parts)
        bounds = limits(parts.rules, asked.minutes or SHORT)
        check_arguments(asked.args, bounds)
        check_stdin(asked.stdin, bounds)
        unpacked = await parts.shelf.get(choice.slug, choice.sha256, is_published=choice.is_published)
        if unpacked.is_local:
            raise run_choice.local_only(choice)
        script = unpacked.script(asked.script)
        if script.language is None:
            find_script(unpacked.folder, script.path)
        job = Job(
            unpacked.folder,
            script.path,
            asked.args,
            asked.stdin,
            await self._credentials(unpacked.required_env),
            layer=find_layer(parts.layers, unpacked.folder),
            network=parts.network.get(choice.slug, ()) if choice.is_published else (),
        )
        return script, job

    async def _credentials(self, names: tuple[str, ...]) -> dict[str, str]:
        if not names:
            return {}
        keys, user_id = self.parts.keys, self.caller.user_id
        return await self.parts.database.read(
            lambda db: credentials.open_credentials(db, keys, user_id, names)
        )

    async def _paid(self, choice: Choice, script: Script, session: Session, job: Job) -> Stored:
        lease = await self._reserve(choice, script, session)
        self.parts.active.add(lease.run_id)
        beating = asyncio.create_task(self._beat(lease))
        self.begun.set()
        try:
            ended = await self._in_sandbox(session, job)
        except Refusal as refusal:
            await self._refund(lease, refusal.code)
            raise
        except BaseException:
            await self._refund(lease, "internal_error")
            raise
        else:
            return await self._settle(lease, ended)
        finally:
            beating.cancel()
            self.parts.active.discard(lease.run_id)

    async def _reserve(self, choice: Choice, script: Script, session: Session) -> Lease:
        parts = self.parts
        order = Order(
            choice=choice,
            script=script.path,
            session_id=session.id,
            is_new=not session.opened,
            minutes=session.minutes,
            level=parts.sandbox.health.level,
            process=parts.process,
            once=self.once,
        )
        now = parts.clock()
        until = self._lease_until(now)
        try:
            return await parts.database.write(
                lambda db: run_ledger.reserve(db, self.caller, order, parts.prices, until, now)
            )
        except IntegrityError as error:
            if self.once is None:
                raise
            raise run_ledger.under_way() from error

    def _lease_until(self, now: int) -> int:
        return now + round(self.parts.rules.lease_seconds * 1000)

    async def _beat(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self.parts.rules.lease_seconds / BEATS)
            now = self.parts.clock()
            until = self._lease_until(now)
            try:
                await self.parts.database.write(lambda db: run_ledger.beat(db, lease, until, now))  # noqa: B023
            except Refusal as refusal:
                log.warning("run %s: no heartbeat: %s", lease.run_id, refusal.message)

    async def _in_sandbox(self, session: Session, job: Job) -> Outcome | Ended:
        """How it ended; Ended for a script that was stopped. Raises Refusal for what is not to be paid."""
        sandbox = self.parts.sandbox
        if not session.opened:
            await _translated(sandbox.open(session.id, self.parts.rules.disk_bytes))
            session.opened = True
        if self._gone.is_set():
            raise Unavailable(self._why, "nothing was run")
        started = time.monotonic()
        running = asyncio.create_task(_translated(sandbox.run(session.id, job, self.on_output)))
        leaving = asyncio.create_task(self._gone.wait())
        await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
        if not running.cancelled():
            return _result(running, session)
        why = self._why if self._gone.is_set() else CLOSED
        if why == STOPPING:
            raise Unavailable(STOPPING, "the server stops", mend="run it again; this run costs nothing")
        return Ended(exit_code=None, duration_ms=round((time.monotonic() - started) * 1000), reason=why)

    async def _settle(self, lease: Lease, how: Outcome | Ended) -> Stored:
        now = self.parts.clock()
        ended = how if isinstance(how, Ended) else reply.ended_of(how)
        self._count(how)

        def work(db: Connection) -> Stored:
            balance = run_ledger.settle(db, self.caller, self.trace, lease, ended, now)
            kept, charged = balance is not None, lease.price
            if balance is None:
                balance, charged = credits.balance_of(db, lease.user_id), 0
            if isinstance(how, Ended):
                stored = reply.cancelled(lease, how.reason or CLOSED, how.duration_ms, charged, balance)
            else:
                stored = reply.answer(lease, how, charged, balance, now)
            if kept and self.once is not None:
                idempotency.keep(db, self.once, stored, now)
            return stored

        return await self.parts.database.write(work)

    def _count(self, how: Outcome | Ended) -> None:
        gauges = self.parts.gauges
        if isinstance(how, Ended):
            gauges.ended.labels(how.reason).inc()
            return
        gauges.ended.labels("exit 0" if how.exit_code == 0 else "exit not 0").inc()
        gauges.startup.observe(how.startup_ms / 1000)
        for limit in how.limits_hit:
            gauges.limits.labels(limit).inc()

    async def _refund(self, lease: Lease, reason: str) -> None:
        """What cannot be refunded now is when the lease has passed."""
        self.parts.gauges.ended.labels("refunded").inc()
        now = self.parts.clock()
        try:
            await self.parts.database.write(
                lambda db: run_ledger.refund(
                    db, lease.run_id, reason, now, caller=self.caller, trace=self.trace
                )
            )
        except Refusal as refusal:
            log.warning("run %s: refunded later: %s", lease.run_id, refusal.message)


def _result(running: asyncio.Task[Outcome], session: Session) -> Outcome:
    """What came of it. A session that the sandbox lost is none any more."""
    try:
        return running.result()
    except Absent as error:
        session.opened = session.opened and error.code != "session_not_found"
        raise


async def _require_sandbox(parts: Parts) -> None:
    """Wait for its self-test, if that is still under way. Raises Unavailable."""
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            await parts.tried.wait()
    except TimeoutError as error:
        raise _unavailable("the sandbox is still being tried") from error
    health = parts.sandbox.health
    if health.level == "refused":
        raise _unavailable(f"nothing is run on this server: {health.reason}")


async def _translated(work: Awaitable[T]) -> T:
    """What the sandbox gives; its own failures under the one code that callers know."""
    try:
        return await work
    except (TimedOut, Upstream):
        raise
    except Unavailable as error:
        raise _unavailable(error.message) from error


def _unavailable(message: str) -> Unavailable:
    return Unavailable(
        "sandbox_unavailable",
        message,
        mend="try once more; if it stays, fetch the skill and run it on your own machine",
        headers={"Retry-After": "5"},
    )
