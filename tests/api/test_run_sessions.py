"""Sessions of runs: whose they are, their files, how long they live (contracts/skillzdrive.md 7.1, 7.2)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from dynamic_api.clock import MINUTE
from dynamic_api.database.tables import run_sessions
from dynamic_api.services.keys import KeyOptions
from tests.api.lab import PRICE, RUNS, SESSIONS, done, laboratory, run, scientist, until, until_busy
from tests.api.shelf import error, published_id
from tests.api.world import Person, World


def opened(person: Person, **more: Any) -> str:
    """A session, after a first run."""
    return str(done(person, "echo.py", **more)["sessionId"])


def listed(person: Person) -> list[str]:
    return [row["sessionId"] for row in person.get(SESSIONS).json()["data"]["sessions"]]


def test_files_stay_between_runs_of_a_session(runner: Person) -> None:
    """7.1: sessionId."""
    session = done(runner, "keep.py", "one ", reuseSession=True)["sessionId"]
    again = done(runner, "keep.py", "two", sessionId=session)
    assert (again["sessionId"], again["stdout"]) == (session, "one two\n")
    assert done(runner, "keep.py", "three")["stdout"] == "three\n"


def test_reuse_finds_the_session_of_the_skill(runner: Person) -> None:
    """7.1: without an id: the one used last of this skill and length, or a new one that is kept."""
    first = opened(runner, reuseSession=True)
    assert opened(runner, reuseSession=True) == first
    assert opened(runner) != first
    assert opened(runner, reuseSession=True, sessionMinutes=30) != first
    row = next(row for row in runner.get(SESSIONS).json()["data"]["sessions"] if row["sessionId"] == first)
    assert (row["slug"], row["minutes"], row["busy"], row["kept"]) == ("kit", 5, False, True)


def test_session_that_is_gone(runner: Person) -> None:
    """7.4: session_not_found; with reuseSession a new one is opened."""
    session = opened(runner)
    assert runner.delete(f"{SESSIONS}/{session}").json()["data"] == {"sessionId": session, "closed": True}
    assert error(run(runner, "echo.py", sessionId=session)) == (404, "session_not_found")
    assert done(runner, "echo.py", sessionId=session, reuseSession=True)["sessionId"] != session
    assert error(runner.delete(f"{SESSIONS}/{session}")) == (404, "session_not_found")


def test_input_and_output_files(runner: Person) -> None:
    """7.1: put before a run, listed, read whole, in part and by lines."""
    session = opened(runner)
    files = f"{SESSIONS}/{session}/files"
    put = runner.put(f"{files}/work/in/data.txt", content=b"alpha\nbeta\ngamma\n")
    assert put.json()["data"] == {"path": "/work/in/data.txt", "size": 17}
    assert (
        done(runner, "read.py", "/work/in/data.txt", sessionId=session)["stdout"] == "alpha\nbeta\ngamma\n\n"
    )
    rows = runner.get(files).json()["data"]
    assert (rows["directory"], [(row["kind"], row["path"]) for row in rows["files"]]) == (
        "/work", [("folder", "/work/in")],
    )  # fmt: skip
    (row,) = runner.get(files, params={"directory": "/work/in"}).json()["data"]["files"]
    assert (row["path"], row["kind"], row["size"]) == ("/work/in/data.txt", "file", 17)
    url = f"{files}/work/in/data.txt"
    whole = runner.get(url)
    assert (whole.content, whole.headers["content-length"]) == (b"alpha\nbeta\ngamma\n", "17")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert runner.get(url, params={"startLine": 2, "limit": 1}).text == "beta\n"
    assert runner.get(url, params={"startLine": 9}).text == ""
    names = [row["path"] for row in runner.get(files, params={"directory": "/tmp"}).json()["data"]["files"]]
    assert names == ["/tmp/last_run.err", "/tmp/last_run.out"]


@pytest.mark.parametrize(
    ("wanted", "status", "content", "said"),
    [
        ("bytes=0-4", 206, b"alpha", "bytes 0-4/17"),
        ("bytes=11-", 206, b"gamma\n", "bytes 11-16/17"),
        ("bytes=-6", 206, b"gamma\n", "bytes 11-16/17"),
        ("bytes=11-900", 206, b"gamma\n", "bytes 11-16/17"),
        ("bytes=17-", 416, None, "bytes */17"),
        ("bytes=0-1,3-4", 200, b"alpha\nbeta\ngamma\n", None),
        ("lines=1-2", 200, b"alpha\nbeta\ngamma\n", None),
    ],
)
def test_ranges(runner: Person, wanted: str, status: int, content: bytes | None, said: str | None) -> None:
    session = opened(runner)
    url = f"{SESSIONS}/{session}/files/tmp/x"
    runner.put(url, content=b"alpha\nbeta\ngamma\n")
    answer = runner.get(url, headers={"range": wanted})
    assert (answer.status_code, answer.headers.get("content-range")) == (status, said)
    assert content is None or answer.content == content


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("etc/passwd", (400, "bad_path")),
        ("work/%2e%2e/%2e%2e/etc/passwd", (400, "bad_path")),
        ("work/nothing", (404, "file_not_found")),
        ("work", (403, "not_a_file")),
    ],
)
def test_paths_outside(runner: Person, path: str, expected: tuple[int, str]) -> None:
    session = opened(runner)
    assert error(runner.get(f"{SESSIONS}/{session}/files/{path}")) == expected


def test_input_file_that_is_too_large(lab: World, runner: Person) -> None:
    session = opened(runner)
    most = lab.settings.runs.input_bytes
    answer = runner.put(f"{SESSIONS}/{session}/files/work/x", content=b"x" * (most + 1))
    assert error(answer) == (413, "payload_too_large")


def test_only_the_owner_has_a_session(lab: World, runner: Person) -> None:
    """One answer for what is not there and for what is another's; a scoped key has its own only."""
    session, stranger = opened(runner), scientist(lab, "kit")
    options = KeyOptions(kind="scoped", skill_ids=(published_id("kit"),))
    scoped, other = lab.key(runner, options), lab.key(runner, options)
    own = opened(scoped)
    for person, seen in ((stranger, session), (scoped, session), (other, own)):
        unseen = [
            person.get(f"{SESSIONS}/{seen}/files"),
            person.get(f"{SESSIONS}/{seen}/files/tmp/last_run.out"),
            person.put(f"{SESSIONS}/{seen}/files/tmp/x", content=b"x"),
            person.delete(f"{SESSIONS}/{seen}"),
            run(person, "echo.py", sessionId=seen),
        ]
        absent = [
            person.get(f"{SESSIONS}/{'0' * 32}/files"),
            person.get(f"{SESSIONS}/{'0' * 32}/files/tmp/last_run.out"),
            person.put(f"{SESSIONS}/{'0' * 32}/files/tmp/x", content=b"x"),
            person.delete(f"{SESSIONS}/{'0' * 32}"),
            run(person, "echo.py", sessionId="0" * 32),
        ]
        assert [a.content for a in unseen] == [a.content for a in absent]
        assert {a.status_code for a in unseen} == {404}
    assert listed(stranger) == []
    assert listed(scoped) == [own]
    assert set(listed(runner)) == {session, own}


