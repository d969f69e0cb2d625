"""Assets as sx sees them: private ones with their versions, and published ones out of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, or_, select

from dynamic_api.catalogue.skill import Skill, SxBundle
from dynamic_api.catalogue.skill import Version as Offered
from dynamic_api.database.among import among, given
from dynamic_api.database.tables import skill_versions, skills
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.ids import undashed
from dynamic_api.services import holding
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.sx.identity import slug_of
from dynamic_api.sx.values import Asset, Version
from dynamic_api.sx.version import read
from dynamic_api.sx.vocabulary import lock_type
from registry_builder.core.ledger import QUARANTINED, SERVED, YANKED

OWN, FOREIGN, ORGANISED, OFFERED = 0, 2, 3, 4
MARK = '{"sx":{'
"""How the facts of a version begin that sx can have."""
NO_BUNDLE = '{"sx":null'
"""How they begin when no bundle can be made of it; any other beginning: nobody has tried yet."""
_UNREADABLE = ((-1, 0, 0), 0, ())


class SxFacts(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a lock repeats of a private version's metadata.

    With a `sha256`, of the bundle that was made of the version (`asset_bundles`); without one the version's
    own bytes are the bundle. `files` are those in it.
    """

    clients: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    sha256: str = ""
    size: int = 0
    files: int = 0


class _Facts(Struct, frozen=True, gc=False):
    sx: SxFacts | None = None


class Kept(Struct, frozen=True, kw_only=True, gc=False):
    """One version with what lists show of it; `at` is in milliseconds."""

    version: Version
    files: int
    at: int


class Found(Struct, frozen=True, kw_only=True, gc=False):
    """An asset. `type` as locks spell it, `name` as it was first sent. `versions` are in order of arrival."""

    id: str
    namespace: str
    slug: str
    type: str
    name: str
    description: str
    owner_id: str | None
    created_at: int
    versions: tuple[Kept, ...]

    @property
    def is_published(self) -> bool:
        """Whether it is the bucket's; everything else is private."""
        return self.namespace == PUBLISHED

    @property
    def updated_at(self) -> int:
        """When its newest version came."""
        return max((kept.at for kept in self.versions), default=self.created_at)

    def newest_first(self) -> list[Kept]:
        """By semantic version, as sx sorts them."""
        return sorted(self.versions, key=_order, reverse=True)

    def at(self, label: str) -> Kept | None:
        """The version with this label."""
        return next((kept for kept in self.versions if kept.version.label == label), None)

    def served(self) -> list[Kept]:
        """Those that may be had, newest first."""
        return [kept for kept in self.newest_first() if kept.version.state in SERVED]


def as_asset(found: Found, rank: int) -> Asset:
    """For the resolver; `rank` is by `asset_access`."""
    versions = tuple(kept.version for kept in found.versions)
    return Asset(id=found.id, name=found.slug, type=found.type, versions=versions, rank=rank)


def by_ids(db: Connection, published: Published, ids: Sequence[str]) -> list[Found]:
    """The assets with these ids, in no order; what is deleted is not among them."""
    if not ids:
        return []
    dialect = db.dialect.name
    rows = db.execute(_by_ids(dialect), {"ids": given(dialect, ids)}).fetchall()
    private = _grouped(rows, published)
    records = published.by_ids([each for each in ids if each not in private])
    offered = (records.get(each) for each in ids if each not in private)
    return [*private.values(), *(of_record(record) for record in offered if record is not None)]


def by_names(db: Connection, published: Published, caller: Caller, names: Iterable[str]) -> list[Found]:
    """What these slugs may mean for `caller`: own, held of others, the organisation's, published."""
    wanted = sorted(set(names))
    if not wanted:
        return []
    spaces = [ORGANISATION, caller.user_id]
    values = {"names": wanted, "spaces": spaces, "me": caller.user_id}
    rows = db.execute(_by_names(caller.include_team, caller.include_shared), values).fetchall()
    records = published.by_slugs(wanted)
    return [*_grouped(rows, published).values(), *map(of_record, records.values())]


def named(db: Connection, published: Published, name: str) -> list[Found]:
    """All assets that `name` may mean, whoever may see them: by slug, or by the name they were sent with."""
    slugs = sorted({name, slug_of(name)} - {""})
    rows = db.execute(_NAMED, {"slugs": slugs, "name": name}).fetchall()
    records = published.by_slugs(slugs)
    return [*_grouped(rows, published).values(), *map(of_record, records.values())]


