"""A started sandbox, and skills to run in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import psutil

from dynamic_api.sandbox.base import Health, Job, Outcome, Sandbox


class Room:
    """A started sandbox, driven from tests that know no event loop."""

    def __init__(self, sandbox: Sandbox, folder: Path, runner: asyncio.Runner, health: Health) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.health = health
        self._runner = runner
        self._skills = 0
        self._sessions = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def skill(self, **files: str | bytes) -> Path:
        """A skill's folder; `a_py` is the script `a.py`."""
        self._skills += 1
        folder = self.folder / f"skill-{self._skills}"
        (folder / "scripts").mkdir(parents=True)
        for name, content in files.items():
            path = folder / "scripts" / name.replace("_", ".")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    def session(self, disk_bytes: int = 16 * 1024 * 1024) -> str:
        self._sessions += 1
        name = f"s{self._sessions}"
        self.do(self.sandbox.open(name, disk_bytes))
        return name

    def clear(self) -> None:
        """Close what tests opened."""
        for number in range(self._sessions + 1):
            self.do(self.sandbox.close(f"s{number}"))
        self._sessions = 0

    def run(self, job: Job, session: str | None = None, **more: Any) -> Outcome:
        """In `session`, or in one of its own."""
        outcome = self.do(self.sandbox.run(session or self.session(), job, **more))
        assert isinstance(outcome, Outcome)
        return outcome

    def python(self, source: str, session: str | None = None, **fields: Any) -> Outcome:
        """Run a Python script of one file."""
        return self.run(Job(self.skill(a_py=source), "a.py", **fields), session)


_others: set[int] = set()


def look_around() -> None:
    """Remember the processes that are there before a test begins: servers of other tests' fixtures."""
    _others.clear()
    _others.update(process.pid for process in psutil.Process().children(recursive=True))


def survivors() -> list[list[str]]:
    """What the test started and is no part of the keeper: nothing, once a run is over."""
    found = []
    for process in psutil.Process().children(recursive=True):
        if process.pid in _others:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            line = process.cmdline()
            if line and not any("keeper" in word for word in line):
                found.append(line)
    return found
