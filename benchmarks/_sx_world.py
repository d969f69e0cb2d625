"""A registry, callers and what is installed for them, for the benchmark of sx."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import _catalogue
import httpx2
import psutil
from _api_world import slugs_of, wait_until_ready, written
from _http import ROOT, free_port, serving
from _sx_requests import LOCK

sys.path.insert(0, str(ROOT))

from sqlalchemy import Connection, Engine, Table

from dynamic_api.app import connect
from dynamic_api.catalogue import skill_id
from dynamic_api.catalogue.loader import Loader
from dynamic_api.database import bulk
from dynamic_api.database.tables import asset_installs, skill_versions, skills
from dynamic_api.ids import new_id, undashed
from dynamic_api.server.data_folder import CATALOGUE, open_folder
from dynamic_api.services import accounts, keys
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import Settings, parse
from registry_builder.store.target import open_reader
from tests import postgres

ROWS, BUILT, OWN, CALLERS = 200, 300, 10, 600
SHARED = (ROWS - OWN) // 2
"""Private skills, and as many published ones, that are installed for the organisation."""
_AT_ONCE = 5_000
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Size:
    """How many skills there are, private and published: at least BUILT of these.

    `lent` is how many of the private ones callers have of their own: each has OWN of them.
    """

    private: int
    published: int = BUILT
    lent: int = CALLERS * OWN


@dataclass(frozen=True, slots=True)
class World:
    """A running API; `secrets` are the keys of its callers, `tag` is the first one's of its lock."""

    size: Size
    server: psutil.Process
    port: int
    engine: Engine
    secrets: Sequence[str]
    tag: str
    bundle: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(database: str, size: Size, dist: Path, place: Path) -> Iterator[World]:
    """A world on `database`, in the empty folder `place`."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres.running()) if database == "postgresql" else None
        table = {
            "data": {"database_url": url, "registry": str(dist)},
            "limits": {"key_per_minute": 10_000_000, "address_per_minute": 0},
        }
        slugs, data = slugs_of(dist), place / "data"
        settings = parse(table, "benchmark")
        secrets = fill(settings, data, size, slugs)
        publish_more(dist, data, size.published - BUILT)
        written(table, place / "settings.toml")
        port = free_port()
        words = ["-m", "registry_builder.cli", "api", "--port", str(port), "--data", str(data)]
        server = stack.enter_context(serving([*words, "--settings", str(place / "settings.toml")], port, {}))
        wait_until_ready(f"http://127.0.0.1:{port}")
        opened = connect(settings, open_folder(data))
        stack.callback(opened.close)
        tag = tag_of(f"http://127.0.0.1:{port}{LOCK}", secrets[0])
        bundle = f"/api/skills/assets/{slugs[0]}/1/{slugs[0]}-1.zip"
        yield World(size, server, port, opened.engine, secrets, tag, bundle)


def fill(settings: Settings, data: Path, size: Size, slugs: Sequence[str]) -> list[str]:
    """Private skills, what is installed of them and of published ones; keys of all callers."""
    database = connect(settings, open_folder(data))
    ids = [new_id() for _ in range(size.private)]
    private = [(each, "organisation", f"private-{number:06}") for number, each in enumerate(ids)]
    known = [(undashed(skill_id(slug)), "published", slug) for slug in slugs[:SHARED]]

    def work(db: Connection) -> list[str]:
        if db.dialect.name == "postgresql":
            # A trigger raises one number for each private skill: many versions of a row in one transaction.
            db.exec_driver_sql("SET LOCAL session_replication_role = replica")
        _insert(db, skills, (_skill(*each) for each in (*private, *known)))
        _insert(db, skill_versions, (_version(each, slug) for each, _, slug in private))
        for_all = [*ids[:SHARED], *(each for each, _, _ in known)]
        installs = [_install(each, "ORGANIZATION", "") for each in for_all]
        made = []
        for number in range(CALLERS):
            user = accounts.create(db, f"caller{number}@example.com", settings.credits, now=0)
            made.append(keys.create(db, user.id, "main", KeyOptions(), now=0).secret)
            installs += [_install(ids[place], "USER", user.id) for place in _own(size, number)]
        _insert(db, asset_installs, iter(installs))
        return made

    try:
        return asyncio.run(database.write(work))
    finally:
        database.close()


def _own(size: Size, caller: int) -> list[int]:
    """The places of a caller's own skills among the private ones."""
    others = size.private - SHARED
    lent = min(size.lent, others)
    return [SHARED + (caller * OWN + each) % lent * others // lent for each in range(OWN)]


def _insert(db: Connection, table: Table, rows: Iterator[Row]) -> None:
    while some := list(islice(rows, _AT_ONCE)):
        bulk.append(db, table, tuple(some[0]), [tuple(row.values()) for row in some])


def _skill(each: str, space: str, slug: str) -> Row:
    named: Row = {"id": each, "namespace": space, "slug": slug, "name": slug}
    return named | {"category": "private", "created_at": 1}


def _install(skill: str, entity_type: str, entity_id: str) -> Row:
    entity: Row = {"entity_type": entity_type, "entity_id": entity_id}
    return {"id": new_id(), "skill_id": skill, **entity, "created_by": "", "created_at": 1}


def _version(each: str, slug: str) -> Row:
    return {
        "skill_id": each,
        "ordinal": 1,
        "label": "1",
        "sha256": hashlib.sha256(slug.encode()).hexdigest(),
        "size": 1000,
        "files": 2,
        "facts": '{"sx":{"clients":[],"dependencies":[]}}',
        "grade": "A",
        "created_at": 1,
    }


def publish_more(dist: Path, data: Path, count: int) -> None:
    """Read the bucket into the local catalogue, and put `count` names more beside it."""
    folder = open_folder(data).path / CATALOGUE
    folder.mkdir(parents=True, exist_ok=True)
    with Loader(open_reader(str(dist)), folder) as loader:
        loader.load_revoked(time.time())
        loader.load(time.time())
    if count > 0:
        _catalogue.add(folder, count, seed=2)


def tag_of(url: str, key: str) -> str:
    """The ETag of a lock, which has all ROWS."""
    answer = httpx2.get(url, headers={"authorization": f"Bearer {key}"}, trust_env=False)
    assert answer.text.count("[[assets]]") == ROWS, answer.text[:400]
    return str(answer.headers["etag"])
