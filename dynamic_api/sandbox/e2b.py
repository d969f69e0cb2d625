"""Runs in a virtual machine of the service E2B, one for each session, through its SDK (the extra `e2b`).

The machine is the wall; limits inside are set by `timeout` and `prlimit`. The SDK decodes output, so bytes
that are not UTF-8 arrive as U+FFFD. docs/sandbox.md says what was tried.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.base import (
    LAST_RUN,
    MIB,
    FilePart,
    FileRow,
    Health,
    Job,
    Limit,
    Limits,
    OnOutput,
    Outcome,
    Stream,
)
from dynamic_api.sandbox.e2b_errors import translated
from dynamic_api.sandbox.given import check_arguments, check_network, check_stdin, environment
from dynamic_api.sandbox.output import Capture
from dynamic_api.sandbox.paths import file_parts, parts_of
from dynamic_api.sandbox.scripts import Script, find_script
from dynamic_api.sandbox.sessions import Sessions

if TYPE_CHECKING:
    from e2b import AsyncCommandHandle, AsyncSandbox

GRACE_SECONDS = 5.0
"""How much longer than the time limit a run may take to be reported."""
_STDIN, _COMMAND = "/tmp/.stdin", "/tmp/.command"  # noqa: S108 - in the machine of the session
_PROGRAMS = {"python": "python3", "sh": "sh", "bash": "bash", "node": "node"}
_SIGNALS: dict[int, Limit] = {128 + 24: "cpu", 128 + 25: "file_size"}
_KILLED = 137


@dataclass(frozen=True, slots=True)
class Options:
    """Whose account and which template; the addresses are for tests and other installations."""

    api_key: str = field(repr=False)
    template: str = "base"
    session_seconds: int = 1800
    sessions: int = 100
    api_url: str | None = None
    sandbox_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Machine:
    remote: AsyncSandbox
    skills: set[str] = field(default_factory=set)


class E2BSandbox:
    """Satisfies `base.Sandbox`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._health = Health("e2b", "refused", reason="not started")
        self._sessions: Sessions[_Machine] = Sessions(options.sessions)

    @property
    def health(self) -> Health:
        """Level `remote`: what is enforced there is not for us to prove."""
        return self._health

    async def start(self) -> Health:
        """Only looks for the SDK and the key: to try the limits would cost money."""
        try:
            import e2b  # noqa: F401
        except ImportError:
            reason = "the SDK is not installed: pip install 'skillpress[e2b]'"
            self._health = Health("e2b", "refused", reason=reason)
        else:
            if self._options.api_key:
                self._health = Health("e2b", "remote", languages=("python", "sh", "node"))
            else:
                self._health = Health("e2b", "refused", reason="no API key of E2B is set")
        return self._health

    async def stop(self) -> None:
        """Kill every machine."""
        for name in self._sessions.names():
            await self.close(name)

    async def open(self, session: str, disk_bytes: int = 64 * MIB) -> None:
        """Start a machine; its disk is as large as the template says."""
        if self._health.level == "refused":
            raise Unavailable("sandbox_refused", f"nothing is run on this server: {self._health.reason}")
        from e2b import AsyncSandbox

        self._sessions.reserve(session)
        machine = None
        try:
            async with translated(session):
                remote = await AsyncSandbox.create(
                    template=self._options.template,
                    timeout=self._options.session_seconds,
                    metadata={"session": session, "disk_bytes": str(disk_bytes)},
                    allow_internet_access=False,
                    api_key=self._options.api_key,
                    validate_api_key=self._options.api_url is None,
                    api_url=self._options.api_url,
                    sandbox_url=self._options.sandbox_url,
                )
                await remote.commands.run("mkdir -p /work /skill && chmod 777 /work /skill", user="root")
                machine = _Machine(remote)
        finally:
            self._sessions.fill(session, machine)

    async def run(self, session: str, job: Job, on_output: OnOutput | None = None) -> Outcome:
        """Upload the skill where it is new, run, and keep what was printed."""
        with self._sessions.running(session) as machine:
            asked = time.monotonic()
            script = find_script(job.folder, job.script)
            check_network(job)
            check_stdin(job.stdin, job.limits)
            check_arguments(job.args, job.limits)
            async with translated(session):
                skill = await _upload(machine, job)
                await machine.remote.files.write(_STDIN, job.stdin)
                capture = Capture(job.limits, on_output)
                startup_ms = (time.monotonic() - asked) * 1000
                code, hits, seconds = await _command(machine, skill, script, job, capture)
                for stream in ("stdout", "stderr"):
                    await machine.remote.files.write(LAST_RUN[stream], capture.kept(stream))
            stdout, stderr = capture.output("stdout"), capture.output("stderr")
            return Outcome(code, stdout, stderr, round(seconds * 1000), "remote", hits, True, startup_ms)

    async def read(self, session: str, path: str, offset: int = 0, size: int = MIB) -> FilePart:
        """Bytes of a regular file, which is fetched whole."""
        data = await self._fetch(session, path)
        return FilePart(data[max(0, offset) : max(0, offset) + max(0, size)], max(0, offset), len(data))

    async def read_lines(self, session: str, path: str, first: int = 1, count: int = 1000) -> bytes:
        """Lines by number."""
        lines = (await self._fetch(session, path)).splitlines(keepends=True)
        begin = max(1, first) - 1
        return b"".join(lines[begin : begin + max(0, count)])[:MIB]

    async def _fetch(self, session: str, path: str) -> bytes:
        parts_of(path)
        machine = self._sessions.find(session)
        async with translated(session, path):
            return bytes(await machine.remote.files.read(path, format="bytes"))

    async def list(self, session: str, folder: str) -> list[FileRow]:
        """What is directly in a folder."""
        parts_of(folder)
        machine = self._sessions.find(session)
        async with translated(session, folder):
            entries = await machine.remote.files.list(folder)
        rows = []
        for entry in entries:
            kind = {"file": "file", "dir": "folder"}.get(entry.type.value if entry.type else "", "other")
            size = entry.size if kind == "file" else 0
            modified = entry.modified_time.timestamp() if entry.modified_time else 0.0
            rows.append(FileRow(entry.path, kind, size, modified))  # type: ignore[arg-type]
        return sorted((row for row in rows if row.path not in {_STDIN, _COMMAND}), key=lambda row: row.path)

    async def put(self, session: str, path: str, data: bytes) -> None:
        """Write a file whole."""
        file_parts(path)
        machine = self._sessions.find(session)
        async with translated(session, path):
            await machine.remote.files.write(path, data)

    async def close(self, session: str) -> None:
        """Kill the machine."""
        machine = await self._sessions.take_out(session)
        if machine is not None:
            async with translated(session):
                await machine.remote.kill()


