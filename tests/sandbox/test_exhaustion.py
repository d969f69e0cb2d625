"""Scripts that take all they can get: each is stopped, the limit is named, neighbours can still run."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from sandbox_room import Room, survivors

from dynamic_api.errors import Limited, TooLarge
from dynamic_api.sandbox.base import MIB, Job, Limits

LIMITS = Limits(
    wall_seconds=3, cpu_seconds=1, memory_bytes=64 * MIB, processes=16, file_bytes=4 * MIB, output_bytes=MIB
)
CHILDREN = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = bytearray(os.urandom(4096)) * (30 * 256); time.sleep(0.5); os._exit(0)
for _ in range(8):
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
FORK_LOOP = """
import os, time
while True:
    if os.fork() == 0:
        time.sleep(60)
"""
SPINNERS = """
import os
for _ in range(3):
    os.fork()
while True:
    pass
"""
FILL = """
import os, sys
for top, folders, files in os.walk("/"):
    if top in ("/proc", "/usr"):
        folders.clear()
        continue
    try:
        number = 0
        while True:
            number += 1
            with open(f"{top}/fill{number}", "wb") as file:
                file.write(bytes(1 << 20))
            if number > 64:
                sys.exit(f"ESCAPED {top}")
    except OSError:
        pass
sys.exit(1)
"""
INODES = """
import os
os.mkdir("/work/n")
for number in range(1_000_000):
    open(f"/work/n/{number}", "w").close()
"""
THREADS = """
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(60,)).start()
"""
PIPES = """
import fcntl, os
while True:
    read, write = os.pipe()
    fcntl.fcntl(write, 1031, 1 << 20); os.set_blocking(write, False); os.write(write, bytes(1 << 20))
"""
DEAF = """
import os, signal
for _ in range(5):
    if os.fork() == 0:
        signal.pthread_sigmask(0, range(1, 65)); signal.pause()
