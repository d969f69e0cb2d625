"""A view is fed from a folder, from a plain web server and from S3."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
from catalogue.world import World, dump, fresh
from s3_server import new_bucket

from dynamic_api.catalogue import Status
from registry_builder.core.errors import Busy
from registry_builder.store.filesystem import FilesystemStore
from registry_builder.store.target import open_reader


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server calls it by
        return None


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """A plain web server of `folder`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_plain_web_server_is_enough(bare: World) -> None:
    for number in range(30):
        bare.repo.skill(f"more-{number}")
    bare.build()
    with mirror(bare.bucket) as url:
        assert followed(bare, url).fault is None
        assert dump(bare.folder) == fresh(bare)
        bare.repo.skill("alpha", "Do it otherwise.")
        bare.build()
        assert followed(bare, url).generation == 3
        assert dump(bare.folder) == fresh(bare)


def test_s3_is_followed_too(bare: World, s3_endpoint: str) -> None:
    bucket = new_bucket(s3_endpoint)
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    for path in bare.bucket.rglob("*"):
        if path.is_file():
            key = path.relative_to(bare.bucket).as_posix()
            client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    client.close()
    assert followed(bare, f"s3://{bucket}?endpoint_url={s3_endpoint}").fault is None
    assert dump(bare.folder) == fresh(bare)


def followed(world: World, address: str) -> Status:
    reader = open_reader(address)
    try:
        return world.load(reader)
    finally:
        close = getattr(reader, "close", None)
        if close is not None:
            close()


def test_a_mirror_that_is_gone_keeps_the_view(world: World) -> None:
    class Gone(FilesystemStore):
        def get(self, key: str) -> bytes:
            raise Busy("no-answer", "connection refused", place=key)

    status = world.load(Gone(world.bucket))
    assert status.fault is not None
    assert status.revoked_fault is not None
    assert (status.fault.code, status.revoked_fault.code, status.checked) == (
        "no-answer",
        "no-answer",
        1_010.0,
    )
    assert world.catalogue.skill("alpha") is not None
