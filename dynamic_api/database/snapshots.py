"""What tells that a PostgreSQL database is as it was: the snapshot that a query would see now.

A snapshot is `xmin:xmax:xip`, the transactions that are over and those that are not. A transaction that
wrote anything is not over in any snapshot before its commit and is in every one after it, so two equal ones
see the same data. It costs the writers nothing. What other databases of the server commit changes it too,
and so do transactions that were undone: then more is read again than need be. A new connection counts as a
change: a server that crashed may give a transaction's number to another.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, LiteralString

import psycopg

from dynamic_api.database.engine import BUSY_SECONDS, STAMP_SECONDS, no_answer

_AGAIN_SECONDS = STAMP_SECONDS * 0.6
"""The age at which a snapshot that is in use is asked for again, so that nobody has to wait for it."""
_SNAPSHOT: LiteralString = "SELECT pg_current_snapshot()::text"

Snapshot = tuple[int, str]
"""The number of the connection that it was read by, and its text."""


class Snapshots:
    """Asked for over a connection of its own, on the event loop, by one query at a time."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """`parameters` are those of psycopg's `connect`."""
        self._parameters = parameters
        self._connection: psycopg.AsyncConnection | None = None
        self._connections = 0
        self._snapshot: Snapshot = (0, "")
        self._asked_at = self._committed_at = -math.inf
        self._asking: asyncio.Task[Exception | None] | None = None

    async def current(self) -> Snapshot:
        """At most STAMP_SECONDS old, and younger than our last commit. Raises Unavailable."""
        since = max(time.monotonic() - STAMP_SECONDS, self._committed_at)
        while self._asked_at <= since:
            await self._ask()
        return self._snapshot

    def at_hand(self) -> Snapshot | None:
        """As `current`; None where one has to wait. The next is asked for while this one still holds."""
        now = time.monotonic()
        if self._asked_at <= max(now - STAMP_SECONDS, self._committed_at):
            return None
        if now - self._asked_at > _AGAIN_SECONDS:
            self.soon()
        return self._snapshot

    def soon(self) -> asyncio.Future[Exception | None]:
        """The question that is under way, or a new one: who comes while it is waits for that one."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._query())
        return self._asking

    def forget(self) -> None:
        """Believe no snapshot from before now: something was committed. For threads, too."""
        self._committed_at = time.monotonic()

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    async def _ask(self) -> None:
        failure = await asyncio.shield(self.soon())
        if failure is not None:
            raise no_answer() from failure

    async def _query(self) -> Exception | None:
        """Read the snapshot; what kept us from it, if anything did."""
        was_open = self._connection is not None
        try:
            with suppress(psycopg.OperationalError):
                if was_open:
                    await self._read()
                    return None
            # An old connection was cut: by a restart of the server, by an administrator.
            await self._read()
        except (psycopg.Error, TimeoutError) as error:
            return error
        return None

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                connection = await self._open()
                asked_at = time.monotonic()
                cursor = await connection.execute(_SNAPSHOT, prepare=True)
                row = await cursor.fetchone()
        except BaseException:
            self.close()
            raise
        assert row is not None
        self._snapshot, self._asked_at = (self._connections, row[0]), asked_at

    async def _open(self) -> psycopg.AsyncConnection:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True)
            self._connections += 1
        return self._connection
