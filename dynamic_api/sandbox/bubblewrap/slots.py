"""Launchers made ahead: each is a child of the keeper that waits in its own control groups for one run."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.base import Limits
from dynamic_api.sandbox.bubblewrap.cgroups import Group, Hierarchy, make_group
from dynamic_api.sandbox.bubblewrap.keeper.child import WANT_DOOR
from dynamic_api.sandbox.bubblewrap.link import Ended, Link

MOST_SAID = 512
READY_SECONDS = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One launcher, for one run."""

    number: int
    socket: socket.socket
    group: Group | None
    ended: asyncio.Future[Ended]

    def launch(self, plan: dict[str, object], descriptors: Sequence[int], limits: Limits) -> None:
        """Send it off. Raises OSError."""
        if self.group is not None:
            self.group.set_limits(limits)
        socket.send_fds(self.socket, [json.dumps(plan).encode()], list(descriptors))
        self.socket.close()


class Slots:
    """Keeps `spare` launchers ready, so that no run waits for its control groups."""

    def __init__(self, link: Link, hierarchy: Hierarchy | None, spare: int) -> None:
        self._link = link
        self._hierarchy = hierarchy
        self._spare = spare
        self._open = True
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._made: deque[asyncio.Task[Slot]] = deque()
        self._groups: set[asyncio.Task[None]] = set()

    async def take(self) -> Slot:
        """The next one that lives. Raises Unavailable."""
        while (slot := await self._next()).ended.done():
            self.give_back(slot)
        return slot

    async def _next(self) -> Slot:
        self.fill(1)
        made = self._made.popleft()
        try:
            slot = await asyncio.shield(made)
        except asyncio.CancelledError:
            self._made.appendleft(made)
            raise
        except OSError as error:
            raise _unready(str(error)) from error
        asyncio.get_running_loop().call_soon(self.fill)
        return slot

    def fill(self, least: int = 0) -> None:
        """Start making what is missing."""
        while self._open and self._link.alive and len(self._made) < max(self._spare, least):
            self._made.append(asyncio.create_task(self._make()))
        if least and not self._made:
            raise _unready("there is no keeper")

    def give_back(self, slot: Slot) -> None:
        """After the run: its groups go away."""
        slot.socket.close()
        if slot.group is not None:
            task = asyncio.create_task(slot.group.remove())
            self._groups.add(task)
            task.add_done_callback(self._groups.discard)

    async def stop(self) -> None:
        """End the launchers that wait, and remove every group; none is made any more."""
        self._open = False
        while self._made:
            made = self._made.popleft()
            with contextlib.suppress(OSError, Unavailable):
                slot = await made
                slot.socket.close()
                with contextlib.suppress(Unavailable):
                    await slot.ended
                self.give_back(slot)
        while self._groups:
            await asyncio.gather(*self._groups)

    async def _make(self) -> Slot:
        number = next(self._numbers)
        group = make_group(self._hierarchy, f"{self._name}-{number}") if self._hierarchy else None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        entrances = group.entrances() if group else []
        try:
            ended = self._link.expect_end(number)
            await self._link.ask("prepare", [theirs.fileno(), *entrances], run=number)
            theirs.close()
            loop = asyncio.get_running_loop()
            answer = await asyncio.wait_for(loop.sock_recv(ours, 16), READY_SECONDS)
            _require_ready(answer)
        except BaseException:
            ours.close()
            if group:
                await group.remove()
            raise
        finally:
            theirs.close()
            for entrance in entrances:
                os.close(entrance)
        return Slot(number, ours, group, ended)


async def open_door(slot: Slot) -> socket.socket:
    """Give it a network of its own, before its launch: the listening socket that is the only way out.

    Raises Unavailable.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        if slot.group is not None:
            slot.group.limit_connections()
        slot.socket.send(WANT_DOOR)
        loop.add_reader(slot.socket, readable.set)
        await asyncio.wait_for(readable.wait(), READY_SECONDS)
        said, given, _, _ = socket.recv_fds(slot.socket, MOST_SAID, 1, socket.MSG_CMSG_CLOEXEC)
    except OSError as error:
        raise _unready(str(error)) from error
    finally:
        loop.remove_reader(slot.socket)
    if not given:
        raise _unready(f"no network could be made: {said.decode('utf-8', 'replace')}")
    door = socket.socket(fileno=given[0])
    door.setblocking(False)
    return door


def _require_ready(answer: bytes) -> None:
    if answer != b"ready":
        raise _unready("a launcher could not enter its control groups")


def _unready(why: str) -> Unavailable:
    return Unavailable("sandbox_failed", f"the sandbox did not start: {why}", mend="try again in a moment")
