"""Small repositories to build."""

from __future__ import annotations

from pathlib import Path

import pytest
from content_repo import Repo, fill


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty repository called "content"."""
    return Repo.init(tmp_path / "content")


@pytest.fixture
def two(repo: Repo) -> Repo:
    """A repository with two skills and a collection of both."""
    fill(repo)
    return repo
