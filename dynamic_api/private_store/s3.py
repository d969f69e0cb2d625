"""A private store in a bucket behind the S3 protocol, by boto3 and its usual credentials."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from dynamic_api.errors import Absent
from dynamic_api.private_store.base import (
    CHUNK,
    ELSEWHERE_SECONDS,
    Summed,
    absent,
    check_key,
    checked,
    unavailable,
)
from dynamic_api.private_store.signing import disposition
from registry_builder.core.errors import Missing
from registry_builder.store.s3_refusals import refusal_of
from registry_builder.store.target import S3Place

SPOOL_BYTES = 8 * 1024 * 1024
TYPE = "application/zip"


class S3PrivateStore:
    """`place`, which nobody may read without a signature. URLs are presigned and end at the bucket."""

    def __init__(self, place: S3Place) -> None:
        self._place = place
        config = Config(
            signature_version="s3v4",
            retries={"mode": "standard", "max_attempts": 3},
            connect_timeout=5,
            read_timeout=30,
            s3={"addressing_style": "path" if place.endpoint_url else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._client: Any = boto3.Session().client(
            "s3", endpoint_url=place.endpoint_url, region_name=place.region, config=config
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def put(self, sha256: str, chunks: Iterable[bytes]) -> int:
        target = self._target(sha256)
        summed = Summed(chunks)
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as file:
            file.writelines(summed)
            summed.check(sha256)
            file.seek(0)
            checksum = base64.b64encode(summed.digest).decode()
            with _translated(sha256):
                self._client.put_object(
                    **target,
                    Body=file,
                    ContentLength=summed.size,
                    ContentType=TYPE,
                    CacheControl="private, no-store",
                    ChecksumSHA256=checksum,
                )
        return summed.size

    def get(self, sha256: str) -> bytes:
        return checked(sha256, b"".join(self.stream(sha256)))

    def stream(self, sha256: str) -> Iterator[bytes]:
        with _translated(sha256):
            body = self._client.get_object(**self._target(sha256))["Body"]
        return _chunks(sha256, body)

    def exists(self, sha256: str) -> bool:
        target = self._target(sha256)
        try:
            self._client.head_object(**target)
        except (ClientError, BotoCoreError) as error:
            refusal = refusal_of(error, sha256)
            if isinstance(refusal, Missing):
                return False
            raise unavailable(f"the private bucket fails: {refusal.message}") from error
        return True

    def delete(self, sha256: str) -> None:
        with _translated(sha256):
            self._client.delete_object(**self._target(sha256))

    def discard(self, sha256: str, before: float) -> bool:
        target = self._target(sha256)
        try:
            with _translated(sha256):
                put_at = self._client.head_object(**target)["LastModified"].timestamp()
        except Absent:
            return True
        if put_at >= before:
            return False
        self.delete(sha256)
        return True

    def elsewhere(self, sha256: str, filename: str) -> str | None:
        target = self._target(sha256)
        asked = {"ResponseContentDisposition": disposition(filename), "ResponseContentType": TYPE}
        with _translated(sha256):
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params={**target, **asked}, ExpiresIn=ELSEWHERE_SECONDS
                )
            )

    def ready(self) -> None:
        with _translated(""):
            self._client.list_objects_v2(Bucket=self._place.bucket, Prefix=self._place.prefix, MaxKeys=1)

    def _target(self, sha256: str) -> dict[str, str]:
        check_key(sha256)
        return {"Bucket": self._place.bucket, "Key": f"{self._place.prefix}{sha256[:2]}/{sha256}"}


def _chunks(sha256: str, body: Any) -> Iterator[bytes]:
    try:
        with _translated(sha256):
            yield from body.iter_chunks(CHUNK)
    finally:
        body.close()


@contextmanager
def _translated(sha256: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        refusal = refusal_of(error, sha256)
        if isinstance(refusal, Missing):
            raise absent() from error
        raise unavailable(f"the private bucket fails: {refusal.message}") from error
