"""Publishers of a content repository on S3 over the wire, and what is to be said of a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from content_repo import BASE_URL, Repo
from contracts.references import check_tree
from moto.s3.models import s3_backends

from registry_builder.build import Build
from registry_builder.cli.options import opened
from registry_builder.core.key import KeyClass, classify
from registry_builder.previous import Previous
from registry_builder.publish import Published, Publisher, is_noop, plan
from registry_builder.reconcile import find_holes
from registry_builder.settings import Flags
from registry_builder.spool import Spool
from registry_builder.store.base import Store
from registry_builder.store.memory import MemoryStore
from registry_builder.store.s3 import Patience, S3Store
from registry_builder.templates import load_templates

NOW = datetime(2026, 12, 1, tzinfo=UTC)
QUICK = Patience(attempts=4, connect_seconds=2, read_seconds=0.3)


@dataclass(slots=True)
class Clock:
    """The time that a publisher sees."""

    time: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        return self.time


def publish(
    store: Store, repo: Repo, who: str = "somebody", clock: Clock | None = None, *, reconcile: bool = False
) -> Published | None:
    """Publish the commit of `repo`; None when there was nothing to do."""
    with store, opened(repo.path, "HEAD", Flags(base_url=BASE_URL)) as (source, commit, settings):
        previous = Previous(store)
        if reconcile:
            previous.holes = find_holes(previous)
        elif is_noop(previous, commit.id, settings):
            return None
        with Spool() as spool:
            release = Build(source, commit, settings, previous, spool, load_templates()).run()
            publisher = Publisher(store, spool, previous, settings, who, clock or Clock())
            publisher.reconcile = reconcile
            return publisher.apply(release, plan(release, previous))


@dataclass(slots=True)
class Bucket:
    """A bucket of its own: what it holds, and stores that reach it through `url`."""

    server: str
    name: str

    def store(self, url: str = "", *, single_writer: bool = False, patience: Patience = QUICK) -> S3Store:
        """A store of this bucket behind `url`, by default the server itself."""
        return S3Store(
            self.name,
            "reg/",
            endpoint_url=url or self.server,
            region="us-east-1",
            single_writer=single_writer,
            patience=patience,
        )

    def objects(self) -> dict[str, bytes]:
        """Key → bytes of all that is there, read behind the server's back for speed."""
        keys = s3_backends["123456789012"]["aws"].buckets[self.name].keys
        return {name.removeprefix("reg/"): key.value for name, key in keys.items()}

    def fill(self, objects: Mapping[str, bytes]) -> None:
        """Make the bucket hold just `objects`."""
        there = self.objects()
        with self.store(patience=Patience()) as store:
            for key in there.keys() - objects.keys():
                store.delete(key)
            for key, body in objects.items():
                if there.get(key) != body:
                    store.put(key, body)


def dangling(objects: Mapping[str, bytes], place: Path) -> list[str]:
    """Every reference that a reader of `objects` could follow into nothing."""
    for key, body in objects.items():
        path = place / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return check_tree(place, BASE_URL)


def promised(objects: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a complete release pins, each key with the bytes that its tree says."""
    store = MemoryStore()
    store.objects = dict(objects)
    previous = Previous(store)
    assert previous.pointer is not None
    assert previous.pointer.complete
    assert find_holes(previous).names == frozenset()
    pins = previous.view.every_pin()
    wrong = [key for key, item in pins.items() if _sha256(objects.get(key, b"")) != item.sha256]
    assert wrong == []
    return {key: objects[key] for key in pins}


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def only_adds_addresses(objects: Mapping[str, bytes], before: Mapping[str, bytes]) -> bool:
    """Whether `objects` is `before` and addresses of bytes, to which nothing refers yet."""
    new = {key for key, body in objects.items() if before.get(key) != body} - {"release.json"}
    return before.keys() <= objects.keys() and all(classify(key) is KeyClass.IMMUTABLE for key in new)
