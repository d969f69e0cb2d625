"""Removes what is kept for a time only, once a day, in small transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from dynamic_api.clock import DAY
from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.private_store import PrivateStore
from dynamic_api.services import (
    bundle_rows,
    deliveries,
    idempotency,
    popularity,
    replaced_bytes,
    run_ledger,
    run_sessions,
    telemetry,
    tickets,
)
from dynamic_api.settings import Settings
from dynamic_api.tasks.background import pause

DAY_SECONDS = DAY / 1000
FIRST_SECONDS = 60.0
"""How long after its start a process looks for the first time."""
BATCH = 1000
PAUSE_SECONDS = 0.05
TICKET_DAYS = 7
"""After it has ended."""
BUNDLE_GRACE = DAY
"""How long after its last link has ended a bundle may still be on its way to somebody."""
REPLACED_DAYS = 2
"""Longer than a link of ours holds."""
COUNTER_DAYS = 400
"""A year and more of how often a skill was used."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is kept for `days`; `forget(db, before, most)` removes some of what is older, and counts it."""

    name: str
    days: Callable[[Settings], int]
    forget: Callable[[Connection, int, int], int]


SWEEPS = (
    Sweep("telemetry", lambda settings: settings.telemetry.retention_days, telemetry.forget),
    Sweep("webhook deliveries", lambda settings: settings.webhooks.log_days, deliveries.forget),
    Sweep("idempotency keys", lambda settings: settings.credits.idempotency_days, idempotency.forget),
    Sweep("upload tickets", lambda _settings: TICKET_DAYS, tickets.forget),
    Sweep("runs", lambda settings: settings.runs.keep_days, run_ledger.forget),
    Sweep("run sessions", lambda settings: settings.runs.keep_days, run_sessions.forget),
    Sweep("counters", lambda _settings: COUNTER_DAYS, popularity.forget),
)


@dataclass(frozen=True, slots=True)
class Housekeeper:
    """`run` it until `stop` is set."""

    database: Database
    private_store: PrivateStore
    settings: Settings
    clock: Callable[[], int]

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep once a day. Nothing that fails ends it."""
        await pause(stop, FIRST_SECONDS)
        while not stop.is_set():
            try:
                await self.sweep(stop)
            except Refusal as refusal:
                log.warning("housekeeping: %s", refusal.message)
            await pause(stop, DAY_SECONDS)

    async def sweep(self, stop: asyncio.Event) -> dict[str, int]:
        """Name of each sweep → how many rows went. Between two transactions others get their turn."""
        gone = dict.fromkeys((sweep.name for sweep in SWEEPS), 0)
        for sweep in SWEEPS:
            before = self.clock() - sweep.days(self.settings) * DAY
            count = BATCH
            while count >= BATCH and not stop.is_set():
                count = await self.database.write(lambda db: sweep.forget(db, before, BATCH))  # noqa: B023
                gone[sweep.name] += count
                await pause(stop, PAUSE_SECONDS)
        bundles, replaced = await self._forget_bundles(stop), await self._forget_replaced(stop)
        return gone | {"bundles": bundles, "replaced zips": replaced}

    async def _forget_replaced(self, stop: asyncio.Event) -> int:
        """Remove the zips that renames replaced, a day and more ago."""
        now, gone = self.clock(), 0
        discard = self.private_store.discard
        late = await self.database.read(
            lambda db: replaced_bytes.overdue(db, now - REPLACED_DAYS * DAY, BATCH)
        )
        for sha256, slug in late:
            if stop.is_set():
                break
            gone += await self.database.write(
                lambda db: replaced_bytes.forget(db, sha256, slug, discard, now)  # noqa: B023
            )
            await pause(stop, PAUSE_SECONDS)
        return gone

    async def _forget_bundles(self, stop: asyncio.Event) -> int:
        """Remove the bytes of bundles whose links have ended; what fails stays until the next time."""
        before, gone = self.clock() - BUNDLE_GRACE, 0
        while not stop.is_set():
            late = await self.database.read(
                lambda db: bundle_rows.overdue(db, before, bundle_rows.FORGOTTEN_AT_ONCE)
            )
            if not late:
                break
            for sha256 in late:
                remove = self.private_store.delete
                gone += await self.database.write(
                    lambda db: bundle_rows.forget(db, sha256, before, remove)  # noqa: B023
                )
                await pause(stop, PAUSE_SECONDS)
        return gone
