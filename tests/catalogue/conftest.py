"""A registry made by the builder, and a local view of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from content_repo import Repo, build, fill

from dynamic_api.catalogue import Catalogue, Status
from dynamic_api.catalogue.loader import Loader
from registry_builder.store.base import Reader
from registry_builder.store.filesystem import FilesystemStore


@dataclass(slots=True)
class World:
    """A content repository, the bucket built from it, and the folder of a local view."""

    repo: Repo
    bucket: Path
    folder: Path
    catalogue: Catalogue
    clock: float = 1_000.0

    def build(self, *words: str) -> None:
        """Commit what was written and build it."""
        self.repo.commit()
        done = build(self.repo, self.bucket, *words)
        assert done.code == 0, done.err

    def load(self, reader: Reader | None = None) -> Status:
        """One look at the bucket and its revocations, ten seconds after the one before."""
        self.clock += 10
        with Loader(reader or FilesystemStore(self.bucket), self.folder) as loader:
            loader.load_revoked(self.clock)
            return loader.load(self.clock)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two skills and a collection of both, built and loaded."""
    made = World(
        Repo.init(tmp_path / "repo"), tmp_path / "bucket", tmp_path / "view", Catalogue(tmp_path / "view")
    )
    fill(made.repo)
    made.build()
    made.load()
    yield made
    made.catalogue.close()
