"""Whatever is killed, at whatever moment: nothing outlives it, and what can go on goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from sandbox_room import Room, survivors

from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.base import Job, Outcome
from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options

SERVER = """
import asyncio, sys
from pathlib import Path
from dynamic_api.sandbox.base import Job
from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options

async def serve(store, skill, word, level):
    sandbox = BubblewrapSandbox(Options(Path(store), use_cgroups=level == "full", allow_no_cgroup=True))
    health = await sandbox.start()
    print(health.level, flush=True)
    await sandbox.open("one")
    job = Job(Path(skill), "a.py", (word,))
    await sandbox.run("one", job, lambda stream, data: print(data.decode(), flush=True))

asyncio.run(serve(*sys.argv[1:]))
"""
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
print("up", flush=True)
time.sleep(600)
"""


def with_word(word: str) -> list[int]:
    """Processes of the machine that were given `word`."""
    rows = psutil.process_iter(["pid", "cmdline"])
    return [row.pid for row in rows if word in (row.info["cmdline"] or [])]


def test_killed_server_takes_every_run_along(room: Room, tmp_path: Path) -> None:
    word = f"word-{os.getpid()}-{room.health.level}"
    store = room.folder / "store-of-the-killed"
    words = [store, room.skill(a_py=DAEMON), word, room.health.level]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, *map(str, words)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert server.stdout is not None
    with server.stdout as said:
        assert said.readline().strip() == room.health.level
        assert said.readline().strip() == "up"
        inside = [pid for pid in with_word(word) if pid != server.pid]
        assert len(inside) >= 3
        server.kill()
        server.wait()
    deadline = time.monotonic() + 10
    while with_word(word) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert with_word(word) == []
    assert not any(psutil.pid_exists(pid) for pid in inside)


def processes(words: str) -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if words in " ".join(child.cmdline())]


def test_killed_keeper_is_named_and_nothing_outlives_it(public_folder: Path, box: Room) -> None:
    async def drive() -> None:
        before = {child.pid for child in psutil.Process().children(recursive=True)}
        store = public_folder / f"killed-keeper-{box.health.level}"
        options = Options(store, use_cgroups=box.health.level == "full", allow_no_cgroup=True)
        sandbox = BubblewrapSandbox(options)
        health = await sandbox.start()
        assert health.level == box.health.level, health
        await sandbox.open("one")
        came = asyncio.Event()
        job = Job(box.skill(a_py=DAEMON), "a.py")
        run = asyncio.create_task(sandbox.run("one", job, lambda _stream, _data: came.set()))
        await asyncio.wait_for(came.wait(), 20)
        own = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
        keeper = min(child.pid for child in own if child.ppid() != os.getpid())
        os.kill(keeper, signal.SIGKILL)
        with pytest.raises(Unavailable) as refusal:
            await run
        assert refusal.value.code == "sandbox_failed"
        assert (sandbox.health.level, sandbox.health.reason) == (
            "refused",
            "the keeper is gone; restart the API",
        )
        with pytest.raises(Unavailable):
            await sandbox.open("two")
        with pytest.raises(Unavailable):
            await sandbox.run("one", job)
        await sandbox.stop()
        psutil.wait_procs(own, timeout=10)
        assert [child for child in own if child.is_running()] == []
        health = await sandbox.start()
        assert health.level == box.health.level, health
        await sandbox.open("one")
        await sandbox.stop()

    box.do(drive())


def test_killed_bubblewrap_is_a_failure_of_ours_and_the_session_lives(room: Room) -> None:
    session = room.session()

    async def drive() -> None:
        came = asyncio.Event()
        job = Job(room.skill(a_py=DAEMON), "a.py")
        run = asyncio.create_task(room.sandbox.run(session, job, lambda _stream, _data: came.set()))
        await asyncio.wait_for(came.wait(), 20)
        outer = min(
            child.pid for child in psutil.Process().children(recursive=True) if child.name() == "bwrap"
        )
        os.kill(outer, signal.SIGKILL)
        with pytest.raises(Unavailable, match="it was killed"):
            await run

    room.do(drive())
    assert survivors() == []
    assert room.python("print('again')", session).stdout.text() == "again\n"


def test_killed_launchers_do_not_stop_the_next_runs(room: Room) -> None:
    """Those that wait are children of the keeper; a run that gets a dead one fails as ours."""
    keeper = [child for child in processes("keeper") if child.ppid() != os.getpid()]
    inner = {child.pid for child in keeper}
    for child in keeper:
        if child.ppid() in inner:
            child.kill()
    outcomes: list[Outcome | Unavailable] = []
    for _ in range(4):
        try:
            outcomes.append(room.python("print(1)"))
        except Unavailable as refusal:
            outcomes.append(refusal)
    assert isinstance(outcomes[-1], Outcome)
    assert all(isinstance(row, Outcome) or row.code == "sandbox_failed" for row in outcomes)


@pytest.mark.parametrize("moment", [0, 0.001, 0.003, 0.005, 0.01, 0.02])
def test_cancel_at_any_moment_leaves_nothing(room: Room, moment: float) -> None:
    session = room.session()

    async def drive() -> None:
        task = asyncio.create_task(room.sandbox.run(session, Job(room.skill(a_py=DAEMON), "a.py")))
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    room.do(drive())
    assert survivors() == []
    assert room.python("print('again')", session).stdout.text() == "again\n"
