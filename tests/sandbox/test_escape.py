"""Scripts that try to get out: each attempt fails, and neighbours and the host stay as they are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from pathlib import Path

import pyseccomp
import pytest
from sandbox_room import Room

from dynamic_api.errors import Absent, Forbidden, Refusal
from dynamic_api.sandbox.base import Job, Limits

ATTACKS = Path(__file__).with_name("attacks")
SECRET = "canary-7Fq"
FORBIDDEN_CALLS = """
acct add_key adjtimex bpf chroot clone3 clock_settime delete_module fanotify_init finit_module
fsconfig fsmount fsopen fspick init_module inotify_init1 io_setup io_uring_setup ioperm iopl kcmp
kexec_load keyctl landlock_create_ruleset lookup_dcookie mbind memfd_create memfd_secret
migrate_pages mount mount_setattr move_mount move_pages mq_open msgget name_to_handle_at
open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise process_vm_readv
process_vm_writev ptrace quotactl reboot request_key semget set_mempolicy setdomainname sethostname
setns settimeofday shmget swapoff swapon syslog umount2 unshare userfaultfd vhangup vmsplice
""".split()  # noqa: SIM905 - one name a line would be pages


@pytest.fixture(params=[(), ("api.test:443",)], ids=["closed", "network"])
def network(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What the operator lets the skill reach: nothing, or one host that is not there."""
    found: tuple[str, ...] = request.param
    return found


def attack(room: Room, network: tuple[str, ...], name: str, *args: str) -> None:
    """Run an attack; it prints what it achieved, and `tried` once it is through."""
    folder = room.skill(a_py=(ATTACKS / f"{name}.py").read_bytes())
    job = Job(folder, "a.py", args, limits=Limits(wall_seconds=20), network=network)
    outcome = room.run(job)
    shown = outcome.stdout.text() + outcome.stderr.text()
    assert "ESCAPED" not in shown
    assert outcome.stdout.text().startswith("tried"), shown


@pytest.mark.usefixtures("neighbour")
def test_host_database_environment_and_processes_cannot_be_read(room: Room, network: tuple[str, ...]) -> None:
    (room.folder / "database.sqlite").write_text(SECRET)
    os.environ["SANDBOX_CANARY"] = SECRET
    attack(room, network, "read_host", SECRET, str(room.folder))


@pytest.mark.usefixtures("neighbour")
def test_nothing_outside_the_session_can_be_written(room: Room, network: tuple[str, ...]) -> None:
    attack(room, network, "write_outside")


@pytest.mark.usefixtures("neighbour")
def test_no_way_out_but_the_door_that_was_given(room: Room, network: tuple[str, ...]) -> None:
    path = str(room.folder / "host.sock")
    abstract = f"skillpress-test-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in (path, f"\0{abstract}"):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen()
        Path(path).chmod(0o777)
        attack(room, network, "network", str(tcp.getsockname()[1]), path, abstract, "tcp" if network else "")
    Path(path).unlink()


@pytest.mark.usefixtures("neighbour")
def test_system_calls_that_lead_out_do_not_exist(room: Room, network: tuple[str, ...]) -> None:
    numbers = []
    for name in FORBIDDEN_CALLS:
        with contextlib.suppress(OSError, ValueError):
            number = pyseccomp.resolve_syscall(pyseccomp.system_arch(), name)
            if number >= 0:
                numbers.append(f"{name}={number}")
    assert len(numbers) > 60
    attack(room, network, "calls", *numbers)


@pytest.mark.usefixtures("neighbour")
def test_no_rights_can_be_won_and_no_parent_be_killed(room: Room, network: tuple[str, ...]) -> None:
    attack(room, network, "rights")


LINKS = """
import os, socket
os.symlink("/etc/passwd", "/work/link")
os.symlink("/etc", "/work/folder")
os.symlink("/proc/self/root", "/work/root")
os.symlink("/work/real", "/work/inner")
os.mkdir("/work/real"); open("/work/real/file", "w").write("x")
os.mkfifo("/work/fifo")
socket.socket(socket.AF_UNIX).bind("/work/socket")
os.mkdir("/work/locked"); open("/work/locked/file", "w").write("x"); os.chmod("/work/locked", 0)
"""


