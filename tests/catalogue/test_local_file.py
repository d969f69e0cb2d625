"""The local file may be lost, damaged or cut short at any moment: the next run makes it good."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from catalogue.world import Counting, World, dump, fresh
from content_repo import environment

from dynamic_api.catalogue.file import LINK, new_file
from dynamic_api.catalogue.loader import Loader
from dynamic_api.errors import Unavailable
from registry_builder.core.errors import Busy
from registry_builder.store.filesystem import FilesystemStore


def test_the_file_may_be_removed_at_any_time(world: World) -> None:
    world.catalogue.skill("alpha")
    for number, remove_it in enumerate(
        (
            (world.folder / LINK).unlink,
            lambda: (world.folder / LINK).resolve().unlink(),
            lambda: shutil.rmtree(world.folder),
        )
    ):
        remove_it()
        assert world.catalogue.skill("alpha") is not None
        world.repo.skill(f"new-{number}")
        world.build()
        assert world.load().fault is None
        assert world.catalogue.skill(f"new-{number}") is not None
        assert dump(world.folder) == fresh(world)
        assert len(list(world.folder.glob("catalogue-*.sqlite3"))) == 1


def damage_everything(path: Path) -> None:
    path.write_bytes(b"not a database" * 1_000)


def damage_a_page(path: Path) -> None:
    body = bytearray(path.read_bytes())
    for start in range(4_096, len(body), 4_096):
        body[start : start + 64] = b"\xee" * 64
    path.write_bytes(body)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


@pytest.mark.parametrize("damage", [damage_everything, damage_a_page, cut])
def test_a_damaged_file_is_made_anew(world: World, damage: Callable[[Path], None]) -> None:
    world.catalogue.close()
    damage((world.folder / LINK).resolve())
    with pytest.raises(Unavailable):
        world.catalogue.skill("alpha")
    assert world.load().fault is None
    assert world.catalogue.skill("alpha") is not None
    assert dump(world.folder) == fresh(world)
    assert sorted(path.name for path in world.folder.iterdir() if "damaged" in path.name) == []


def test_a_file_of_another_format_is_made_anew(world: World) -> None:
    with new_file(world.folder) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Unavailable):
        world.catalogue.skill("alpha")
    assert world.load().fault is None
    assert dump(world.folder) == fresh(world)


def test_a_folder_that_cannot_be_written_is_told(world: World) -> None:
    """A folder stands where the new file would be."""
    (world.folder / LINK).unlink()
    (world.folder / ".catalogue.sqlite3.new").mkdir()
    status = world.load()
    assert status.fault is not None
    assert (status.fault.code, status.fault.place) == ("local-file", str(world.folder))
    assert world.catalogue.status().fault == status.fault


DYING = """
import os, sys
from pathlib import Path
from dynamic_api.catalogue.loader import Loader
from registry_builder.store.filesystem import FilesystemStore
class Dying(FilesystemStore):
    left = int(sys.argv[3])
    def get(self, key):
        self.left -= 1
        if self.left < 0: os._exit(9)
        return super().get(key)
with Loader(Dying(Path(sys.argv[1])), Path(sys.argv[2])) as loader: loader.load(1500.0)
"""


def die(world: World, after: int) -> int:
    words = [sys.executable, "-c", DYING, str(world.bucket), str(world.folder), str(after)]
    return subprocess.run(words, env=environment(), check=False, timeout=60).returncode


@pytest.mark.parametrize("begun", [False, True], ids=["first view", "change"])
def test_killed_at_any_read_the_view_is_the_old_one_and_the_next_run_completes(
    world: World, begun: bool
) -> None:
    if begun:
        world.repo.skill("alpha", "Do it otherwise.")
        world.repo.skill("gamma")
        world.build()
    expected, after = fresh(world), 0
    old = dump(world.folder)
    while True:
        if not begun:
            shutil.rmtree(world.folder)
        if die(world, after) == 0:
            break
        if begun:
            assert dump(world.folder) == old
        else:
            assert not (world.folder / LINK).exists()
        after += 1
    assert after >= 8
    assert dump(world.folder) == expected
    assert len(list(world.folder.glob("catalogue-*.sqlite3"))) == 1


def test_a_run_after_a_kill_clears_away_what_it_left(world: World) -> None:
    shutil.rmtree(world.folder)
    for after in (5, 6):
        assert die(world, after) == 9
    assert world.load().fault is None
    assert sorted(path.name for path in world.folder.glob("catalogue-*.sqlite3")) == [
        "catalogue-00000001.sqlite3"
    ]


def test_a_second_loader_waits_for_the_first(world: World) -> None:
    reader = FilesystemStore(world.bucket)
    with Loader(reader, world.folder), pytest.raises(Busy), Loader(reader, world.folder):
        raise AssertionError("two loaders at once")
    assert world.load().fault is None


def test_a_folder_removed_under_a_loader_is_made_anew(world: World) -> None:
    reader = FilesystemStore(world.bucket)
    with Loader(reader, world.folder) as loader:
        shutil.rmtree(world.folder)
        assert loader.load(2_000.0).fault is None
        with pytest.raises(Busy), Loader(reader, world.folder):
            pass
    assert dump(world.folder) == fresh(world)


def test_readers_see_one_release_or_the_next(world: World) -> None:
    """Two names change together; while the loader is in the middle, both are as they were."""
    seen = []

    def look(_: str) -> None:
        seen.append([len(world.catalogue.versions(name)) for name in ("alpha", "beta")])

    world.repo.skill("alpha", "Do it otherwise.")
    world.repo.skill("beta", "Do it otherwise.")
    world.build()
    world.load(Counting(FilesystemStore(world.bucket), look))
    assert len(seen) > 6
    assert set(map(tuple, seen)) == {(1, 1)}
    assert [len(world.catalogue.versions(name)) for name in ("alpha", "beta")] == [2, 2]
