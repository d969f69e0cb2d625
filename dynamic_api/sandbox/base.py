"""What a sandbox is: sessions that keep files, and runs of scripts in them, under limits.

Two implementations satisfy `Sandbox`: `bubblewrap` (the operator's machine) and `e2b` (a service).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

Level = Literal["full", "no-cgroup", "remote", "refused"]
"""How much is enforced: all, all but the totals of memory and processes, elsewhere, or nothing runs."""
Limit = Literal["wall", "cpu", "memory", "processes", "output", "disk", "file_size", "network"]
"""What a run can hit; an outcome names each one it hit."""
Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, bytes], None]
"""Called on the event loop with each piece of output, in order, up to `Limits.output_bytes`."""

MIB = 1024 * 1024
LAST_RUN = MappingProxyType({"stdout": "/tmp/last_run.out", "stderr": "/tmp/last_run.err"})  # noqa: S108
"""Where a session keeps the whole output of its last run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. Sizes in bytes."""

    wall_seconds: float = 60.0
    cpu_seconds: int = 30
    memory_bytes: int = 256 * MIB
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 64 * MIB
    output_bytes: int = 8 * MIB
    shown_bytes: int = 64 * 1024
    stdin_bytes: int = 16 * MIB
    argument_bytes: int = MIB
    cores: float = 1.0
    network_bytes: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Job:
    """One script to run: the skill's unpacked folder, the script's path in it, and what it is given.

    `env` holds the credentials that the script declares and nothing else; they are never printed or logged.
    """

    folder: Path
    script: str
    args: tuple[str, ...] = ()
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: Limits = Limits()
    layer: Path | None = None
    network: tuple[str, ...] = ()
    """All that the script may reach: `host:port` as `outbound_pair` gives it. Empty: nothing."""


@dataclass(frozen=True, slots=True)
class Output:
    """The start of one stream, at most `Limits.shown_bytes`, and the size of what was kept as a file."""

    shown: bytes
    size: int
    cut: bool
    path: str

    def text(self) -> str:
        """For an answer: not UTF-8 is shown as U+FFFD, and a marker says what is missing and where it is."""
        text = self.shown.decode("utf-8", "replace")
        if not self.cut:
            return text
        return (
            f"{text}\n[cut: the first {len(self.shown)} of {self.size} bytes; all of it is in {self.path}]\n"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. A signal n counts as exit code 128 + n, as in a shell.

    `limits_hit` is empty for a run that was left alone. `kept` is false when the disk of the session had
    no room for `last_run.*`.
    """

    exit_code: int
    stdout: Output
    stderr: Output
    duration_ms: int
    level: Level
    limits_hit: tuple[Limit, ...] = ()
    kept: bool = True
    startup_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class FilePart:
    """Bytes of a file of a session; `size` is that of the whole file."""

    data: bytes
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class FileRow:
    """One line of a listing; only regular files have a size."""

    path: str
    kind: Literal["file", "folder", "other"]
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of a level, tried for real: what came of it."""

    name: str
    held: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """What a sandbox can promise here: for /readyz, `skillpress doctor` and each answer."""

    backend: str
    level: Level
    checks: tuple[Check, ...] = ()
    reason: str = ""
    languages: tuple[str, ...] = ()

    def body(self) -> dict[str, object]:
        """As JSON."""
        return {
            "backend": self.backend,
            "level": self.level,
            "reason": self.reason,
            "languages": list(self.languages),
            "checks": [{"name": row.name, "held": row.held, "detail": row.detail} for row in self.checks],
        }


class Sandbox(Protocol):
    """Sessions by an id that the caller chose (`[a-z0-9-]{1,64}`); one run at a time in each.

    Paths of a session are absolute and below `/work` or `/tmp`. Refusals are those of `dynamic_api.errors`:
    Absent (session, file, script), Conflict (the session is busy), Unprocessable (cannot be run here),
    TooLarge, and Unavailable for whatever is not the fault of the script or its caller.
    """

    @property
    def health(self) -> Health:
        """What the self-test of `start` found."""
        ...

    async def start(self) -> Health:
        """Get ready and try each limit of the level; with level `refused` every `open` is refused."""
        ...

    async def stop(self) -> None:
        """Close every session and end every run."""
        ...

    async def open(self, session: str, disk_bytes: int = 64 * MIB) -> None:
        """Make the session, with its own limited disk."""
        ...

    async def run(self, session: str, job: Job, on_output: OnOutput | None = None) -> Outcome:
        """Run to the end. To cancel the awaiting task kills all that was started, before it returns."""
        ...

    async def read(self, session: str, path: str, offset: int = 0, size: int = MIB) -> FilePart:
        """Bytes of a regular file."""
        ...

    async def read_lines(self, session: str, path: str, first: int = 1, count: int = 1000) -> bytes:
        """Lines by number, the first is 1; empty beyond the end."""
        ...

    async def list(self, session: str, folder: str) -> list[FileRow]:
        """What is directly in a folder, sorted by name."""
        ...

    async def put(self, session: str, path: str, data: bytes) -> None:
        """Write a file whole, making its folders."""
        ...

    async def close(self, session: str) -> None:
        """End its run and forget its files. Closing twice is fine."""
        ...
