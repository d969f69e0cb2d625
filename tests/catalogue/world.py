"""A content repository, the bucket built from it, and a local view of that."""

from __future__ import annotations

import json
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from content_repo import BASE_URL, Repo, build, skillpress

from dynamic_api.catalogue import Catalogue, Status
from dynamic_api.catalogue.file import LINK
from dynamic_api.catalogue.loader import Loader
from registry_builder.core.errors import Missing
from registry_builder.core.tree import bin_of
from registry_builder.store.base import Listed, Reader
from registry_builder.store.filesystem import FilesystemStore


@dataclass(slots=True)
class World:
    """`folder` is the view's; `later` is the bucket of the release after the first."""

    repo: Repo
    bucket: Path
    folder: Path
    later: Path
    clock: float = 1_000.0
    catalogue: Catalogue = field(init=False)

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.folder)

    def build(self, *words: str) -> None:
        """Commit what was written and build it."""
        self.repo.commit()
        done = build(self.repo, self.bucket, *words)
        assert done.code == 0, done.err

    def go_on(self) -> None:
        """Publish the release after the first, without the work of building it."""
        shutil.rmtree(self.bucket)
        shutil.copytree(self.later, self.bucket)

    def quarantine(self, asset: str) -> None:
        """Take back `asset` by the command."""
        done = skillpress(
            "quarantine",
            asset,
            "--reason",
            "sends files away",
            "-C",
            self.repo.path,
            "--to",
            self.bucket,
            "--base-url",
            BASE_URL,
        )
        assert done.code == 0, done.err

    def load(self, reader: Reader | None = None) -> Status:
        """One look at the bucket and its revocations, ten seconds after the one before."""
        self.clock += 10
        with Loader(reader or FilesystemStore(self.bucket), self.folder) as loader:
            loader.load_revoked(self.clock)
            return loader.load(self.clock)

    def found(self, query: str, **options: Any) -> list[str]:
        """The slugs that a search gives."""
        return [skill.slug for skill in self.catalogue.search(query, **options)]

    @property
    def pointer(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.bucket / "release.json").read_bytes())
        return read

    def point(self, **changes: Any) -> None:
        """Change fields of release.json."""
        (self.bucket / "release.json").write_text(json.dumps(self.pointer | changes))


@dataclass(slots=True)
class Counting:
    """A Reader that remembers what was read of `reader`, and asks `before` each time."""

    reader: Reader
    before: Callable[[str], None] = lambda _: None
    keys: list[str] = field(default_factory=list)

    def get(self, key: str) -> bytes:
        self.keys.append(key)
        self.before(key)
        return self.reader.get(key)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        return self.reader.list(prefix)


@dataclass(slots=True)
class Mapped:
    """A Reader of `reader` in which some keys hold other bytes, or none (None)."""

    reader: Reader
    other: dict[str, bytes | None]

    def get(self, key: str) -> bytes:
        body = self.other[key] if key in self.other else self.reader.get(key)
        if body is None:
            raise Missing("no-key", "no such key", place=key)
        return body

    def list(self, prefix: str = "") -> Iterator[Listed]:
        return self.reader.list(prefix)


def dump(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a local file says, without the numbers that it happened to give."""
    texts = "SELECT skill.slug, {0}.* FROM {0} JOIN skill ON skill.number = {0}.rowid ORDER BY skill.slug"
    queries = {
        "state": 'SELECT generation, root, "commit", words FROM state',
        "bin": "SELECT * FROM bin ORDER BY label",
        "version": "SELECT * FROM version ORDER BY slug, ordinal, derived",
        "term": "SELECT * FROM term ORDER BY term",
        "short": texts.format("short"),
        "text": texts.format("text"),
    }
    with closing(sqlite3.connect((folder / LINK).resolve())) as connection:
        found = {name: connection.execute(query).fetchall() for name, query in queries.items()}
        columns = (
            "slug, id, type, bin, document, pinned, indexed, settled, offered, members, record, body, etag"
        )
        rows = connection.execute(f"SELECT {columns} FROM skill ORDER BY slug").fetchall()
    found["skill"] = [(*row[:10], msgspec.msgpack.decode(row[10]), *row[11:]) for row in rows]
    return found


def fresh(world: World) -> dict[str, list[tuple[object, ...]]]:
    """What a view that begins now would hold."""
    other = World(world.repo, world.bucket, world.folder.with_name(f"fresh-{uuid.uuid4().hex}"), world.later)
    status = other.load()
    assert status.fault is None
    return dump(other.folder)


def node(world: World, *, of: str) -> str:
    """The key of the root node, of the bin of alpha, or of alpha's document."""
    root = world.pointer["root"]
    if of == "root":
        return f"r/{root}"
    label = json.loads((world.bucket / "r" / root).read_bytes())["bins"][bin_of("alpha")]
    if of == "bin":
        return f"r/{label}"
    return f"r/{json.loads((world.bucket / 'r' / label).read_bytes())['names']['alpha']['document']}"


def revoke(world: World, sha256: str) -> None:
    """Write down a revocation before any release knows of it."""
    entry = {
        "sha256": sha256,
        "reason": "sends files away",
        "time": "2026-11-20T10:00:00Z",
        "rows": ["alpha@1"],
    }
    (world.bucket / "revoked.json").write_text(json.dumps({"schema": 1, "revoked": [entry]}))