def test_session_of_another_process(lab: World, runner: Person) -> None:
    """To its owner it is said where it is; to others it is not there."""
    session = opened(runner)
    rows = lab.app.context.runs.parts.sessions.rows
    here = rows.pop(session)
    there = update(run_sessions).where(run_sessions.c.id == session).values(process="0" * 32)
    lab.write(lambda db: db.execute(there) and None)
    assert error(runner.get(f"{SESSIONS}/{session}/files")) == (503, "session_elsewhere")
    assert error(runner.delete(f"{SESSIONS}/{session}")) == (503, "session_elsewhere")
    assert error(run(runner, "echo.py", sessionId=session, reuseSession=True)) == (503, "session_elsewhere")
    stranger = scientist(lab, "kit")
    assert error(stranger.get(f"{SESSIONS}/{session}/files")) == (404, "session_not_found")
    rows[session] = here
    assert runner.delete(f"{SESSIONS}/{session}").status_code == 200


def test_session_of_thirty_minutes(lab: World, runner: Person) -> None:
    """7.2, 4.1: three times as dear, and its limits are wider."""
    result = done(runner, "echo.py", sessionMinutes=30)
    assert result["credits_charged"] == 3 * PRICE
    assert done(runner, "echo.py", sessionId=result["sessionId"])["credits_charged"] == 3 * PRICE
    other = run(runner, "echo.py", sessionId=result["sessionId"], sessionMinutes=5)
    assert error(other) == (400, "validation_error")