async def _upload(machine: _Machine, job: Job) -> str:
    """Where the skill's files are in the machine, uploaded once for each folder."""
    name = hashlib.sha256(os.fsencode(job.folder)).hexdigest()[:16]
    if name not in machine.skills:
        from e2b.sandbox.filesystem.filesystem import WriteEntry

        found = [path for path in sorted(job.folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        entries = [
            WriteEntry(
                path=f"/skill/{name}/{path.relative_to(job.folder).as_posix()}", data=path.read_bytes()
            )
            for path in found
        ]
        await machine.remote.files.write_files(entries)
        machine.skills.add(name)
    return f"/skill/{name}"


def _line(skill: str, script: Script, job: Job) -> str:
    """The command: limits, interpreter, script, arguments, stdin."""
    limits = job.limits
    bounds = [
        f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 1}",
        f"--fsize={limits.file_bytes}",
        f"--nofile={limits.open_files}",
        "--core=0",
    ]
    if script.language != "node":
        bounds.append(f"--as={limits.memory_bytes}")
    words = ["timeout", "-s", "KILL", str(limits.wall_seconds), "prlimit", *bounds, "--"]
    words += [_PROGRAMS[script.program], f"{skill}/{script.path}", *job.args]
    return f"exec {shlex.join(words)} < {_STDIN}"


async def _command(
    machine: _Machine, skill: str, script: Script, job: Job, capture: Capture
) -> tuple[int, tuple[Limit, ...], float]:
    """Exit code, limits hit, seconds."""
    full, began = asyncio.Event(), time.monotonic()

    def heard(stream: Stream, text: str) -> None:
        capture.add(stream, text.encode())
        if capture.full:
            full.set()

    envs = {**environment(job, script), "SKILL_DIR": skill}
    handle = await _started(machine, _line(skill, script, job), envs, heard)
    waiting, flooded = asyncio.create_task(_exit_code(handle)), asyncio.create_task(full.wait())
    try:
        most = job.limits.wall_seconds + GRACE_SECONDS
        await asyncio.wait([waiting, flooded], timeout=most, return_when=asyncio.FIRST_COMPLETED)
        over = waiting.done()
    finally:
        flooded.cancel()
        if not waiting.done():
            await handle.kill()
            waiting.cancel()
    seconds = time.monotonic() - began
    code = waiting.result() if over else _KILLED
    return code, _limits_hit(code, seconds, job.limits, full=capture.full), seconds


async def _started(
    machine: _Machine, line: str, envs: dict[str, str], heard: Callable[[Stream, str], None]
) -> AsyncCommandHandle[str]:
    # By a file, since one argument of a program, as which the SDK sends a command, is 128 KiB at most.
    await machine.remote.files.write(_COMMAND, line)
    return await machine.remote.commands.run(
        f". {_COMMAND}",
        background=True,
        envs=envs,
        cwd="/work",
        timeout=0,
        on_stdout=lambda text: heard("stdout", text),
        on_stderr=lambda text: heard("stderr", text),
    )


async def _exit_code(handle: object) -> int:
    from e2b import CommandExitException

    try:
        return int((await handle.wait()).exit_code)  # type: ignore[attr-defined]
    except CommandExitException as error:
        return int(error.exit_code)


def _limits_hit(code: int, seconds: float, limits: Limits, *, full: bool) -> tuple[Limit, ...]:
    hits: list[Limit] = ["output"] if full else []
    if code == _KILLED and seconds >= limits.wall_seconds:
        hits.append("wall")
    if code in _SIGNALS:
        hits.append(_SIGNALS[code])
    return tuple(hits)
