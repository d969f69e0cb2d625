"""Sandboxes that are started once for all tests here, and skills to run in them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import e2b_stand_in
import pytest
from sandbox_far import Far
from sandbox_room import Room, look_around, survivors

from dynamic_api.sandbox import e2b
from dynamic_api.sandbox.base import Sandbox
from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options
from dynamic_api.sandbox.e2b import E2BSandbox


@pytest.fixture(scope="session")
def public_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="skillpress-sandbox-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


FAR = Far()
LEVELS: dict[str, Callable[[Path], Options]] = {
    "full": lambda store: Options(store, dial=FAR.dial),
    "no-cgroup": lambda store: Options(store, use_cgroups=False, allow_no_cgroup=True, dial=FAR.dial),
}
Opener = Callable[[str], Room]


@pytest.fixture(scope="session")
def open_box(public_folder: Path) -> Iterator[Opener]:
    """Sandboxes by name, each started once: bubblewrap at each of its levels, and E2B's stand-in."""
    rooms: dict[str, Room] = {}
    with contextlib.ExitStack() as stack:

        def opened(name: str) -> Room:
            if name not in rooms:
                rooms[name] = start(name, stack)
            return rooms[name]

        def start(name: str, stack: contextlib.ExitStack) -> Room:
            folder = public_folder / name
            folder.mkdir()
            sandbox: Sandbox
            if name == "e2b":
                url = stack.enter_context(e2b_stand_in.running(folder / "machines"))
                sandbox = E2BSandbox(e2b.Options(e2b_stand_in.KEY, api_url=url, sandbox_url=url))
            else:
                sandbox = BubblewrapSandbox(LEVELS[name](folder / "store"))
            runner = stack.enter_context(asyncio.Runner())
            health = runner.run(sandbox.start())
            stack.callback(lambda: runner.run(sandbox.stop()))
            return Room(sandbox, folder, runner, health)

        yield opened


@pytest.fixture
def far() -> Iterator[Far]:
    """What runs may reach; empty at first."""
    FAR.clear()
    yield FAR
    FAR.clear()


@pytest.fixture(params=LEVELS)
def box(request: pytest.FixtureRequest, open_box: Opener) -> Room:
    """bubblewrap, at each of its levels."""
    found = open_box(request.param)
    if request.param == "full" and "no control groups" in found.health.reason:
        pytest.skip("no control groups can be made here")
    assert found.health.level == request.param, found.health
    return found


@pytest.fixture
def room(box: Room) -> Iterator[Room]:
    """`box`, whose sessions are closed after the test."""
    yield box
    box.clear()


@pytest.fixture(params=[*LEVELS, "e2b"])
def any_room(request: pytest.FixtureRequest, open_box: Opener) -> Iterator[Room]:
    """Each implementation of `Sandbox`."""
    found = open_box(request.param)
    if request.param == "full" and "no control groups" in found.health.reason:
        pytest.skip("no control groups can be made here")
    assert found.health.level == {"e2b": "remote"}.get(request.param, request.param), found.health
    yield found
    found.clear()


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


@pytest.fixture(autouse=True)
def _surroundings() -> None:
    """What runs already is none of a test's business."""
    look_around()
