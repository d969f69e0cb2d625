"""Ties the chains of the audit log together from time to time, and says so in the process's own log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.services import audit_seal
from dynamic_api.tasks.background import pause

EVERY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Anchors:
    """`run` it until `stop` is set."""

    database: Database
    clock: Callable[[], int]

    async def run(self, stop: asyncio.Event) -> None:
        """An anchor every ten minutes, and one at the end. Whoever keeps the log can tell a forged chain."""
        while not stop.is_set():
            await pause(stop, EVERY_SECONDS)
            await self.drop()

    async def drop(self) -> None:
        """Link what is loose, and drop one anchor, unless nothing has happened."""
        now = self.clock()
        try:
            while await self.database.write(lambda db: audit_seal.adopt(db, audit_seal.MAIN)):
                continue
            made = await self.database.write(lambda db: audit_seal.drop_anchor(db, now))
        except (Refusal, IntegrityError) as error:
            log.warning("no audit anchor this time: %s", error)
            return
        if made is not None:
            log.info("audit anchor %d %s", made.number, made.hash)
