"""A private store by its address: a folder, or `s3://bucket/prefix?endpoint_url=…&region=…`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dynamic_api.private_store.base import PrivateStore
from dynamic_api.private_store.folder import FolderPrivateStore
from registry_builder.core.errors import Misuse
from registry_builder.store.target import s3_place


def open_private_store(address: str, *, published: Iterable[str] = ()) -> PrivateStore:
    """The store at `address`. Raises Misuse for one that makes no sense, or meets one of `published`."""
    for other in published:
        if _meets(address, other):
            raise Misuse(
                "private-is-public",
                f"the private store {_shown(address)} would lie with what is published at {_shown(other)}",
                mend="give it a folder or a bucket of its own",
            )
    if not _is_s3(address):
        return FolderPrivateStore(_folder(address))
    from dynamic_api.private_store.s3 import S3PrivateStore

    return S3PrivateStore(s3_place(address))


def _meets(one: str, other: str) -> bool:
    """Whether one holds the other. Buckets meet whatever their prefixes: policies and CDNs see all of one."""
    if _is_s3(one) != _is_s3(other):
        return False
    if _is_s3(one):
        here, there = s3_place(one), s3_place(other)
        return (here.bucket, here.endpoint_url) == (there.bucket, there.endpoint_url)
    mine, theirs = _folder(one).resolve(), _folder(other).resolve()
    return mine.is_relative_to(theirs) or theirs.is_relative_to(mine)


def _is_s3(address: str) -> bool:
    return "://" in address and not address.startswith("file://")


def _folder(address: str) -> Path:
    return Path(address.removeprefix("file://"))


def _shown(address: str) -> str:
    return address.partition("?")[0]
