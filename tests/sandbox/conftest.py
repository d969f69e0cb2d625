"""Sandboxes that are started once for all tests here, and skills to run in them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sandbox_room import Room, survivors

from dynamic_api.sandbox.base import Sandbox
from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options


@pytest.fixture(scope="session")
def public_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="skillpress-sandbox-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def started(sandbox: Sandbox, folder: Path) -> Iterator[Room]:
    with asyncio.Runner() as runner:
        health = runner.run(sandbox.start())
        yield Room(sandbox, folder, runner, health)
        runner.run(sandbox.stop())


LEVELS: dict[str, Callable[[Path], Options]] = {
    "full": Options,
    "no-cgroup": lambda store: Options(store, use_cgroups=False, allow_no_cgroup=True),
}


@pytest.fixture(scope="session", params=LEVELS)
def box(request: pytest.FixtureRequest, public_folder: Path) -> Iterator[Room]:
    """bubblewrap, at each of its levels."""
    level = request.param
    folder = public_folder / level
    folder.mkdir()
    for room in started(BubblewrapSandbox(LEVELS[level](folder / "store")), folder):
        if level == "full" and "no control groups" in room.health.reason:
            pytest.skip("no control groups can be made here")
        assert room.health.level == level, room.health
        yield room


@pytest.fixture
def room(box: Room) -> Iterator[Room]:
    """`box`, whose sessions are closed after the test."""
    yield box
    for number in range(box._sessions + 1):
        box.do(box.sandbox.close(f"s{number}"))


@pytest.fixture
def neighbour(room: Room) -> Iterator[str]:
    """A session beside: afterwards its file is as it was, it can run, and nothing is left of the attack."""
    session = room.session()
    room.do(room.sandbox.put(session, "/work/mine", b"mine"))
    yield session
    assert survivors() == []
    assert room.do(room.sandbox.read(session, "/work/mine")).data == b"mine"
    outcome = room.python("import os; print(os.listdir('/work'))", session)
    assert (outcome.stdout.text(), outcome.exit_code) == ("['mine']\n", 0)
