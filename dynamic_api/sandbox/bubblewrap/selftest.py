"""Tries every promise of a level for real, when the sandbox starts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dynamic_api.errors import Absent, Unavailable
from dynamic_api.sandbox.base import MIB, Check, Job, Level, Limits, Outcome, Sandbox

PROBE = Path(__file__).with_name("probe.py")
AFTER_SECONDS = 0.3
"""How long after a run its daemon is watched, which writes every 10 ms for as long as it lives."""
LIMITS = Limits(
    wall_seconds=20,
    cpu_seconds=1,
    memory_bytes=48 * MIB,
    processes=12,
    file_bytes=2 * MIB,
    output_bytes=MIB,
    shown_bytes=64 * 1024,
)
_STATUS = ["1", "2", "0000000000000000", "0000000000000000"]
_ENVIRONMENT = {"HOME", "LANG", "LC_CTYPE", "PATH", "PWD", "SKILL_DIR", "TMPDIR"}
_ENVIRONMENT |= {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
Judge = Callable[[Sandbox, str, Outcome], Awaitable[list[Check]]]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One probe, and whether the promise held."""

    probe: str
    limits: Limits
    judge: Judge
    network: tuple[str, ...] = ()


async def try_all(sandbox: Sandbox, folder: Path, level: Level) -> tuple[Check, ...]:
    """Every promise at once, each in a session of its own. `folder` is readable for the account of runs."""
    (folder / "probe.py").write_bytes(PROBE.read_bytes())
    (folder / "probe.py").chmod(0o644)
    found = await asyncio.gather(*(_try(sandbox, folder, row) for row in _attempts(level)))
    return tuple(check for checks in found for check in checks)


def _attempts(level: Level) -> list[_Attempt]:
    few = replace(LIMITS, cpu_seconds=10)
    processes = _hit("processes") if level == "full" else _few_processes
    return [
        _Attempt("walls", few, _walls),
        _Attempt("way_out", few, _way_out, ("allowed.invalid:443",)),
        _Attempt("memory", few, _hit("memory")),
        _Attempt("processes", few, processes),
        _Attempt("wall", replace(few, wall_seconds=0.5), _hit("wall")),
        _Attempt("cpu", LIMITS, _hit("cpu")),
        _Attempt("disk", few, _hit("disk")),
        _Attempt("file_size", few, _hit("file_size")),
        _Attempt("output", few, _hit("output")),
        _Attempt("survivor", few, _no_survivor),
    ]


async def _try(sandbox: Sandbox, folder: Path, attempt: _Attempt) -> list[Check]:
    session = f"selftest-{attempt.probe.replace('_', '-')}"
    await sandbox.open(session, 4 * MIB)
    try:
        job = Job(folder, "probe.py", (attempt.probe,), limits=attempt.limits, network=attempt.network)
        outcome = await sandbox.run(session, job)
        return await attempt.judge(sandbox, session, outcome)
    except Unavailable as error:
        if not attempt.network:
            raise
        # Runs without a network are no worse for it; those with one are refused, with these words.
        return [Check("own_network", held=True, detail=f"no skill can be given one: {error.message}")]
    finally:
        await sandbox.close(session)


def _hit(limit: str) -> Judge:
    async def judge(_sandbox: Sandbox, _session: str, outcome: Outcome) -> list[Check]:
        hits = ", ".join(outcome.limits_hit) or "nothing"
        return [
            Check(limit, limit in outcome.limits_hit, f"stopped by: {hits}; exit code {outcome.exit_code}")
        ]

    return judge


async def _few_processes(_sandbox: Sandbox, _session: str, outcome: Outcome) -> list[Check]:
    made = outcome.stdout.text()
    held = made.isdigit() and int(made) < LIMITS.processes
    return [Check("processes", held, f"{made or 'none'} made, {LIMITS.processes} allowed")]


async def _no_survivor(sandbox: Sandbox, session: str, _outcome: Outcome) -> list[Check]:
    before = await _pulse(sandbox, session)
    await asyncio.sleep(AFTER_SECONDS)
    held = before == await _pulse(sandbox, session)
    return [Check("no_survivor", held, f"a daemon {'died with' if held else 'outlived'} its run")]


async def _pulse(sandbox: Sandbox, session: str) -> bytes:
    """What the daemon wrote last; empty if it never came to that."""
    try:
        return (await sandbox.read(session, "/work/alive")).data
    except Absent:
        return b""


async def _way_out(_sandbox: Sandbox, _session: str, outcome: Outcome) -> list[Check]:
    try:
        facts = json.loads(outcome.stdout.shown)
    except ValueError:
        return [Check("own_network", held=False, detail=outcome.stderr.text().strip()[-200:])]
    held = facts == {"interfaces": ["lo"], "sockets": [], "direct": False, "proxy": "403"}
    detail = "with one: only loopback, TCP, and a proxy that keeps to the list" if held else f"{facts}"
    return [Check("own_network", held, detail)]


async def _walls(_sandbox: Sandbox, _session: str, outcome: Outcome) -> list[Check]:
    """One check for each promise that needs no limit."""
    try:
        facts = json.loads(outcome.stdout.shown)
    except ValueError:
        said = outcome.stderr.text().strip().splitlines()[-1:]
        return [Check("walls", held=False, detail=f"the probe failed: {' '.join(said)}")]
    unknown = sorted(set(facts["environment"]) - _ENVIRONMENT)
    rows = [
        ("read_only_system", not facts["writable"], f"writable: {facts['writable'] or 'nothing'}"),
        ("host_hidden", not facts["visible"], f"of the host visible: {facts['visible'] or 'nothing'}"),
        ("own_processes", len(facts["processes"]) <= 3, f"{len(facts['processes'])} processes visible"),
        ("no_environment", not unknown, f"of the host set: {unknown or 'nothing'}"),
        (
            "no_rights",
            facts["status"] == _STATUS and facts["user"] != 0,
            "no new privileges, no capability, seccomp",
        ),
        ("no_user_namespace", not facts["user_namespace"], "a user namespace is refused"),
        ("no_network", not facts["sockets"], f"sockets that open: {facts['sockets'] or 'none but unix'}"),
        ("no_descriptors", len(facts["descriptors"]) <= 1, "only stdin, stdout and stderr are open"),
    ]
    return [Check(name, bool(held), detail) for name, held, detail in rows]
