"""One writer: a thread that carries out everything that waits in one transaction (docs/adr/0023).

A piece of work that fails undoes itself alone; its neighbours hear back only after the commit, which is on
disk by then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from dynamic_api.database import at_end
from dynamic_api.database.transaction import begin, commit, undo

T = TypeVar("T")
Work = Callable[[Connection], T]

_Item = tuple[Work[Any], "Future[Any]"]
_Done = list[tuple["Future[Any]", object]]


class UndoneError(Exception):
    """The transaction ended with the work of another: nothing of it counts, and it may run again."""


class Writer:
    """Takes work from any thread and runs it in its order, at most `most` in one transaction."""

    def __init__(
        self, engine: Engine, before_commit: Work[None] | None, *, most: int, begins: str = "BEGIN"
    ) -> None:
        self._engine = engine
        self._before_commit = before_commit
        self._most = most
        self._begins = begins
        self._began: float | None = None
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._thread.start()

    @property
    def busy_seconds(self) -> float:
        """How long the work or the commit under way has taken; 0 without one."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

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
                self._carry_out(batch)
            except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            self._began = None

    def _next_batch(self) -> tuple[list[_Item], bool]:
        """What waits, at least one; and whether there may be more after it."""
        batch: list[_Item] = []
        item = self._queue.get()
        while item is not None:
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
            if len(batch) >= self._most:
                return batch, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _carry_out(self, batch: list[_Item]) -> None:
        done: _Done = []
        with self._engine.connect() as connection:
            try:
                for work, future in batch:
                    self._one(connection, work, future, done)
                self._began = time.monotonic()
                if done:
                    commit(connection, self._before_commit)
            except BaseException:
                # SQLite may have undone the whole by itself, as it does on a full disk.
                undo(connection)
                raise
        for future, answer in done:
            future.set_result(answer)

    def _one(self, connection: Connection, work: Work[Any], future: Future[Any], done: _Done) -> None:
        """Run `work` and undo it when it fails. Raises UndoneError when the connection ended with it."""
        self._began = time.monotonic()
        # The newest savepoint of a name counts, so none has to be released. Where nothing is done yet, the
        # transaction itself is one.
        if done:
            connection.exec_driver_sql("SAVEPOINT item")
        else:
            begin(connection, self._begins)
        mark = at_end.mark(connection)
        try:
            answer = work(connection)
        except Exception as error:
            if connection.invalidated:
                future.set_exception(error)
                raise UndoneError from error
            connection.exec_driver_sql("ROLLBACK TO item" if done else "ROLLBACK")
            at_end.undo(connection, mark)
            future.set_exception(error)
        else:
            done.append((future, answer))
