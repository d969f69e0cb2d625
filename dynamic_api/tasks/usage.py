"""Reports of use: made durable together, as many as wait, and counted a moment later.

A client hears back once its report is on disk. What a process left uncounted, any process counts: a report
leaves the queue in the transaction that counts it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future

from dynamic_api.database.engine import Database
from dynamic_api.errors import Refusal
from dynamic_api.logs import log
from dynamic_api.services import asset_usage
from dynamic_api.services.asset_usage import Report, Row
from dynamic_api.tasks.background import pause

COUNT_SECONDS = 1.0
"""So far figures may be behind the reports."""
OTHERS_ROUNDS = 30
"""After so many rounds in which nothing came, a process looks for what others have left."""

_Waiting = tuple[Report, "Future[None]"]


class Usage:
    """Takes reports on the loop; `run` counts them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._fresh = False

    async def keep(self, report: Report) -> None:
        """Return once `report` is on disk. Raises Unavailable."""
        kept: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await kept

    async def _write(self) -> None:
        """Commit what waits, and what comes meanwhile in the next commit."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._commit(batch)
        finally:
            self._writing = None

    async def _commit(self, batch: list[_Waiting]) -> None:
        reports = [report for report, _ in batch]
        try:
            await self._database.write(lambda db: asset_usage.keep(db, reports))
        except BaseException as error:  # noqa: BLE001 - it is for those who wait
            for _, kept in batch:
                if not kept.done():
                    kept.set_exception(error)
        else:
            self._fresh = True
            for _, kept in batch:
                if not kept.done():
                    kept.set_result(None)

    async def run(self, stop: asyncio.Event) -> None:
        """Count what was kept, again and again, and all that is left at the end."""
        rounds = OTHERS_ROUNDS
        while not stop.is_set():
            await pause(stop, COUNT_SECONDS)
            rounds += 1
            if self._fresh or rounds > OTHERS_ROUNDS:
                rounds = 0
                await self._try_to_count()

    async def _try_to_count(self) -> None:
        self._fresh = False
        try:
            await self.count()
        except Refusal as refusal:
            self._fresh = True
            log.warning("usage: %s", refusal.message)

    async def count(self) -> None:
        """Count all that is kept. Raises Unavailable."""
        while found := await self._database.survey(asset_usage.waiting):
            rows = await asyncio.to_thread(_rows, found)
            await self._database.write(lambda db: asset_usage.count(db, rows))  # noqa: B023


def _rows(found: dict[int, Report]) -> dict[int, list[Row]]:
    """Number → events. A report that cannot be read any more is told in the log, and counts for nothing."""
    rows: dict[int, list[Row]] = {}
    for number, report in found.items():
        try:
            rows[number] = asset_usage.rows_of(report)
        except Refusal as refusal:
            log.error("usage: report %d of %s: %s", number, report.reporter_id, refusal.message)
            rows[number] = []
    return rows
