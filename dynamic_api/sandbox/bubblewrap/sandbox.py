"""The sandbox on the operator's machine."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path

from dynamic_api.errors import Invalid, Refusal, TooLarge, Unavailable
from dynamic_api.sandbox.base import MIB, FilePart, FileRow, Health, Job, Level, OnOutput, Outcome
from dynamic_api.sandbox.bubblewrap import command, files, selftest
from dynamic_api.sandbox.bubblewrap.cgroups import find_hierarchy, sweep
from dynamic_api.sandbox.bubblewrap.execute import Engine, languages
from dynamic_api.sandbox.bubblewrap.host import Unfit, find_host, make_store
from dynamic_api.sandbox.bubblewrap.link import Link
from dynamic_api.sandbox.bubblewrap.runner import sealed
from dynamic_api.sandbox.bubblewrap.seccomp import compile_filter
from dynamic_api.sandbox.bubblewrap.slots import Slots
from dynamic_api.sandbox.egress import Dial, no_dial
from dynamic_api.sandbox.paths import file_parts
from dynamic_api.sandbox.sessions import Sessions

INODE_BYTES = 16 * 1024
"""A session may have one file for each so many bytes of its disk."""
LEAST_INODES = 256


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator decides. `store` is a folder of ours; `user` is who runs belong to if we are root."""

    store: Path
    user: str = ""
    allow_no_cgroup: bool = False
    use_cgroups: bool = True
    spare: int = 2
    sessions: int = 100
    dial: Dial = no_dial
    """How runs that may reach something get there; it checks the address (`outbound.Tunnel`)."""


class BubblewrapSandbox:
    """Satisfies `base.Sandbox`. Everything happens on the event loop that started it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._health = Health("bubblewrap", "refused", reason="not started")
        self._link = Link()
        self._engine: Engine | None = None
        self._sessions: Sessions[int] = Sessions(options.sessions)

    @property
    def health(self) -> Health:
        """What the self-test found; `refused` once the keeper is gone."""
        if self._health.level != "refused" and not self._link.alive:
            return replace(self._health, level="refused", reason="the keeper is gone; restart the API")
        return self._health

    async def start(self) -> Health:
        """Start the keeper, then try every promise; what does not hold leads to the level `refused`."""
        try:
            self._engine = engine = await self._prepare()
            self._health = Health("bubblewrap", engine.level, languages=languages(engine.host, engine.level))
            checks = await selftest.try_all(self, self._options.store / "selftest", engine.level)
        except (Unfit, Refusal, OSError) as error:
            await self.stop()
            self._health = Health("bubblewrap", "refused", reason=str(error))
            return self._health
        failed = [check.name for check in checks if not check.held]
        if failed:
            await self.stop()
            reason = f"does not hold here: {', '.join(failed)}"
            self._health = Health("bubblewrap", "refused", checks, reason)
        else:
            self._health = replace(self._health, checks=checks)
        return self._health

    async def _prepare(self) -> Engine:
        host = find_host(self._options.user)
        hierarchy = None
        if self._options.use_cgroups:
            own = Path("/proc/self")
            hierarchy = find_hierarchy((own / "mountinfo").read_text(), (own / "cgroup").read_text())
        if hierarchy is None and not self._options.allow_no_cgroup:
            raise Unfit(
                "no control groups can be made here, and the level no-cgroup was not allowed"
                " (Delegate=yes in the unit of systemd, or allow_no_cgroup = true below [runs])"
            )
        if hierarchy is not None:
            sweep(hierarchy)
        make_store(self._options.store, host.account)
        command.make_etc(self._options.store / "etc")
        rules = {network: compile_filter(network=network) for network in (False, True)}
        self._link = Link()
        await self._link.start(host.account, self._options.store)
        slots = Slots(self._link, hierarchy, self._options.spare)
        slots.fill(1)
        level: Level = "full" if hierarchy else "no-cgroup"
        return Engine(host, level, self._options.store, self._link, slots, rules, self._options.dial)

    def _started(self) -> Engine:
        if self._engine is None:
            raise Unavailable("sandbox_refused", f"nothing is run on this server: {self.health.reason}")
        return self._engine

    async def stop(self) -> None:
        """Close every session and end every run."""
        for name in self._sessions.names():
            await self.close(name)
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.slots.stop()
        self._link.stop()

    async def open(self, session: str, disk_bytes: int = 64 * MIB) -> None:
        """A file system in memory of that size, which lives as long as the session."""
        if self.health.level == "refused":
            raise Unavailable("sandbox_refused", f"nothing is run on this server: {self.health.reason}")
        self._sessions.reserve(session)
        root = None
        try:
            inodes = max(LEAST_INODES, disk_bytes // INODE_BYTES)
            [root] = await self._link.ask("open", session=session, size=disk_bytes, inodes=inodes)
        except asyncio.CancelledError:
            self._link.tell("close", session=session)
            raise
        except OSError as error:
            raise Unavailable("sandbox_failed", f"no session could be made: {error.strerror}") from error
        finally:
            self._sessions.fill(session, root)

    async def run(self, session: str, job: Job, on_output: OnOutput | None = None) -> Outcome:
        """See `base.Sandbox`. The account that runs belong to must be able to read the skill's folder."""
        self._find(session)
        with self._sessions.running(session) as root:
            return await self._started().execute(session, root, job, on_output)

    async def read(self, session: str, path: str, offset: int = 0, size: int = MIB) -> FilePart:
        """Bytes of a regular file."""
        return files.read(self._find(session), path, max(0, offset), max(0, size))

    async def read_lines(self, session: str, path: str, first: int = 1, count: int = 1000) -> bytes:
        """Lines by number, at most 1 MiB of them."""
        return files.read_lines(self._find(session), path, max(1, first), max(0, count), MIB)

    async def list(self, session: str, folder: str) -> list[FileRow]:
        """What is directly in a folder."""
        return files.rows(self._find(session), folder)

    async def put(self, session: str, path: str, data: bytes) -> None:
        """Write a file whole. Raises TooLarge when the disk of the session has no room for it."""
        self._find(session)
        parts = file_parts(path)
        descriptor = sealed(data, "input")
        try:
            await self._link.ask("put", [descriptor], session=session, paths=[list(parts)])
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise TooLarge(
                    "disk_full", "the disk of the session has no room for it", place=path
                ) from error
            raise Invalid("bad_path", f"cannot be written: {error.strerror}", place=path) from error
        finally:
            os.close(descriptor)

    async def close(self, session: str) -> None:
        """End its run, wait until it is dead, and forget its files."""
        root = await self._sessions.take_out(session)
        if root is not None:
            os.close(root)
            if self._link.alive:
                await self._link.ask("close", session=session)

    def _find(self, session: str) -> int:
        root = self._sessions.find(session)
        if not self._link.alive:
            raise Unavailable("sandbox_failed", "the keeper of the sandbox is gone")
        return root
