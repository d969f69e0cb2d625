"""Publishers of a content repository on S3 over the wire, and what is to be said of a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
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
from registry_builder.rollback import Rollback, view_at
from registry_builder.settings import Flags
from registry_builder.spool import Spool
from registry_builder.store.base import Store
from registry_builder.store.memory import MemoryStore
from registry_builder.store.s3 import Patience, S3Store
from registry_builder.templates import load_templates
from registry_builder.workshop import Workshop

NOW = datetime(2026, 12, 1, tzinfo=UTC)
QUICK = Patience(attempts=4, connect_seconds=2, read_seconds=0.3)


@dataclass(slots=True)
class Clock:
    """The time that a publisher sees."""

    time: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        return self.time


Change = Callable[[Previous], Callable[[Workshop], None]]


def publish(
    store: Store,
    repo: Repo,
    who: str = "somebody",
    clock: Clock | None = None,
    *,
    reconcile: bool = False,
    rev: str = "HEAD",
    emit: tuple[str, ...] | None = None,
    before: Change | None = None,
) -> Published | None:
    """Publish a commit of `repo`, or what `before` makes of it; None when there was nothing to do."""
    flags = Flags(base_url=BASE_URL, emit=emit)
    with store, opened(repo.path, rev, flags) as (source, commit, settings):
        previous = Previous(store)
        if reconcile:
            previous.holes = find_holes(previous)
        elif not before and is_noop(previous, commit.id, settings):
            return None
        with Spool() as spool:
            build = Build(source, commit, settings, previous, spool, load_templates())
            build.before = before(previous) if before else None
            release = build.run()
            publisher = Publisher(store, spool, previous, settings, who, clock or Clock())
            publisher.reconcile = reconcile
            return publisher.apply(release, plan(release, previous))


def roll_back(
    store: Store,
    repo: Repo,
    generation: int,
    clock: Clock | None = None,
    *,
    emit: tuple[str, ...] | None = None,
) -> None:
    """What `rollback --to-generation` does, with the commit that was published last."""
    with store:
        pointer = Previous(store).pointer
    assert pointer is not None

    def before(previous: Previous) -> Callable[[Workshop], None]:
        return Rollback(view_at(previous, generation), ()).apply

    publish(store, repo, clock=clock, rev=pointer.commit, before=before, emit=emit)


@dataclass(slots=True)
class Bucket:
    """A bucket of its own: what it holds, and stores that reach it through `url`."""

    server: str
    name: str
    _stores: dict[tuple[str, bool, Patience], S3Store] = field(default_factory=dict)

    def store(self, url: str = "", *, single_writer: bool = False, patience: Patience = QUICK) -> S3Store:
        """The store of this bucket behind `url`, by default the server itself; making one takes long."""
        wanted = (url or self.server, single_writer, patience)
        if wanted not in self._stores:
            self._stores[wanted] = S3Store(
                self.name,
                "reg/",
                endpoint_url=url or self.server,
                region="us-east-1",
                single_writer=single_writer,
                patience=patience,
            )
        return self._stores[wanted]

    def objects(self) -> dict[str, bytes]:
        """Key → bytes of all that is there, read behind the server's back for speed."""
        keys = s3_backends["123456789012"]["aws"].buckets[self.name].keys
        return {name.removeprefix("reg/"): key.value for name, key in keys.items()}

    def restore(self, objects: Mapping[str, bytes]) -> None:
        """Make the bucket hold just `objects`, behind the server's back for speed."""
        server = s3_backends["123456789012"]["aws"]
        there = self.objects()
        for key in there.keys() - objects.keys():
            server.delete_object(self.name, f"reg/{key}")
        for key, body in objects.items():
            if there.get(key) != body:
                made = server.put_object(self.name, f"reg/{key}", body)
                made.set_metadata({"x-amz-meta-sha256": _sha256(body)})

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