def of_record(record: Skill) -> Found:
    """A published skill; versions without a bundle for sx are none."""
    buried = record.state not in {*SERVED, QUARANTINED}
    return Found(
        id=undashed(record.id),
        namespace=PUBLISHED,
        slug=record.slug,
        type=lock_type(record.type),
        name=record.name,
        description=record.description,
        owner_id=None,
        created_at=_moment(record.versions[0].time) if record.versions else 0,
        versions=tuple(_offered(item, item.sx, buried) for item in record.versions if item.sx is not None),
    )


def _offered(item: Offered, bundle: SxBundle, buried: bool) -> Kept:
    version = Version(
        label=str(item.ordinal),
        ordinal=item.ordinal,
        sha256=bundle.sha256,
        size=bundle.size,
        state=YANKED if buried and item.state in SERVED else item.state,
        clients=bundle.clients,
        dependencies=bundle.dependencies,
    )
    return Kept(version=version, files=item.files + 1, at=_moment(item.time))


def private_rows(db: Connection, published: Published, statement: Any, values: dict[str, Any]) -> list[Found]:
    """What a statement with the columns of `COLUMNS` gives, by id, in the order of its rows."""
    return list(_grouped(db.execute(statement, values).fetchall(), published).values())


def _grouped(rows: Sequence[Any], published: Published) -> dict[str, Found]:
    """Id → asset, of rows with one version each."""
    told = [(row, _DECODER.decode(row.facts).sx if row.sha256 else None) for row in rows]
    digests = {digest for row, facts in told if facts for digest in (row.sha256, facts.sha256) if digest}
    withdrawn = published.withdrawn(digests) if digests else {}
    groups: dict[str, list[_Told]] = {}
    for row, facts in told:
        groups.setdefault(row.id, []).append((row, facts))
    return {each: _found(group, withdrawn) for each, group in groups.items()}


def _found(group: Sequence[_Told], withdrawn: Mapping[str, str]) -> Found:
    first = group[0][0]
    told = sorted(group, key=lambda each: each[0].ordinal or 0)
    return Found(
        id=first.id,
        namespace=first.namespace,
        slug=first.slug,
        type=lock_type(first.type),
        name=first.name,
        description=first.description,
        owner_id=first.owner_id,
        created_at=first.created_at,
        versions=tuple(_kept(row, facts, withdrawn) for row, facts in told if facts is not None),
    )


def _kept(row: Any, facts: SxFacts, withdrawn: Mapping[str, str]) -> Kept:
    gone = row.sha256 in withdrawn or facts.sha256 in withdrawn
    version = Version(
        label=row.label,
        ordinal=row.ordinal,
        sha256=facts.sha256 or row.sha256,
        size=facts.size if facts.sha256 else row.size,
        state=QUARANTINED if gone else row.state,
        clients=facts.clients,
        dependencies=facts.dependencies,
    )
    return Kept(version=version, files=facts.files or row.files, at=row.version_at)


def _order(kept: Kept) -> tuple[Any, int]:
    return read(kept.version.label) or _UNREADABLE, kept.version.ordinal


def _moment(written: str) -> int:
    return int(datetime.fromisoformat(written).timestamp() * 1000)


_Told = tuple[Any, SxFacts | None]
"""A row, and what it says for sx."""
_DECODER = msgspec.json.Decoder(_Facts)
COLUMNS = (
    skills.c.id,
    skills.c.namespace,
    skills.c.slug,
    skills.c.type,
    skills.c.name,
    skills.c.description,
    skills.c.owner_id,
    skills.c.created_at,
    skill_versions.c.ordinal,
    skill_versions.c.label,
    skill_versions.c.sha256,
    skill_versions.c.size,
    skill_versions.c.files,
    skill_versions.c.state,
    skill_versions.c.facts,
    skill_versions.c.created_at.label("version_at"),
)
_JOINED = skills.outerjoin(skill_versions, skill_versions.c.skill_id == skills.c.id)
PRIVATE = (
    select(*COLUMNS)
    .select_from(_JOINED)
    .where(skills.c.namespace != PUBLISHED, skills.c.deleted_at.is_(None))
)
_NAMED = PRIVATE.where(
    or_(skills.c.slug.in_(bindparam("slugs", expanding=True)), skills.c.name == bindparam("name"))
)


@cache
def _by_ids(dialect: str) -> Any:
    return PRIVATE.where(among(dialect, skills.c.id, "ids"))


@cache
def _by_names(with_teams: bool, with_shares: bool) -> Any:
    return PRIVATE.where(
        skills.c.slug.in_(bindparam("names", expanding=True)),
        or_(
            skills.c.namespace.in_(bindparam("spaces", expanding=True)),
            skills.c.id.in_(holding.held(with_teams, with_shares)),
        ),
    )
