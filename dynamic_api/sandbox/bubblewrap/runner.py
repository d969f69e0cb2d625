"""One run, from launch to the death of the last process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.base import Limit, Limits, Stream
from dynamic_api.sandbox.bubblewrap.link import Ended, Link
from dynamic_api.sandbox.bubblewrap.slots import Slot
from dynamic_api.sandbox.output import Capture

WATCH_SECONDS = 0.2
READ_BYTES = 256 * 1024
_SEALS = 0x0002 | 0x0004 | 0x0008  # F_SEAL_SHRINK, GROW, WRITE
_SIGNALS: dict[int, Limit] = {128 + 24: "cpu", 128 + 25: "file_size"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, before anybody looked at its files."""

    exit_code: int
    duration_ms: int
    limits_hit: tuple[Limit, ...]


class Run:
    """Watches one launched slot: its output, its time, its processor time."""

    def __init__(self, link: Link, slot: Slot, limits: Limits, capture: Capture) -> None:
        self._link = link
        self._slot = slot
        self._limits = limits
        self._capture = capture
        self._hits: list[Limit] = []
        self._pipes: dict[int, Stream] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._loop = asyncio.get_running_loop()

    async def to_the_end(self, plan: dict[str, object], given: list[int]) -> Ending:
        """Launch with `plan` and stdin, arguments, filter and command; returns when nothing of it lives."""
        with self._piped() as (out, err):
            stdin, *others = given
            try:
                self._slot.launch(plan, [stdin, out, err, *others], self._limits)
            except OSError as error:
                raise Unavailable("sandbox_failed", f"the launcher is gone: {error.strerror}") from error
            os.close(out)
            os.close(err)
            started = time.monotonic()
            self._timers.append(self._loop.call_later(self._limits.wall_seconds, self._hit, "wall"))
            if self._slot.group is not None:
                self._timers.append(self._loop.call_later(WATCH_SECONDS, self._watch))
            try:
                ended = await asyncio.shield(self._slot.ended)
            except asyncio.CancelledError:
                self._link.kill(self._slot.number)
                with contextlib.suppress(Unavailable):
                    await asyncio.shield(self._slot.ended)
                raise
            finally:
                for timer in self._timers:
                    timer.cancel()
            elapsed = time.monotonic() - started
            for descriptor in list(self._pipes):
                self._read(descriptor)
        return self._ending(ended, elapsed)

    @contextmanager
    def _piped(self) -> Iterator[tuple[int, int]]:
        """Two pipes whose read ends we watch; their write ends are for the sandbox, and stay blocking."""
        writers = []
        for stream in ("stdout", "stderr"):
            read, write = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(read, False)
            self._pipes[read] = stream
            self._loop.add_reader(read, self._read, read)
            writers.append(write)
        try:
            yield writers[0], writers[1]
        finally:
            for read in list(self._pipes):
                self._drop(read)

    def _read(self, descriptor: int) -> None:
        stream = self._pipes.get(descriptor)
        while stream is not None:
            try:
                data = os.read(descriptor, READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._drop(descriptor)
                return
            self._capture.add(stream, data)
            if self._capture.full:
                self._hit("output")
                return

    def _drop(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        del self._pipes[descriptor]
        os.close(descriptor)

    def _hit(self, limit: Limit) -> None:
        if limit not in self._hits:
            self._hits.append(limit)
            self._link.kill(self._slot.number)

    def _watch(self) -> None:
        """RLIMIT_CPU counts each process; the group counts all of them."""
        group = self._slot.group
        if group is None or self._hits:
            return
        if group.cpu_seconds() > self._limits.cpu_seconds:
            self._hit("cpu")
        else:
            self._timers.append(self._loop.call_later(WATCH_SECONDS, self._watch))

    def _ending(self, ended: Ended, elapsed: float) -> Ending:
        found = re.search(r'"exit-code": (\d+)', ended.lines)
        hits = list(self._hits)
        if self._slot.group is not None:
            hits += [limit for limit in self._slot.group.limits_hit() if limit not in hits]
        if found is None and not hits:
            said = self._capture.kept("stderr").decode("utf-8", "replace").strip().partition("\n")[0]
            raise Unavailable(
                "sandbox_failed",
                f"the sandbox did not start: {said[:200] or 'it was killed'}",
                mend="try again in a moment; nothing is charged for it",
            )
        exit_code = int(found[1]) if found else _shell_code(ended.status)
        return Ending(
            exit_code, round(elapsed * 1000), tuple(dict.fromkeys([*hits, *self._signs(exit_code)]))
        )

    def _signs(self, exit_code: int) -> list[Limit]:
        """What only the exit code shows, and without groups what only the script's own words show."""
        hits: list[Limit] = [_SIGNALS[exit_code]] if exit_code in _SIGNALS else []
        if self._slot.group is None and exit_code != 0:
            words = self._capture.kept("stderr")[-4096:]
            if any(sign in words for sign in (b"MemoryError", b"Cannot allocate memory", b"out of memory")):
                hits.append("memory")
            if any(sign in words for sign in (b"Resource temporarily unavailable", b"Cannot fork")):
                hits.append("processes")
        return hits


def _shell_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def sealed(data: bytes, name: str) -> int:
    """A read-only descriptor of `data` that nobody can change; the caller closes it."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(descriptor)
