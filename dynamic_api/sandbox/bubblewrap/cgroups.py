"""Control groups: they bound the total of a run. Version 2 where it has the controllers, else version 1."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dynamic_api.sandbox.base import Limit, Limits

CONTROLLERS = ("memory", "pids", "cpu")
PERIOD_MICROSECONDS = 100_000
TCP_BYTES = 16 * 1024 * 1024
PREFIX = "skillpress-"
LEAF = f"{PREFIX}api"
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups can be made: the version, and for each controller the folder that becomes the parent."""

    version: int
    parents: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Group:
    """One run's group: a folder for each controller, all the same one in version 2."""

    version: int
    folders: Mapping[str, Path]

    def set_limits(self, limits: Limits) -> None:
        """Bound memory (with swap), processes and processor share."""
        quota = int(limits.cores * PERIOD_MICROSECONDS)
        if self.version == 2:
            self._write("memory", "memory.max", limits.memory_bytes)
            self._write("memory", "memory.swap.max", 0, needed=False)
            self._write("memory", "memory.oom.group", 1, needed=False)
            self._write("cpu", "cpu.max", f"{quota} {PERIOD_MICROSECONDS}")
        else:
            self._write("memory", "memory.limit_in_bytes", limits.memory_bytes)
            self._write("memory", "memory.memsw.limit_in_bytes", limits.memory_bytes, needed=False)
            self._write("cpu", "cpu.cfs_period_us", PERIOD_MICROSECONDS)
            self._write("cpu", "cpu.cfs_quota_us", quota)
        self._write("pids", "pids.max", limits.processes)

    def limit_connections(self) -> None:
        """Bound what the buffers of connections take. Version 2 counts them as memory anyway."""
        if self.version == 1:
            self._write("memory", "memory.kmem.tcp.limit_in_bytes", TCP_BYTES, needed=False)

    def entrances(self) -> list[int]:
        """Open descriptors: a process that writes 0 to each is in the group. The caller closes them."""
        return [os.open(path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for path in self._places()]

    def limits_hit(self) -> list[Limit]:
        """What the kernel counted."""
        hit: list[Limit] = []
        if self._out_of_memory():
            hit.append("memory")
        if self._count("pids", "pids.events", "max"):
            hit.append("processes")
        return hit

    def _out_of_memory(self) -> bool:
        """Whether something was killed for it; in version 2 we can tell that from a host without memory."""
        if self.version == 1:
            return bool(self._count("memory", "memory.oom_control", "oom_kill"))
        return all(self._count("memory", "memory.events", key) for key in ("oom", "oom_kill"))

    def cpu_seconds(self) -> float:
        """Processor time of everything that was ever in the group."""
        if self.version == 2:
            return self._count("cpu", "cpu.stat", "usage_usec") / 1e6
        return int((self.folders["cpuacct"] / "cpuacct.usage").read_text()) / 1e9

    async def remove(self) -> None:
        """Kill whatever is left, and take the folders away."""
        for _ in range(_TRIES):
            with contextlib.suppress(OSError):
                for path in self._places():
                    if path.exists():
                        path.rmdir()
                return
            self._kill()
            await asyncio.sleep(0.01)

    def _kill(self) -> None:
        for word in (self.folders["pids"] / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(word), signal.SIGKILL)

    def _places(self) -> list[Path]:
        return sorted(set(self.folders.values()))

    def _write(self, controller: str, name: str, value: object, *, needed: bool = True) -> None:
        path = self.folders[controller] / name
        if needed or path.exists():
            path.write_text(str(value))

    def _count(self, controller: str, name: str, key: str) -> int:
        with contextlib.suppress(FileNotFoundError):
            for line in (self.folders[controller] / name).read_text().splitlines():
                word, _, number = line.partition(" ")
                if word == key:
                    return int(number)
        return 0


def make_group(hierarchy: Hierarchy, name: str) -> Group:
    """A new group without limits yet. Raises OSError."""
    folders = {controller: parent / f"{PREFIX}{name}" for controller, parent in hierarchy.parents.items()}
    for path in sorted(set(folders.values())):
        path.mkdir()
    return Group(hierarchy.version, folders)


def find_hierarchy(mountinfo: str, own: str, root: Path = Path("/")) -> Hierarchy | None:
    """The hierarchy in which this process can make groups; None if there is none.

    `mountinfo` and `own` are the texts of /proc/self/mountinfo and /proc/self/cgroup.
    """
    return _find_v2(mountinfo, own, root) or _find_v1(mountinfo, own, root)


def _find_v2(mountinfo: str, own: str, root: Path) -> Hierarchy | None:
    paths = {row[0]: row[2] for row in _own_rows(own)}
    for place, within, kind, _options in _mounts(mountinfo):
        if kind != "cgroup2" or "0" not in paths:
            continue
        folder = root / place.lstrip("/") / _below(paths["0"], within)
        if folder.name == LEAF:  # another API, or a doctor, has moved us there
            folder = folder.parent
        with contextlib.suppress(OSError):
            offered = (folder / "cgroup.controllers").read_text().split()
            if set(CONTROLLERS) <= set(offered):
                _delegate(folder)
                return Hierarchy(2, dict.fromkeys((*CONTROLLERS, "cpuacct"), folder))
    return None


def _delegate(folder: Path) -> None:
    """Hand the controllers on to children. A group that does so holds no process, but for the root of all."""
    handed_on = folder / "cgroup.subtree_control"
    if set(CONTROLLERS) <= set(handed_on.read_text().split()):
        return
    if (folder / "cgroup.type").exists():  # the root has none
        _move_into(folder / LEAF, folder)
    handed_on.write_text(" ".join(f"+{name}" for name in CONTROLLERS))


def _move_into(leaf: Path, folder: Path) -> None:
    """Everything in `folder`: ourselves, and who was started with us. Some may end, or fork, meanwhile."""
    leaf.mkdir(exist_ok=True)
    for _ in range(_TRIES):
        for word in (words := (folder / "cgroup.procs").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(word)
        if not words:
            return


def _find_v1(mountinfo: str, own: str, root: Path) -> Hierarchy | None:
    paths = {name: row[2] for row in _own_rows(own) for name in row[1].split(",")}
    parents: dict[str, Path] = {}
    for place, within, kind, options in _mounts(mountinfo):
        for name in (*CONTROLLERS, "cpuacct"):
            if kind == "cgroup" and name in options and name in paths and name not in parents:
                folder = root / place.lstrip("/") / _below(paths[name], within)
                if os.access(folder, os.W_OK):
                    parents[name] = folder
    return Hierarchy(1, parents) if len(parents) == len(CONTROLLERS) + 1 else None


def _own_rows(own: str) -> list[list[str]]:
    return [line.split(":", 2) for line in own.splitlines() if line.count(":") >= 2]


def _mounts(mountinfo: str) -> list[tuple[str, str, str, set[str]]]:
    """(place, root within the file system, type, super options) of each mount."""
    rows = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        words, kinds = left.split(), right.split()
        if len(words) >= 5 and len(kinds) >= 3:
            rows.append((words[4], words[3], kinds[0], set(kinds[2].split(","))))
    return rows


def _below(path: str, within: str) -> str:
    """Our path as seen from a mount whose root is `within`."""
    inner = path.removeprefix(within) if within != "/" else path
    return inner.strip("/")


def sweep(hierarchy: Hierarchy) -> None:
    """Remove the groups that an API left behind which is no more."""
    for parent in sorted(set(hierarchy.parents.values())):
        for path in sorted(parent.glob(f"{PREFIX}*-*")):
            owner = path.name.removeprefix(PREFIX).partition("-")[0]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                with contextlib.suppress(OSError):
                    path.rmdir()
