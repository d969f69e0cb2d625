"""An S3 server on loopback, in this process: real requests over a real socket.

SKILLPRESS_TEST_S3 may name a bucket of any other server for the suite of stores, with the usual AWS
credentials: see docs/stores.md.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

ELSEWHERE = os.environ.get("SKILLPRESS_TEST_S3")
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """Its URL; the environment has credentials that it takes."""
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


def new_bucket(endpoint: str) -> str:
    """The name of an empty bucket."""
    import boto3

    name = f"b{uuid.uuid4().hex}"
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket=name)
    client.close()
    return name


def empty_place(endpoint: str) -> str:
    """The address of an empty bucket with a prefix."""
    return address(endpoint, new_bucket(endpoint), "reg")


def address(endpoint: str, bucket: str, prefix: str) -> str:
    """The address of a place in a bucket, as our stores take it."""
    return f"s3://{bucket}/{prefix}?endpoint_url={endpoint}&region=us-east-1"