@pytest.mark.usefixtures("neighbour")
def test_links_pipes_and_sockets_are_not_followed_or_read(room: Room) -> None:
    session = room.session()
    assert room.python(LINKS, session).exit_code == 0
    for path in ("link", "folder/passwd", "root/etc/passwd", "inner/file", "fifo", "socket"):
        with pytest.raises((Forbidden, Absent)):
            room.do(room.sandbox.read(session, f"/work/{path}"))
        with pytest.raises((Forbidden, Absent)):
            room.do(room.sandbox.read_lines(session, f"/work/{path}"))
    for path in ("folder/new", "root/work/new", "inner/new"):
        with pytest.raises(Refusal):
            room.do(room.sandbox.put(session, f"/work/{path}", b"x"))
    with pytest.raises((Forbidden, Absent)):
        room.do(room.sandbox.list(session, "/work/folder"))
    kinds = {row.path: row.kind for row in room.do(room.sandbox.list(session, "/work"))}
    assert kinds["/work/link"] == kinds["/work/fifo"] == kinds["/work/socket"] == "other"
    room.do(room.sandbox.put(session, "/work/link", b"replaced"))
    assert room.do(room.sandbox.read(session, "/work/link")).data == b"replaced"


FLIPS = """
import os, sys
os.mkdir("/work/real"); open("/work/real/passwd", "w").write("session")
os.symlink(sys.argv[1], "/work/away"); os.mkdir("/work/d"); open("/work/d/passwd", "w").write("session")
print("up", flush=True)
while not os.path.exists("/tmp/stop"):
    os.rename("/work/d", "/work/spare"); os.rename("/work/away", "/work/d")
    os.rename("/work/d", "/work/away"); os.rename("/work/spare", "/work/d")
"""


@pytest.mark.parametrize("target", ["/etc", "host"])
def test_race_between_folder_and_link_never_leads_out(room: Room, target: str) -> None:
    """The script swaps a folder and a link to the host for as long as we read and put through it."""
    outside = Path(tempfile.mkdtemp(dir=room.folder))
    outside.chmod(0o777)
    (outside / "passwd").write_text("host")
    session = room.session()
    seen: set[bytes | str] = set()

    async def drive() -> None:
        came = asyncio.Event()
        where = str(outside) if target == "host" else target
        job = Job(room.skill(a_py=FLIPS), "a.py", (where,))
        running = asyncio.create_task(room.sandbox.run(session, job, lambda _stream, _data: came.set()))
        await asyncio.wait_for(came.wait(), 20)
        for _ in range(300):
            try:
                seen.add((await room.sandbox.read(session, "/work/d/passwd")).data)
            except Refusal as refusal:
                seen.add(refusal.code)
            with contextlib.suppress(Refusal):
                await room.sandbox.put(session, "/work/d/new", b"x")
        await room.sandbox.put(session, "/tmp/stop", b"")
        await running

    room.do(drive())
    assert seen <= {b"session", "not_a_file", "file_not_found"}
    assert [path.name for path in outside.iterdir()] == ["passwd"]


@pytest.mark.parametrize(
    "trap",
    [
        "os.symlink('/etc/passwd', '/tmp/last_run.out')",
        "os.mkdir('/tmp/last_run.out'); open('/tmp/last_run.out/x', 'w')",
        "os.mkfifo('/tmp/last_run.out')",
    ],
)
def test_trap_in_the_place_of_the_last_output_does_no_harm(room: Room, neighbour: str, trap: str) -> None:
    session = room.session()
    outcome = room.python(f"import os; {trap}; print('out')", session)
    assert (outcome.exit_code, outcome.stdout.text()) == (0, "out\n")
    assert outcome.kept == (not trap.startswith("os.mkdir"))
    if outcome.kept:
        assert room.do(room.sandbox.read(session, "/tmp/last_run.out")).data == b"out\n"


def test_one_session_cannot_see_another(room: Room, neighbour: str) -> None:
    outcome = room.python(
        "import os; print([path for top in ('/work', '/tmp', '/dev/shm') for path in os.listdir(top)])"
    )
    assert outcome.stdout.text() == "[]\n"
    with pytest.raises(Absent):
        room.do(room.sandbox.read(room.session(), "/work/mine"))
    assert neighbour
