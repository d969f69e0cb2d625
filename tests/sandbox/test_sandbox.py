"""What every implementation of `Sandbox` does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from sandbox_room import Room

from dynamic_api.errors import Absent, Conflict, Forbidden, Invalid, Refusal, Unprocessable
from dynamic_api.sandbox.base import Job, Limits, Outcome

ECHO = """
import os, sys
print(sys.argv[1:], repr(sys.stdin.read()), os.getcwd(), os.environ.get("API_KEY"))
print("to stderr", file=sys.stderr)
sys.exit(7)
"""


def test_script_gets_its_arguments_stdin_and_credentials_and_nothing_else(any_room: Room) -> None:
    outcome = any_room.python(ECHO, args=("a b", "ü", ""), stdin=b"in\n", env={"API_KEY": "k"})
    assert outcome.stdout.text() == "['a b', 'ü', ''] 'in\\n' /work k\n"
    assert outcome.stderr.text() == "to stderr\n"
    assert (outcome.exit_code, outcome.limits_hit, outcome.level) == (7, (), any_room.health.level)
    assert 0 < outcome.duration_ms < 20_000


@pytest.mark.parametrize(
    ("name", "source", "printed"),
    [
        ("a.py", "print('py')", "py\n"),
        ("a.sh", "echo sh $1", "sh x\n"),
        ("a.bash", 'a=(1 2); echo "${#a[@]}"', "2\n"),
        ("tool", "#!/usr/bin/env python3\nprint('by its first line')", "by its first line\n"),
        ("tool", "#!/bin/sh\necho by its first line", "by its first line\n"),
        ("a.py", "print('CRLF')\r\nprint('is fine')\r\n", "CRLF\nis fine\n"),
        ("a.mjs", "console.log('node', process.argv[2])", "node x\n"),
        ("a.js", "console.log(require('os').EOL.length)", "1\n"),
    ],
)
def test_languages(any_room: Room, name: str, source: str, printed: str) -> None:
    folder = any_room.skill()
    (folder / "scripts" / name).write_text(source, newline="")
    job = Job(folder, name, ("x",))
    if "node" not in any_room.health.languages and name.endswith("js"):
        with pytest.raises(Unprocessable, match="no node"):
            any_room.run(job)
    else:
        outcome = any_room.run(job)
        assert (outcome.stdout.text(), outcome.stderr.text(), outcome.exit_code) == (printed, "", 0)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("no.py", None, "script_not_found"),
        ("../skill-1/scripts/a.py", None, "script_not_found"),
        ("/bin/sh", None, "script_not_found"),
        ("", None, "script_not_found"),
        ("a\0b", None, "script_not_found"),
        ("binary", b"\x7fELF\0\0", "script_unsupported"),
        ("named.py", b"\0\1\2", "script_unsupported"),
        ("data.csv", b"a,b", "script_unsupported"),
        ("perl", b"#!/usr/bin/perl\n", "script_unsupported"),
        ("crlf.sh", b"#!/bin/sh\r\necho\r\n", "script_crlf"),
    ],
)
def test_what_cannot_be_run_is_refused(any_room: Room, name: str, content: bytes | None, code: str) -> None:
    folder = any_room.skill(near_py="")
    if content is not None:
        (folder / "scripts" / name).write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        any_room.run(Job(folder, name))
    assert refusal.value.code == code


def test_near_names_are_suggested(any_room: Room) -> None:
    with pytest.raises(Absent) as refusal:
        any_room.run(Job(any_room.skill(convert_py=""), "conversion.py"))
    assert refusal.value.suggestions == ("convert.py", "scripts/convert.py")


def test_link_out_of_the_skill_is_no_script(any_room: Room) -> None:
    folder = any_room.skill()
    (folder / "scripts" / "a.py").symlink_to(Path(__file__))
    with pytest.raises(Absent):
        any_room.run(Job(folder, "a.py"))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"args": ("x" * 100_000,) * 100}, "args_too_large"),
        ({"args": ("x" * 200_000,)}, "args_too_large"),
        ({"args": ("a\0b",)}, "bad_argument"),
        ({"stdin": bytes(100_000_000)}, "stdin_too_large"),
        ({"env": {"A=B": "c"}}, "bad_environment"),
        ({"env": {"A": "c\0d"}}, "bad_environment"),
    ],
)
def test_what_is_too_large_or_malformed_is_refused_with_a_mend(
    any_room: Room, fields: dict[str, object], code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        any_room.python("print(1)", **fields)
    assert refusal.value.code == code


def test_many_arguments_and_much_stdin_arrive(any_room: Room) -> None:
    source = "import sys; print(len(sys.argv), len(''.join(sys.argv[1:])), len(sys.stdin.buffer.read()))"
    outcome = any_room.python(source, args=("x" * 9_000,) * 100, stdin=bytes(10_000_000))
    assert outcome.stdout.text() == "101 900000 10000000\n"


def test_credential_cannot_replace_our_environment(any_room: Room) -> None:
    outcome = any_room.python("import os; print(os.environ['HOME'])", env={"HOME": "/etc", "LD_PRELOAD": ""})
    assert outcome.stdout.text() == "/work\n"


def test_death_by_signal_counts_as_in_a_shell(any_room: Room) -> None:
    outcome = any_room.python("import os; os.kill(os.getpid(), 11)")
    assert (outcome.exit_code, outcome.limits_hit) == (139, ())


def test_files_are_kept_between_runs(any_room: Room) -> None:
    session = any_room.session()
    any_room.python("open('/work/a', 'w').write('1'); open('/tmp/b', 'w').write('2')", session)
    outcome = any_room.python("print(open('/work/a').read() + open('/tmp/b').read())", session)
    assert outcome.stdout.text() == "12\n"


def test_last_run_is_kept_whole_and_replaced_by_the_next(any_room: Room) -> None:
    session = any_room.session()
    first = any_room.python("print('x' * 300_000); import sys; print('no', file=sys.stderr)", session)
    assert (first.stdout.size, first.stdout.cut, len(first.stdout.shown)) == (300_001, True, 65536)
    marker = "\n[cut: the first 65536 of 300001 bytes; all of it is in /tmp/last_run.out]\n"
    assert first.stdout.text() == "x" * 65536 + marker
    part = any_room.do(any_room.sandbox.read(session, "/tmp/last_run.out", 299_998))
    assert (part.data, part.offset, part.size) == (b"xx\n", 299_998, 300_001)
    assert any_room.do(any_room.sandbox.read(session, "/tmp/last_run.err")).data == b"no\n"
    any_room.python("print('second')", session)
    assert any_room.do(any_room.sandbox.read(session, "/tmp/last_run.out")).data == b"second\n"
    assert any_room.do(any_room.sandbox.read(session, "/tmp/last_run.err")).data == b""


def test_lines_are_read_by_number(any_room: Room) -> None:
    session = any_room.session()
    any_room.do(any_room.sandbox.put(session, "/work/lines", b"one\ntwo\nthree\nfour"))
    for first, count, lines in [
        (1, 2, b"one\ntwo\n"),
        (3, 9, b"three\nfour"),
        (5, 1, b""),
        (0, 1, b"one\n"),
        (2, 0, b""),
    ]:
        assert any_room.do(any_room.sandbox.read_lines(session, "/work/lines", first, count)) == lines


def test_put_makes_folders_replaces_and_can_be_listed(any_room: Room) -> None:
    session = any_room.session()
    for data in (b"old", b"new!"):
        any_room.do(any_room.sandbox.put(session, "/work/in/deep/data.bin", data))
    any_room.do(any_room.sandbox.put(session, "/work/a", b""))
    assert [
        (row.path, row.kind, row.size) for row in any_room.do(any_room.sandbox.list(session, "/work"))
    ] == [
        ("/work/a", "file", 0),
        ("/work/in", "folder", 0),
    ]
    assert [row.path for row in any_room.do(any_room.sandbox.list(session, "/work/in/deep/"))] == [
        "/work/in/deep/data.bin"
    ]
    outcome = any_room.python(
        "import os; print(open('/work/in/deep/data.bin').read()); os.remove('/work/in/deep/data.bin')",
        session,
    )
    assert (outcome.stdout.text(), outcome.exit_code) == ("new!\n", 0)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/work/nothing", Absent),
        ("/work/file/below", Absent),
        ("/work/folder", Forbidden),
        ("/etc/passwd", Invalid),
        ("/", Invalid),
        ("", Invalid),
        ("work/file", Invalid),
        ("/work/../etc/passwd", Invalid),
        ("/work/a\0b", Invalid),
        ("/shm/x", Invalid),
    ],
)
def test_bad_path_is_refused(any_room: Room, path: str, error: type[Refusal]) -> None:
    session = any_room.session()
    any_room.do(any_room.sandbox.put(session, "/work/file", b"x"))
    any_room.do(any_room.sandbox.put(session, "/work/folder/x", b"x"))
    with pytest.raises(error):
        any_room.do(any_room.sandbox.read(session, path))
    if error is Invalid:
        with pytest.raises(Invalid):
            any_room.do(any_room.sandbox.put(session, path, b"x"))


def test_output_that_is_not_utf8_is_kept_and_shown_replaced(any_room: Room) -> None:
    """The SDK of E2B gives text, so there only what is shown can be kept."""
    session = any_room.session()
    kept = "a��b\0".encode() if any_room.health.level == "remote" else b"a\xff\xfeb\0"
    outcome = any_room.python("import os; os.write(1, b'a\\xff\\xfeb\\0')", session)
    assert outcome.stdout.text() == "a��b\0"
    assert any_room.do(any_room.sandbox.read(session, "/tmp/last_run.out")).data == kept


def test_output_is_streamed_while_it_runs(any_room: Room) -> None:
    """The script waits for a file that is only put once its first line has come."""
    session = any_room.session()
    source = """
