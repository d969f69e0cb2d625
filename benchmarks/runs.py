"""Race a run in the sandbox against a bare `bwrap python3` and a bare `python3` of the same script.

    python benchmarks/runs.py [--rounds N] [--seconds S] [--sessions N] [--pause S] [--first]

Prints the wall of one run (median, p99, ratio to bwrap), runs per second at 1 to 8 at once, with the share of
two cores that scripts got, and the memory of an idle session. All that is compared runs in turn.
`--first` is for a machine that other work shares (root, control groups version 1): this gets the processors
first, others what is left. It holds them up, so it measures only eight at once, for a few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import psutil

from dynamic_api.sandbox.base import Job, Limits
from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options

BURN_SECONDS = 0.1
CORES = 2
CPU = Path("/sys/fs/cgroup/cpu")
AT_ONCE = (1, 2, 4, 8)
SCRIPTS = {
    "nothing.py": "",
    "burn.py": f"import time\nwhile time.process_time() < {BURN_SECONDS}: pass\n",
}
BWRAP = (
    *("/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--proc", "/proc"),
    *("--dev", "/dev", "--tmpfs", "/tmp", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
    *("--symlink", "usr/bin", "/bin"),
)
PYTHON = "/usr/bin/python3"
Run = Callable[[str, int], Awaitable[None]]


async def bare(words: Sequence[str]) -> None:
    """Start a program and wait for it, with its output read."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await process.communicate()
    if process.returncode:
        raise RuntimeError(" ".join(words))


class Subjects:
    """What is compared: each runs one script of `folder`; the number says in which session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boxes: dict[str, BubblewrapSandbox] = {}
        self.runs: dict[str, Run] = {"python3": self._python, "bwrap python3": self._bwrap}

    async def start(self) -> None:
        """Start a sandbox for each level that this machine has, and open sessions."""
        for level, groups in (("sandbox, full", True), ("sandbox, no-cgroup", False)):
            store = self.folder / level.replace(", ", "-")
            box = BubblewrapSandbox(
                Options(store, use_cgroups=groups, allow_no_cgroup=not groups, sessions=1000)
            )
            health = await box.start()
            if health.level == "refused":
                print(f"{level}: {health.reason}")
                continue
            self.boxes[level] = box
            self.runs[level] = self._sandboxed(box)
            for number in range(8):
                await box.open(f"s{number}")

    async def _python(self, script: str, _number: int) -> None:
        await bare([PYTHON, str(self.folder / "scripts" / script)])

    async def _bwrap(self, script: str, _number: int) -> None:
        skill = ("--ro-bind", str(self.folder / "scripts"), "/skill")
        await bare([*BWRAP, *skill, PYTHON, f"/skill/{script}"])

    def _sandboxed(self, box: BubblewrapSandbox) -> Run:
        async def run(script: str, number: int) -> None:
            outcome = await box.run(f"s{number}", Job(self.folder / "scripts", script, limits=Limits()))
            if outcome.exit_code:
                raise RuntimeError(outcome.stderr.text())

        return run


async def latency(subjects: Subjects, rounds: int, pause: float) -> None:
    """One run at a time, with a pause between two: the next launcher is then ready."""
    walls: dict[str, list[float]] = {name: [] for name in subjects.runs}
    for _ in range(rounds):
        for name, run in subjects.runs.items():
            await asyncio.sleep(pause)
            began = time.perf_counter()
            await run("nothing.py", 0)
            walls[name].append((time.perf_counter() - began) * 1000)
    base = walls["bwrap python3"]
    print(f"\nOne run, {rounds} rounds           median ms  ratio   p99 ms  ratio")
    for name, found in walls.items():
        middle, high = statistics.median(found), p99(found)
        ratios = (middle / statistics.median(base), high / p99(base))
        print(f"{name:28} {middle:9.1f} {ratios[0]:6.2f} {high:8.1f} {ratios[1]:6.2f}")


def p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


async def throughput(subjects: Subjects, seconds: float) -> None:
    """As many as can be done, 1 to 8 at once: scripts that need 0.1 s of processor, and none."""
    print("\nAt once                             1       2       4       8   8: ratio, of two cores")
    for script, label in (("nothing.py", "runs/s, empty"), ("burn.py", "runs/s, 0.1 s")):
        found = {name: [0.0] * len(AT_ONCE) for name in subjects.runs}
        for column, at_once in enumerate(AT_ONCE):
            for name, run in subjects.runs.items():
                found[name][column] = await rate(run, script, at_once, seconds)
        for name, rates in found.items():
            share = f"{rates[-1] * BURN_SECONDS / CORES:5.2f}" if script == "burn.py" else "     "
            ratio = rates[-1] / found["bwrap python3"][-1]
            print(f"{label:14} {name:18}", *(f"{value:7.1f}" for value in rates), f"{ratio:11.2f} {share}")


async def rate(run: Run, script: str, at_once: int, seconds: float) -> float:
    """Runs per second."""
    began = time.perf_counter()
    done = 0

    async def worker(number: int) -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await run(script, number)
            done += 1

    await asyncio.gather(*(worker(number) for number in range(at_once)))
    return done / (time.perf_counter() - began)


async def memory(subjects: Subjects, sessions: int) -> None:
    """What a session costs that has run once and waits: our processes, and the kernel's part."""
    for name, box in subjects.boxes.items():
        before = (own_bytes(), kernel_bytes())
        for number in range(sessions):
            await box.open(f"idle-{number}")
            await box.run(f"idle-{number}", Job(subjects.folder / "scripts", "nothing.py"))
        after = (own_bytes(), kernel_bytes())
        ours, kernels = ((end - start) / sessions / 1024 for start, end in zip(before, after, strict=True))
        print(f"\n{name}: an idle session holds {ours:.0f} KiB of ours, {kernels:.0f} KiB of the kernel")


