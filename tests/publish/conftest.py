"""A content repository of two skills, a bucket of an S3 server, and a proxy before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from content_repo import Repo, fill
from publish.proxy import Proxy
from publish.world import Bucket
from s3_server import new_bucket


@pytest.fixture
def bucket(s3_endpoint: str) -> Bucket:
    """An empty bucket."""
    return Bucket(s3_endpoint, new_bucket(s3_endpoint))


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[Proxy]:
    """A proxy that disturbs nothing yet."""
    with Proxy(s3_endpoint) as made:
        yield made


@pytest.fixture
def two(tmp_path: Path) -> Repo:
    """A repository with two skills and a collection of both."""
    repo = Repo.init(tmp_path / "content")
    fill(repo)
    return repo
