"""The one writer of a SQLite file: a thread that commits everything that waits in one transaction.

Each piece of work has a savepoint, so that one that fails undoes itself alone; its caller hears back only
after the commit, which is on disk by then (`synchronous = FULL`, DESIGN.md D11).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")
Work = Callable[[Connection], T]
BATCH = 256
"""Pieces of work in one transaction at the most, so that none waits for long."""

_Item = tuple[Work[Any], "Future[Any]"]


class Writer:
    """Takes work from any thread; runs it in the order in which it came."""

    def __init__(self, engine: Engine, before_commit: Work[None] | None = None) -> None:
        self._engine = engine
        self._before_commit = before_commit
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        """The future of what `work` gives; it is set after the commit. Raises RuntimeError when closed."""
        if self._closed.is_set():
            raise RuntimeError("the writer is closed")
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        if not self._closed.is_set():
            self._closed.set()
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._next_batch()
            if not batch:
                continue
            try:
                self._commit(batch)
            except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)

    def _next_batch(self) -> tuple[list[_Item], bool]:
        """What waits, at least one; and whether there may be more after it."""
        batch: list[_Item] = []
        item = self._queue.get()
        while item is not None:
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
            if len(batch) >= BATCH:
                return batch, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: list[_Item]) -> None:
        done: list[tuple[Future[Any], object]] = []
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                for work, future in batch:
                    self._one(connection, work, future, done)
                if self._before_commit is not None:
                    self._before_commit(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                # SQLite may have undone the whole by itself, as it does on a full disk.
                with suppress(DBAPIError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
        for future, answer in done:
            future.set_result(answer)

    @staticmethod
    def _one(
        connection: Connection, work: Work[Any], future: Future[Any], done: list[tuple[Future[Any], object]]
    ) -> None:
        connection.exec_driver_sql("SAVEPOINT item")
        try:
            answer = work(connection)
        except Exception as error:  # noqa: BLE001 - it is the caller's to see
            connection.exec_driver_sql("ROLLBACK TO item")
            future.set_exception(error)
        else:
            done.append((future, answer))
        connection.exec_driver_sql("RELEASE item")
