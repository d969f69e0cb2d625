"""Our side: one call at a time, to a child at the other end of two pipes.

The child is started with the first call. Its input ends with this process, however that ends, and so does it.
When it dies in the middle, the call is made once more by another. Why not a pool: ADR 0022.
"""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from dynamic_api.errors import Unavailable

T = TypeVar("T")
SECONDS = 120.0
"""How long a call may take; then the child is ended."""
_TRIES = 2
_LOST = (OSError, EOFError, pickle.UnpicklingError)


class Aside:
    """Runs functions of modules in a child, with values that can be pickled. Threads may share it."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._child: subprocess.Popen[bytes] | None = None
        self._closing = False

    async def run(self, work: Callable[..., T], *values: object) -> T:
        """What `work` gives, or raises. Raises Unavailable when no child lives through it."""
        good, value = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._answered, (work, values)
        )
        if not good:
            raise value
        answer: T = value
        return answer

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        return None if self._child is None else self._child.pid

    def close(self) -> None:
        """End the child, and with it the call under way: whoever asked is gone, or was told so."""
        self._closing = True
        child = self._child
        if child is not None:
            child.kill()
        self._thread.shutdown(cancel_futures=True)
        self._end()

    def _answered(self, call: object) -> tuple[bool, Any]:
        for _ in range(_TRIES):
            try:
                return self._ask(call)
            except _LOST:
                self._end()
            if self._closing:
                break
        mend = "wait and try again; if it happens again, it is this skill"
        return False, Unavailable("scan_failed", "the skill could not be looked at", mend=mend)

    def _ask(self, call: object) -> tuple[bool, Any]:
        child = self._child = self._child or _started()
        if self._closing:
            raise EOFError
        if child.stdin is None or child.stdout is None:
            raise AssertionError("both are pipes")
        late = threading.Timer(self._seconds, child.kill)
        late.start()
        try:
            pickle.dump(call, child.stdin)
            child.stdin.flush()
            good, value = pickle.load(child.stdout)  # noqa: S301 - written by our own child
        finally:
            late.cancel()
        return good, value

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        child.wait()


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dynamic_api.aside"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
