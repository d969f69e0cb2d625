"""What is installed for a caller: directly, through teams and bots, and through collections."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, bindparam, literal, null, or_, select, union_all

from dynamic_api.database.tables import (
    active_profiles,
    asset_collection_items,
    asset_installs,
    bot_teams,
    path_configs,
    profile_items,
    repositories,
    team_members,
    team_repositories,
)
from dynamic_api.services.caller import Caller
from dynamic_api.sx.values import BOT, ORGANIZATION, REPOSITORY, TEAM, USER, Install
from dynamic_api.sx.values import Caller as Asking

_PATHS = msgspec.json.Decoder(tuple[str, ...])
_PROFILE = "PROFILE"


def own(db: Connection, caller: Caller) -> tuple[Asking, list[Install]]:
    """The caller as the resolver wants it, and what is installed for nobody else, in one query."""
    teams: dict[str, list[str]] = {}
    profile: list[str] | None = None
    mine: list[Install] = []
    for row in db.execute(_own(caller.is_bot), {"me": caller.user_id}).fetchall():
        if row.entity_type == TEAM:
            teams.setdefault(row.entity_id, []).extend([row.url] if row.url else [])
        elif row.entity_type == _PROFILE:
            profile = [*(profile or ()), *filter(None, [row.skill_id])]
        else:
            mine.append(_install(row))
    asking = Asking(
        id=caller.user_id,
        is_bot=caller.is_bot,
        teams={team_id: tuple(sorted(urls)) for team_id, urls in teams.items()},
        repositories=None,
        profile=None if profile is None else frozenset(profile),
    )
    return asking, mine


def shared(db: Connection, names: Sequence[str]) -> dict[str, tuple[Install, ...]]:
    """Installs for several: of ORGANIZATION, of REPOSITORY (every one), and of teams by their ids."""
    found: dict[str, list[Install]] = {name: [] for name in names}
    for row in db.execute(_shared(), {"names": list(names)}).fetchall():
        found[row.entity_id if row.entity_type == TEAM else row.entity_type].append(_install(row))
    return {name: tuple(installs) for name, installs in found.items()}


def _install(row: Any) -> Install:
    return Install(
        asset=row.skill_id,
        entity_type=row.entity_type,
        entity_id=row.entity_id,
        url=row.url or "",
        paths=_PATHS.decode(row.paths) if row.paths else (),
        via_collection=row.collection_id,
    )


def reaches(db: Connection, caller: Caller, skill_ids: Sequence[str]) -> set[str]:
    """Those of `skill_ids` that are installed for the caller."""
    if not skill_ids:
        return set()
    given = {"me": caller.user_id, "ids": list(skill_ids)}
    return set(db.execute(_installs(caller.is_bot, some=True), given).scalars())


def given(db: Connection, caller: Caller, skill_ids: Sequence[str]) -> set[str]:
    """Those of `skill_ids` that somebody else has installed for the caller."""
    values = {"me": caller.user_id, "ids": list(skill_ids)}
    return set(db.execute(_installs(caller.is_bot, some=True, by_others=True), values).scalars())


def giving(is_bot: bool) -> Select[Any]:
    """All that `given` may give, as a statement with the parameter `me`."""
    return select(_installs(is_bot, by_others=True).subquery().c.skill_id)


def _memberships(is_bot: bool) -> Select[Any]:
    if is_bot:
        return select(bot_teams.c.team_id).where(bot_teams.c.bot_id == bindparam("me"))
    return select(team_members.c.team_id).where(
        team_members.c.user_id == bindparam("me"), team_members.c.accepted_at.is_not(None)
    )


@cache
def _own(is_bot: bool) -> Any:
    """Rows of installs; a TEAM is a membership with a repository of the team, a PROFILE one of its assets."""
    install = asset_installs.c
    mine = and_(install.entity_type == (BOT if is_bot else USER), install.entity_id == bindparam("me"))
    return union_all(*_brought(mine), _teams(is_bot), _active())


def _teams(is_bot: bool) -> Select[Any]:
    mine = _memberships(is_bot).subquery()
    joined = mine.outerjoin(
        team_repositories.join(repositories, repositories.c.id == team_repositories.c.repository_id),
        team_repositories.c.team_id == mine.c.team_id,
    )
    columns = (null(), null(), literal(TEAM), mine.c.team_id, repositories.c.url, null())
    return select(*columns).select_from(joined)


def _active() -> Select[Any]:
    item, active = profile_items.c, active_profiles.c
    joined = active_profiles.outerjoin(profile_items, item.profile_id == active.profile_id)
    columns = (item.skill_id, null(), literal(_PROFILE), active.profile_id, null(), null())
    return select(*columns).select_from(joined).where(active.holder_id == bindparam("me"))


@cache
def _shared() -> Any:
    install = asset_installs.c
    names: Any = bindparam("names", expanding=True)
    for_kinds = and_(install.entity_type.in_((ORGANIZATION, REPOSITORY)), install.entity_type.in_(names))
    for_teams = and_(install.entity_type == TEAM, install.entity_id.in_(names))
    return union_all(*_brought(or_(for_kinds, for_teams)))


@cache
def _installs(is_bot: bool, *, some: bool = False, by_others: bool = False) -> Any:
    """Every install that may concern a caller.

    `some`: of the given ids only. `by_others`: not those that the caller made.
    """
    install = asset_installs.c
    entity = or_(
        install.entity_type == ORGANIZATION,
        and_(
            install.entity_type == (BOT if is_bot else USER),
            install.entity_id == bindparam("me"),
        ),
        and_(install.entity_type == TEAM, install.entity_id.in_(_memberships(is_bot))),
        *(() if is_bot else (install.entity_type == REPOSITORY,)),
    )
    if by_others:
        entity = and_(entity, install.created_by != bindparam("me"))
    direct, through = _brought(entity)
    if some:
        ids: Any = bindparam("ids", expanding=True)
        direct = direct.where(install.skill_id.in_(ids))
        through = through.where(asset_collection_items.c.skill_id.in_(ids))
    return union_all(direct, through)


def _brought(entity: Any) -> tuple[Select[Any], Select[Any]]:
    """Direct installs of entities, and those of collections with each of their assets."""
    install, item = asset_installs.c, asset_collection_items.c
    place = asset_installs.outerjoin(
        repositories,
        and_(install.entity_type == REPOSITORY, repositories.c.id == install.entity_id),
    ).outerjoin(path_configs, path_configs.c.id == install.path_config_id)
    shown = (
        install.collection_id,
        install.entity_type,
        install.entity_id,
        repositories.c.url,
        path_configs.c.paths,
    )
    direct = select(install.skill_id, *shown).select_from(place).where(install.skill_id.is_not(None), entity)
    through = (
        select(item.skill_id, *shown)
        .select_from(place.join(asset_collection_items, item.collection_id == install.collection_id))
        .where(entity)
    )
    return direct, through
