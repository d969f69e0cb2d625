"""Following a bucket: two rhythms, nothing that fails ends it, and a free place is taken over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from catalogue.world import Counting, World

from dynamic_api.catalogue.follow import Rhythm, follow
from dynamic_api.catalogue.loader import Loader
from registry_builder.core.errors import Trouble
from registry_builder.store.filesystem import FilesystemStore


@dataclass
class Ticking(threading.Event):
    """Is set after some waits, which take no time but move the clock."""

    waits: int
    on_wait: Callable[[int], None] = lambda _: None
    now: float = 5_000.0
    done: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        self.done.append(timeout)
        self.on_wait(len(self.done))
        if len(self.done) >= self.waits:
            self.set()
        return self.is_set()

    def clock(self) -> float:
        return self.now


def test_revocations_are_looked_at_more_often_than_releases(bare: World) -> None:
    reader, ticking = Counting(FilesystemStore(bare.bucket)), Ticking(11)
    follow(reader, bare.folder, ticking, Rhythm(10.0, 2.0, ticking.clock))
    assert (reader.keys.count("revoked.json"), reader.keys.count("release.json")) == (11, 3)
    assert bare.catalogue.status().checked == 5_020.0


def test_a_fault_is_logged_when_it_begins_and_when_it_ends(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    gone = world.bucket.with_name("gone")

    def disturb(number: int) -> None:
        if number == 2:
            world.bucket.rename(gone)
        if number == 5:
            gone.rename(world.bucket)

    ticking = Ticking(8, disturb)
    with caplog.at_level(logging.INFO, "dynamic_api.catalogue"):
        follow(FilesystemStore(world.bucket), world.folder, ticking, Rhythm(2.0, 2.0, ticking.clock))
    assert [record.getMessage() for record in caplog.records] == [
        "catalogue: release.json: there is no release [no-release]",
        "catalogue: follows the bucket again",
    ]


def test_who_comes_second_waits_and_takes_over(bare: World) -> None:
    reader = FilesystemStore(bare.bucket)
    first = Loader(reader, bare.folder)
    first.__enter__()

    def leave(number: int) -> None:
        assert bare.catalogue.status().ready == (number > 3)
        if number == 3:
            first.__exit__(None, None, None)

    ticking = Ticking(4, leave)
    follow(reader, bare.folder, ticking, Rhythm(10.0, 2.0, ticking.clock))
    assert ticking.done == [10.0, 10.0, 10.0, 2.0]


def test_a_folder_that_cannot_be_made_does_not_end_it(bare: World, tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    ticking = Ticking(3, lambda number: place.unlink() if number == 2 else None)
    follow(FilesystemStore(bare.bucket), place, ticking, Rhythm(10.0, 2.0, ticking.clock))
    assert ticking.done == [10.0, 10.0, 2.0]


def test_a_store_that_cannot_be_read_does_not_end_it(bare: World) -> None:
    def refuse(_: str) -> None:
        raise Trouble("no-answer", "connection refused")

    ticking = Ticking(3)
    follow(
        Counting(FilesystemStore(bare.bucket), refuse), bare.folder, ticking, Rhythm(2.0, 2.0, ticking.clock)
    )
    status = bare.catalogue.status()
    assert status.fault is not None
    assert (status.fault.code, status.fault.since, status.ready) == ("no-answer", 5_000.0, False)
