"""A registry made by the builder, and a local view of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogue.world import World
from content_repo import Repo, build, fill


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two skills and a collection of both, built once; beside it the release after, with another alpha."""
    place = tmp_path_factory.mktemp("template")
    repo = Repo.init(place / "repo")
    fill(repo)
    done = build(repo, place / "bucket")
    assert done.code == 0, done.err
    shutil.copytree(place / "bucket", place / "later")
    shutil.copytree(place / "repo", place / "after" / "repo", symlinks=True)
    later = Repo(place / "after" / "repo", 1)
    later.skill("alpha", "Do it with a xylophone.")
    later.commit()
    done = build(later, place / "later")
    assert done.code == 0, done.err
    return place


@pytest.fixture
def bare(template: Path, tmp_path: Path) -> Iterator[World]:
    """The registry, of which nothing was read yet."""
    for name in ("repo", "bucket"):
        shutil.copytree(template / name, tmp_path / name, symlinks=True)
    made = World(Repo(tmp_path / "repo", 1), tmp_path / "bucket", tmp_path / "view", template / "later")
    yield made
    made.catalogue.close()


@pytest.fixture
def world(bare: World) -> World:
    """The registry and a view of it."""
    status = bare.load()
    assert (status.fault, status.revoked_fault) == (None, None)
    return bare
