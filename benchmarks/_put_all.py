"""The bare client: every file of a folder as one PUT by obstore, with the headers that we send as well."""

from __future__ import annotations

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.store import S3Store

_THREADS = 8


def main(folder: str, bucket: str, endpoint: str) -> None:
    store = S3Store(
        bucket,
        config={
            "endpoint": endpoint,
            "region": "us-east-1",
            "access_key_id": "test",
            "secret_access_key": "test",
            "checksum_algorithm": "SHA256",
        },
        client_options={"allow_http": True},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=5)},
    )

    def put(path: Path) -> None:
        body = path.read_bytes()
        attributes = {
            "Content-Type": "application/octet-stream",
            "Cache-Control": "public, max-age=31536000, immutable",
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        key = path.relative_to(folder).as_posix()
        obstore.put(store, key, body, attributes=attributes, mode="create", use_multipart=False)

    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(put, files))


if __name__ == "__main__":
    main(*sys.argv[1:])