import os, time
print("first", flush=True)
while not os.path.exists("/work/go"):
    time.sleep(0.01)
print("second", flush=True)
"""
    pieces: list[tuple[str, bytes]] = []

    async def drive() -> Outcome:
        came = asyncio.Event()

        def heard(stream: str, data: bytes) -> None:
            pieces.append((stream, data))
            came.set()

        job = Job(any_room.skill(a_py=source), "a.py", limits=Limits(wall_seconds=20))
        running = asyncio.create_task(any_room.sandbox.run(session, job, heard))
        await asyncio.wait_for(came.wait(), 20)
        assert not running.done()
        await any_room.sandbox.put(session, "/work/go", b"")
        return await running

    outcome = any_room.do(drive())
    assert pieces[0][1].startswith(b"first")
    assert b"".join(data for _, data in pieces) == b"first\nsecond\n"
    assert outcome.stdout.text() == "first\nsecond\n"


async def running_until_it_speaks(any_room: Room, session: str, source: str) -> asyncio.Task[Outcome]:
    came = asyncio.Event()
    job = Job(any_room.skill(a_py=source), "a.py")
    task = asyncio.create_task(any_room.sandbox.run(session, job, lambda _stream, _data: came.set()))
    await asyncio.wait_for(came.wait(), 20)
    return task


WRITES_FOR_EVER = """
import time
open("/work/clock", "w").write("0")
print("up", flush=True)
while True:
    open("/work/clock", "w").write(str(time.monotonic()))
    time.sleep(0.01)
