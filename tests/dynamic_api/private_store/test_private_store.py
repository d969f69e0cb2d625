"""One suite over both private stores: the folder, and S3 over the wire to a server in this process."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx2
import pytest

from dynamic_api.errors import Absent, Invalid, Unavailable
from dynamic_api.private_store import PrivateStore, disposition, open_private_store
from dynamic_api.private_store.base import CHUNK
from registry_builder.core.errors import Misuse
from tests import s3_server

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
BODY = b"private bytes"
KEY = hashlib.sha256(BODY).hexdigest()
BIG = bytes(range(256)) * (9 * 2**20 // 256) + b"end"
NAMES = ["pdf.zip", "a b.zip", 'q"uote\r\nX: y.zip', "größe.zip", "../../etc/passwd", ""]


@dataclass
class Kept:
    """A store, its address, and every byte that it keeps."""

    store: PrivateStore
    address: str

    def bodies(self) -> list[bytes]:
        if not self.address.startswith("s3"):
            return [path.read_bytes() for path in Path(self.address).rglob("*") if path.is_file()]
        bucket, endpoint = (
            urlsplit(self.address).netloc,
            parse_qs(urlsplit(self.address).query)["endpoint_url"][0],
        )
        client = boto3.client("s3", endpoint_url=endpoint)
        rows = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        found = [client.get_object(Bucket=bucket, Key=row["Key"])["Body"].read() for row in rows]
        client.close()
        return found


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    address = str(tmp_path / "data" / "private")
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_endpoint")
        address = s3_server.address(endpoint, s3_server.new_bucket(endpoint), "private")
    store = open_private_store(address)
    yield Kept(store, address)
    if request.param == "s3":
        store.close()  # type: ignore[attr-defined]


def test_bytes_come_back_and_go_away(kept: Kept) -> None:
    store = kept.store
    store.ready()
    assert not store.exists(KEY)
    assert store.put(KEY, [BODY[:4], b"", BODY[4:]]) == len(BODY)
    assert (store.exists(KEY), store.get(KEY), b"".join(store.stream(KEY))) == (True, BODY, BODY)
    assert store.put(KEY, [BODY]) == len(BODY)
    assert kept.bodies() == [BODY]
    store.delete(KEY)
    store.delete(KEY)
    assert (store.exists(KEY), kept.bodies()) == (False, [])


def test_bytes_are_discarded_unless_they_were_put_lately(kept: Kept) -> None:
    kept.store.put(KEY, [BODY])
    assert kept.store.discard(KEY, NOW.timestamp()) is False
    assert kept.store.get(KEY) == BODY
    later = datetime.now(UTC).timestamp() + 60
    assert kept.store.discard(KEY, later) is True
    assert (kept.store.exists(KEY), kept.bodies()) == (False, [])
    assert kept.store.discard(KEY, later) is True


def test_large_bytes_come_in_pieces(kept: Kept) -> None:
    key = hashlib.sha256(BIG).hexdigest()
    kept.store.put(key, (BIG[at : at + 100_000] for at in range(0, len(BIG), 100_000)))
    pieces = list(kept.store.stream(key))
    assert b"".join(pieces) == BIG
    assert max(map(len, pieces)) <= CHUNK


def test_empty_bytes_are_bytes(kept: Kept) -> None:
    key = hashlib.sha256(b"").hexdigest()
    assert kept.store.put(key, []) == 0
    assert (kept.store.exists(key), kept.store.get(key), list(kept.store.stream(key))) == (True, b"", [])


def test_bytes_with_another_digest_are_not_kept(kept: Kept) -> None:
    with pytest.raises(Invalid) as caught:
        kept.store.put(KEY, [BODY, b"!"])
    assert caught.value.code == "digest_mismatch"
    assert (kept.store.exists(KEY), kept.bodies()) == (False, [])


def test_source_that_breaks_off_leaves_nothing(kept: Kept) -> None:
    def broken() -> Iterator[bytes]:
        yield BODY
        raise RuntimeError("the upload ended")

    with pytest.raises(RuntimeError, match="the upload ended"):
        kept.store.put(KEY, broken())
    assert kept.bodies() == []


def test_what_is_not_there_is_absent_at_once(kept: Kept) -> None:
    for read in (kept.store.get, kept.store.stream):
        with pytest.raises(Absent):
            read(KEY)


@pytest.mark.parametrize(
    "key", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n", "a" * 65, f"{KEY}/x"]
)
def test_what_is_no_digest_is_absent_everywhere(kept: Kept, key: str) -> None:
    store = kept.store
    calls = [store.get, store.stream, store.exists, store.delete]
    calls += [lambda name: store.put(name, [b""]), lambda name: store.elsewhere(name, "a.zip")]
    for call in calls:
        with pytest.raises(Absent):
            call(key)
    assert kept.bodies() == []


def test_url_past_us_holds_for_minutes_and_names_the_file(kept: Kept) -> None:
    """D14: whoever has it is not asked again. A folder has none."""
    kept.store.put(KEY, [BODY])
    for name in NAMES:
        url = kept.store.elsewhere(KEY, name)
        assert (url is None) == (not kept.address.startswith("s3"))
        if url is None:
            continue
        parts = urlsplit(url)
        query = {field: values[0] for field, values in parse_qs(parts.query, keep_blank_values=True).items()}
        assert query["X-Amz-Expires"] == "120"
        assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
        assert query["X-Amz-SignedHeaders"] == "host"
        with httpx2.Client(trust_env=False) as client:
            answer = client.get(parts.geturl())
        assert (answer.status_code, answer.content) == (200, BODY)
        assert answer.headers["content-disposition"] == disposition(name)


def test_folder_is_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_private_store(str(tmp_path / "private")).put(KEY, [BODY])
    finally:
        os.umask(before)
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "private", *(tmp_path / "private").rglob("*")]
    }
    assert set(modes.values()) == {0o700, 0o600}
    assert [path.name for path, mode in modes.items() if mode == 0o600] == [KEY]


def test_damaged_bytes_are_noticed_and_healed_by_the_next_put(tmp_path: Path) -> None:
    store = open_private_store(str(tmp_path))
    store.put(KEY, [BODY])
    (tmp_path / KEY[:2] / KEY).write_bytes(b"other")
    with pytest.raises(Unavailable):
        store.get(KEY)
    store.put(KEY, [BODY])
    assert store.get(KEY) == BODY


def test_folder_that_is_gone_is_trouble_and_not_empty(tmp_path: Path) -> None:
    store = open_private_store(str(tmp_path / "private"))
    store.put(KEY, [BODY])
    (tmp_path / "private").rename(tmp_path / "elsewhere")
    calls = [
        store.get,
        store.stream,
        store.exists,
        lambda name: store.put(name, [BODY]),
        lambda _: store.ready(),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            call(KEY)
    (tmp_path / "elsewhere").rename(tmp_path / "private")
    assert store.get(KEY) == BODY


def test_bucket_that_is_gone_is_trouble_and_not_empty(s3_endpoint: str) -> None:
    store = open_private_store(f"s3://not-there?endpoint_url={s3_endpoint}&region=us-east-1")
    for call in (store.get, store.stream, lambda name: store.put(name, [BODY]), lambda _: store.ready()):
        with pytest.raises(Unavailable):
            call(KEY)
    store.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("private", "published"),
    [
        ("{tmp}/dist", "{tmp}/dist"),
        ("{tmp}/dist/private", "{tmp}/dist"),
        ("{tmp}", "file://{tmp}/dist"),
        ("{tmp}/x/../dist/private", "{tmp}/dist"),
        ("s3://bucket/private", "s3://bucket/registry?region=eu-west-1"),
    ],
)
def test_private_store_never_lies_with_what_is_published(
    tmp_path: Path, private: str, published: str
) -> None:
    with pytest.raises(Misuse) as caught:
        open_private_store(
            private.format(tmp=tmp_path), published=["s3://else", published.format(tmp=tmp_path)]
        )
    assert caught.value.code == "private-is-public"


def test_neighbour_of_what_is_published_is_fine(tmp_path: Path) -> None:
    others = [str(tmp_path / "dist"), "s3://bucket", "/" + "elsewhere"]
    open_private_store(str(tmp_path / "dist-private"), published=others).ready()


@pytest.mark.parametrize("address", ["https://x", "s3://", "s3://u:p@b", "s3://b?colour=red", "ftp://x/y"])
def test_address_that_makes_no_sense_is_refused(address: str) -> None:
    with pytest.raises(Misuse):
        open_private_store(address)
