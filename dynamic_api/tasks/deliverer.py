"""Sends what waits in the queue of webhooks, as long as the server runs: one task in each process.

A delivery is taken under a lease, so that two processes never send it at once, and one that dies frees what
it had. What is under way when the server stops is finished; what waits stays in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.metrics import Metrics
from dynamic_api.outbound import Bounds, Outbound
from dynamic_api.sealing import Keyring, Unopened
from dynamic_api.sections import Webhooks
from dynamic_api.services import deliveries
from dynamic_api.services.deliveries import Claim, Outcome
from dynamic_api.services.events import DELIVERED, FAILED, WAITING

UNOPENED = "secret_unreadable"
RETRIED = "retried"


@dataclass(slots=True)
class Deliverer:
    """`run` it until `stop` is set."""

    database: Database
    client: Outbound
    keys: Keyring
    rules: Webhooks
    clock: Callable[[], int]
    metrics: Metrics
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, stop: asyncio.Event) -> None:
        """Take and send what is due. Nothing that fails ends it."""
        for outcome in (DELIVERED, FAILED, RETRIED):
            self.metrics.deliveries.labels(outcome)
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self._start_due()
                await asyncio.wait(
                    {stopping, *self._under_way},
                    timeout=self.rules.poll_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            stopping.cancel()
            if self._under_way:
                await asyncio.wait(self._under_way)

    async def _start_due(self) -> None:
        try:
            for taken in await self._claimed(self.rules.at_once - len(self._under_way)):
                task = asyncio.create_task(self._deliver(taken))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        except Refusal as refusal:
            log.warning("webhooks: %s", refusal.message)

    async def _claimed(self, most: int) -> list[Claim]:
        now = self.clock()
        if most <= 0 or not await self.database.read(lambda db: deliveries.any_due(db, now)):
            return []
        return await self.database.write(lambda db: deliveries.claim(db, now, most, self.rules))

    async def _deliver(self, taken: Claim) -> None:
        outcome = await self._send(taken)
        try:
            status = await self.database.write(
                lambda db: deliveries.settle(db, taken, outcome, self.rules, self.clock())
            )
            if status is not None:
                self.metrics.deliveries.labels(RETRIED if status == WAITING else status).inc()
        except Refusal as refusal:
            # The lease runs out, and it is sent again: the receiver knows it by its id.
            log.warning("webhook delivery %s: %s", taken.id, refusal.message)

    async def _send(self, taken: Claim) -> Outcome:
        try:
            answer = await self.client.send(
                "POST",
                taken.target_url,
                headers=deliveries.headers(taken, self.keys),
                body=taken.body,
                bounds=Bounds(deadline_seconds=self.rules.timeout_seconds),
            )
        except Refusal as refusal:
            return Outcome(None, refusal.code)
        except Unopened:
            return Outcome(None, UNOPENED)
        return Outcome(answer.status)