"""


def test_cancelled_run_is_dead_when_cancel_returns_and_the_session_lives(any_room: Room) -> None:
    session = any_room.session()

    async def drive() -> tuple[bytes, bytes]:
        task = await running_until_it_speaks(any_room, session, WRITES_FOR_EVER)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        first = await any_room.sandbox.read(session, "/work/clock")
        await asyncio.sleep(0.1)
        second = await any_room.sandbox.read(session, "/work/clock")
        return first.data, second.data

    first, second = any_room.do(drive())
    assert first == second
    assert any_room.python("print('again')", session).stdout.text() == "again\n"


def test_only_one_run_at_a_time_in_a_session_and_close_ends_it(any_room: Room) -> None:
    session = any_room.session()

    async def drive() -> None:
        task = await running_until_it_speaks(any_room, session, WRITES_FOR_EVER)
        with pytest.raises(Conflict, match="running"):
            await any_room.sandbox.run(session, Job(any_room.skill(a_py=""), "a.py"))
        await any_room.sandbox.close(session)
        assert task.cancelled()

    any_room.do(drive())
    with pytest.raises(Absent):
        any_room.do(any_room.sandbox.list(session, "/work"))


def test_sessions_by_name(any_room: Room) -> None:
    session = any_room.session()
    with pytest.raises(Conflict):
        any_room.do(any_room.sandbox.open(session))
    with pytest.raises(Invalid):
        any_room.do(any_room.sandbox.open("../x"))
    for _ in range(2):
        any_room.do(any_room.sandbox.close(session))
    with pytest.raises(Absent, match="no such session"):
        any_room.python("", session)
    with pytest.raises(Absent):
        any_room.do(any_room.sandbox.read(session, "/work/a"))


def test_time_limit_ends_a_run_in_time(any_room: Room) -> None:
    began = time.monotonic()
    outcome = any_room.python("import time; print('up'); time.sleep(60)", limits=Limits(wall_seconds=0.7))
    assert (outcome.exit_code, outcome.limits_hit) == (137, ("wall",))
    assert time.monotonic() - began < 10
    assert 600 < outcome.duration_ms < 9_000


def test_runs_at_once_do_not_mix(any_room: Room) -> None:
    folder = any_room.skill(a_py="import sys; open('/work/me', 'w').write(sys.argv[1]); print(sys.argv[1])")
    sessions = [any_room.session() for _ in range(6)]

    async def drive() -> list[Outcome]:
        jobs = [any_room.sandbox.run(name, Job(folder, "a.py", (name,))) for name in sessions]
        return await asyncio.gather(*jobs)

    outcomes = any_room.do(drive())
    assert [outcome.stdout.text() for outcome in outcomes] == [f"{name}\n" for name in sessions]
    for name in sessions:
        assert any_room.do(any_room.sandbox.read(name, "/work/me")).data == name.encode()
