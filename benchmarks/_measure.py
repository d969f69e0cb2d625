"""What a program costs: seconds of CPU and of wall, and the memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: seconds of CPU (user and system, of every descendant that was waited for), seconds of wall."""

    cpu: float
    wall: float


def run(words: Sequence[str], core: int | None = None) -> Cost:
    """Run a program to its end, on one `core` or on all. Raises RuntimeError with its output if it fails."""
    process = _start(words, core)
    began = time.perf_counter()
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {output.decode('utf-8', 'replace')}")
    return Cost(usage.ru_utime + usage.ru_stime, wall)


def middle(costs: Sequence[Cost]) -> Cost:
    """The medians."""
    return Cost(median(cost.cpu for cost in costs), median(cost.wall for cost in costs))


def peak_megabytes(words: Sequence[str]) -> float:
    """The most memory that the processes of a program hold together; pages that they share count once."""
    process = _start(words, None)
    most = [0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            most[0] = max(most[0], sum(map(_kilobytes, _family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output = process.communicate()[0]
    over.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {output.decode('utf-8', 'replace')}")
    return most[0] / 1024


def _start(words: Sequence[str], core: int | None) -> subprocess.Popen[bytes]:
    if core is not None:
        pin = f"import os, sys; os.sched_setaffinity(0, {{{core}}}); os.execv(sys.argv[1], sys.argv[1:])"
        words = (sys.executable, "-c", pin, *words)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _family(process: int) -> list[int]:
    """`process` and its descendants."""
    found = [process]
    for parent in found:
        try:
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
        except OSError:
            continue
    return found


def _kilobytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
