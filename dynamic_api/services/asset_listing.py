"""Lists of assets as a caller sees them, page by page; and for whom each is installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, exists, literal, or_, select, tuple_, union_all

from dynamic_api.catalogue import Catalogue
from dynamic_api.catalogue.search import DEEPEST
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
from dynamic_api.services import asset_reads, assets, holding, reach
from dynamic_api.services.assets import Found
from dynamic_api.services.caller import Caller
from dynamic_api.services.published import Published
from dynamic_api.sx.values import BOT, REPOSITORY, TEAM, USER
from dynamic_api.sx.vocabulary import lock_type

_OURS = {"claude-code-plugin": "plugin"}
LONGEST_SEARCH = 200


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
    place = skills.c.slug > after
    if ours is not None:
        place = and_(place, skills.c.type == ours)
    private = _private(db, published, caller, place, limit)
    offered = [assets.of_record(record) for record in catalogue.page(after, limit, ours)]
    return _nearest(db, caller, [*private, *offered])[:limit]


def offered(catalogue: Catalogue, text: str) -> tuple[Skill, ...]:
    """What the catalogue's search finds, all that it ever gives. For a thread."""
    return catalogue.window(text[:LONGEST_SEARCH], range(DEEPEST))[0]


def search(
    db: Connection,
    published: Published,
    offered: Sequence[Skill],
    caller: Caller,
    text: str,
    *,
    limit: int,
    after: str = "",
    kind: str | None = None,
) -> list[Found]:
    """Assets with `text` in slug, name or description, and what the catalogue's search gave, by slug.

    Up to `limit` of them, those after the slug `after`.
    """
    place = or_(
        *(
            column.icontains(text, autoescape=True)
            for column in (skills.c.slug, skills.c.name, skills.c.description)
        )
    )
    place = and_(place, skills.c.slug > after)
    if kind is not None:
        place = and_(place, skills.c.type == _OURS.get(kind, kind))
    private = _private(db, published, caller, place, limit)
    public = [assets.of_record(each) for each in offered if each.type != BUNDLE and each.slug > after]
    nearest = _nearest(db, caller, [*private, *public])
    return [found for found in nearest if kind in {None, lock_type(found.type)}][:limit]


def _nearest(db: Connection, caller: Caller, found: Sequence[Found]) -> list[Found]:
    """By slug; of one slug what `asset_reads.find` would give."""
    kept: dict[str, Found] = {}
    for each in asset_reads.visible(db, caller, found):
        kept.setdefault(each.slug, each)
    return [kept[slug] for slug in sorted(kept)]


def _private(db: Connection, published: Published, caller: Caller, place: Any, limit: int) -> list[Found]:
    """Private assets at `place` with the first `limit` slugs, all of one slug together."""
    seen = and_(place, _seen(caller))
    first = select(skills.c.slug).where(seen).group_by(skills.c.slug).order_by(skills.c.slug).limit(limit)
    statement = select(skills.c.id).where(seen, skills.c.slug.in_(first))
    return assets.by_ids(db, published, list(db.execute(statement, {"me": caller.user_id}).scalars()))


def _seen(caller: Caller) -> Any:
    """Whether a row of `skills` is private, the caller may have it, and sx can."""
    open_to_all = skills.c.namespace.in_((ORGANISATION, caller.user_id))
    held = skills.c.id.in_(holding.held(caller.include_team, caller.include_shared))
    given = skills.c.id.in_(reach.giving(caller.is_bot))
    made_for_sx = exists().where(
        skill_versions.c.skill_id == skills.c.id, skill_versions.c.facts.startswith(assets.MARK)
    )
    private = and_(skills.c.namespace != PUBLISHED, skills.c.deleted_at.is_(None))
    return and_(private, or_(open_to_all, held, given), made_for_sx)


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
