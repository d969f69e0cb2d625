"""Our end of the keeper: start it, ask it, hear from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.bubblewrap.host import Account, Unfit, closed_namespaces

PACKET = 65536
START_SECONDS = 10.0
_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from dynamic_api.sandbox.bubblewrap.keeper.service import main; main(sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """What the keeper says of a run that is over: wait status, bubblewrap's own lines, processor time."""

    status: int
    lines: str
    cpu_seconds: float


class Link:
    """The socket to one keeper. All of it happens on one event loop."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0
        self._replies: dict[int, asyncio.Future[tuple[int, list[int]]]] = {}
        self._ends: dict[int, asyncio.Future[Ended]] = {}
        self._ready: asyncio.Future[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether there is a keeper to ask."""
        return self._socket is not None

    async def start(self, account: Account, store: Path) -> None:
        """Start the keeper. Raises Unfit with what it said when it could not."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        words = [_ROOT, theirs.fileno(), account.uid, account.gid, store]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, *map(str, words)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                cwd="/",
                env={},
            )
        self._socket = ours
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        loop.add_reader(ours.fileno(), self._hear)
        try:
            await asyncio.wait_for(self._ready, START_SECONDS)
        except (TimeoutError, Unavailable):
            said = self._last_words()
            self.stop()
            raise Unfit(f"the keeper of the sandbox did not start: {said}{closed_namespaces()}") from None

    def stop(self) -> None:
        """Let go: the keeper ends, and with it every run and session."""
        self._lose()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()

    async def ask(self, do: str, descriptors: Sequence[int] = (), **fields: object) -> list[int]:
        """One message and its answer: descriptors that the caller closes. Raises OSError and Unavailable."""
        self._number += 1
        number = self._number
        future: asyncio.Future[tuple[int, list[int]]] = asyncio.get_running_loop().create_future()
        self._replies[number] = future
        try:
            self._send({"re": number, "do": do, **fields}, descriptors)
            code, given = await asyncio.shield(future)
        finally:
            self._replies.pop(number, None)
        if code:
            raise OSError(code, os.strerror(code))
        return given

    def expect_end(self, run: int) -> asyncio.Future[Ended]:
        """What will be set when that run is over."""
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._ends[run] = future
        return future

    def kill(self, run: int) -> None:
        """Kill a run; the answer is its end."""
        self.tell("kill", run=run)

    def tell(self, do: str, **fields: object) -> None:
        """One message whose answer nobody waits for."""
        self._number += 1
        with contextlib.suppress(Unavailable):
            self._send({"re": self._number, "do": do, **fields}, ())

    def _send(self, message: dict[str, object], descriptors: Sequence[int]) -> None:
        if self._socket is None:
            raise _gone()
        try:
            socket.send_fds(self._socket, [json.dumps(message).encode()], list(descriptors))
        except OSError as error:
            raise _gone() from error

    def _hear(self) -> None:
        if self._socket is None:
            return
        try:
            data, given, _, _ = socket.recv_fds(self._socket, PACKET, 4, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, given = b"", []
        if not data:
            self._lose()
            return
        self._sort(json.loads(data), given)

    def _sort(self, message: dict[str, object], given: list[int]) -> None:
        if "ready" in message:
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
        elif "ended" in message:
            future = self._ends.pop(int(str(message["ended"])), None)
            if future is not None and not future.done():
                cpu = float(str(message["cpu_seconds"]))
                future.set_result(Ended(int(str(message["status"])), str(message["lines"]), cpu))
        else:
            reply = self._replies.pop(int(str(message["re"])), None)
            if reply is not None and not reply.done():
                reply.set_result((int(str(message.get("errno", 0))), given))
            else:
                for descriptor in given:
                    os.close(descriptor)

    def _lose(self) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        waiting: list[asyncio.Future[Any]] = [*self._replies.values(), *self._ends.values()]
        if self._ready is not None:
            waiting.append(self._ready)
        for future in waiting:
            if not future.done():
                future.set_exception(_gone())
                future.exception()  # nobody may be waiting for it
        self._replies.clear()
        self._ends.clear()

    def _last_words(self) -> str:
        if self._process is None or self._process.stderr is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        if self._process.poll() is None:
            return "it did not answer in time"
        text = self._process.stderr.read().decode("utf-8", "replace").strip()
        return text.splitlines()[-1] if text else f"exit code {self._process.returncode}"


def _gone() -> Unavailable:
    return Unavailable(
        "sandbox_failed", "the keeper of the sandbox is gone", mend="try again; nothing is charged for it"
    )