"""
DOUBLE_FORK = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
"""


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(
    ("name", "source", "full", "without"),
    [
        ("a.sh", "bomb() { bomb | bomb & }; bomb; while :; do :; done", {"processes"}, {"processes"}),
        ("a.py", FORK_LOOP, {"processes"}, {"processes"}),
        ("a.py", THREADS, {"processes"}, None),
        ("a.py", "kept = []\nwhile True: kept.append(bytearray(1 << 20))", {"memory"}, {"memory"}),
        ("a.sh", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done", {"memory"}, None),
        ("a.py", CHILDREN, {"memory"}, set()),
        ("a.py", "while True: pass", {"cpu"}, {"cpu"}),
        ("a.py", SPINNERS, {"cpu"}, {"wall", "cpu"}),
        ("a.sh", "while :; do :; done", {"cpu"}, {"cpu"}),
        ("a.py", "import time; time.sleep(60)", {"wall"}, {"wall"}),
        (
            "a.py",
            "import signal, time; signal.pthread_sigmask(0, range(1, 65)); time.sleep(60)",
            {"wall"},
            {"wall"},
        ),
        ("a.sh", "yes", {"output"}, {"output"}),
        ("a.sh", "yes >&2", {"output"}, {"output"}),
        ("a.py", "import os\nwhile True: os.write(1, bytes(1 << 16))", {"output"}, {"output"}),
        ("a.py", FILL, {"disk"}, {"disk"}),
        ("a.py", INODES, {"disk"}, {"disk"}),
        ("a.py", "open('/work/f', 'wb').write(bytes(8 << 20))", {"file_size"}, {"file_size"}),
        ("a.sh", "exec dd if=/dev/zero of=/tmp/f bs=64k", {"file_size"}, {"file_size"}),
        ("a.py", "open('/work/f', 'wb').truncate(1 << 40)", set(), set()),
        ("a.py", "kept = [open('/dev/null') for _ in range(9999)]", set(), set()),
        ("a.py", PIPES, None, None),
    ],
)
def test_greed_is_stopped_and_named(
    room: Room, name: str, source: str, full: set[str] | None, without: set[str] | None
) -> None:
    """None: stopped by one limit or another."""
    folder = room.skill()
    (folder / "scripts" / name).write_text(source)
    session = room.session(16 * MIB)
    wanted = full if room.health.level == "full" else without
    # Processor time comes slowly on a busy machine, so a limit on it gets the time it takes.
    limits = replace(LIMITS, wall_seconds=30) if wanted == {"cpu"} else LIMITS
    began = time.monotonic()
    outcome = room.run(Job(folder, name, limits=limits), session)
    assert time.monotonic() - began < limits.wall_seconds + 9
    assert b"ESCAPED" not in outcome.stderr.shown
    hits = set(outcome.limits_hit)
    assert wanted is None or (hits & wanted if wanted else not hits), outcome
    assert outcome.exit_code != 0 or source == CHILDREN
    assert outcome.stdout.size + outcome.stderr.size <= LIMITS.output_bytes
    assert survivors() == []


def test_total_of_memory_is_bounded_only_with_groups(room: Room) -> None:
    """8 × 30 MB under a limit of 64 MB: the difference between the levels, as docs/sandbox.md says."""
    outcome = room.python(CHILDREN, limits=LIMITS)
    survived = outcome.stdout.text().split().count("0")
    assert survived == 8 if room.health.level == "no-cgroup" else survived < 4


@pytest.mark.parametrize(
    "source",
    [
        DOUBLE_FORK,
        "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)",
        "import os\nif os.fork() == 0:\n    os.close(1); os.close(2)\n    import time; time.sleep(60)",
        DEAF,
    ],
)
@pytest.mark.usefixtures("neighbour")
def test_children_do_not_hold_up_the_answer_and_die_with_the_run(room: Room, source: str) -> None:
    outcome = room.python(source, limits=LIMITS)
    assert (outcome.exit_code, outcome.limits_hit) == (0, ())
    assert outcome.duration_ms < 3000
    assert survivors() == []


def test_disk_limit_holds_between_runs(room: Room) -> None:
    session = room.session(4 * MIB)
    source = "import sys; open('/work/' + sys.argv[1], 'wb').write(bytes(3 << 20))"
    assert room.python(source, session, args=("a",)).exit_code == 0
    second = room.python(source, session, args=("b",))
    assert (second.exit_code, second.limits_hit) == (1, ("disk",))
    assert not second.kept or second.stderr.size < 64 * 1024
    third = room.python("import os; os.remove('/work/a'); os.remove('/work/b')", session)
    assert (third.exit_code, third.limits_hit, third.kept) == (0, (), True)


def test_shared_memory_counts_as_disk(room: Room) -> None:
    outcome = room.python("open('/dev/shm/a', 'wb').write(bytes(8 << 20))", room.session(4 * MIB))
    assert outcome.limits_hit == ("disk",)


def test_flood_beside_a_flood_leaves_a_quiet_run_alone(room: Room) -> None:
    """Eight floods of 1 GB at once; the neighbour's run ends well."""
    flood = Job(room.skill(a_sh="head -c 1000000000 /dev/zero"), "a.sh", limits=LIMITS)
    quiet = Job(room.skill(a_py="print('well')"), "a.py")
    sessions = [room.session(MIB * 4) for _ in range(9)]

    async def drive() -> list[object]:
        jobs = [flood] * 8 + [quiet]
        runs = [room.sandbox.run(name, job) for name, job in zip(sessions, jobs, strict=True)]
        return list(await asyncio.gather(*runs))

    *floods, well = room.do(drive())
    assert [outcome.limits_hit for outcome in floods] == [("output",)] * 8
    assert (well.stdout.text(), well.exit_code) == ("well\n", 0)


def test_too_many_sessions_are_refused(room: Room) -> None:
    def open_many() -> None:
        for _ in range(200):
            room.session(MIB)

    with pytest.raises(Limited, match="no more sessions fit"):
        open_many()


def test_file_larger_than_the_disk_is_not_put(room: Room) -> None:
    session = room.session(2 * 1024 * 1024)
    with pytest.raises(TooLarge):
        room.do(room.sandbox.put(session, "/work/large", bytes(3 * 1024 * 1024)))
    assert room.do(room.sandbox.list(session, "/work")) == []