def test_a_session_runs_one_script_at_a_time(runner: Person) -> None:
    session = opened(runner, reuseSession=True)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(run, runner, "wait.py", "1.5", sessionId=session)
        until_busy(runner, session)
        assert error(run(runner, "echo.py", sessionId=session)) == (409, "session_busy")
        assert opened(runner, reuseSession=True) != session
        assert first.result().json()["data"]["stdout"] == "begun\ndone\n"


@pytest.fixture(scope="module")
def small(lab_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Room for few sessions."""
    folder = tmp_path_factory.mktemp("small")
    rules = {"sessions": 4, "sessions_per_account": 3}
    with laboratory(folder / "data", None, lab_registry, runs=rules) as made:
        yield made


def test_sessions_that_nobody_keeps_make_room(small: World) -> None:
    """Quotas: of the account first, then of the server; one that is asked to stay does."""
    person = scientist(small, "kit")
    kept = opened(person, reuseSession=True)
    spare = [opened(person), opened(person)]
    newest = opened(person)
    assert set(listed(person)) == {kept, spare[1], newest}
    neighbour = scientist(small, "kit")
    theirs = [opened(neighbour), opened(neighbour)]
    assert len(listed(person)) + len(listed(neighbour)) == 4
    assert kept in listed(person)
    assert listed(neighbour)[0] == theirs[1]
    close_all(person, neighbour)


def test_too_many_kept_sessions(small: World) -> None:
    """Honest refusals: 429 for the account, 503 for the server, with when to come back."""
    person, neighbour = scientist(small, "kit"), scientist(small, "kit")
    mine = [opened(person, reuseSession=True, sessionMinutes=minutes) for minutes in (5, 30)]
    session = done(person, "keep.py", "x")["sessionId"]
    assert opened(person, sessionId=session, reuseSession=True) == session
    before = person.get("/api/v1/account/credits").json()["data"]["balance"]
    refused = run(person, "echo.py")
    assert error(refused) == (429, "too_many_sessions")
    assert 1 <= int(refused.headers["retry-after"]) <= 300
    assert person.get("/api/v1/account/credits").json()["data"]["balance"] == before
    opened(neighbour, reuseSession=True)
    refused = run(neighbour, "echo.py")
    assert error(refused) == (503, "too_many_sessions")
    assert set(listed(person)) == {*mine, session}
    close_all(person, neighbour)


def test_inactivity_closes_a_session(lab_registry: Path, tmp_path: Path) -> None:
    """7.2: 5 or 30 minutes after its last use, with its files."""
    with laboratory(tmp_path / "data", None, lab_registry) as own:
        person = scientist(own, "kit")
        short, long = opened(person), opened(person, sessionMinutes=30)
        own.clock.ahead = 4 * MINUTE
        assert set(listed(person)) == {short, long}
        assert person.get(f"{SESSIONS}/{short}/files").status_code == 200
        own.clock.ahead = 8 * MINUTE
        until_listed(person, {short, long})
        own.clock.ahead = 10 * MINUTE
        until_listed(person, {long})
        assert error(person.get(f"{SESSIONS}/{short}/files")) == (404, "session_not_found")
        store = Path(own.settings.runs.store, "sessions")
        assert short not in {place.name for place in store.iterdir()}
        own.clock.ahead = 31 * MINUTE
        until_listed(person, set())
        closed = select(run_sessions.c.closed_at.is_not(None))
        until(lambda: own.read(lambda db: db.execute(closed).scalars().all()) == [True, True])


def until_listed(person: Person, sessions: set[str]) -> None:
    """Wait for the next look at what is over."""
    until(lambda: set(listed(person)) == sessions)


def close_all(*persons: Person) -> None:
    for person in persons:
        for session in listed(person):
            assert person.delete(f"{SESSIONS}/{session}").status_code == 200


def test_anonymous_has_no_sessions(lab: World) -> None:
    assert error(lab.anonymous.get(SESSIONS)) == (401, "access_denied")
    assert error(lab.anonymous.post(RUNS, json={})) == (401, "access_denied")
