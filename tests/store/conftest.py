"""Real S3 over the wire: one server a session, in this process, a bucket a test.

SKILLPRESS_TEST_S3 may name a bucket of any other server, with the usual AWS credentials: see docs/stores.md.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

ELSEWHERE = os.environ.get("SKILLPRESS_TEST_S3")
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of an S3 server on loopback; the environment has credentials that it takes."""
    before = dict(os.environ)
    os.environ.update(CREDENTIALS)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def s3_address(request: pytest.FixtureRequest) -> str:
    """The address of an empty bucket with a prefix, or of a new prefix elsewhere."""
    if ELSEWHERE:
        place, _, options = ELSEWHERE.partition("?")
        return f"{place.rstrip('/')}/{uuid.uuid4().hex}?{options}"
    s3_endpoint = request.getfixturevalue("s3_endpoint")
    bucket = f"b{uuid.uuid4().hex}"
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    client.create_bucket(Bucket=bucket)
    client.close()
    return f"s3://{bucket}/reg?endpoint_url={s3_endpoint}&region=us-east-1"