@contextlib.contextmanager
def served_first() -> Iterator[None]:
    """In a group of processors with the highest weight; the groups of runs are made in there."""
    group = CPU / f"benchmark-{os.getpid()}"
    group.mkdir()
    (group / "cpu.shares").write_text("262144")
    (group / "cgroup.procs").write_text("0")
    try:
        yield
    finally:
        (CPU / "cgroup.procs").write_text("0")
        group.rmdir()


async def eight(subjects: Subjects, seconds: float) -> None:
    """Eight at once, twice in turn."""
    print("\n0.1 s each, 8 at once     runs/s  of two cores")
    for name, run in [*subjects.runs.items()] * 2:
        found = await rate(run, "burn.py", 8, seconds)
        print(f"{name:22} {found:9.1f} {found * BURN_SECONDS / CORES:13.2f}")


def own_bytes() -> int:
    """Memory of this process and all it started, shared pages in part."""
    me = psutil.Process()
    return sum(process.memory_full_info().pss for process in [me, *me.children(recursive=True)])


def kernel_bytes() -> int:
    """Slabs, file systems in memory, page tables and stacks of the whole machine."""
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return sum(
        int(rows[name].split()[0]) * 1024 for name in ("Slab", "Shmem", "PageTables", "KernelStack", "Percpu")
    )


async def race(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="skillpress-runs-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        (folder / "scripts").mkdir()
        for name, text in SCRIPTS.items():
            (folder / "scripts" / name).write_text(text)
        subjects = Subjects(folder)
        await subjects.start()
        if arguments.first:
            await eight(subjects, arguments.seconds)
        else:
            await latency(subjects, arguments.rounds, arguments.pause)
            await throughput(subjects, arguments.seconds)
            await memory(subjects, arguments.sessions)
        for box in subjects.boxes.values():
            await box.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--pause", type=float, default=0.03)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    parser.add_argument("--first", action="store_true")
    arguments = parser.parse_args()
    with served_first() if arguments.first else contextlib.nullcontext():
        asyncio.run(race(arguments))


if __name__ == "__main__":
    main()
