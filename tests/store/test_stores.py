"""One suite over every store: what a publisher may rely on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from s3_server import ELSEWHERE

from registry_builder.core.errors import Busy, Foreign, Missing, Misuse, Refusal, Trouble
from registry_builder.store.base import Listed, Store
from registry_builder.store.fast import fast_put
from registry_builder.store.filesystem import FilesystemStore
from registry_builder.store.memory import MemoryStore
from registry_builder.store.s3 import S3Store
from registry_builder.store.target import open_store

IMMUTABLE = f"api/v1/downloads/public/a/{'0' * 64}.zip"


@pytest.fixture(params=["memory", "filesystem", "s3", "s3 by boto3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore()
    elif request.param == "filesystem":
        made = FilesystemStore(tmp_path / "out")
    else:
        made = open_store(request.getfixturevalue("s3_address"), single_writer=bool(ELSEWHERE))
    with made as entered:
        entered.prepare()
        if isinstance(entered, S3Store):
            assert entered.fast, "obstore is a dependency"
            if request.param == "s3 by boto3":
                entered.fast = None
        yield entered


@pytest.fixture
def swapping(store: Store) -> Store:
    """A store with conditional writes; a server elsewhere may have none."""
    if ELSEWHERE and isinstance(store, S3Store) and store.promise != "compare-and-swap":
        pytest.skip(f"this server: {store.promise}")
    return store


def test_what_was_put_is_got_and_listed_in_order(store: Store) -> None:
    for key in ("release.json", "b/c", "b", "a b#ü"):
        if key == "b" and isinstance(store, FilesystemStore):
            continue
        store.put(key, key.encode())
    keys = [item.key for item in store.list()]
    assert keys == sorted(keys)
    assert {key: store.get(key) for key in keys} == {key: key.encode() for key in keys}
    assert list(store.list("b/")) == [Listed("b/c", 3)]


def test_a_missing_key_is_missing(store: Store) -> None:
    with pytest.raises(Missing):
        store.get("nothing/here")
    assert store.tag("nothing/here") is None
    assert list(store.list("nothing")) == []
    store.delete("nothing/here")


def test_the_last_of_two_puts_holds_and_changes_the_tag(store: Store) -> None:
    first = store.put("x", b"1")
    second = store.put("x", b"2")
    assert first != second
    tag = store.tag("x")
    assert tag is not None
    assert tag.value == second
    assert store.get("x") == b"2"


def test_the_tag_tells_the_digest_but_on_a_file_system(store: Store) -> None:
    store.put("x", b"1")
    tag = store.tag("x")
    assert tag is not None
    sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert tag.sha256 == (None if isinstance(store, FilesystemStore) else sha256)


def test_create_only_refuses_a_key_that_is_there(swapping: Store) -> None:
    swapping.put("x", b"1", expect="")
    with pytest.raises(Busy):
        swapping.put("x", b"2", expect="")
    assert swapping.get("x") == b"1"


def test_compare_and_swap_refuses_another_tag(swapping: Store) -> None:
    tag = swapping.put("x", b"1")
    newer = swapping.put("x", b"2", expect=tag)
    with pytest.raises(Busy):
        swapping.put("x", b"3", expect=tag)
    assert swapping.put("x", b"4", expect=newer)
    assert swapping.get("x") == b"4"


def test_compare_and_swap_of_a_key_that_went_is_refused(swapping: Store) -> None:
    tag = swapping.put("x", b"1")
    swapping.delete("x")
    with pytest.raises(Refusal):
        swapping.put("x", b"2", expect=tag)
    assert swapping.tag("x") is None


def test_of_many_who_create_at_once_one_wins(swapping: Store) -> None:
    def create(number: int) -> bool:
        try:
            swapping.put("raced", str(number).encode(), expect="")
        except Busy:
            return False
        return True

    with ThreadPoolExecutor(swapping.parallel) as pool:
        winners = sum(pool.map(create, range(24)))
    assert winners == 1


def test_a_put_that_meets_itself_is_no_conflict(store: Store) -> None:
    """A client that retries after a lost answer finds its own bytes."""
    if isinstance(store, S3Store):
        tag = store.put("x", b"1", expect="")
        assert store.put("x", b"1", expect="") == tag
    assert store.put("y", b"1", expect="")


@pytest.mark.parametrize("size", [0, 1, 5 * 2**20, 70 * 2**20])
def test_any_size_comes_back_whole(store: Store, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    store.put(IMMUTABLE, body, expect="")
    assert store.get(IMMUTABLE) == body
    assert list(store.list(IMMUTABLE)) == [Listed(IMMUTABLE, size)]


@pytest.mark.parametrize("fast", [True, False])
def test_s3_keeps_type_cache_header_and_digest(s3_address: str, fast: bool) -> None:
    store = open_store(s3_address, single_writer=bool(ELSEWHERE))
    assert isinstance(store, S3Store)
    with store:
        store.prepare()
        store.fast = store.fast if fast else None
        tags = [store.put("marketplace.json", b"{}"), store.put(IMMUTABLE, b"zip")]
        heads = [store.head(key) for key in ("marketplace.json", IMMUTABLE)]
        assert bool(store.fast) is fast
    digests = [hashlib.sha256(body).hexdigest() for body in (b"{}", b"zip")]
    assert [(head["ETag"], head["Metadata"]) for head in heads] == [
        (tag, {"sha256": digest}) for tag, digest in zip(tags, digests, strict=True)
    ]
    assert [(head["ContentType"], head["CacheControl"]) for head in heads] == [
        ("application/json", "public, max-age=60"),
        ("application/zip", "public, max-age=31536000, immutable"),
    ]


def test_what_the_fast_path_cannot_do_is_left_to_boto3_which_names_it(s3_address: str) -> None:
    store = open_store(s3_address, single_writer=bool(ELSEWHERE))
    assert isinstance(store, S3Store)
    with store:
        store.prepare()
        store.put("a//b", b"1")
        assert store.fast is None
        assert store.get("a//b") == b"1"
        store.prepare()
        store.bucket = "there-is-no-such-bucket"
        store.fast = fast_put(boto3.Session(), store._client, store.bucket, attempts=1)
        with pytest.raises(Trouble, match="no-bucket"):
            store.put("x", b"1")


def test_a_listing_of_thousands_has_every_key_once(s3_address: str) -> None:
    with open_store(s3_address, single_writer=bool(ELSEWHERE)) as store, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(f"k/{number:04}", b""), range(1050)))
        keys = [item.key for item in store.list("k/")]
    assert keys == [f"k/{number:04}" for number in range(1050)]


ADDRESSES = ["ftp://x/y", "s3://", "s3://user:secret@bucket/x", "s3://b/x?endpoint=y", "s3://b?region="]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_makes_no_sense_is_refused_without_its_secret(address: str) -> None:
    with pytest.raises(Misuse) as caught:
        open_store(address)
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_not_ours_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("x")
    with pytest.raises(Foreign), FilesystemStore(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


def test_a_second_writer_of_a_folder_is_refused(tmp_path: Path) -> None:
    with FilesystemStore(tmp_path / "out") as first:
        first.put("release.json", b"1")
        with pytest.raises(Busy), FilesystemStore(tmp_path / "out"):
            pass
