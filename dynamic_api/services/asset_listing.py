"""Lists of assets as a caller sees them, page by page; and for whom each is installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, exists, literal, or_, select, tuple_, union_all

from dynamic_api.catalogue import Catalogue
from dynamic_api.catalogue.skill import BUNDLE, Skill
from dynamic_api.database.tables import (
    asset_collection_items,
    asset_installs,
    bots,
    path_configs,
    repositories,
    skill_versions,
    skills,
    teams,
    users,
)
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.services import assets, reach
from dynamic_api.services.assets import Found
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.sx.values import BOT, REPOSITORY, TEAM, USER
from dynamic_api.sx.vocabulary import lock_type

_OURS = {"claude-code-plugin": "plugin"}


class Installed(Struct, frozen=True, kw_only=True):
    """For whom an asset is installed. `entity_ref` is the address by which people name it.

    `entity_name` of a repository is its URL: sx sends it back as one when somebody edits where an asset goes.
    """

    entity_type: str
    entity_id: str | None
    entity_name: str | None
    entity_ref: str | None
    path_config_id: str | None
    path_config_name: str | None
    via_collection: str | None


def page(
    db: Connection,
    published: Published,
    catalogue: Catalogue,
    caller: Caller,
    *,
    after: str,
    limit: int,
    kind: str | None = None,
) -> list[Found]:
    """Up to `limit` assets by slug, those after `after`, of the lock type `kind`; of one slug the nearest."""
    ours = None if kind is None else _OURS.get(kind, kind)
    statement = _visible(db, caller).where(skills.c.slug > after).order_by(skills.c.slug).limit(limit)
    if ours is not None:
        statement = statement.where(skills.c.type == ours)
    ids = list(db.execute(statement).scalars())
    private = assets.by_ids(db, published, ids)
    offered = [assets.of_record(record) for record in catalogue.page(after, limit, ours)]
    nearest: dict[str, Found] = {}
    for found in sorted([*private, *offered], key=lambda each: (each.slug, assets.rank(each, caller))):
        nearest.setdefault(found.slug, found)
    return list(nearest.values())[:limit]


def search(
    db: Connection,
    published: Published,
    offered: Sequence[Skill],
    caller: Caller,
    text: str,
    *,
    limit: int,
    kind: str | None = None,
) -> list[Found]:
    """Assets with `text` in slug, name or description, and what the catalogue's search gave, by slug."""
    place = or_(
        *(
            column.icontains(text, autoescape=True)
            for column in (skills.c.slug, skills.c.name, skills.c.description)
        )
    )
    statement = _visible(db, caller).where(place).order_by(skills.c.slug).limit(limit)
    private = assets.by_ids(db, published, list(db.execute(statement).scalars()))
    public = [assets.of_record(record) for record in offered if record.type != BUNDLE]
    nearest: dict[str, Found] = {}
    for found in sorted([*private, *public], key=lambda each: (each.slug, assets.rank(each, caller))):
        nearest.setdefault(found.slug, found)
    return [found for found in nearest.values() if kind in {None, lock_type(found.type)}][:limit]


def _visible(db: Connection, caller: Caller) -> Any:
    """The ids of private assets that the caller may see and sx can have."""
    reached = {install.asset for install in reach.installs(db, caller)}
    seen = or_(
        skills.c.namespace.in_((ORGANISATION, caller.user_id)),
        and_(skills.c.id.in_(reached), skills.c.namespace != PUBLISHED),
    )
    made_for_sx = exists().where(
        skill_versions.c.skill_id == skills.c.id, skill_versions.c.facts.startswith(assets.MARK)
    )
    return select(skills.c.id).where(
        skills.c.namespace != PUBLISHED, skills.c.deleted_at.is_(None), seen, made_for_sx
    )


def installs_of(db: Connection, skill_ids: Sequence[str]) -> Mapping[str, list[Installed]]:
    """Asset → for whom it is installed, also through collections, in one query."""
    item = asset_collection_items.c
    direct = select(asset_installs.c.skill_id.label("asset"), *_SHOWN).select_from(_PLACES)
    through = select(item.skill_id.label("asset"), *_SHOWN).select_from(
        _PLACES.join(asset_collection_items, item.collection_id == asset_installs.c.collection_id)
    )
    wanted = list(skill_ids)
    both = union_all(
        direct.where(asset_installs.c.skill_id.in_(wanted)), through.where(item.skill_id.in_(wanted))
    )
    found: defaultdict[str, list[Installed]] = defaultdict(list)
    for row in db.execute(both):
        found[row.asset].append(_installed(row))
    return found


def installs_of_collection(db: Connection, collection_id: str) -> list[Installed]:
    """For whom a collection is installed."""
    query = select(*_SHOWN).select_from(_PLACES)
    rows = db.execute(query.where(asset_installs.c.collection_id == collection_id))
    return [msgspec.structs.replace(_installed(row), via_collection=None) for row in rows]


_install = asset_installs.c


def _of(kind: str, table: Any) -> Any:
    return and_(_install.entity_type == kind, table.c.id == _install.entity_id)


_PLACES = (
    asset_installs.outerjoin(teams, _of(TEAM, teams))
    .outerjoin(users, _of(USER, users))
    .outerjoin(bots, _of(BOT, bots))
    .outerjoin(repositories, _of(REPOSITORY, repositories))
    .outerjoin(path_configs, path_configs.c.id == _install.path_config_id)
)
_SHOWN = (
    _install.entity_type,
    _install.entity_id,
    _install.collection_id,
    _install.path_config_id,
    teams.c.name.label("team"),
    users.c.email,
    users.c.name.label("person"),
    bots.c.name.label("bot"),
    bots.c.slug.label("bot_slug"),
    repositories.c.url,
    path_configs.c.paths,
)


def _installed(row: Any) -> Installed:
    names = {TEAM: row.team, USER: row.person, BOT: row.bot, REPOSITORY: row.url}
    refs = {TEAM: row.team, USER: row.email, BOT: row.bot_slug, REPOSITORY: row.url}
    paths = msgspec.json.decode(row.paths, type=list[str]) if row.paths else []
    return Installed(
        entity_type=row.entity_type,
        entity_id=row.entity_id or None,
        entity_name=names.get(row.entity_type),
        entity_ref=refs.get(row.entity_type),
        path_config_id=row.path_config_id,
        path_config_name=", ".join(paths) or None,
        via_collection=row.collection_id,
    )


def installed_for(
    db: Connection, published: Published, entities: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], list[tuple[str, str, bool]]]:
    """Entity → (slug, lock type, whether not by a collection) of what is installed for it."""
    wanted = list(entities)
    place = tuple_(_install.entity_type, _install.entity_id).in_(wanted)
    item = asset_collection_items.c
    direct = select(_install.skill_id, _install.entity_type, _install.entity_id, literal(1).label("own"))
    through = select(item.skill_id, _install.entity_type, _install.entity_id, literal(0).label("own")).join(
        asset_collection_items, item.collection_id == _install.collection_id
    )
    both = union_all(direct.where(place, _install.skill_id.is_not(None)), through.where(place))
    rows = db.execute(both).fetchall()
    known = {each.id: each for each in assets.by_ids(db, published, sorted({row.skill_id for row in rows}))}
    found: defaultdict[tuple[str, str], list[tuple[str, str, bool]]] = defaultdict(list)
    for row in rows:
        if one := known.get(row.skill_id):
            found[row.entity_type, row.entity_id].append((one.slug, one.type, bool(row.own)))
    return found
