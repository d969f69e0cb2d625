"""Which sessions there are, and which of them is running something."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from dynamic_api.errors import Absent, Conflict, Invalid, Limited

Held = TypeVar("Held")
_NAME = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(slots=True)
class _Row(Generic[Held]):
    held: Held | None = None
    task: asyncio.Task[object] | None = None


class Sessions(Generic[Held]):
    """Sessions by name, each with what its sandbox holds of it; one run at a time in each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[str, _Row[Held]] = {}

    def names(self) -> list[str]:
        """Those that are open."""
        return sorted(self._rows)

    def reserve(self, name: str) -> None:
        """Take the name, before what it stands for is made. Raises Invalid, Conflict and Limited."""
        if not _NAME.fullmatch(name):
            raise Invalid("bad_session", "not the name of a session", place="sessionId")
        if name in self._rows:
            raise Conflict("session_exists", "there is a session of that name", place="sessionId")
        if len(self._rows) >= self._most:
            raise Limited("too_many_sessions", "no more sessions fit here", mend="close one, or wait")
        self._rows[name] = _Row()

    def fill(self, name: str, held: Held | None) -> None:
        """Open a reserved session; with None, give its name back."""
        if held is None:
            self._rows.pop(name, None)
        else:
            self._rows[name].held = held

    def find(self, name: str) -> Held:
        """What is held of a session. Raises Absent."""
        row = self._rows.get(name)
        if row is None or row.held is None:
            raise _not_found()
        return row.held

    @contextmanager
    def running(self, name: str) -> Iterator[Held]:
        """Let the present task run something in it. Raises Absent and Conflict."""
        held = self.find(name)
        row = self._rows[name]
        if row.task is not None:
            raise Conflict(
                "session_busy", "a script is running in this session", mend="wait, or open another"
            )
        row.task = asyncio.current_task()
        try:
            yield held
        finally:
            row.task = None

    async def take_out(self, name: str) -> Held | None:
        """Forget a session, after its run was cancelled and is over; None if there is none."""
        row = self._rows.pop(name, None)
        if row is None:
            return None
        task = row.task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        return row.held


def _not_found() -> Absent:
    return Absent(
        "session_not_found",
        "there is no such session, or it is over",
        place="sessionId",
        mend="run it again with reuseSession to get a new one",
    )
