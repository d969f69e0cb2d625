"""A content repository of two skills, a bucket of an S3 server, and a proxy before it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from content_repo import Repo, fill
from moto.server import ThreadedMotoServer
from publish.proxy import Proxy
from publish.world import Bucket

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of an S3 server on loopback."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        running.start()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
        running.stop()


@pytest.fixture
def bucket(server: str) -> Bucket:
    """An empty bucket."""
    made = Bucket(server, f"b{uuid.uuid4().hex}")
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket=made.name)
    client.close()
    return made


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    """A proxy that disturbs nothing yet."""
    with Proxy(server) as made:
        yield made


@pytest.fixture
def two(tmp_path: Path) -> Repo:
    """A repository with two skills and a collection of both."""
    repo = Repo.init(tmp_path / "content")
    fill(repo)
    return repo
