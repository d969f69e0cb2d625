"""One job: from its script and limits to its outcome."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dynamic_api.sandbox.base import LAST_RUN, MIB, Job, Level, Limit, Limits, OnOutput, Outcome, Stream
from dynamic_api.sandbox.bubblewrap import command, files
from dynamic_api.sandbox.bubblewrap.host import Host
from dynamic_api.sandbox.bubblewrap.link import Link
from dynamic_api.sandbox.bubblewrap.runner import Ending, Run, sealed
from dynamic_api.sandbox.bubblewrap.slots import Slot, Slots, open_door
from dynamic_api.sandbox.egress import Dial, Egress
from dynamic_api.sandbox.given import check_stdin, environment
from dynamic_api.sandbox.output import Capture
from dynamic_api.sandbox.paths import parts_of
from dynamic_api.sandbox.scripts import Script, find_script

NO_GROUP_MEMORY = 128 * MIB
NO_GROUP_PROCESSES = 16
NO_GROUP_NETWORK_FILES = 64
_FULL_BELOW_BYTES = 64 * 1024
_STREAMS: tuple[Stream, Stream] = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Engine:
    """What every run of one started sandbox shares."""

    host: Host
    level: Level
    store: Path
    link: Link
    slots: Slots
    filters: Mapping[bool, bytes]
    """By whether the run has a network."""
    dial: Dial

    async def execute(self, session: str, root: int, job: Job, on_output: OnOutput | None) -> Outcome:
        """Run `job` in the session whose folder is open as `root`."""
        asked = time.monotonic()
        limits = self._limits(job)
        plan, pieces = self._plan(session, job, find_script(job.folder, job.script), limits)
        slot = await self.slots.take()
        capture = Capture(limits, on_output)
        try:
            async with self._way_out(slot, job, limits) as egress:
                with ExitStack() as stack:
                    given = [sealed(piece, "skillpress") for piece in pieces]
                    for descriptor in given:
                        stack.callback(os.close, descriptor)
                    startup_ms = (time.monotonic() - asked) * 1000
                    ending = await Run(self.link, slot, limits, capture).to_the_end(plan, given)
        finally:
            self.slots.give_back(slot)
        hits = self._limits_hit(ending, root, limits)
        if egress is not None and egress.spent:
            hits = (*hits, "network")
        kept = await self._keep(session, capture)
        stdout, stderr = map(capture.output, _STREAMS)
        return Outcome(
            ending.exit_code, stdout, stderr, ending.duration_ms, self.level, hits, kept, startup_ms
        )

    @asynccontextmanager
    async def _way_out(self, slot: Slot, job: Job, limits: Limits) -> AsyncIterator[Egress | None]:
        """What the run may reach, for as long as it lives; most may reach nothing."""
        if not job.network:
            yield None
            return
        async with Egress(await open_door(slot), frozenset(job.network), self.dial, limits) as egress:
            yield egress

    def _plan(
        self, session: str, job: Job, script: Script, limits: Limits
    ) -> tuple[dict[str, object], list[bytes]]:
        """The plan for the launcher; stdin, arguments, filter and command for its descriptors."""
        check_stdin(job.stdin, limits)
        host, network = self.host, bool(job.network)
        if script.language not in languages(host, self.level):
            host = replace(host, programs={})
        places = command.Places(self.store / "sessions" / session, job.folder, job.layer, self.store / "etc")
        arguments = command.bwrap_arguments(places, environment(job, script), network=network)
        bounds = command.rlimits(limits, script.language, cgroup=self.level == "full")
        plan: dict[str, object] = {"bwrap": host.bwrap, "rlimits": bounds}
        return plan, [job.stdin, arguments, self.filters[network], command.command(host, job, script, limits)]

    def _limits(self, job: Job) -> Limits:
        """Without groups, totals are a product (processes × memory each), so both are small.

        So are the buffers of connections (processes × open files × two of 64 KiB).
        """
        limits = job.limits
        if self.level == "full":
            return limits
        files = NO_GROUP_NETWORK_FILES if job.network else limits.open_files
        return replace(
            limits,
            memory_bytes=min(limits.memory_bytes, NO_GROUP_MEMORY),
            processes=min(limits.processes, NO_GROUP_PROCESSES),
            open_files=min(limits.open_files, files),
        )

    def _limits_hit(self, ending: Ending, root: int, limits: Limits) -> tuple[Limit, ...]:
        """With what only the files show."""
        hits = list(ending.limits_hit)
        if files.free_bytes(root) < _FULL_BELOW_BYTES:
            hits.append("disk")
        elif ending.exit_code != 0 and "file_size" not in hits and files.largest(root) >= limits.file_bytes:
            hits.append("file_size")
        return tuple(hits)

    async def _keep(self, session: str, capture: Capture) -> bool:
        """Write `last_run.*`, as far as there is room."""
        paths = [list(parts_of(LAST_RUN[stream])) for stream in _STREAMS]
        descriptors = [sealed(capture.kept(stream), "output") for stream in _STREAMS]
        try:
            await self.link.ask("put", descriptors, session=session, paths=paths, partial=True)
        except OSError:
            return False
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True


def languages(host: Host, level: Level) -> tuple[str, ...]:
    """Node needs more address space than can be allowed when nothing else bounds memory."""
    return tuple(name for name in host.languages() if level == "full" or name != "node")
