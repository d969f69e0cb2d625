"""A bucket behind the S3 protocol: AWS, R2, MinIO and the like, by boto3 and its usual credentials."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.client import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from registry_builder.core.errors import Busy, Missing, Refusal, Trouble
from registry_builder.core.key import CACHE_CONTROL, classify, content_type
from registry_builder.store.base import Listed, Tag
from registry_builder.store.fast import FastPut, fast_put
from registry_builder.store.s3_refusals import refusal_of

MULTIPART = 64 * 2**20
PART = 16 * 2**20
PROBE = ".skillpress-probe-"
_BROKEN_OFF = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried, and how many seconds to wait for a connection and for bytes."""

    attempts: int = 8
    connect_seconds: float = 10
    read_seconds: float = 60


class S3Store:
    """`bucket` under `prefix` ("" or ending in a slash). Entered for writing, it probes what holds.

    Without compare-and-swap it refuses, unless `single_writer` says that nobody else publishes. The tag is
    the ETag; our own SHA-256 travels in the metadata, because an ETag is no content hash everywhere.
    """

    exclusive = False
    parallel = 16

    def __init__(  # noqa: PLR0913 - they are the parts of one address
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        single_writer: bool = False,
        patience: Patience = Patience(),
    ) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.promise = "unknown"
        self._single_writer = single_writer
        self._patience = patience
        self.conditional = True
        try:
            self._session = boto3.Session()
            self._client = _client(self._session, endpoint_url, region, patience)
        except BotoCoreError as error:  # a profile or a configuration file that is none
            raise refusal_of(error, f"s3://{bucket}") from error
        self.fast: FastPut | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def prepare(self) -> None:
        """Probe conditional writes. Raises Trouble when they do not hold and we may not be alone."""
        self.promise = self._probe()
        self.fast = fast_put(self._session, self._client, self.bucket, self._patience.attempts)
        if self.promise == "compare-and-swap":
            return
        self.conditional = False
        if not self._single_writer:
            raise Trouble(
                "weak-store",
                f"conditional writes do not hold here ({self.promise}): two publishers could mix",
                place=f"s3://{self.bucket}",
                mend="make sure that only one publishes at a time, then say --single-writer",
            )

    def _probe(self) -> str:
        """What a create-only and a compare-and-swap write do, each tried so that it must be refused."""
        key = f"{PROBE}{secrets.token_hex(8)}"
        try:
            tag = self._put(key, b"1", {"IfNoneMatch": "*"})
            if not self._refuses(key, {"IfNoneMatch": "*"}):
                return "no conditions"
            if not self._refuses(key, {"IfMatch": '"00000000000000000000000000000000"'}):
                return "create-only"
            try:
                self._put(key, b"2", {"IfMatch": tag})
            except Refusal:
                return "create-only"
            return "compare-and-swap"
        finally:
            self.delete(key)

    def _refuses(self, key: str, condition: Mapping[str, str]) -> bool:
        try:
            self._put(key, b"0", condition)
        except Busy:
            return True
        except Trouble as error:
            if error.code == "unsupported":
                return False
            raise
        return False

    def get(self, key: str) -> bytes:
        for left in reversed(range(self._patience.attempts)):
            try:
                body = self._client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"]
                return bytes(body.read())
            except (ClientError, BotoCoreError) as error:
                # The client tries its requests again, but not an answer that ends in the middle.
                if not isinstance(error, _BROKEN_OFF) or not left:
                    raise refusal_of(error, key) from error
        raise AssertionError("no attempt is allowed")

    def list(self, prefix: str = "") -> Iterator[Listed]:
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix):
                for item in page.get("Contents", ()):
                    yield Listed(item["Key"].removeprefix(self.prefix), item["Size"])
        except (ClientError, BotoCoreError) as error:
            raise refusal_of(error, prefix) from error

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        condition = {}
        if expect is not None and self.conditional:
            condition = {"IfMatch": expect} if expect else {"IfNoneMatch": "*"}
        try:
            if self.fast and len(body) <= MULTIPART:
                tag = self._put_fast(self.fast, key, body, expect if self.conditional else None)
                if tag:
                    return tag
            return self._put(key, body, condition)
        except Busy:
            # A write that was answered too late is retried by the client and then meets itself.
            there = self.tag(key)
            if there and there.sha256 == hashlib.sha256(body).hexdigest():
                return there.value
            raise

    def _put_fast(self, fast: FastPut, key: str, body: bytes, expect: str | None) -> str | None:
        """As `_put`; None once it failed: boto3 takes over from then on, and says what is wrong."""
        about = {
            "Content-Type": content_type(key),
            "Cache-Control": CACHE_CONTROL[classify(key)],
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        try:
            return fast.put(self.prefix + key, body, about, expect)
        except Busy:
            raise
        except Trouble:
            self.fast = None
            return None

    def _put(self, key: str, body: bytes, condition: Mapping[str, str]) -> str:
        about = {
            "Bucket": self.bucket,
            "Key": self.prefix + key,
            "ContentType": content_type(key),
            "CacheControl": CACHE_CONTROL[classify(key)],
            "Metadata": {"sha256": hashlib.sha256(body).hexdigest()},
        }
        try:
            if len(body) > MULTIPART:
                return self._put_in_parts(about, body, condition)
            checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
            answer = self._client.put_object(**about, Body=body, ChecksumSHA256=checksum, **condition)
            return str(answer["ETag"])
        except (ClientError, BotoCoreError) as error:
            raise refusal_of(error, key) from error

    def _put_in_parts(self, about: Mapping[str, Any], body: bytes, condition: Mapping[str, str]) -> str:
        begun = self._client.create_multipart_upload(**about, ChecksumAlgorithm="SHA256")
        target = {"Bucket": self.bucket, "Key": about["Key"], "UploadId": begun["UploadId"]}
        try:
            parts = []
            for number, start in enumerate(range(0, len(body), PART), 1):
                part = body[start : start + PART]
                checksum = base64.b64encode(hashlib.sha256(part).digest()).decode()
                answer = self._client.upload_part(
                    **target, PartNumber=number, Body=part, ChecksumSHA256=checksum
                )
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
            done = self._client.complete_multipart_upload(
                **target, MultipartUpload={"Parts": parts}, **condition
            )
            return str(done["ETag"])
        except (ClientError, BotoCoreError):
            self._client.abort_multipart_upload(**target)
            raise

    def delete(self, key: str) -> None:
        try:
            self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key)
        except (ClientError, BotoCoreError) as error:
            raise refusal_of(error, key) from error

    def head(self, key: str) -> Mapping[str, Any]:
        """What the server says of `key` without its bytes. Raises Missing."""
        try:
            answer: Mapping[str, Any] = self._client.head_object(Bucket=self.bucket, Key=self.prefix + key)
        except (ClientError, BotoCoreError) as error:
            raise refusal_of(error, key) from error
        return answer

    def tag(self, key: str) -> Tag | None:
        try:
            answer = self.head(key)
        except Missing:
            return None
        return Tag(str(answer["ETag"]), answer.get("Metadata", {}).get("sha256"))


def _client(session: boto3.Session, endpoint_url: str | None, region: str | None, patience: Patience) -> Any:
    config = Config(
        signature_version="s3v4",
        retries={"mode": "standard", "max_attempts": patience.attempts},
        max_pool_connections=64,
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        s3={"addressing_style": "path" if endpoint_url else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
    client.meta.events.register("needs-retry.s3", partial(_slow_down, most=patience.attempts))
    return client


def _slow_down(*, response: Any, attempts: int, most: int, **_: object) -> float | None:
    """Seconds to wait after HTTP 429, which boto3 takes for final unless its code is one of AWS's."""
    limited = response is not None and response[0].status_code == 429
    return (
        secrets.SystemRandom().uniform(0, min(2 ** (attempts - 1), 20))
        if limited and attempts < most
        else None
    )
