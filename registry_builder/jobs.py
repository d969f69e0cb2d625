"""Work in several processes: parts are dealt out in turn, and their results come back in the order given.

The processes are forks, so they have all that was read before, and nothing is sent to them. What they make is
sent back through one pipe each, with its length before it. None of them outlives the loop over the results.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from registry_builder.core.errors import Refusal, Trouble

_DONE, _REFUSED, _BROKEN = b"d", b"r", b"b"
_LENGTH = 8

Work = Callable[[int], Iterator[bytes]]
"""Number of a process → a result for each of its parts, in order."""


def cores() -> int:
    """How many processes can run at once; one where processes cannot be forked."""
    if not hasattr(os, "fork") or not hasattr(os, "sched_getaffinity"):
        return 1
    return len(os.sched_getaffinity(0))


def in_turn(count: int, parts: int, work: Work) -> Iterator[bytes]:
    """The results of `parts` parts, of which process n of `count` does n, n + count, n + 2 * count …

    Raises what a process raised if that is a Refusal, and Trouble when one ended before its time.
    """
    helpers: list[_Helper] = []
    try:
        for number in range(count):
            helpers.append(_start(number, work, helpers))
        for part in range(parts):
            yield helpers[part % count].result()
    finally:
        for helper in helpers:
            helper.end()


@dataclass(slots=True)
class _Helper:
    process: int
    pipe: BinaryIO

    def result(self) -> bytes:
        head = self.pipe.read(1 + _LENGTH)
        size = int.from_bytes(head[1:], "little")
        body = self.pipe.read(size) if len(head) == 1 + _LENGTH else b""
        if len(head) != 1 + _LENGTH or len(body) != size:
            raise self._lost()
        if head[:1] == _REFUSED:
            kind, code, message, place, mend = pickle.loads(body)  # noqa: S301 - our own fork wrote it
            raise kind(code, message, place=place, mend=mend)
        if head[:1] == _BROKEN:
            raise AssertionError(f"in a process of its own:\n{body.decode()}")
        return body

    def _lost(self) -> Trouble:
        _, status = os.waitpid(self.process, 0)
        self.process = 0
        how = f"by signal {-code}" if (code := os.waitstatus_to_exitcode(status)) < 0 else f"with code {code}"
        mend = "--jobs 1 works in one process and needs the least memory"
        return Trouble("helper-lost", f"a process that helped to build was ended {how}", mend=mend)

    def end(self) -> None:
        self.pipe.close()
        if self.process:
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)


def _start(number: int, work: Work, others: list[_Helper]) -> _Helper:
    gc.collect()
    gc.freeze()  # a collection in a fork would touch, and so copy, every page of ours
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        gc.unfreeze()
        os.close(writer)
        return _Helper(process, os.fdopen(reader, "rb"))
    code = 1
    try:
        # Ctrl-C reaches the whole group; the one who deals out the work decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.close(reader)
        for other in others:
            other.pipe.close()
        with os.fdopen(writer, "wb") as pipe:
            _work(number, work, pipe)
        code = 0
    finally:
        os._exit(code)  # nothing that the parent will do once is done here as well


def _work(number: int, work: Work, pipe: BinaryIO) -> None:
    try:
        for body in work(number):
            _send(pipe, _DONE, body)
    except Refusal as error:
        fields = (type(error), error.code, error.message, error.place, error.mend)
        _send(pipe, _REFUSED, pickle.dumps(fields))
    except BrokenPipeError:
        return
    except BaseException:  # noqa: BLE001 - the parent raises it
        _send(pipe, _BROKEN, traceback.format_exc().encode("utf-8", "replace"))


def _send(pipe: BinaryIO, kind: bytes, body: bytes) -> None:
    pipe.write(kind + len(body).to_bytes(_LENGTH, "little"))
    pipe.write(body)
    pipe.flush()
