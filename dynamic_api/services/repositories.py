"""Git repositories that assets are installed for, and folders of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select, true

from dynamic_api.database.tables import path_configs, repositories
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Absent, Invalid
from dynamic_api.ids import new_id
from dynamic_api.sx.repository import read_repository
from registry_builder.core.artifact.paths import flaw_of

MOST_PATHS = 200
_SHORT = re.compile(r"([A-Za-z0-9_-]{1,100})/([A-Za-z0-9_][A-Za-z0-9._-]{0,99})")
"""Owner and name alone, which sx takes for a repository at GitHub."""


class Repository(Struct, frozen=True):
    """A repository, under the URL that it was first named by."""

    id: str
    owner: str
    name: str
    url: str


class PathConfig(Struct, frozen=True):
    """Folders of a repository."""

    id: str
    repository_id: str
    paths: tuple[str, ...]


def known(db: Connection, url: str, now: int) -> Repository:
    """The repository at `url`, in any form, `owner/name` too; noted when it is new. Raises Invalid."""
    if short := _SHORT.fullmatch(url.strip()):
        return owned(db, short[1], short[2], now)
    read = read_repository(url) if url.isprintable() else None
    if read is None or len(url) > 1000 or len(read.key) > 500:
        mend = "give https://host/owner/name, the scp form, or owner/name"
        raise Invalid("bad_repository", f"{url[:200]!r} names no repository", place="url", mend=mend)
    row = {
        "id": new_id(),
        "address": read.key,
        "host": read.host,
        "owner": read.owner,
        "name": read.name,
        "url": url.strip(),
        "created_at": now,
    }
    insert_absent(db, repositories, [row])
    found = db.execute(select(repositories).where(repositories.c.address == read.key)).one()
    return Repository(found.id, found.owner, found.name, found.url)


def owned(db: Connection, owner: str, name: str, now: int) -> Repository:
    """The repository with this owner and name; one that is not known yet is taken to be GitHub's."""
    query = select(repositories).where(
        repositories.c.owner == owner.lower(), repositories.c.name == name.lower()
    )
    row = db.execute(query.order_by(repositories.c.address).limit(1)).one_or_none()
    if row is not None:
        return Repository(row.id, row.owner, row.name, row.url)
    return known(db, f"https://github.com/{owner}/{name}", now)


def find(db: Connection, repository_id: str) -> Repository:
    """The repository with this id. Raises Absent."""
    row = db.execute(select(repositories).where(repositories.c.id == repository_id)).one_or_none()
    if row is None:
        raise Absent("repository_not_found", "there is no such repository", place="entityId")
    return Repository(row.id, row.owner, row.name, row.url)


def page(db: Connection, after: str, limit: int, term: str = "") -> list[tuple[str, Repository]]:
    """Address and repository, by address, those after `after`; with `term` in the address only."""
    query = select(repositories).where(repositories.c.address > after, _holds(term))
    rows = db.execute(query.order_by(repositories.c.address).limit(limit))
    return [(row.address, Repository(row.id, row.owner, row.name, row.url)) for row in rows]


def count(db: Connection, term: str = "") -> int:
    """How many `page` gives in all."""
    return db.execute(select(func.count()).select_from(repositories).where(_holds(term))).scalar_one()


def _holds(term: str) -> ColumnElement[bool]:
    return repositories.c.address.contains(term.lower(), autoescape=True) if term else true()


def folders(db: Connection, repository: Repository, paths: Sequence[str]) -> PathConfig | None:
    """The folders `paths` of a repository; None for the whole of it. Raises Invalid."""
    plain = sorted({path.strip().strip("/") for path in paths} - {"", "."})
    for path in plain:
        if flaw_of(path) is not None or len(path) > 500:
            raise Invalid("bad_path", f"{path[:200]!r} is no folder of a repository", place="paths")
    if len(plain) > MOST_PATHS:
        raise Invalid("bad_path", f"more than {MOST_PATHS} paths", place="paths")
    if not plain:
        return None
    text = msgspec.json.encode(plain).decode()
    identity = hashlib.sha256(f"{repository.id} {text}".encode()).hexdigest()[:32]
    insert_absent(db, path_configs, [{"id": identity, "repository_id": repository.id, "paths": text}])
    return PathConfig(identity, repository.id, tuple(plain))


def path_config(db: Connection, config_id: str, repository_id: str) -> PathConfig:
    """The folders with this id, of that repository. Raises Absent."""
    found = path_configs_of(db, [repository_id])
    one = next((each for each in found if each.id == config_id), None)
    if one is None:
        raise Absent("path_config_not_found", "there is no such monoRepoConfig", place="monoRepoConfigId")
    return one


def path_configs_of(db: Connection, repository_ids: Iterable[str]) -> list[PathConfig]:
    """All folders of these repositories that anything was installed for."""
    query = select(path_configs).where(path_configs.c.repository_id.in_(list(repository_ids)))
    rows = db.execute(query.order_by(path_configs.c.paths))
    return [
        PathConfig(row.id, row.repository_id, msgspec.json.decode(row.paths, type=tuple[str, ...]))
        for row in rows
    ]
